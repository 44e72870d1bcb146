"""The shipped strategy: weights, threshold, and what its signals are identified by."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from execution.domain.config import Sizing
from pipelines.analyses.technical import technical
from pipelines.errors import StrategyError
from pipelines.strategies.technical import TechnicalStrategy, from_toml
from pipelines.strategy_file import open_strategy
from tests.pipelines.frames import actions, bars, walk

FRAME = technical(bars(walk(60)), actions())
WEIGHTS = {"rsi_score": 0.25, "macd_score": 0.5, "bollinger_score": 0.25}


def row(rsi: float, macd: float, bollinger: float) -> pd.DataFrame:
    last = FRAME.tail(1).reset_index(drop=True)
    return last.assign(rsi_score=rsi, macd_score=macd, bollinger_score=bollinger)


def test_scores_are_weighed_and_rounded() -> None:
    """0.25 * 0.4 + 0.5 * 0.6 - 0.25 * 0.2 = 0.35."""
    strategy = TechnicalStrategy("technical", "1", WEIGHTS, 0.1)
    assert strategy.signals(row(0.4, 0.6, -0.2))["score"].tolist() == [0.35]
    assert strategy.signals(row(1 / 3, 0.0, 0.2))["score"].tolist() == [0.133333]


def test_below_the_threshold_there_is_no_opinion_and_the_reasons_say_so() -> None:
    strategy = TechnicalStrategy("technical", "1", WEIGHTS, 0.1)
    found = strategy.signals(row(0.1, 0.1, 0.0)).iloc[0]
    assert found["score"] == 0.0
    assert found["reasons"].endswith("0.075 is within the threshold 0.1")
    assert len(found["reasons"].split("; ")) == 4


def test_a_row_that_is_warming_up_has_no_signal() -> None:
    """The slowest indicator, MACD, has its first value on the 34th bar: 60 - 33 = 27 rows."""
    assert len(open_strategy().signals(FRAME)) == 27


def test_the_content_follows_the_inputs_and_nothing_else() -> None:
    strategy = open_strategy()
    first, again = strategy.signals(row(0.1, 0.2, 0.3)), strategy.signals(row(0.1, 0.2, 0.3))
    other = strategy.signals(row(0.1, 0.2, 0.3 + 1e-15))
    late = strategy.signals(row(0.1, 0.2, 0.3).assign(known_at="later"))
    assert first["content"].tolist() == again["content"].tolist() == late["content"].tolist()
    assert first["content"].tolist() != other["content"].tolist()


@pytest.mark.parametrize(
    ("weights", "threshold", "sentence"),
    [
        ({"rsi": 1.0}, 0.1, "there is no score 'rsi'"),
        ({"rsi_score": 0.8, "macd_score": -0.4}, 0.1, "weights add up to"),
        ({}, 0.1, "weights add up to 0"),
        (WEIGHTS, 1.0, "threshold 1.0"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    weights: dict[str, float], threshold: float, sentence: str
) -> None:
    with pytest.raises(StrategyError, match=sentence):
        TechnicalStrategy("mine", "1", weights, threshold)


def test_the_warm_up_is_that_of_the_slowest_score() -> None:
    for weights in (WEIGHTS, {"rsi_score": 1.0}, {"bollinger_score": 1.0}, {"macd_score": 1.0}):
        strategy = TechnicalStrategy("mine", "1", weights, 0.0)
        assert len(FRAME) - len(strategy.signals(FRAME)) == strategy.warm_up


SETTINGS = 'name = "mine"\nversion = "1"\nthreshold = 0.1\n[weights]\nrsi_score = 1.0\n'


def test_a_table_of_sizing_is_read_figure_by_figure_as_it_is_written() -> None:
    text = (
        SETTINGS
        + '[sizing]\nmax_weight = 0.1\ncash_reserve = "0.05"\nshort = true\nmax_positions = 5\n'
    )
    assert from_toml(text).sizing == Sizing(
        max_weight=Decimal("0.1"), cash_reserve=Decimal("0.05"), short=True, max_positions=5
    )
    assert from_toml(SETTINGS).sizing is None
    assert from_toml(text).wire_version == from_toml(SETTINGS).wire_version


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("max_wait = 0.1", "unknown field `max_wait`"),
        ("max_weight = true", r"got `bool` - at `\$.max_weight`"),
        ("max_weight = nan", "max_weight NaN is not finite"),
        ("full_score = 0", "full_score 0 is not above zero"),
        ('method = "My Method"', "method"),
    ],
)
def test_a_table_of_sizing_that_cannot_be_used_is_refused(line: str, sentence: str) -> None:
    with pytest.raises(StrategyError, match=sentence) as caught:
        from_toml(f"{SETTINGS}[sizing]\n{line}\n")
    assert "\n" not in str(caught.value)


def test_sizing_that_is_no_table_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"\[sizing\]"):
        from_toml("sizing = 1\n" + SETTINGS)


@pytest.mark.parametrize("text", ["name = ", 'name = "a"', 'nonsense = 1\nname = "a"'])
def test_settings_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(StrategyError, match="cannot be read"):
        from_toml(text)


def test_the_version_on_the_wire_follows_the_settings() -> None:
    shipped = TechnicalStrategy("technical", "1", WEIGHTS, 0.1)
    assert shipped.wire_version == open_strategy().wire_version
    version, _, settings = shipped.wire_version.partition(".")
    assert (version, len(settings)) == ("1", 8)
    edited = [
        replace(shipped, weights={**WEIGHTS, "rsi_score": 0.2499999}),
        replace(shipped, weights={"rsi_score": 0.25, "macd_score": 0.5}),
        replace(shipped, threshold=0.11),
        replace(shipped, version="2"),
    ]
    assert len({shipped.wire_version, *(each.wire_version for each in edited)}) == 5


def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    missing = tmp_path / "mine.toml"
    with pytest.raises(StrategyError, match="cannot be read: No such file") as caught:
        open_strategy(str(missing))
    assert str(caught.value).count(str(missing)) == 1
    missing.write_bytes(b"\xff")
    with pytest.raises(StrategyError, match=r"mine\.toml is no text in UTF-8"):
        open_strategy(str(missing))
