"""What an indicator's value means: a score in [-1, 1], positive for buying, and its reason.

Belongs here: one rule per score, over the columns of analyses.technical.
Keep out: the indicators themselves (indicators.py), and how scores are weighed (strategies/).

Scores of one kind read a stretched price as one that comes back (RSI, Bollinger, stochastic), the
others as one that goes on; a strategy turns one round with a negative weight. NaN where an
indicator is. Reasons are for people and carry the figure and its bound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses import indicators
from pipelines.analyses.adjust import Floats

Columns = Mapping[str, Floats]

RSI_BOUNDS = (30.0, 70.0)
RSI_FULL_SCORE_POINTS = 30.0
"""An RSI this far from 50 scores fully."""

MACD_FULL_SCORE = 0.01
"""A MACD histogram of this share of the close scores fully."""

ATR_FULL_SCORE = 3.0
"""A close that moved by this many average true ranges since the one before scores fully."""

ADX_BOUND = 25.0
ADX_FULL_SCORE = 50.0
"""An ADX from here on scores fully, where all movement has one direction."""

STOCHASTIC_BOUNDS = (20.0, 80.0)
STOCHASTIC_FULL_SCORE_POINTS = 30.0
"""A %D this far from 50 scores fully."""

CROSS_FULL_SCORE = 0.05
"""A fast average that is this share above or below the slow one scores fully."""

ROC_FULL_SCORE = 10.0
"""A move of this many percent scores fully."""

VOLUME_FULL_SCORE = 3.0
"""A volume this many deviations from its mean scores fully."""


@dataclass(frozen=True)
class Score:
    """How a score is made of columns, and said.

    columns: what it reads, in the order of both functions' arguments. warm_up: how many of a
    symbol's first bars have no such score. value: columns of shape (rows,) to one of that shape,
    not yet clipped. reason: the same figures of one row to a sentence.
    """

    columns: tuple[str, ...]
    warm_up: int
    value: Callable[..., Floats]
    reason: Callable[..., str]


def _flat(upper: Floats, middle: Floats) -> NDArray[np.bool_]:
    # A price that did not move for 20 bars has no strength and no band: TA-Lib's RSI of 0 there
    # is not weakness.
    flat: NDArray[np.bool_] = upper - middle <= 0
    return flat


def _rsi(value: Floats, upper: Floats, middle: Floats) -> Floats:
    return np.where(_flat(upper, middle), 0.0, (50.0 - value) / RSI_FULL_SCORE_POINTS)


def _rsi_reason(value: float, _upper: float, _middle: float) -> str:
    return _bounded("RSI", value, RSI_BOUNDS)


def _macd(histogram: Floats, close: Floats) -> Floats:
    return histogram / close / MACD_FULL_SCORE


def _macd_reason(histogram: float, _close: float) -> str:
    side = "above" if histogram > 0 else "below" if histogram < 0 else "on"
    return f"MACD {abs(histogram):.3f} {side} its signal line"


def _bands(close: Floats, upper: Floats, middle: Floats, _lower: Floats) -> Floats:
    flat = _flat(upper, middle)
    return np.where(flat, 0.0, (middle - close) / np.where(flat, 1.0, upper - middle))


def _bands_reason(close: float, upper: float, _middle: float, lower: float) -> str:
    if close > upper:
        return f"close {close:.2f} above the upper band {upper:.2f}"
    if close < lower:
        return f"close {close:.2f} below the lower band {lower:.2f}"
    return f"close {close:.2f} between the bands {lower:.2f} and {upper:.2f}"


def _atr(move: Floats, value: Floats) -> Floats:
    return _ratio(move, value) / ATR_FULL_SCORE


def _atr_reason(move: float, value: float) -> str:
    ranges = abs(move) / value if value > 0 else 0.0
    return f"close {_up(move)} by {ranges:.1f} ATR"


def _adx(value: Floats, plus: Floats, minus: Floats) -> Floats:
    return value / ADX_FULL_SCORE * _ratio(plus - minus, plus + minus)


def _adx_reason(value: float, plus: float, minus: float) -> str:
    place = "above" if value > ADX_BOUND else "below"
    side = "above" if plus > minus else "below" if plus < minus else "equal to"
    return f"ADX {value:.1f} {place} {ADX_BOUND:.0f}, +DI {side} -DI"


def _stochastic(slow_d: Floats, upper: Floats, middle: Floats) -> Floats:
    flat = _flat(upper, middle)
    return np.where(flat, 0.0, (50.0 - slow_d) / STOCHASTIC_FULL_SCORE_POINTS)


def _stochastic_reason(slow_d: float, _upper: float, _middle: float) -> str:
    return _bounded("stochastic %D", slow_d, STOCHASTIC_BOUNDS)


def _obv(share: Floats) -> Floats:
    return share


def _obv_reason(share: float) -> str:
    return f"on-balance volume {_up(share)} by {abs(share):.0%} of 20 bars' volume"


def _cross(fast: Floats, slow: Floats) -> Floats:
    return (fast / slow - 1.0) / CROSS_FULL_SCORE


def _cross_reason(name: str) -> Callable[[float, float], str]:
    def reason(fast: float, slow: float) -> str:
        side = "above" if fast >= slow else "below"
        gap = abs(fast / slow - 1.0)
        return f"{name} 20 is {gap:.1%} {side} {name} 50"

    return reason


def _roc(percent: Floats) -> Floats:
    return percent / ROC_FULL_SCORE


def _roc_reason(percent: float) -> str:
    return f"close {percent:+.1f}% over {indicators.ROC_BARS} bars"


def _volatility(short: Floats, long: Floats) -> Floats:
    return -_ratio(short - long, long)


def _volatility_reason(short: float, long: float) -> str:
    times = short / long if long > 0 else 1.0
    return f"volatility of 20 bars {times:.2f} times that of 100"


def _volume(zscore: Floats, move: Floats) -> Floats:
    return zscore * np.sign(move) / VOLUME_FULL_SCORE


def _volume_reason(zscore: float, move: float) -> str:
    side = "above" if zscore >= 0 else "below"
    return f"volume {abs(zscore):.1f} deviations {side} its mean, close {_up(move)}"


_BANDS = ("bollinger_upper", "bollinger_middle")
_MACD_WARM_UP = sum(indicators.MACD_BARS[1:]) - 2
_STOCHASTIC_WARM_UP = sum(indicators.STOCHASTIC_BARS) - 3

RULES: Mapping[str, Score] = {
    "rsi_score": Score(("rsi", *_BANDS), indicators.RSI_BARS, _rsi, _rsi_reason),
    "macd_score": Score(("macd_histogram", "close"), _MACD_WARM_UP, _macd, _macd_reason),
    "bollinger_score": Score(
        ("close", *_BANDS, "bollinger_lower"), indicators.BOLLINGER_BARS - 1, _bands, _bands_reason
    ),
    "atr_score": Score(("move", "atr"), indicators.ATR_BARS, _atr, _atr_reason),
    "adx_score": Score(
        ("adx", "plus_di", "minus_di"), 2 * indicators.ADX_BARS - 1, _adx, _adx_reason
    ),
    "stochastic_score": Score(
        ("stochastic_d", *_BANDS), _STOCHASTIC_WARM_UP, _stochastic, _stochastic_reason
    ),
    "obv_score": Score(("obv_share",), indicators.VOLUME_BARS, _obv, _obv_reason),
    "sma_score": Score(
        ("sma_20", "sma_50"), indicators.SLOW_BARS - 1, _cross, _cross_reason("SMA")
    ),
    "ema_score": Score(
        ("ema_20", "ema_50"), indicators.SLOW_BARS - 1, _cross, _cross_reason("EMA")
    ),
    "roc_score": Score(("roc",), indicators.ROC_BARS, _roc, _roc_reason),
    "volatility_score": Score(
        ("volatility", "volatility_long"),
        indicators.VOLATILITY_BARS[1],
        _volatility,
        _volatility_reason,
    ),
    "volume_score": Score(
        ("volume_zscore", "move"), indicators.VOLUME_BARS - 1, _volume, _volume_reason
    ),
}


def score_columns(columns: Columns) -> dict[str, Floats]:
    """Every score of the rows, by name; columns of shape (rows,) in [-1, 1]."""
    return {name: scored(rule, columns) for name, rule in RULES.items()}


def scored(rule: Score, columns: Columns) -> Floats:
    """One score, clipped to [-1, 1]; 0 is never -0."""
    clipped: Floats = np.clip(rule.value(*(columns[name] for name in rule.columns)), -1.0, 1.0)
    return clipped + 0.0


def _ratio(above: Floats, below: Floats) -> Floats:
    """The ratio, 0 where what is below the line is 0."""
    none = below == 0
    ratio: Floats = np.where(none, 0.0, above / np.where(none, 1.0, below))
    return ratio


def _bounded(name: str, value: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    if value < low:
        return f"{name} {value:.1f} below {low:.0f}"
    if value > high:
        return f"{name} {value:.1f} above {high:.0f}"
    return f"{name} {value:.1f} between {low:.0f} and {high:.0f}"


def _up(value: float) -> str:
    return "up" if value > 0 else "down" if value < 0 else "unchanged"
