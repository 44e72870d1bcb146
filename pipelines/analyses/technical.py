"""RSI, MACD and Bollinger bands per symbol and day, and a score of each.

Belongs here: TA-Lib over adjusted closes, and what a value means in [-1, 1].
Keep out: how the scores are weighed (strategies/).

Every value of day D is computed from the bars and actions up to D: each symbol's recursion starts
at its first bar, and runs once per stretch between two actions, over closes adjusted as that
stretch knew them. Cutting the data at D therefore gives the same bits.
"""

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats, adjusted_closes, step_factors, symbol_spans

INDICATORS = (
    "rsi",
    "macd",
    "macd_signal",
    "macd_histogram",
    "bollinger_upper",
    "bollinger_middle",
    "bollinger_lower",
)
SCORES = ("rsi_score", "macd_score", "bollinger_score")

RSI_BARS = 14
MACD_BARS = (12, 26, 9)
BOLLINGER_BARS = 20
BOLLINGER_WIDTH = 2.0

WARM_UP = {
    "rsi_score": RSI_BARS,
    "macd_score": sum(MACD_BARS[1:]) - 2,
    "bollinger_score": BOLLINGER_BARS - 1,
}
"""How many of a symbol's first bars have no such score."""

RSI_FULL_SCORE_POINTS = 30.0
"""An RSI this far from 50 scores fully."""

MACD_FULL_SCORE = 0.01
"""A MACD histogram of this share of the close scores fully."""


def rsi(closes: Floats) -> Floats:
    """Relative strength index of closes, 14 bars, Wilder's smoothing (TA-Lib).

    Input: adjusted closes, oldest first, shape (n,). Output: shape (n,), 0 to 100; the first
    14 values are NaN.
    """
    return np.asarray(talib.RSI(closes, timeperiod=RSI_BARS))


def macd(closes: Floats) -> tuple[Floats, Floats, Floats]:
    """MACD line, signal line and histogram, exponential averages of 12, 26 and 9 bars (TA-Lib).

    Input: adjusted closes, oldest first, shape (n,). Output: three of shape (n,), in dollars,
    unbounded; the first 33 values are NaN.
    """
    fast, slow, signal = MACD_BARS
    line, average, histogram = talib.MACD(closes, fast, slow, signal)
    return np.asarray(line), np.asarray(average), np.asarray(histogram)


def bollinger(closes: Floats) -> tuple[Floats, Floats, Floats]:
    """Upper, middle and lower band: simple mean of 20 bars and 2 standard deviations, ddof=0.

    Input: adjusted closes, oldest first, shape (n,). Output: three of shape (n,), in dollars;
    the first 19 values are NaN.
    """
    width = BOLLINGER_WIDTH
    upper, middle, lower = talib.BBANDS(closes, BOLLINGER_BARS, width, width)
    return np.asarray(upper), np.asarray(middle), np.asarray(lower)


def technical(bars: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """All indicators and their scores for every bar.

    Input: good bars sorted by symbol and session, from each symbol's first on, and dated actions.
    Output: symbol, session, close, INDICATORS, SCORES; same rows; NaN while warming up.
    """
    steps = step_factors(bars, actions)
    closes = bars["close"].to_numpy(dtype=np.float64)
    values = np.full((len(bars), len(INDICATORS)), np.nan)
    for first, end in symbol_spans(bars).values():
        values[first:end] = _as_known(closes[first:end], steps[first:end])
    columns = dict(zip(INDICATORS, values.T, strict=True))
    frame = bars[["symbol", "session", "close"]].assign(**columns)
    return frame.assign(**_scores(closes, columns))


def _as_known(closes: Floats, steps: Floats) -> Floats:
    """The indicators of one symbol, each row from closes adjusted as on that row's day."""
    values = np.full((len(closes), len(INDICATORS)), np.nan)
    starts = [0, *np.flatnonzero(steps != 1.0).tolist()]
    for start, end in zip(starts, [*starts[1:], len(closes)], strict=True):
        if end > start:
            adjusted = adjusted_closes(closes[:end], steps[:end])
            table = np.column_stack([rsi(adjusted), *macd(adjusted), *bollinger(adjusted)])
            values[start:end] = table[start:end]
    return values


def _scores(closes: Floats, columns: dict[str, Floats]) -> dict[str, Floats]:
    """Each score is in [-1, 1], positive for buying; NaN where its indicator is."""
    half_width = columns["bollinger_upper"] - columns["bollinger_middle"]
    flat = half_width <= 0
    room = np.where(flat, 1.0, half_width)
    # A price that did not move for 20 bars has no strength and no band: TA-Lib's RSI of 0 there
    # is not weakness.
    strength = np.where(flat, 0.0, (50.0 - columns["rsi"]) / RSI_FULL_SCORE_POINTS)
    place = np.where(flat, 0.0, (columns["bollinger_middle"] - closes) / room)
    trend = columns["macd_histogram"] / closes / MACD_FULL_SCORE
    scores = (strength, trend, place)
    return {
        name: np.clip(score, -1.0, 1.0) + 0.0 for name, score in zip(SCORES, scores, strict=True)
    }


def reasons(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """One sentence per score of each row, for people: `RSI 24.1 below 30`."""
    columns = ("rsi", "macd_histogram", "close", "bollinger_upper", "bollinger_lower")
    arrays: list[NDArray[np.float64]] = [frame[name].to_numpy(dtype=float) for name in columns]
    return [
        (_rsi_reason(strength), _macd_reason(histogram), _band_reason(close, upper, lower))
        for strength, histogram, close, upper, lower in zip(
            *(array.tolist() for array in arrays), strict=True
        )
    ]


def _rsi_reason(value: float) -> str:
    if value < 30:
        return f"RSI {value:.1f} below 30"
    if value > 70:
        return f"RSI {value:.1f} above 70"
    return f"RSI {value:.1f} between 30 and 70"


def _macd_reason(histogram: float) -> str:
    side = "above" if histogram > 0 else "below" if histogram < 0 else "on"
    return f"MACD {abs(histogram):.3f} {side} its signal line"


def _band_reason(close: float, upper: float, lower: float) -> str:
    if close > upper:
        return f"close {close:.2f} above the upper band {upper:.2f}"
    if close < lower:
        return f"close {close:.2f} below the lower band {lower:.2f}"
    return f"close {close:.2f} between the bands {lower:.2f} and {upper:.2f}"
