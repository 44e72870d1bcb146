"""Back-adjustment of prices for splits and dividends, as known on a day.

Belongs here: factors from dated actions. Keep out: any adjusted price that somebody else computed.

An action takes effect before the first bar on or after its ex-date. Prices before it are multiplied
by (previous close - dividend) / previous close / split. On day D only actions with ex-date <= D
count, so a later action never changes what D looked like.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def step_factors(bars: pd.DataFrame, actions: pd.DataFrame) -> Floats:
    """One factor per bar: what prices before it are multiplied by from that bar on.

    Input: bars sorted by symbol and session, raw closes; actions with split and dividend.
    Output: shape (len(bars),), 1.0 where nothing happened and on each symbol's first bar.
    """
    spans = symbol_spans(bars)
    starts = np.array([*(first for first, _ in spans.values()), len(bars)], np.int64)
    closes = bars["close"].to_numpy(dtype=np.float64)
    sessions = bars["session"].to_numpy(dtype="datetime64[us]")
    return steps_of(tuple(spans), starts, sessions, closes, actions).prices


@dataclass(frozen=True)
class Steps:
    """What takes effect with each bar, shape (rows,): 1.0 where nothing happened.

    prices: what prices before the bar are multiplied by. shares: what shares before it are
    multiplied by, which are the splits alone.
    """

    prices: Floats
    shares: Floats


def steps_of(
    symbols: Sequence[str],
    starts: NDArray[np.int64],
    sessions: NDArray[np.datetime64],
    closes: Floats,
    actions: pd.DataFrame,
) -> Steps:
    """The steps of bars in columns: symbol number n has the rows from starts[n] to starts[n + 1].

    Several bars of one session (minute bars) are in order of time; an action takes effect before
    the first of them.
    """
    prices, shares = np.ones(len(closes)), np.ones(len(closes))
    # A split multiplies the shares that the same day's dividend was paid on, so it comes after.
    ordered = actions.sort_values(["symbol", "session"], kind="stable")
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    columns = (ordered[name].tolist() for name in ("symbol", "session", "split", "dividend"))
    for symbol, ex_date, split, dividend in zip(*columns, strict=True):
        number = numbers.get(symbol)
        if number is None:
            continue
        first, end = int(starts[number]), int(starts[number + 1])
        at = first + int(sessions[first:end].searchsorted(np.datetime64(ex_date, "us")))
        if first < at < end:
            before = closes[at - 1] * prices[at]
            # No price can be adjusted for a dividend of all that it was worth, or more.
            paid = dividend if dividend < before else 0.0
            prices[at] *= (before - paid) / before / split
            shares[at] *= split
    return Steps(prices, shares)


def compounded(steps: Floats, starts: NDArray[np.int64]) -> Floats:
    """The product of each symbol's steps up to and with each bar; shape (rows,).

    A price divided by it is in the dollars of the symbol's first bar: the series of the day before
    goes on, whatever happens later, and all of it times the last product is the series that is
    adjusted as on the last day. An indicator that scales with the price may therefore run once
    over the whole series and be multiplied by each day's product.
    """
    products = np.ones(len(steps))
    changed = np.unique(np.searchsorted(starts, np.flatnonzero(steps != 1.0), side="right") - 1)
    for number in changed.tolist():
        first, end = starts[number], starts[number + 1]
        products[first:end] = np.cumprod(steps[first:end])
    return products


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
