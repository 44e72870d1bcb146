"""Bars as columns: every symbol's own bars side by side in memory, symbol after symbol.

Belongs here: the dense store that indicators run over, its shards and its blocks.
Keep out: reading files (panel_store.py), adjusting prices (adjust.py) and any indicator.

Where every symbol has every bar, a column is a time x symbol matrix that lies symbol by symbol, as
TA-Lib wants it. Where bars are missing there is no hole: a symbol's own bars are its series, so an
indicator counts bars and not days, and nothing that is missing can poison what follows. `dense`
gives the matrix with NaN in the holes.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats
from pipelines.errors import AnalysisError

Result = TypeVar("Result")
Index = NDArray[np.int64]
Moments = NDArray[np.datetime64]

PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")
BLOCK_ROWS = 1 << 16
"""Rows that are worked on at once: what lies between two steps of an analysis stays in the cache
and its memory does not grow with the universe."""

WORKERS = 2
"""Threads that work on blocks: more of them mostly wait for each other's turn in Python."""


@dataclass(frozen=True)
class Panel:
    """Columns of bars, sorted by symbol and then by time.

    symbols: S names. starts: shape (S + 1,), where each symbol's rows begin, and the end.
    sessions: shape (rows,), the session of each bar, which an ex-date is compared with.
    times: shape (rows,), the bar's place in time: of daily bars the session. columns: name to
    float64 of shape (rows,), raw prices in dollars and shares.
    """

    symbols: tuple[str, ...]
    starts: Index
    sessions: Moments
    times: Moments
    columns: Mapping[str, Floats]

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self.starts[-1])

    def codes(self) -> Index:
        """The number of each row's symbol; shape (rows,)."""
        return np.repeat(np.arange(len(self.symbols)), np.diff(self.starts))

    def names(self, rows: Index) -> NDArray[np.object_]:
        """The symbols of some rows, by their numbers."""
        codes = np.searchsorted(self.starts, rows, side="right") - 1
        return np.array(self.symbols, dtype=object)[codes]

    def slice(self, first: int, end: int) -> "Panel":
        """The symbols numbered from `first` up to `end`, as views."""
        low, high = int(self.starts[first]), int(self.starts[end])
        return Panel(
            self.symbols[first:end],
            self.starts[first : end + 1] - low,
            self.sessions[low:high],
            self.times[low:high],
            {name: column[low:high] for name, column in self.columns.items()},
        )

    def where(self, wanted: NDArray[np.bool_]) -> "Panel":
        """The rows that are wanted, shape (rows,); a symbol without one is left out."""
        if wanted.all():
            return self
        counts = np.bincount(self.codes()[wanted], minlength=len(self.symbols))
        held = np.flatnonzero(counts)
        return Panel(
            tuple(self.symbols[number] for number in held),
            np.r_[0, np.cumsum(counts[held])],
            self.sessions[wanted],
            self.times[wanted],
            {name: column[wanted] for name, column in self.columns.items()},
        )

    def until(self, end: np.datetime64) -> "Panel":
        """What there was at the end of a session."""
        return self.where(self.sessions <= end)

    def shard(self, number: int, shards: int) -> "Panel":
        """The symbols of one of so many hash buckets."""
        bucket = set(split_universe(self.symbols, shards)[number])
        chosen = np.array([symbol in bucket for symbol in self.symbols], dtype=bool)
        return self.where(np.repeat(chosen, np.diff(self.starts)))

    def blocks(self, rows: int = 0) -> Iterator["Panel"]:
        """All symbols in order, about so many rows at a time, BLOCK_ROWS without a number."""
        rows = rows or BLOCK_ROWS
        first = 0
        while first < len(self.symbols):
            reach = np.searchsorted(self.starts, self.starts[first] + rows, side="right") - 1
            end = max(int(reach), first + 1)
            yield self.slice(first, end)
            first = end

    def dense(self, column: str) -> Floats:
        """A column as a matrix of shape (times, symbols), NaN where a symbol has no bar.

        It lies symbol by symbol in memory; the times are the sorted union of all bars' times.
        """
        times, at = np.unique(self.times, return_inverse=True)
        matrix = np.full((len(self.symbols), len(times)), np.nan)
        matrix[self.codes(), at] = self.columns[column]
        return matrix.T


def side_by_side(panel: Panel, work: Callable[[Panel], Result], rows: int = 0) -> list[Result]:
    """The work done on every block, in the blocks' order, by WORKERS threads.

    TA-Lib and numpy let go of the interpreter while they compute, so threads share one panel.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, panel.blocks(rows)))


def panel_of(frame: pd.DataFrame, time: str = "session") -> Panel:
    """The panel of a frame that is sorted by symbol and `time`; raises AnalysisError otherwise.

    Input: symbol, session, the column `time`, and open, high, low, close and volume. Every value
    must be a finite number: leave out the rows of which it is not (`sound`).
    """
    codes, symbols = pd.factorize(frame["symbol"].to_numpy(dtype=object))
    times = _moments(frame[time])
    _demand_order(codes, times, time)
    counts = np.bincount(codes, minlength=len(symbols)) if len(frame) else np.zeros(0, np.int64)
    return Panel(
        tuple(str(symbol) for symbol in symbols),
        np.r_[0, np.cumsum(counts)].astype(np.int64),
        _moments(frame["session"]),
        times,
        {name: np.ascontiguousarray(frame[name].to_numpy(dtype=np.float64)) for name in COLUMNS},
    )


def sound(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows have all of their five values; the others are no bars. Shape (rows,)."""
    finite = np.isfinite(frame[list(COLUMNS)].to_numpy(dtype=np.float64))
    every: NDArray[np.bool_] = np.all(finite, axis=1)
    return every


def shard_of(symbol: str, shards: int) -> int:
    """The hash bucket of a symbol, 0 to shards - 1: the same in every process and version."""
    if shards < 1:
        raise AnalysisError(f"{shards} shards: there is at least 1")
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big") % shards


def split_universe(symbols: Sequence[str], shards: int) -> list[list[str]]:
    """The symbols of each of so many hash buckets, in their order; a bucket may be empty."""
    buckets: list[list[str]] = [[] for _ in range(shards)]
    for symbol in symbols:
        buckets[shard_of(symbol, shards)].append(symbol)
    return buckets


def _moments(column: pd.Series) -> Moments:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy(dtype="datetime64[us]")


def _demand_order(codes: Index, times: Moments, time: str) -> None:
    same = codes[1:] == codes[:-1]
    if np.any((codes[1:] < codes[:-1]) | (same & (times[1:] <= times[:-1]))):
        raise AnalysisError(f"the bars are not sorted by symbol and {time}, or one is there twice")
