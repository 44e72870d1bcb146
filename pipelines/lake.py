"""Frames of the pipelines as Parquet tables at a URL: a local folder, or `s3://bucket/prefix`.

Belongs here: where a table lies, replacing rows of a range of sessions, and content versions.
Keep out: what the columns mean, and state or books (those are PostgreSQL's).

    <root>/<table>/<dataset>/<year>.parquet

A file is replaced as a whole and never seen half-written. Two writers of one table must not run
at once: the assets that write share the Dagster pool `lake`.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
from numpy.typing import NDArray

from pipelines.errors import LakeError

Column = NDArray[Any]

BEGINNING = date(1800, 1, 1)
"""Before the first row of every table."""


class Lake:
    """Tables under one root."""

    def __init__(self, filesystem: Any, root: str) -> None:  # noqa: ANN401 - pyarrow has no types
        self._files = filesystem
        self._root = root.rstrip("/")

    def write(self, table: str, dataset: str, frame: pd.DataFrame, start: date, end: date) -> None:
        """Make `frame` the table's rows from session `start` to `end`, both included."""
        first, last = pd.Timestamp(start), pd.Timestamp(end)
        inside = frame["session"].between(first, last)
        if not inside.all():
            stray = pd.Timestamp(frame["session"][~inside].iloc[0]).date()
            raise LakeError(f"{table}: a row of {stray} is outside {start} to {end}")
        years = set(frame["session"].dt.year.tolist())
        held = {year for year in self._years(table, dataset) if start.year <= year <= end.year}
        for year in sorted(years | held):
            kept = self._outside(table, dataset, year, first, last) if year in held else None
            rows = frame[frame["session"].dt.year == year]
            self._replace(table, dataset, year, rows if kept is None else pd.concat([kept, rows]))

    def begin(self, table: str, dataset: str, empty: pd.DataFrame, day: date) -> None:
        """Make a table that has no file without rows: nothing found is not never looked for."""
        if not self._years(table, dataset):
            self._replace(table, dataset, day.year, empty)

    def read(
        self,
        table: str,
        dataset: str,
        start: date,
        end: date,
        empty: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """The rows from session `start` to `end`, sorted by symbol (if it has any) and session.

        Where the table has no file for that range: `empty`, or LakeError if that is not given.
        """
        years = [year for year in self._years(table, dataset) if start.year <= year <= end.year]
        if not years and empty is not None:
            return empty
        if not years:
            raise LakeError(
                f"the lake has no {table} of {dataset} from {start} to {end}: materialize it first"
            )
        frame = pd.concat([self._load(table, dataset, year) for year in years])
        frame = frame[frame["session"].between(pd.Timestamp(start), pd.Timestamp(end))]
        return _ordered(frame)

    def years(self, table: str, dataset: str, end: date) -> list[int]:
        """The years up to that of `end` that the table has a file of."""
        return [year for year in self._years(table, dataset) if year <= end.year]

    def columns(self, table: str, dataset: str, year: int, names: list[str]) -> pa.Table:
        """Some columns of a year's file, its rows sorted by symbol; `symbol` is a dictionary."""
        path = f"{self._folder(table, dataset)}/{year}.parquet"
        with self._files.open_input_file(path) as stream:
            found = pa.parquet.read_table(stream, columns=names, read_dictionary=["symbol"])
        return found.unify_dictionaries()

    def drop(self, table: str, dataset: str) -> None:
        """Remove a table that was only ever between two steps; none is as good."""
        for year in self._years(table, dataset):
            self._files.delete_file(f"{self._folder(table, dataset)}/{year}.parquet")

    def sessions(self, table: str, dataset: str, end: date) -> list[date]:
        """Every session up to `end` that the table has a row of, sorted."""
        years = [year for year in self._years(table, dataset) if year <= end.year]
        parts = [self._load(table, dataset, year, ["session"])["session"] for year in years]
        found = {moment.date() for part in parts for moment in part.drop_duplicates()}
        return sorted(day for day in found if day <= end)

    def _outside(
        self, table: str, dataset: str, year: int, first: pd.Timestamp, last: pd.Timestamp
    ) -> pd.DataFrame | None:
        held = self._load(table, dataset, year)
        kept = held[~held["session"].between(first, last)]
        return None if kept.empty else kept

    def _replace(self, table: str, dataset: str, year: int, frame: pd.DataFrame) -> None:
        folder = self._folder(table, dataset)
        self._files.create_dir(folder, recursive=True)
        path = f"{folder}/{year}.parquet"
        rows = pa.Table.from_pandas(_ordered(frame), preserve_index=False)
        # An object store shows an object only when it is complete; a folder needs the rename.
        local = isinstance(self._files, pa.fs.LocalFileSystem)
        target = f"{path}.{uuid4().hex}.tmp" if local else path
        with self._files.open_output_stream(target) as stream:
            pa.parquet.write_table(rows, stream, compression="zstd")
        if local:
            self._files.move(target, path)

    def _load(
        self, table: str, dataset: str, year: int, columns: list[str] | None = None
    ) -> pd.DataFrame:
        path = f"{self._folder(table, dataset)}/{year}.parquet"
        with self._files.open_input_file(path) as stream:
            frame: pd.DataFrame = pa.parquet.read_table(stream, columns=columns).to_pandas()
        return frame

    def _years(self, table: str, dataset: str) -> list[int]:
        selector = pa.fs.FileSelector(self._folder(table, dataset), allow_not_found=True)
        names = [info.base_name for info in self._files.get_file_info(selector)]
        return sorted(int(name[:4]) for name in names if name.endswith(".parquet"))

    def _folder(self, table: str, dataset: str) -> str:
        return f"{self._root}/{table}/{dataset}"


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("symbol", "session") if name in frame]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def open_lake(url: str) -> Lake:
    """The lake at an absolute path or a URL such as s3://bucket/prefix."""
    filesystem, root = pa.fs.FileSystem.from_uri(url)
    return Lake(filesystem, root)


def versions(frame: pd.DataFrame, columns: Sequence[str]) -> dict[date, str]:
    """A content hash per session over the given columns: the same rows, the same hash.

    Rows are sorted by symbol; numbers count bit by bit, so nothing is lost to formatting. Leave
    out columns that hold when something was fetched.
    """
    ordered = frame.sort_values(["session", "symbol"], kind="stable")
    sessions = ordered["session"].to_numpy()
    if ordered.empty:
        return {}
    starts = np.flatnonzero(np.r_[True, sessions[1:] != sessions[:-1]])
    ends = np.r_[starts[1:], len(sessions)]
    arrays = [_exact(ordered[column]) for column in columns]
    return {
        pd.Timestamp(sessions[start]).date(): _hash(columns, [a[start:end] for a in arrays])
        for start, end in zip(starts, ends, strict=True)
    }


def _hash(names: Sequence[str], arrays: Sequence[Column]) -> str:
    hasher = hashlib.sha256()
    for name, array in zip(names, arrays, strict=True):
        texts = array.dtype == object
        raw = "\x00".join(array.tolist()).encode() if texts else array.tobytes()
        hasher.update(f"{name}:{len(raw)}:".encode() + raw)
    return hasher.hexdigest()[:32]


def _exact(column: pd.Series) -> Column:
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype="<f8")
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype="<f8") + 0.0  # -0.0 is 0.0
        return np.where(np.isnan(values), np.nan, values)  # one NaN among many
    return column.astype("str").to_numpy(dtype=object)
