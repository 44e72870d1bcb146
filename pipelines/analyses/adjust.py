"""Back-adjustment of prices for splits and dividends, as known on a day.

Belongs here: factors from dated actions. Keep out: any adjusted price that somebody else computed.

An action takes effect before the first bar on or after its ex-date. Prices before it are multiplied
by (previous close - dividend) / previous close / split. On day D only actions with ex-date <= D
count, so a later action never changes what D looked like.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def step_factors(bars: pd.DataFrame, actions: pd.DataFrame) -> Floats:
    """One factor per bar: what prices before it are multiplied by from that bar on.

    Input: bars sorted by symbol and session, raw closes; actions with split and dividend.
    Output: shape (len(bars),), 1.0 where nothing happened and on each symbol's first bar.
    """
    factors = np.ones(len(bars))
    sessions = bars["session"].to_numpy()
    closes = bars["close"].to_numpy(dtype=np.float64)
    spans = symbol_spans(bars)
    # A split multiplies the shares that the same day's dividend was paid on, so it comes after.
    ordered = actions.sort_values(["symbol", "session"], kind="stable")
    rows = ordered[["symbol", "session", "split", "dividend"]].itertuples(index=False, name=None)
    for symbol, ex_date, split, dividend in rows:
        first, end = spans.get(symbol, (0, 0))
        at = first + int(np.searchsorted(sessions[first:end], np.datetime64(ex_date)))
        if first < at < end:
            before = closes[at - 1] * factors[at]
            factors[at] *= (before - dividend) / before / split
    return factors


def adjusted_closes(closes: Floats, steps: Floats) -> Floats:
    """Closes of one symbol in the shares and dollars of its last bar.

    Input: raw closes and step factors, oldest first, same shape. Output: that shape; the last
    value equals the raw close.
    """
    later = np.ones(len(steps))
    later[:-1] = np.cumprod(steps[:0:-1])[::-1]
    return closes * later


def symbol_spans(frame: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Where each symbol's rows begin and end in a frame sorted by symbol."""
    symbols = frame["symbol"].to_numpy(dtype=object)
    if not len(symbols):
        return {}
    starts = np.flatnonzero(np.r_[True, symbols[1:] != symbols[:-1]])
    ends = np.r_[starts[1:], len(symbols)]
    return {
        str(symbols[start]): (int(start), int(end)) for start, end in zip(starts, ends, strict=True)
    }
