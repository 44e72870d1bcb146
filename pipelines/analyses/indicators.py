"""Indicators over columns of bars, with TA-Lib and by its conventions.

Belongs here: one function per indicator, its convention stated. Keep out: what a value means
(indicator_scores.py), other indicators by name (named_indicators.py), and adjusting prices.

Common to all. Input: columns of shape (rows,), every symbol's own adjusted bars, oldest first, and
symbol after symbol, without NaN; `starts` of shape (S + 1,) says where each symbol begins, and the
end; without it there is one symbol. Output: columns of that shape, NaN on each symbol's first bars,
as many as "warm-up" says; `out` takes the columns to write into. Windows count the symbol's own
bars, daily or minute ones alike. A price that stands still has an RSI, an ADX and a stochastic of
0, and bands of no width.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats
from pipelines.analyses.talib_columns import Function

Index = NDArray[np.int64]
Out = tuple[Floats, ...]

RSI_BARS = 14
MACD_BARS = (12, 26, 9)
BOLLINGER_BARS = 20
BOLLINGER_WIDTH = 2.0
ATR_BARS = 14
ADX_BARS = 14
STOCHASTIC_BARS = (14, 3, 3)
FAST_BARS = 20
SLOW_BARS = 50
ROC_BARS = 12
VOLATILITY_BARS = (20, 100)
VOLUME_BARS = 20

FLAT_VOLUME = 1e-6
"""A deviation of this share of the mean is the rounding of a volume that stands still."""

_SIMPLE = 0
"""TA-Lib's number of the simple moving average."""

_RSI = Function("RSI", 1, 1, (RSI_BARS,))
_MACD = Function("MACD", 1, 3, MACD_BARS)
_BANDS = Function("BBANDS", 1, 3, (BOLLINGER_BARS, BOLLINGER_WIDTH, BOLLINGER_WIDTH, _SIMPLE))
_ATR = Function("ATR", 3, 1, (ATR_BARS,))
_ADX = Function("ADX", 3, 1, (ADX_BARS,))
_PLUS = Function("PLUS_DI", 3, 1, (ADX_BARS,))
_MINUS = Function("MINUS_DI", 3, 1, (ADX_BARS,))
_STOCHASTIC = Function(
    "STOCH", 3, 2, (STOCHASTIC_BARS[0], STOCHASTIC_BARS[1], _SIMPLE, STOCHASTIC_BARS[2], _SIMPLE)
)
_OBV = Function("OBV", 2, 1)
_ROC = Function("ROC", 1, 1, (ROC_BARS,))


def rsi(close: Floats, starts: Index | None = None, out: Out | None = None) -> Floats:
    """Relative strength index: 100 x mean gain / (mean gain + mean loss).

    Input: closes. Window: 14 moves. Smoothing: Wilder's (13 parts old, 1 part new). Seed: the
    simple mean of the first 14 moves. Warm-up: 14. Range: 0 to 100.
    """
    return _RSI((close,), starts, out)[0]


def macd(
    close: Floats, starts: Index | None = None, out: Out | None = None
) -> tuple[Floats, Floats, Floats]:
    """MACD line, its signal line, and the histogram (line less signal line).

    Input: closes. Windows: 12, 26 and 9 bars. Smoothing: exponential, 2 / (n + 1). Seeds: simple
    means of 12 and of 26 bars that both end on bar 26; of the signal line, of the first 9 lines.
    Warm-up: 33, for all three: the line is not shown before its signal line. Range: dollars,
    unbounded.
    """
    line, average, histogram = _MACD((close,), starts, out)
    return line, average, histogram


def bollinger(
    close: Floats, starts: Index | None = None, out: Out | None = None
) -> tuple[Floats, Floats, Floats]:
    """Upper, middle and lower Bollinger band.

    Input: closes. Window: 20 bars. Smoothing: simple mean, and 2 standard deviations of the
    population (ddof = 0) to each side. Seed: none. Warm-up: 19. Range: dollars.
    """
    upper, middle, lower = _BANDS((close,), starts, out)
    return upper, middle, lower


def atr(
    high: Floats,
    low: Floats,
    close: Floats,
    starts: Index | None = None,
    out: Out | None = None,
) -> Floats:
    """Average true range; the true range reaches to the close before.

    Input: highs, lows, closes. Window: 14 ranges. Smoothing: Wilder's. Seed: the simple mean of
    the true ranges of bars 2 to 15 (the first bar has none). Warm-up: 14. Range: dollars, not
    below 0.
    """
    return _ATR((high, low, close), starts, out)[0]


def adx(
    high: Floats, low: Floats, close: Floats, starts: Index | None = None
) -> tuple[Floats, Floats, Floats]:
    """Average directional index, and the directional indicators +DI and -DI.

    Input: highs, lows, closes. Window: 14 bars. Smoothing: Wilder's, of sums. Seeds: sums of the
    first 13 movements, to which the 14th is added by Wilder's rule; of ADX, the simple mean of the
    first 14 DX. Warm-up: ADX 27, +DI and -DI 14. Range: 0 to 100.
    """
    columns = (high, low, close)
    return _ADX(columns, starts)[0], _PLUS(columns, starts)[0], _MINUS(columns, starts)[0]


