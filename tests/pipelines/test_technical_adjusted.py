"""Indicators on adjusted prices, as adjusted on each row's own day: laws with random histories."""

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses import technical as analysis
from pipelines.analyses.adjust import adjusted_closes, steps_of
from pipelines.analyses.named_indicators import NamedIndicator
from tests.pipelines.frames import SESSIONS, actions, bars

NAMED = (
    NamedIndicator("cci", "cci", -100, 100, parameters={"length": 20}),
    NamedIndicator("hull", "hma", 0.05, -0.05, of_close=True, parameters={"length": 9}),
    NamedIndicator("flow", "mfi", 20, 80),
)
LENGTH = 130
History = tuple[pd.DataFrame, pd.DataFrame, int]


def history_of(seed: int, symbol: str, length: int, digits: int = 2) -> pd.DataFrame:
    """Bars whose range and volume move too, and some of which are missing."""
    rng = np.random.default_rng(seed)
    close = 80 * np.exp(np.cumsum(rng.normal(0, 0.02, length)))
    frame = bars(close.round(digits).tolist(), symbol)
    frame["open"] = (close * (1 + rng.normal(0, 0.005, length))).round(digits)
    frame["high"] = (frame[["open", "close"]].max(axis=1) * (1 + rng.random(length) / 50)).round(
        digits
    )
    frame["low"] = (frame[["open", "close"]].min(axis=1) * (1 - rng.random(length) / 50)).round(
        digits
    )
    frame["volume"] = np.round(1e5 * (1 + rng.random(length)))
    missing = rng.random(length) < 0.05
    missing[0] = False
    return frame[~missing]


@st.composite
def histories(draw: st.DrawFn, digits: int = 2) -> History:
    """Two symbols with splits and dividends anywhere, and a session to cut at."""
    seed = draw(st.integers(0, 10_000))
    rows = [history_of(seed + number, name, LENGTH, digits) for number, name in enumerate("AB")]
    action = st.tuples(
        st.sampled_from(["A", "B"]),
        st.integers(1, LENGTH - 1),
        st.sampled_from([1.0, 2.0, 3.0, 1.5, 0.1]),
        st.sampled_from([0.0, 0.25, 3.08]),
    )
    chosen = draw(st.lists(action, max_size=8, unique_by=lambda row: row[:2]))
    cut = draw(st.integers(1, LENGTH - 1))
    return pd.concat(rows, ignore_index=True), actions(*chosen), cut


@given(histories())
def test_what_comes_later_changes_no_bit_of_an_earlier_row(history: History) -> None:
    """Later bars, splits and dividends: data cut at a session give what all data give for it."""
    rows, acted, cut = history
    day = SESSIONS[cut]
    whole = analysis.technical(rows, acted)
    known = rows[rows["session"] <= day].reset_index(drop=True)
    part = analysis.technical(known, acted[acted["session"] <= day])
    expected = whole[whole["session"] <= day].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected, check_exact=True)


@given(histories())
def test_neither_do_they_change_an_indicator_by_name(history: History) -> None:
    rows, acted, cut = history
    day = SESSIONS[cut]
    whole = analysis.technical(rows, acted, named=NAMED)
    known = rows[rows["session"] <= day].reset_index(drop=True)
    part = analysis.technical(known, acted[acted["session"] <= day], named=NAMED)
    expected = whole[whole["session"] <= day].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected, rtol=1e-9, atol=1e-9)


@given(histories(digits=9))
def test_a_row_is_what_talib_gives_for_the_prices_as_its_day_knew_them(history: History) -> None:
    """The plain way: adjust everything up to the day back from the day, and take the last value.

    Not in whole cents: where the high rises by as many as the low falls, rounding decides ADX.
    """
    rows, acted, cut = history
    found = analysis.technical(rows, acted)
    for symbol in ("A", "B"):
        own = rows[(rows["symbol"] == symbol) & (rows["session"] <= SESSIONS[cut])]
        row = found.loc[own.index[-1]]
        close, high, low, volume = _as_known(own.reset_index(drop=True), acted)
        expected = {
            "rsi": talib.RSI(close, 14),
            "macd_histogram": talib.MACD(close, 12, 26, 9)[2],
            "bollinger_upper": talib.BBANDS(close, 20, 2.0, 2.0)[0],
            "atr": talib.ATR(high, low, close, 14),
            "adx": talib.ADX(high, low, close, 14),
            "stochastic_d": talib.STOCH(high, low, close, 14, 3, 0, 3, 0)[1],
            "obv": talib.OBV(close, volume),
            "sma_50": talib.SMA(close, 50),
            "ema_50": talib.EMA(close, 50),
            "roc": talib.ROC(close, 12),
            "move": talib.MOM(close, 1) if len(close) > 1 else np.array([np.nan]),
        }
        for name, column in expected.items():
            assert row[name] == pytest.approx(column[-1], rel=1e-7, abs=1e-7, nan_ok=True), name


def _as_known(own: pd.DataFrame, acted: pd.DataFrame) -> list[np.ndarray]:
    starts = np.array([0, len(own)])
    closes = own["close"].to_numpy()
    known = acted[acted["session"] <= own["session"].iloc[-1]]
    sessions = own["session"].to_numpy(dtype="datetime64[us]")
    steps = steps_of((own["symbol"].iloc[0],), starts, sessions, closes, known)
    prices = [adjusted_closes(own[n].to_numpy(), steps.prices) for n in ("close", "high", "low")]
    return [*prices, adjusted_closes(own["volume"].to_numpy(), steps.shares)]


@given(st.integers(0, 1000), st.sampled_from([2.0**-30, 2.0**-24, 2.0**-7]))
def test_a_coin_of_a_millionth_of_a_cent_is_judged_like_a_share(seed: int, scale: float) -> None:
    """TA-Lib reads a variance below 1e-14 as none; prices that begin so low are lifted."""
    rows = history_of(seed, "A", LENGTH)
    small = rows.assign(**{name: rows[name] * scale for name in ("open", "high", "low", "close")})
    found, expected = (
        analysis.technical(frame.reset_index(drop=True), actions()) for frame in (small, rows)
    )
    for name in analysis.SCORES:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        found["bollinger_upper"], expected["bollinger_upper"] * scale, rtol=1e-12
    )


def test_a_known_split_leaves_no_trace_in_volumes() -> None:
    """Twice the shares at half the price: what was traded before counts double from then on."""
    rows = history_of(5, "A", LENGTH).reset_index(drop=True)
    at = 60
    split = rows.copy()
    split.loc[at:, ["open", "high", "low", "close"]] /= 2
    split.loc[at:, "volume"] *= 2
    number = int(np.flatnonzero(rows["session"][at] == SESSIONS)[0])
    found = analysis.technical(split, actions(("A", number, 2.0, 0.0)))
    plain = analysis.technical(rows, actions())
    for name in ("volume_zscore", "obv_share", "volatility", "stochastic_d", *analysis.SCORES):
        np.testing.assert_allclose(found[name], plain[name], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found["obv"][at:], 2 * plain["obv"][at:])
    np.testing.assert_allclose(found["obv"][:at], plain["obv"][:at])


def test_a_dividend_of_all_that_a_share_was_worth_adjusts_nothing() -> None:
    rows = history_of(1, "A", LENGTH).reset_index(drop=True)
    found = analysis.technical(rows, actions(("A", 40, 1.0, 500.0)))
    pd.testing.assert_frame_equal(found, analysis.technical(rows, actions()))
