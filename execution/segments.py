"""Files of the lake that hold archived journal rows, as Parquet.

    <lake>/journal/<account>/<first>-<last>.parquet

Belongs here: where a segment lies, writing one, and reading it back.
Keep out: which rows are archived and when (archive.py), and judging them (verify.py).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet

from execution import disk
from execution.errors import ArchiveError
from execution.hashing import JournalRow

ROWS_AT_ONCE = 4_096
BYTES_AT_ONCE = 1 << 20

_MOMENT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("input_id", pa.string()),
        ("kind", pa.string()),
        ("input", pa.binary()),
        ("effects", pa.binary()),
        ("engine_version", pa.string()),
        ("stamped_at", _MOMENT),
        ("received_at", _MOMENT),
        ("chain_hash", pa.binary()),
        ("decision_hash", pa.binary()),
    ]
)


class HashedRow(NamedTuple):
    """A journal row with the two hashes that are stored beside it."""

    row: JournalRow
    chain_hash: bytes
    decision_hash: bytes


class Segment(NamedTuple):
    """One file below the lake's root: its rows, its digest, and the hash its chain ends with."""

    first: int
    last: int
    file: str
    sha256: bytes
    chain_hash: bytes


def place(account: str, first: int, last: int) -> str:
    """Where rows `first` to `last` lie below the lake's root."""
    return f"journal/{account}/{first}-{last}.parquet"


class Segments:
    """The segments below the root of a lake, given as an absolute path or a URL."""

    def __init__(self, lake_url: str) -> None:
        try:
            self._files, root = pa.fs.FileSystem.from_uri(lake_url)
        except (pa.ArrowException, ValueError, OSError) as error:
            raise ArchiveError(f"the lake {lake_url} cannot be opened: {error}") from error
        self._root = root.rstrip("/")

    def write(self, file: str, rows: Iterable[HashedRow]) -> None:
        """Write a segment that outlasts a power cut; it is never seen half-written."""
        path = self._path(file)
        self._files.create_dir(path.rsplit("/", 1)[0], recursive=True)
        # An object store shows an object only when it is complete; a folder needs the rename.
        local = isinstance(self._files, pa.fs.LocalFileSystem)
        target = f"{path}.{uuid4().hex}.tmp" if local else path
        with (
            self._files.open_output_stream(target) as stream,
            pa.parquet.ParquetWriter(stream, SCHEMA, compression="zstd") as writer,
        ):
            remaining = iter(rows)
            while batch := list(islice(remaining, ROWS_AT_ONCE)):
                writer.write_table(_table(batch))
        if local:
            disk.sync(target)
            self._files.move(target, path)
            for folder in list(Path(path).parents)[:3]:  # each may be new: account, journal, lake
                disk.sync(folder)

    def digest(self, file: str) -> bytes:
        """The SHA-256 of a segment's bytes; raises ArchiveError where it cannot be read."""
        hasher = hashlib.sha256()
        try:
            with self._files.open_input_stream(self._path(file)) as stream:
                while part := stream.read(BYTES_AT_ONCE):
                    hasher.update(part)
        except OSError as error:
            raise ArchiveError(f"{file} cannot be read: {error}") from error
        return hasher.digest()

    def read(self, file: str) -> Iterator[HashedRow]:
        """A segment's rows in their order; raises ArchiveError where they cannot be read."""
        try:
            with self._files.open_input_file(self._path(file)) as stream:
                for batch in pa.parquet.ParquetFile(stream).iter_batches(ROWS_AT_ONCE):
                    columns = [batch.column(name).to_pylist() for name in SCHEMA.names]
                    for values in zip(*columns, strict=True):
                        yield HashedRow(JournalRow(*values[:8]), values[8], values[9])
        except (OSError, KeyError, TypeError, pa.ArrowException) as error:
            raise ArchiveError(f"{file} cannot be read: {error}") from error

    def read_checked(self, segment: Segment) -> Iterator[HashedRow]:
        """The rows of a segment whose bytes are still those that were archived."""
        if self.digest(segment.file) != segment.sha256:
            raise ArchiveError(f"{segment.file} was changed")
        return self.read(segment.file)

    def drop_others(self, account: str, kept: Sequence[Segment]) -> None:
        """Delete files that an interrupted archiving left: the journal still has their rows."""
        names = {each.file.rsplit("/", 1)[1] for each in kept}
        selector = pa.fs.FileSelector(f"{self._root}/journal/{account}", allow_not_found=True)
        for info in self._files.get_file_info(selector):
            if info.base_name not in names:
                self._files.delete_file(info.path)

    def _path(self, file: str) -> str:
        return f"{self._root}/{file}"


def _table(batch: Sequence[HashedRow]) -> Any:  # noqa: ANN401 - pyarrow has no types
    columns = zip(
        *((*each.row, each.chain_hash, each.decision_hash) for each in batch), strict=True
    )
    arrays = [
        pa.array([_utc(value) for value in column] if field.type == _MOMENT else column, field.type)
        for field, column in zip(SCHEMA, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _utc(moment: Any) -> Any:  # noqa: ANN401 - a datetime or None
    return None if moment is None else moment.astimezone(UTC)
