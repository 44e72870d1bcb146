"""The journal's two hash chains: pure functions over a row's bytes.

The chain hash covers every byte of every row, so that no row can change, vanish or be added unseen.
The decision hash covers the effects alone: two runs over the same data share it, whatever the run
ids, the times of receipt and the order of arrival were.
Keep out: storage, and what to do about a broken chain (verify.py).
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from execution.domain.effects import Effect, encode_effect

GENESIS = bytes(32)
"""What the first row of an account follows."""


class JournalRow(NamedTuple):
    """One input with what it caused, as stored; times are aware."""

    seq: int
    input_id: str
    kind: str
    input: bytes
    effects: bytes
    engine_version: str
    stamped_at: datetime | None
    received_at: datetime


def chain(previous: bytes, account: str, row: JournalRow) -> bytes:
    """The chain hash of a row, over the one before it and all of its own bytes."""
    parts = (
        account.encode(),
        str(row.seq).encode(),
        row.input_id.encode(),
        row.kind.encode(),
        row.input,
        row.effects,
        row.engine_version.encode(),
        _time(row.stamped_at),
        _time(row.received_at),
    )
    framed = [piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)]
    return hashlib.sha256(b"".join((previous, *framed))).digest()


def decisions(previous: bytes, effects: tuple[Effect, ...]) -> bytes:
    """The decision hash after these effects, one by one: how rows were cut does not matter."""
    return decisions_of(previous, map(encode_effect, effects))


def decisions_of(previous: bytes, encoded: Iterable[bytes]) -> bytes:
    """The same, over effects that are bytes already."""
    for effect in encoded:
        previous = hashlib.sha256(previous + effect).digest()
    return previous


@lru_cache(256)
def _time(moment: datetime | None) -> bytes:
    return moment.astimezone(UTC).isoformat().encode() if moment else b""
