"""Moves the beginning of a journal to the lake: `python -m execution.archive`, as the owner.

    python -m execution.archive --account A --before YYYY-MM-DD [--json]

needs DATABASE_OWNER_URL and TRADING_LAKE_URL. The file is written, read back and verified; then
one transaction notes it, keeps the ids of its inputs and deletes the rows. Interrupted anywhere,
another call finishes.
Keep out: the files (segments.py), and the proof of the whole journal (verify.py).
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, LiteralString

import psycopg

from execution import hashing
from execution.domain.effects import SessionClosed, decode_effects
from execution.domain.state import decode_state
from execution.errors import ArchiveError, UnknownAccountError
from execution.hashing import GENESIS, JournalRow
from execution.segments import HashedRow, Segment, Segments, place

LOCK = 7_002
"""The advisory lock that lets one archiving run at a time."""

Connection = psycopg.Connection[tuple[Any, ...]]

ROWS: LiteralString = """SELECT seq, input_id, kind, input, effects, engine_version, stamped_at,
        received_at, chain_hash, decision_hash
    FROM journal WHERE account = %(account)s AND seq BETWEEN %(first)s AND %(last)s ORDER BY seq"""


def archive(owner_url: str, lake_url: str, account: str, before: date) -> Segment | None:
    """Archive an account's rows before the one that closed its last session up to `before`.

    Inputs that wait, and what came after the oldest of them, stay. None where no row is left to
    archive. Raises UnknownAccountError, ArchiveError, psycopg.Error and OSError.
    """
    files = Segments(lake_url)
    with psycopg.connect(owner_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        _require_account(connection, account)
        kept = recorded(connection, account)
        first = kept[-1].last + 1 if kept else 1
        last = _end(connection, account, first, before)
        if last < first:
            return None
        _require_begin(connection, account, first)
        files.drop_others(account, kept)
        file = place(account, first, last)
        files.write(file, journal(connection, account, first, last))
        previous = kept[-1].chain_hash if kept else GENESIS
        chain_hash = _require_chain(account, first, last, previous, files.read(file))
        segment = Segment(first, last, file, files.digest(file), chain_hash)
        _forget(connection, account, segment)
        return segment


def recorded(connection: Connection, account: str) -> list[Segment]:
    """The account's segments, in the order of their rows."""
    cursor = connection.execute(
        """SELECT first_seq, last_seq, file, sha256, chain_hash FROM archive_segments
           WHERE account = %s ORDER BY first_seq""",
        (account,),
    )
    return [Segment(*row) for row in cursor.fetchall()]


def journal(connection: Connection, account: str, first: int, last: int) -> Iterator[HashedRow]:
    """Rows that are still in the database, streamed."""
    with connection.cursor(name="journal") as cursor:
        cursor.itersize = 1_000
        cursor.execute(ROWS, {"account": account, "first": first, "last": last})
        for row in cursor:
            yield HashedRow(JournalRow(*row[:8]), row[8], row[9])


def _require_account(connection: Connection, account: str) -> None:
    cursor = connection.execute("SELECT FROM accounts WHERE account = %s", (account,))
    if cursor.fetchone() is None:
        raise UnknownAccountError(f"there is no account {account!r}")


def _require_begin(connection: Connection, account: str, first: int) -> None:
    """The table goes on where the archive ends; otherwise files may hold the only copy of rows."""
    row = connection.execute(
        "SELECT min(seq) FROM journal WHERE account = %s", (account,)
    ).fetchone()
    if row is None or row[0] != first:
        raise ArchiveError(
            f"the journal of account {account} does not go on at row {first}: "
            "nothing was archived; trading verify says what is wrong"
        )


def _end(connection: Connection, account: str, first: int, before: date) -> int:
    """The last row to archive; less than `first` where there is none."""
    closed = _row_that_closed(connection, account, first, before)
    row = connection.execute(
        "SELECT state FROM engine_state WHERE account = %s", (account,)
    ).fetchone()
    waiting = decode_state(row[0]).pending.values() if row else []
    return min([closed, *waiting]) - 1


def _row_that_closed(connection: Connection, account: str, first: int, before: date) -> int:
    """The journal row that closed the last session up to `before`; 0 where none is left."""
    found = 0
    cursor = connection.execute(
        """SELECT seq, effects FROM journal WHERE account = %s AND seq >= %s
           AND position('"session_closed"'::bytea IN effects) > 0 ORDER BY seq""",
        (account, first),
    )
    for seq, effects in cursor:
        closed = [e.session for e in decode_effects(effects) if isinstance(e, SessionClosed)]
        if min(closed, default=before) > before:
            break
        found = seq if closed else found
    return found


def _require_chain(
    account: str, first: int, last: int, previous: bytes, rows: Iterable[HashedRow]
) -> bytes:
    """The hash that the written rows end with; they must be all, and follow on what came before."""
    expected = first
    for each in rows:
        previous = hashing.chain(previous, account, each.row)
        if (each.row.seq, each.chain_hash) != (expected, previous):
            raise ArchiveError(
                f"journal row {expected} of account {account} is missing or was changed: "
                "nothing was archived; trading verify says what is wrong"
            )
        expected += 1
    if expected != last + 1:
        raise ArchiveError(
            f"what was archived of account {account} ends at row {expected - 1}: try again"
        )
    return previous


def _forget(connection: Connection, account: str, segment: Segment) -> None:
    """Note the file, keep its inputs known, and delete the rows, all at once."""
    args = {"account": account} | segment._asdict()
    connection.execute(
        """INSERT INTO archive_segments (account, first_seq, last_seq, file, sha256, chain_hash)
           VALUES (%(account)s, %(first)s, %(last)s, %(file)s, %(sha256)s, %(chain_hash)s)""",
        args,
    )
    connection.execute(
        """INSERT INTO archived_inputs (account, input_id, seq) SELECT account, input_id, seq
           FROM journal WHERE account = %(account)s AND seq BETWEEN %(first)s AND %(last)s""",
        args,
    )
    deleted = connection.execute(
        "DELETE FROM journal WHERE account = %(account)s AND seq BETWEEN %(first)s AND %(last)s",
        args,
    )
    if deleted.rowcount != segment.last - segment.first + 1:
        raise ArchiveError(f"the journal of account {account} changed meanwhile: nothing was done")


def main(words: Sequence[str] | None = None) -> None:
    """Archive and say what was done; exit 1 where it could not be, 2 for an unknown account."""
    parser = argparse.ArgumentParser(prog="python -m execution.archive")
    parser.add_argument("--account", required=True)
    parser.add_argument("--before", required=True, type=date.fromisoformat)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    owner, lake = os.environ.get("DATABASE_OWNER_URL"), os.environ.get("TRADING_LAKE_URL")
    if not owner or not lake:
        sys.exit("DATABASE_OWNER_URL and TRADING_LAKE_URL must name the database and the lake")
    try:
        done = archive(owner, lake, asked.account, asked.before)
    except UnknownAccountError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (ArchiveError, psycopg.Error, OSError) as error:
        sys.exit(str(error))
    _tell(asked.account, done, as_json=asked.json)


def _tell(account: str, done: Segment | None, *, as_json: bool) -> None:
    file = done.file if done else None
    if as_json:
        rows = done.last - done.first + 1 if done else 0
        sys.stdout.write(json.dumps({"account": account, "rows": rows, "file": file}) + "\n")
    elif done:
        sys.stdout.write(f"{account}: journal rows {done.first} to {done.last} are in {file}\n")
    else:
        sys.stdout.write(f"{account}: no journal row is old enough to archive\n")


if __name__ == "__main__":
    main()
