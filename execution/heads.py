"""Chain heads kept outside PostgreSQL, so that a rewritten tail of the journal is found.

Whoever owns the database can rewrite the last rows with hashes that fit; they cannot make this
file agree without writing to it too. One JSON line per closed session, one file per account.
Keep out: comparing them with a journal (verify.py), and when to append (writer.py).
"""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

from execution import disk
from execution.errors import HeadsUnreadableError


class KeptHead(msgspec.Struct, frozen=True):
    """The journal's end when `session` was the last closed one; `chain_hash` in hex."""

    seq: int
    chain_hash: str
    session: date | None


class HeadsFile:
    """The heads of one account, `<folder>/<account>.jsonl`; one process appends to it."""

    def __init__(self, folder: Path, account: str) -> None:
        self.path = folder / f"{account}.jsonl"

    def append(self, heads: Sequence[KeptHead]) -> None:
        """Add lines and wait until the disk has them; raises OSError."""
        lines = b"".join(msgspec.json.encode(head) + b"\n" for head in heads)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write(descriptor, lines)
        finally:
            os.close(descriptor)
        if new:
            disk.sync(self.path.parent)

    def ensure(self, head: KeptHead) -> None:
        """Add the journal's present end unless the last line says it; raises OSError.

        After a crash between a commit and its line, this line covers what the lost one would have.
        """
        self._drop_torn_line()
        kept = self.read()
        if not kept or (kept[-1].seq, kept[-1].chain_hash) != (head.seq, head.chain_hash):
            self.append([head])

    def read(self) -> list[KeptHead] | None:
        """Every head in the order of writing; None where no file was ever kept.

        A last line without its end is still being written, or was cut off by a crash: it is left
        out. Raises HeadsUnreadableError for any other line that is none.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        return [self._line(n, line) for n, line in enumerate(text.split(b"\n")[:-1], 1)]

    def _line(self, number: int, line: bytes) -> KeptHead:
        try:
            return msgspec.json.decode(line, type=KeptHead)
        except msgspec.MsgspecError as error:
            raise HeadsUnreadableError(f"{self.path} line {number} is no head: {error}") from error

    def _drop_torn_line(self) -> None:
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            os.truncate(self.path, whole)


def _write(descriptor: int, lines: bytes) -> None:
    """All lines in one write where the disk takes them, and synced."""
    while lines:
        lines = lines[os.write(descriptor, lines) :]
    os.fsync(descriptor)
