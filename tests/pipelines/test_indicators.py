"""Indicators over columns: the bits of TA-Lib per symbol, and pandas-ta-classic where it agrees."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.analyses import indicators
from pipelines.analyses.named_indicators import library
from pipelines.analyses.talib_columns import Function
from pipelines.errors import AnalysisError

pta = library()
Floats = NDArray[np.float64]
ROWS = (300, 7, 61, 180)
STARTS = np.r_[0, np.cumsum(ROWS)]


def columns(seed: int = 3) -> tuple[Floats, Floats, Floats, Floats]:
    """High, low, close and volume of as many symbols as ROWS has numbers."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, STARTS[-1])))
    high, low = close * (1 + rng.random(len(close)) / 50), close * (1 - rng.random(len(close)) / 50)
    return high, low, close, np.round(1e6 * rng.random(len(close)) + 1)


HIGH, LOW, CLOSE, VOLUME = columns()
RETURNS = np.diff(np.log(CLOSE), prepend=0.0)

Ours = Callable[[], Any]
Theirs = Callable[[slice], Any]
CASES: dict[str, tuple[Ours, Theirs]] = {
    "rsi": (lambda: indicators.rsi(CLOSE, STARTS), lambda s: talib.RSI(CLOSE[s], 14)),
    "macd": (lambda: indicators.macd(CLOSE, STARTS), lambda s: talib.MACD(CLOSE[s], 12, 26, 9)),
    "bollinger": (
        lambda: indicators.bollinger(CLOSE, STARTS),
        lambda s: talib.BBANDS(CLOSE[s], 20, 2.0, 2.0),
    ),
    "atr": (
        lambda: indicators.atr(HIGH, LOW, CLOSE, STARTS),
        lambda s: talib.ATR(HIGH[s], LOW[s], CLOSE[s], 14),
    ),
    "adx": (
        lambda: indicators.adx(HIGH, LOW, CLOSE, STARTS),
        lambda s: tuple(
            run(HIGH[s], LOW[s], CLOSE[s], 14) for run in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)
        ),
    ),
    "stochastic": (
        lambda: indicators.stochastic(HIGH, LOW, CLOSE, STARTS),
        lambda s: talib.STOCH(HIGH[s], LOW[s], CLOSE[s], 14, 3, 0, 3, 0),
    ),
    "obv": (
        lambda: indicators.obv(CLOSE, VOLUME, STARTS),
        lambda s: talib.OBV(CLOSE[s], VOLUME[s]),
    ),
    "sma": (lambda: indicators.sma(CLOSE, 50, STARTS), lambda s: talib.SMA(CLOSE[s], 50)),
    "ema": (lambda: indicators.ema(CLOSE, 20, STARTS), lambda s: talib.EMA(CLOSE[s], 20)),
    "roc": (lambda: indicators.rate_of_change(CLOSE, STARTS), lambda s: talib.ROC(CLOSE[s], 12)),
    "move": (lambda: indicators.move(CLOSE, STARTS), lambda s: talib.MOM(CLOSE[s], 1)),
}


def several(found: Any) -> Sequence[Floats]:
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("name", CASES)
def test_every_symbol_gets_the_very_bits_of_talib(name: str) -> None:
    ours, theirs = CASES[name]
    for first, end in pairwise(STARTS.tolist()):
        expected = several(theirs(slice(first, end)))
        found = several(ours())
        for column, one in zip(found, expected, strict=True):
            np.testing.assert_array_equal(column[first:end], one)


def test_volatility_is_the_deviation_of_the_last_returns() -> None:
    """Checked against numpy: returns of a symbol alone, and none on its first bar."""
    found = indicators.realised_volatility(CLOSE, 20, STARTS)
    for first, end in pairwise(STARTS.tolist()):
        own = found[first:end]
        assert np.isnan(own[:20]).all()
        for at in range(20, end - first):
            expected = RETURNS[first + at - 19 : first + at + 1].std()
            assert own[at] == pytest.approx(expected, rel=1e-9)


def test_the_volume_zscore_is_against_its_own_window() -> None:
    found = indicators.volume_zscore(VOLUME, STARTS)
    last = VOLUME[280:300]
    assert found[299] == pytest.approx((last[-1] - last.mean()) / last.std())
    assert np.isnan(found[300:307]).all()


def test_a_volume_that_stands_still_has_a_zscore_of_nought() -> None:
    found = indicators.volume_zscore(np.full(60, 123_456_789.123))
    assert (found[19:] == 0).all()


def test_the_balance_share_is_bounded_by_the_volume() -> None:
    rising = indicators.obv(np.arange(1.0, 41.0), np.full(40, 10.0))
    assert indicators.obv_share(rising, np.full(40, 10.0))[-1] == 1.0
    assert indicators.obv_share(np.zeros(40), np.zeros(40))[-1] == 0.0


