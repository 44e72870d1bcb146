"""Indicators of pandas-ta-classic by name: what is taken, what is refused, and what comes out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.analyses.named_indicators import NamedIndicator, library
from pipelines.analyses.technical import technical
from pipelines.errors import AnalysisError, StrategyError
from pipelines.strategy_file import from_toml
from tests.pipelines.frames import actions, bars, walk

SETTINGS = """
name = "mine"
version = "1"
threshold = 0.1
[weights]
rsi_score = 0.5
cci_score = -0.5
[indicators.cci]
indicator = "cci"
buy = -100
sell = 100
parameters = { length = 20 }
"""


def test_a_value_between_buy_and_sell_lies_on_the_line() -> None:
    one = NamedIndicator("cci", "cci", buy=-100, sell=100)
    assert one.scores(np.array([-250.0, -100, -50, 0, 100, np.nan]))[:5].tolist() == [
        1,
        1,
        0.5,
        0,
        -1,
    ]
    trend = NamedIndicator("cci", "cci", buy=100, sell=-100)
    assert trend.scores(np.array([50.0])).tolist() == [0.5]
    assert one.reason(-120.26) == "cci -120.3 (buys at -100, sells at 100)"


def test_its_column_is_that_of_the_library() -> None:
    rows = bars(walk(120))
    one = NamedIndicator("cci", "cci", -100, 100, parameters={"length": 20})
    found = technical(rows, actions(), named=(one,))
    expected = library().cci(rows["high"], rows["low"], rows["close"], length=20)
    np.testing.assert_allclose(found["cci"], expected, rtol=1e-9)
    assert found["cci_score"].notna().sum() == 120 - one.warm_up == 101


def test_one_of_several_columns_is_chosen() -> None:
    first = NamedIndicator("a", "aroon", 1, -1)
    up = NamedIndicator("a", "aroon", 1, -1, column="AROONU_14")
    assert (first.chosen, up.chosen) == ("AROOND_14", "AROONU_14")
    with pytest.raises(AnalysisError, match="aroon has no 'AROON' of AROOND_14, AROONU_14"):
        NamedIndicator("a", "aroon", 1, -1, column="AROON")


@pytest.mark.parametrize(
    ("indicator", "parameters", "sentence"),
    [
        ("nonsense", {}, "has no indicator 'nonsense'"),
        ("__init__", {}, "has no indicator '__init__'"),
        ("dpo", {}, "dpo looks ahead"),
        ("tos_stdevall", {}, "tos_stdevall looks ahead"),
        ("ichimoku", {}, "does not give one value per bar"),
        ("vp", {}, "does not give one value per bar"),
        ("cci", {"offset": -1}, "offset is below 0"),
        ("cci", {"lenght": 20}, "has no parameter 'lenght'"),
        ("cci", {"length": "x"}, "cannot be used"),
        ("cci", {"length": 10**9}, "gives no value"),
        ("xsignals", {}, "needs 'signal'"),
        ("beta", {}, "gives no value"),
    ],
)
def test_what_cannot_be_used_is_refused(
    indicator: str, parameters: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        NamedIndicator("mine", indicator, 1, -1, parameters=parameters)


def test_dpo_that_is_not_centred_does_not_look_ahead() -> None:
    assert NamedIndicator("dpo", "dpo", 1, -1, parameters={"centered": False}).warm_up > 0


@pytest.mark.parametrize("line", [(0.0, 0.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_a_line_needs_two_numbers(line: tuple[float, float]) -> None:
    with pytest.raises(AnalysisError, match="not two different numbers"):
        NamedIndicator("cci", "cci", *line)


def test_a_history_too_short_for_it_has_no_value() -> None:
    one = NamedIndicator("hull", "hma", 0.1, -0.1, of_close=True, parameters={"length": 30})
    for count in (1, 2, one.warm_up):
        assert technical(bars(walk(count)), actions(), named=(one,))["hull"].isna().all()
    assert (
        technical(bars(walk(one.warm_up + 1)), actions(), named=(one,))["hull"].notna().sum() == 1
    )


def test_a_strategy_weighs_what_its_settings_name() -> None:
    strategy = from_toml(SETTINGS)
    frame = technical(bars(walk(80)), actions(), named=strategy.indicators)
    signals = strategy.signals(frame)
    row = frame.iloc[-1]
    assert signals["score"].iloc[-1] == round(0.5 * row["rsi_score"] - 0.5 * row["cci_score"], 6)
    assert "cci " in signals["technical_reasons"].iloc[-1]
    assert len(signals) == 80 - strategy.warm_up == 61


def test_its_settings_are_part_of_the_version_on_the_wire() -> None:
    edits = [
        ("length = 20", "length = 21"),
        ("buy = -100", "buy = -101"),
        ('indicator = "cci"', 'indicator = "cmo"'),
    ]
    versions = {from_toml(SETTINGS).wire_version}
    versions |= {from_toml(SETTINGS.replace(*edit)).wire_version for edit in edits}
    assert len(versions) == 4


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"cci"', '"cic"', "no indicator 'cic'"),
        ("[indicators.cci]", "[indicators.rsi]", "'rsi' is in the table already"),
        ("cci_score = -0.5", "mfi_score = -0.5", "there is no score 'mfi_score'"),
        ("buy = -100", "by = -100", "unexpected keyword argument 'by'"),
        ("[indicators.cci]", "[indicators.CCI]", "the name 'CCI' is not"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(old: str, new: str, sentence: str) -> None:
    with pytest.raises(StrategyError, match=sentence):
        from_toml(SETTINGS.replace(old, new))


def test_the_content_follows_the_indicator() -> None:
    strategy = from_toml(SETTINGS)
    frame = technical(bars(walk(80)), actions(), named=strategy.indicators).tail(1)
    other = frame.assign(cci=frame["cci"] + 1e-9)
    unread = frame.assign(obv=0.0)
    contents = [strategy.signals(one)["content"].iloc[0] for one in (frame, other, unread)]
    assert contents[0] == contents[2] != contents[1]
    assert isinstance(frame, pd.DataFrame)
