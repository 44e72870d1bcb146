"""The lake's bars as a panel: dense columns, symbol after symbol, read one column at a time.

Belongs here: from Parquet files to columns without a frame of all rows in between. Keep out: the
lake's layout (lake.py), and everything that is done with a panel (analyses/).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.analyses.panel import COLUMNS, WORKERS, Index, Panel, Result, shard_of
from pipelines.errors import LakeError
from pipelines.lake import Lake

TIMES = ("event_time", "known_at")
WHOLE = (0, 1)
"""The one shard of a universe that is not split."""


@dataclass(frozen=True)
class _Year:
    """One file: which of its rows are wanted, and how many each symbol has of them."""

    year: int
    kept: slice | NDArray[np.bool_]
    symbols: tuple[str, ...]
    counts: Index


class PanelStore:
    """The table `bars` from its first session to `last`, of one of so many hash buckets."""

    def __init__(
        self, lake: Lake, dataset: str, last: date, shard: tuple[int, int] = WHOLE
    ) -> None:
        """Look up which bars there are; raises LakeError where there is none in all the table.

        A hash bucket may be empty.
        """
        self._lake = lake
        self._dataset = dataset
        years = lake.years("bars", dataset, last)
        self._years = [_year(lake, dataset, year, last, shard) for year in years]
        self.symbols = tuple(sorted({name for year in self._years for name in year.symbols}))
        if not self.symbols and shard == WHOLE:
            raise LakeError(f"the lake has no bars of {dataset} to {last}: materialize them first")
        self.starts, self._places = _layout(self._years, self.symbols)
        self.sessions = self._column("session", "datetime64[us]")

    def panel(self, columns: Sequence[str] = COLUMNS) -> Panel:
        """The bars; some of their columns where not all are wanted."""
        found = self._side_by_side(lambda name: self._column(name, "<f8"), columns)
        return Panel(self.symbols, self.starts, self.sessions, self.sessions, found)

    def times(self, first: date) -> pd.DataFrame:
        """Up to when the inputs of a row reach: the latest of all bars of its symbol up to it.

        Output: event_time and known_at of the bars from session `first` on, in the panel's order.
        """
        kept = np.flatnonzero(self.sessions >= np.datetime64(first))

        def latest(name: str) -> pd.DatetimeIndex:
            column = self._column(name, "<i8")
            for begin, end in pairwise(self.starts.tolist()):
                np.maximum.accumulate(column[begin:end], out=column[begin:end])
            return pd.DatetimeIndex(column[kept].astype("datetime64[us]"), tz="UTC").as_unit("us")

        return pd.DataFrame(self._side_by_side(latest, TIMES))

    def _side_by_side(
        self, read: Callable[[str], Result], names: Sequence[str]
    ) -> dict[str, Result]:
        """Columns are decoded in threads: a file's one column keeps only one core busy."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return dict(zip(names, pool.map(read, names), strict=True))

    def _column(self, name: str, kind: str) -> NDArray[Any]:
        """One column of all years: symbol after symbol, each symbol's years in order."""
        column = np.empty(len(self), kind)
        for year, places in zip(self._years, self._places, strict=True):
            table = self._lake.columns("bars", self._dataset, year.year, [name])
            values = table.column(0).to_numpy()[year.kept]
            begin = 0
            # Few long runs: copying them one by one beats one scatter of single rows tenfold.
            for place, count in zip(places, year.counts.tolist(), strict=True):
                column[place : place + count] = values[begin : begin + count]
                begin += count
        return column

    def __len__(self) -> int:
        return int(self.starts[-1])


def _year(lake: Lake, dataset: str, year: int, last: date, shard: tuple[int, int]) -> _Year:
    table = lake.columns("bars", dataset, year, ["symbol", "session"])
    column = table.column("symbol").combine_chunks()
    column = column if isinstance(column, pa.DictionaryArray) else column.chunk(0)
    codes, names = column.indices.to_numpy(), column.dictionary.to_pylist()
    kept = table.column("session").to_numpy() <= np.datetime64(last)
    number, shards = shard
    if shards > 1:
        chosen = [shard_of(name, shards) == number for name in names]
        kept &= np.array(chosen, dtype=bool)[codes]
    codes = codes[kept]
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    counts = np.diff(begins, append=len(codes)).astype(np.int64)
    symbols = tuple(names[code] for code in codes[begins])
    return _Year(year, slice(None) if kept.all() else kept, symbols, counts)


def _layout(years: Sequence[_Year], symbols: Sequence[str]) -> tuple[Index, list[list[int]]]:
    """Where each symbol's rows begin, and where those of each year begin, by its symbols."""
    number = {symbol: at for at, symbol in enumerate(symbols)}
    counts, owners, before = np.zeros(len(symbols), np.int64), [], []
    for year in years:
        owners.append(np.array([number[symbol] for symbol in year.symbols], np.int64))
        before.append(counts[owners[-1]])
        counts[owners[-1]] += year.counts
    starts = np.r_[0, np.cumsum(counts)].astype(np.int64)
    places = [starts[own] + rows for own, rows in zip(owners, before, strict=True)]
    return starts, [rows.tolist() for rows in places]