H, L, C, V = (pd.Series(values[:300]) for values in (HIGH, LOW, CLOSE, VOLUME))
ONE = (HIGH[:300], LOW[:300], CLOSE[:300])
PER_BAR_VOLATILITY = 20
SHARED: dict[str, tuple[Ours, Callable[[], Any]]] = {
    "rsi": (lambda: indicators.rsi(ONE[2]), lambda: pta.rsi(C, 14)),
    "bollinger": (
        lambda: indicators.bollinger(ONE[2])[::-1],
        lambda: pta.bbands(C, 20, 2.0).iloc[:, :3],
    ),
    "atr": (lambda: indicators.atr(*ONE), lambda: pta.atr(H, L, C, 14)),
    "adx": (lambda: indicators.adx(*ONE), lambda: pta.adx(H, L, C, 14)),
    "stochastic_d": (
        lambda: indicators.stochastic(*ONE)[1],
        lambda: pta.stoch(H, L, C, 14, 3, 3).iloc[:, 1],
    ),
    "obv": (lambda: indicators.obv(ONE[2], VOLUME[:300]), lambda: pta.obv(C, V)),
    "sma": (lambda: indicators.sma(ONE[2], 50), lambda: pta.sma(C, 50)),
    "ema": (lambda: indicators.ema(ONE[2], 20), lambda: pta.ema(C, 20)),
    "roc": (lambda: indicators.rate_of_change(ONE[2]), lambda: pta.roc(C, 12)),
    "volatility": (
        lambda: indicators.realised_volatility(ONE[2], PER_BAR_VOLATILITY),
        lambda: pta.stdev(pta.log_return(C), PER_BAR_VOLATILITY, ddof=0),
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_pandas_ta_classic_agrees_from_the_first_value_on(name: str) -> None:
    ours, theirs = SHARED[name]
    expected = theirs().to_numpy(dtype=float).reshape(300, -1).T
    for found, one in zip(several(ours()), expected, strict=True):
        np.testing.assert_allclose(found, one, rtol=1e-10, atol=1e-10)


def first_value(column: Any) -> int:
    return int(np.flatnonzero(~np.isnan(np.asarray(column, dtype=float)))[0])


def test_macd_differs_at_first_and_not_for_long() -> None:
    """The other library's averages start apart and its line is shown before its signal line."""
    ours, theirs = indicators.macd(ONE[2])[0], pta.macd(C).iloc[:, 0].to_numpy()
    assert (first_value(ours), first_value(theirs)) == (33, 25)
    gap = np.abs(ours - theirs)
    assert gap[33] > 0.1
    assert gap[299] < 1e-12


def test_the_stochastic_k_differs_only_in_when_it_is_shown() -> None:
    ours, theirs = indicators.stochastic(*ONE)[0], pta.stoch(H, L, C, 14, 3, 3).iloc[:, 0]
    assert (first_value(ours), first_value(theirs)) == (17, 15)
    np.testing.assert_allclose(ours[17:], theirs[17:], rtol=1e-10)


def test_the_zscore_of_the_other_library_is_of_a_sample() -> None:
    """ddof = 1 there: smaller by the root of 19/20 everywhere, for good."""
    ours = indicators.volume_zscore(VOLUME[:300])
    theirs = pta.zscore(V, 20).to_numpy()
    np.testing.assert_allclose(ours[19:] * np.sqrt(19 / 20), theirs[19:], rtol=1e-9)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_where_symbols_begin_changes_nothing_for_their_neighbours(counts: list[int]) -> None:
    starts = np.r_[0, np.cumsum(counts)]
    close = CLOSE[: starts[-1]]
    whole = indicators.ema(close, 20, starts), indicators.realised_volatility(close, 20, starts)
    for first, end in pairwise(starts.tolist()):
        own = close[first:end]
        alone = indicators.ema(own, 20), indicators.realised_volatility(own, 20)
        for found, expected in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(found[first:end], expected)


def test_results_are_written_where_they_are_wanted() -> None:
    block = np.zeros((3, STARTS[-1]))
    upper, middle, lower = indicators.bollinger(CLOSE, STARTS, tuple(block))
    assert np.shares_memory(upper, block)
    np.testing.assert_array_equal(block, [upper, middle, lower])


@pytest.mark.parametrize(
    ("starts", "out"),
    [
        (np.array([0, 5]), None),
        (np.array([0, 400, 300, STARTS[-1]]), None),
        (None, (np.zeros(3),)),
        (None, (np.zeros(STARTS[-1], dtype=np.float32),)),
        (None, (np.zeros(2 * STARTS[-1])[::2],)),
    ],
)
def test_nothing_is_read_or_written_out_of_bounds(starts: Any, out: Any) -> None:
    with pytest.raises(AnalysisError, match="TA-Lib's RSI takes 1 columns and gives 1"):
        indicators.rsi(CLOSE, starts, out)


def test_an_option_that_talib_does_not_take_is_refused() -> None:
    with pytest.raises(AnalysisError, match=r"SMA does not take \(-3,\)"):
        Function("SMA", 1, 1, (-3,))((CLOSE,))


def test_a_column_of_whole_numbers_is_taken_for_what_it_is() -> None:
    whole = np.arange(100, 160)
    np.testing.assert_array_equal(indicators.rsi(whole), talib.RSI(whole.astype(float), 14))
