"""What each score says about a market that does one thing, and the sentence beside it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses import technical as analysis
from pipelines.analyses.indicator_scores import RULES, scored
from tests.pipelines.frames import actions, bars

RETURNS_TO_THE_MEAN = {"rsi_score", "bollinger_score", "stochastic_score"}
DIRECTED = set(analysis.SCORES) - {"volatility_score"}


def market(drift: float, last_volume: float = 1000.0) -> pd.Series:
    """The last row of 150 bars that move by a steady share, and end on a volume."""
    wave = 0.002 * np.sin(np.arange(150))
    close = 100 * np.exp(drift * np.arange(150) + wave)
    volume = np.r_[np.full(75, 900.0), np.full(74, 1000.0), last_volume]
    volume += np.arange(150) % 7
    frame = bars(close.tolist()).assign(high=close * 1.01, low=close * 0.99, volume=volume)
    return analysis.technical(frame, actions()).iloc[-1]


@pytest.mark.parametrize("name", sorted(DIRECTED - {"macd_score"}))
def test_a_rising_market_is_bought_by_trend_and_sold_by_return(name: str) -> None:
    """MACD is left out: its histogram follows the change of a trend, not the trend."""
    up, down = market(0.01, 5000.0), market(-0.01, 5000.0)
    sign = -1 if name in RETURNS_TO_THE_MEAN else 1
    assert sign * up[name] > 0.1
    assert sign * down[name] < -0.1


def test_a_market_that_calms_down_is_bought_and_one_in_uproar_is_sold() -> None:
    rng = np.random.default_rng(1)
    moves = np.r_[rng.normal(0, 0.01, 110), rng.normal(0, 0.04, 20)]
    wild, calm = (bars((100 * np.exp(np.cumsum(m))).tolist()) for m in (moves, moves[::-1]))
    assert analysis.technical(wild, actions())["volatility_score"].iloc[-1] < -0.5
    calmed = analysis.technical(calm, actions())["volatility_score"].iloc[-1]
    assert calmed > 0.2


SENTENCES = {
    "rsi_score": ({"rsi": 24.0}, "RSI 24.0 below 30"),
    "macd_score": ({"macd_histogram": -0.25}, "MACD 0.250 below its signal line"),
    "bollinger_score": (
        {"close": 9.0, "bollinger_lower": 9.5, "bollinger_upper": 12.0},
        "close 9.00 below the lower band 9.50",
    ),
    "atr_score": ({"move": -3.0, "atr": 2.0}, "close down by 1.5 ATR"),
    "adx_score": (
        {"adx": 31.0, "plus_di": 28.0, "minus_di": 12.0},
        "ADX 31.0 above 25, +DI above -DI",
    ),
    "stochastic_score": ({"stochastic_d": 91.0}, "stochastic %D 91.0 above 80"),
    "obv_score": ({"obv_share": 0.345}, "on-balance volume up by 34% of 20 bars' volume"),
    "sma_score": ({"sma_20": 98.0, "sma_50": 100.0}, "SMA 20 is 2.0% below SMA 50"),
    "ema_score": ({"ema_20": 102.0, "ema_50": 100.0}, "EMA 20 is 2.0% above EMA 50"),
    "roc_score": ({"roc": 5.12}, "close +5.1% over 12 bars"),
    "volatility_score": (
        {"volatility": 0.03, "volatility_long": 0.02},
        "volatility of 20 bars 1.50 times that of 100",
    ),
    "volume_score": (
        {"volume_zscore": 2.4, "move": 1.0},
        "volume 2.4 deviations above its mean, close up",
    ),
}


def test_every_score_has_its_sentence() -> None:
    assert set(SENTENCES) == set(analysis.SCORES)


@pytest.mark.parametrize("name", SENTENCES)
def test_a_reason_carries_the_figure_and_the_bound(name: str) -> None:
    figures, sentence = SENTENCES[name]
    row = pd.DataFrame([dict.fromkeys(RULES[name].columns, 1.0) | figures])
    assert analysis.reasons(row, [name]) == [(sentence,)]


@given(st.data())
def test_whatever_the_figures_a_score_is_in_range(data: st.DataObject) -> None:
    rule = RULES[data.draw(st.sampled_from(sorted(RULES)))]
    figures = st.floats(0.001, 1e12) | st.sampled_from([0.5, 100.0])
    columns = {name: np.array([data.draw(figures)]) for name in rule.columns}
    assert -1 <= scored(rule, columns)[0] <= 1


def test_the_warm_up_is_where_a_score_begins() -> None:
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 130)))
    rows = bars(close.tolist()).assign(volume=rng.integers(1000, 2000, 130).astype(float))
    found = analysis.technical(rows, actions())
    for name, bars_ in analysis.WARM_UP.items():
        known = found[name].notna().to_numpy()
        assert not known[:bars_].any(), name
        assert known[bars_:].all(), name
