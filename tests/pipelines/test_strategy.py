"""The shipped strategy: weights, threshold, and what its signals are identified by."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.config import Sizing
from pipelines.analyses.technical import technical
from pipelines.errors import StrategyError
from pipelines.strategy_file import SHIPPED, default_strategy, from_toml, open_strategy
from tests.pipelines.frames import SESSIONS, actions, bars, walk
from tests.pipelines.strategies import WEIGHTS, weighted

FRAME = technical(bars(walk(60)), actions())
TECHNICAL = open_strategy("technical")
TWO = pd.concat(
    [technical(bars(walk(60, seed), symbol), actions()) for seed, symbol in ((1, "IBM"), (2, "A"))],
    ignore_index=True,
)


def row(rsi: float, macd: float, bollinger: float) -> pd.DataFrame:
    last = FRAME.tail(1).reset_index(drop=True)
    return last.assign(rsi_score=rsi, macd_score=macd, bollinger_score=bollinger)


def test_scores_are_weighed_and_rounded() -> None:
    """0.25 * 0.4 + 0.5 * 0.6 - 0.25 * 0.2 = 0.35."""
    strategy = weighted()
    assert strategy.signals(row(0.4, 0.6, -0.2))["score"].tolist() == [0.35]
    assert strategy.signals(row(1 / 3, 0.0, 0.2))["score"].tolist() == [0.133333]


def test_below_the_threshold_there_is_no_opinion_and_the_reasons_say_so() -> None:
    found = weighted().signals(row(0.1, 0.1, 0.0)).iloc[0]
    assert found["score"] == 0.0
    assert found["reasons"] == "0.075 is within the threshold 0.1"
    assert len(found["technical_reasons"].split("\n")) == 3
    assert found["technical_part"] == 0.075


@pytest.mark.parametrize(
    ("scores", "confidence"),
    [((0.4, 0.6, 0.2), 1.0), ((0.4, -0.2, 0.0), 0.0), ((0.4, 0.6, -0.2), 0.7778), ((0, 0, 0), 0.0)],
)
def test_confidence_is_how_much_the_scores_agree(
    scores: tuple[float, float, float], confidence: float
) -> None:
    """(0.1 + 0.3 - 0.05) / (0.1 + 0.3 + 0.05) = 0.7778."""
    assert weighted().signals(row(*scores))["confidence"].tolist() == [confidence]


def test_scores_that_do_not_agree_enough_give_no_opinion() -> None:
    strategy = weighted(min_confidence=0.8)
    found = strategy.signals(row(0.4, 0.6, -0.2)).iloc[0]
    assert (found["score"], found["technical_part"]) == (0.0, 0.35)
    assert found["reasons"] == "confidence 0.78 is below 0.8"
    assert strategy.signals(row(0.4, 0.6, -0.1))["score"].tolist() == [0.375]


def test_fewer_scores_than_stated_give_no_opinion() -> None:
    strategy = weighted(min_sources=2)
    found = strategy.signals(row(0.0, 0.6, 0.0)).iloc[0]
    assert (found["score"], found["confidence"]) == (0.0, 1.0)
    assert found["reasons"] == "1 of the scores speak, 2 are needed"
    assert strategy.signals(row(0.1, 0.6, 0.0))["score"].tolist() == [0.325]


def test_without_the_only_analysis_there_is_no_opinion() -> None:
    found = weighted().signals(row(0.4, 0.6, -0.2)).iloc[0]
    assert (found["technical_part"], found["technical_without"]) == (0.35, 0.0)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 59), st.integers(1, 60), st.sampled_from([["IBM"], ["A"], ["IBM", "A"]]))
def test_signals_of_a_part_are_those_of_the_whole(
    first: int, length: int, symbols: list[str]
) -> None:
    """Whatever comes before, after or beside a row changes nothing of its signal."""
    days = SESSIONS[first : min(first + length, 60)]
    inside = TWO["session"].isin(days) & TWO["symbol"].isin(symbols)
    for name in SHIPPED:
        strategy = open_strategy(name)
        frame = TWO
        if strategy.weighs_news:
            number = range(len(frame))
            frame = TWO.assign(
                news_score=[n % 7 / 7 - 0.4 for n in number],
                sentiment_score=[n % 5 / 5 - 0.4 for n in number],
                news_reasons="told",
                sentiment_reasons="told",
            )
        whole = strategy.signals(frame)
        kept = whole["session"].isin(days) & whole["symbol"].isin(symbols)
        part = strategy.signals(frame[inside])
        pd.testing.assert_frame_equal(
            part, whole[kept].reset_index(drop=True), check_exact=True, check_dtype=False
        )


def test_a_row_that_is_warming_up_has_no_signal() -> None:
    """The slowest indicator, MACD, has its first value on the 34th bar: 60 - 33 = 27 rows."""
    assert len(TECHNICAL.signals(FRAME)) == 27


def test_the_content_follows_the_inputs_and_nothing_else() -> None:
    strategy = TECHNICAL
    first, again = strategy.signals(row(0.1, 0.2, 0.3)), strategy.signals(row(0.1, 0.2, 0.3))
    other = strategy.signals(row(0.1, 0.2, 0.3 + 1e-15))
    late = strategy.signals(row(0.1, 0.2, 0.3).assign(known_at="later"))
    assert first["content"].tolist() == again["content"].tolist() == late["content"].tolist()
    # of signals that were sent before there were classes of strategies
    assert first["content"].tolist() == ["50019cdb4f910e1b04f092cfb225eca8"]
    assert first["content"].tolist() != other["content"].tolist()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"min_sources": 0}, "min_sources 0 is not from 1 to 3"),
        ({"min_sources": 4}, "min_sources 4"),
        ({"min_confidence": 1.0}, "min_confidence 1.0"),
        ({"min_confidence": "much"}, r"strategy mine: .*min_confidence"),
        ({"treshold": 1}, "unknown field `treshold`"),
        ({"horizon": 0}, "horizon 0 is not 1 to 252"),
        ({"symbols": ("aapl",)}, "'aapl' is no symbol"),
        ({"decay": {"news": 11.0}}, "decay news = 11.0"),
        ({"decay": {"technical": 1.0}}, "decay technical"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(more: dict[str, object], sentence: str) -> None:
    with pytest.raises(StrategyError, match=sentence) as caught:
        weighted(**more)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


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
        weighted(weights, threshold)


def test_the_warm_up_is_that_of_the_slowest_score() -> None:
    for weights in (WEIGHTS, {"rsi_score": 1.0}, {"bollinger_score": 1.0}, {"macd_score": 1.0}):
        strategy = weighted(weights, 0.0)
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


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        'name = "a"',
        'nonsense = 1\nname = "a"',
        "nonsense = 1\n" + SETTINGS,
        "version = 1\n" + SETTINGS.replace("version", "# "),
        'symbols = "IBM"\n' + SETTINGS,
        "decay = 5\n" + SETTINGS,
    ],
)
def test_settings_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(StrategyError, match=r"cannot be (read|used)|unknown field"):
        from_toml(text)


def test_the_version_on_the_wire_follows_the_settings() -> None:
    shipped = weighted(name="technical")
    assert shipped.wire_version == TECHNICAL.wire_version == "1.79ac12a9"
    edited = [
        weighted({**WEIGHTS, "rsi_score": 0.2499999}),
        weighted({"rsi_score": 0.25, "macd_score": 0.5}),
        weighted(threshold=0.11),
        weighted(version="2"),
        weighted(min_sources=2),
        weighted(min_confidence=0.1),
        weighted(horizon=2),
        weighted(decay={"news": 3.0}),
    ]
    assert len({shipped.wire_version, *(each.wire_version for each in edited)}) == 9
    assert weighted(min_sources=1, news_cap=0.2).wire_version == shipped.wire_version


def test_the_universe_is_what_a_run_reads_and_no_part_of_a_score() -> None:
    strategy = from_toml('symbols = ["IBM"]\n' + SETTINGS)
    assert strategy.settings.symbols == ("IBM",)
    assert strategy.wire_version == from_toml(SETTINGS).wire_version


def test_the_sample_is_traded_with_news_and_ones_own_prices_without() -> None:
    assert default_strategy("sample") == "blend"
    assert {default_strategy(name) for name in ("files", "yfinance", "ccxt")} == {"technical"}
    opened = {name: open_strategy(name) for name in SHIPPED}
    assert {name: each.name for name, each in opened.items()} == {name: name for name in SHIPPED}
    assert opened["blend"].analyses == ("technical", "news", "sentiment")
    assert not opened["technical"].weighs_news


def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    missing = tmp_path / "mine.toml"
    with pytest.raises(StrategyError, match="cannot be read: No such file") as caught:
        open_strategy(str(missing))
    assert str(caught.value).count(str(missing)) == 1
    missing.write_bytes(b"\xff")
    with pytest.raises(StrategyError, match=r"mine\.toml is no text in UTF-8"):
        open_strategy(str(missing))