def stochastic(
    high: Floats, low: Floats, close: Floats, starts: Index | None = None
) -> tuple[Floats, Floats]:
    """Slow stochastic: %K and its mean %D.

    Input: highs, lows, closes. Windows: the range of 14 bars, %K the simple mean of 3 raw values,
    %D of 3 %K. Seed: none. Warm-up: 17, for both. Range: 0 to 100; 0 where 14 bars had one price.
    """
    slow_k, slow_d = _STOCHASTIC((high, low, close), starts)
    return slow_k, slow_d


def obv(close: Floats, volume: Floats, starts: Index | None = None) -> Floats:
    """On-balance volume: the volume of rises less that of falls, since the symbol's first bar.

    Input: closes, volumes adjusted for splits. Window: all bars. Seed: the first bar's volume,
    counted as a rise. Warm-up: none. Range: shares, unbounded; a level means nothing by itself.
    """
    return _OBV((close, volume), starts)[0]


def sma(close: Floats, bars: int, starts: Index | None = None, out: Out | None = None) -> Floats:
    """Simple moving average.

    Input: closes. Window: `bars`. Seed: none. Warm-up: bars - 1. Range: dollars.
    """
    return Function("SMA", 1, 1, (bars,))((close,), starts, out)[0]


def ema(close: Floats, bars: int, starts: Index | None = None, out: Out | None = None) -> Floats:
    """Exponential moving average.

    Input: closes. Window: `bars`. Smoothing: 2 / (bars + 1). Seed: the simple mean of the first
    `bars`. Warm-up: bars - 1. Range: dollars.
    """
    return Function("EMA", 1, 1, (bars,))((close,), starts, out)[0]


def rate_of_change(close: Floats, starts: Index | None = None) -> Floats:
    """How far the close has moved over 12 bars, in percent.

    Input: closes. Window: 12 bars back. Seed: none. Warm-up: 12. Range: above -100.
    """
    return _ROC((close,), starts)[0]


def realised_volatility(close: Floats, bars: int, starts: Index | None = None) -> Floats:
    """Standard deviation of the logarithmic returns from bar to bar.

    Input: closes. Window: `bars` returns. Smoothing: none; the mean is taken out, population
    (ddof = 0). Warm-up: bars. Range: not below 0, per bar: times the root of 252 it is the yearly
    one of daily bars.
    """
    returns = np.zeros(len(close))
    returns[1:] = np.log(close[1:] / close[:-1])
    edges = np.array([0, len(close)], np.int64) if starts is None else starts
    firsts = edges[:-1][np.diff(edges) > 0]
    # A first bar has no return: the 0 in its place leaves the window with the first value shown.
    returns[firsts] = 0.0
    found = Function("STDDEV", 1, 1, (bars, 1.0))((returns,), edges)[0]
    last_warm = edges[:-1] + bars - 1
    found[last_warm[last_warm < edges[1:]]] = np.nan
    return found


def volume_zscore(volume: Floats, starts: Index | None = None) -> Floats:
    """How many standard deviations the volume is from its mean.

    Input: volumes adjusted for splits. Window: 20 bars, this one included. Smoothing: simple mean,
    population deviation (ddof = 0). Warm-up: 19. Range: within 4.36, which is the root of 19; 0
    where the volume stands still.
    """
    mean = sma(volume, VOLUME_BARS, starts)
    deviation = Function("STDDEV", 1, 1, (VOLUME_BARS, 1.0))((volume,), starts)[0]
    flat = deviation <= mean * FLAT_VOLUME
    scored: Floats = np.where(flat, 0.0, (volume - mean) / np.where(flat, 1.0, deviation))
    return scored


def obv_share(balance: Floats, volume: Floats, starts: Index | None = None) -> Floats:
    """The change of the on-balance volume over 20 bars, as a share of what was traded in them.

    Input: on-balance volumes, and the volumes they were made of. Window: 20 bars back, which the
    volume of the last 20 sums up. Warm-up: 20. Range: -1 to 1; 0 where nothing was traded.
    """
    change = Function("MOM", 1, 1, (VOLUME_BARS,))((balance,), starts)[0]
    traded = Function("SUM", 1, 1, (VOLUME_BARS,))((volume,), starts)[0]
    none = traded <= 0
    share: Floats = np.where(none, 0.0 * change, change / np.where(none, 1.0, traded))
    return share


def move(close: Floats, starts: Index | None = None) -> Floats:
    """The close less the close before it.

    Input: closes. Window: 1 bar back. Warm-up: 1. Range: dollars, unbounded.
    """
    return Function("MOM", 1, 1, (1,))((close,), starts)[0]
