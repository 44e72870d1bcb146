"""Proves the books from the journal: `python -m execution.verify [--json]`, needs DATABASE_URL.

Reads every journal row of every account, archived ones first, checks both hash chains, folds the
recorded effects, and compares what follows with the state and the tables, byte for byte; the ledger
with itself; and the chain with the heads that were kept outside the database. TRADING_HEADS_DIR and
TRADING_LAKE_URL say where those and the archive are; without the first, a rewritten tail cannot be
found, and the report says so.
Keep out: repairs. A finding names the account, the row and what differs.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from execution import archive, hashing, projection
from execution.domain import engine
from execution.domain.effects import decode_effects
from execution.domain.inputs import decode_input
from execution.domain.state import Inbox, State, encode_state
from execution.errors import ArchiveError, HeadsUnreadableError
from execution.hashing import JournalRow
from execution.heads import HeadsFile, KeptHead
from execution.segments import HashedRow, Segment, Segments
from execution.store import Head

FINDINGS_SHOWN = 20
MOST_ROWS = 2**63 - 1
"""More than a journal can have."""

Connection = psycopg.Connection[tuple[Any, ...]]
Tables = dict[str, dict[tuple[Any, ...], dict[str, Any]]]
Kept = list[KeptHead] | HeadsUnreadableError
"""An account's kept heads, or why they cannot be read."""


@dataclass
class AccountReport:
    """What was read of one account, and everything that is wrong with it."""

    account: str
    rows: int = 0
    chain_hash: str = ""
    decision_hash: str = ""
    archived: int = 0
    """How many of the rows are in the lake."""
    heads: int = 0
    """How many kept heads the chain was compared with."""
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be checked."""


@dataclass(frozen=True)
class Evidence:
    """What lies outside the database: folder of kept heads, and lake; None where unknown."""

    heads_dir: Path | None = None
    lake_url: str | None = None


@dataclass
class Fold:
    """What follows from the journal's rows so far."""

    head: Head = field(default_factory=Head)
    state: State = field(default_factory=State)
    inbox: Inbox = field(default_factory=Inbox)
    tables: Tables = field(default_factory=lambda: {name: {} for name in projection.KEYS})


@dataclass
class Report:
    """All accounts; `sound` where nothing was found."""

    accounts: list[AccountReport]

    @property
    def sound(self) -> bool:
        """Whether every account is free of findings."""
        return not any(account.findings for account in self.accounts)


def verify(url: str, evidence: Evidence = Evidence()) -> Report:
    """Check every account of a database, in one snapshot of it.

    Kept heads are read before the snapshot is taken: each was written after its row was committed.
    """
    kept = _kept_heads(evidence.heads_dir)
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        names = connection.execute("SELECT account FROM accounts ORDER BY account").fetchall()
        return Report(
            [_account(connection, name, evidence, kept.get(name)) for (name,) in names],
        )


def _kept_heads(folder: Path | None) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    for path in sorted(folder.glob("*.jsonl")) if folder else []:
        try:
            found[path.stem] = HeadsFile(path.parent, path.stem).read() or []
        except HeadsUnreadableError as error:
            found[path.stem] = error
    return found


def _account(
    connection: Connection, account: str, evidence: Evidence, kept: Kept | None
) -> AccountReport:
    report, fold = AccountReport(account), Fold()
    expected = {} if isinstance(kept, HeadsUnreadableError) else _by_row(kept or [])
    _walk(connection, report, fold, evidence.lake_url, expected)
    report.rows = fold.head.seq
    report.chain_hash = fold.head.chain_hash.hex()
    report.decision_hash = fold.head.decision_hash.hex()
    if not report.findings:
        _require_no_more(report, fold.head, expected)
        _compare_state(connection, report, fold.head, fold.state)
        for table in projection.KEYS:
            _compare_table(connection, report, table, fold.tables[table])
    _judge_heads_file(report, evidence.heads_dir, kept, fold.state)
    _check_ledger(connection, report)
    del report.findings[FINDINGS_SHOWN:]
    return report


def _walk(
    connection: Connection,
    report: AccountReport,
    fold: Fold,
    lake_url: str | None,
    expected: dict[int, list[KeptHead]],
) -> None:
    """Follow the chain as far as it holds; heads that were compared leave `expected`."""
    for row, chain_hash, decision_hash in _journal(connection, report, lake_url):
        try:
            _follow(report, fold, row)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            report.findings.append(f"journal row {row.seq} cannot be folded: {error!r}")
            return
        if (fold.head.chain_hash, fold.head.decision_hash) != (chain_hash, decision_hash):
            report.findings.append(f"journal row {row.seq} does not carry the hash of its contents")
            return
        _compare_head(report, fold.head, expected)


def _by_row(kept: list[KeptHead]) -> dict[int, list[KeptHead]]:
    by_row: dict[int, list[KeptHead]] = {}
    for each in kept:
        by_row.setdefault(each.seq, []).append(each)
    return by_row


def _compare_head(report: AccountReport, head: Head, expected: dict[int, list[KeptHead]]) -> None:
    """Every head kept of this row; after the first that differs all others would."""
    for each in expected.pop(head.seq, []):
        report.heads += 1
        if each.chain_hash != head.chain_hash.hex():
            report.findings.append(
                f"journal row {head.seq} does not have the hash that was kept of it "
                f"({_when(each)}): it or rows before it were rewritten"
            )
            expected.clear()
            return


def _require_no_more(report: AccountReport, head: Head, unseen: dict[int, list[KeptHead]]) -> None:
    """A head of a row that the journal does not have: its tail is gone."""
    if unseen:
        last = unseen[max(unseen)][-1]
        report.findings.append(
            f"the journal ends at row {head.seq}, but the hash of row {last.seq} was kept "
            f"({_when(last)}): the rows after {head.seq} are missing"
        )


def _when(kept: KeptHead) -> str:
    return f"session {kept.session} closed" if kept.session else "no session was closed yet"


def _judge_heads_file(
    report: AccountReport, folder: Path | None, kept: Kept | None, state: State
) -> None:
    """Heads that were never kept are no fault; heads that somebody took away are one."""
    sentence = "no heads kept: a rewritten tail cannot be found"
    if isinstance(kept, HeadsUnreadableError):
        report.findings.append(str(kept))
    elif not kept and folder is not None and state.closed_session is not None:
        path = folder / f"{report.account}.jsonl"
        report.findings.append(f"{sentence} ({path} is missing or empty, and sessions were closed)")
    elif not kept:
        report.notes.append(sentence)


def _journal(
    connection: Connection, report: AccountReport, lake_url: str | None
) -> Iterator[HashedRow]:
    """Every row of the account: the archive's, then the table's, as one chain."""
    archived = archive.recorded(connection, report.account)
    try:
        for segment in archived:
            yield from _segment(segment, lake_url)
            report.archived += segment.last - segment.first + 1
    except ArchiveError as error:
        report.findings.append(f"archived journal rows: {error}")
        return
    first = archived[-1].last + 1 if archived else 1
    yield from archive.journal(connection, report.account, first, MOST_ROWS)


def _segment(segment: Segment, lake_url: str | None) -> Iterator[HashedRow]:
    if lake_url is None:
        raise ArchiveError("TRADING_LAKE_URL is not set: name the lake that holds them")
    return Segments(lake_url).read_checked(segment)


def _follow(report: AccountReport, fold: Fold, row: JournalRow) -> None:
    if row.seq != fold.head.seq + 1:
        report.findings.append(f"journal row {fold.head.seq + 1} is missing before row {row.seq}")
    effects = decode_effects(row.effects)
    engine.fold(fold.state, fold.inbox, row.seq, decode_input(row.input), effects)
    for effect in effects:
        for change in projection.rows(effect, row.seq):
            _project(fold.tables[change.table], change)
    fold.head = Head(
        row.seq,
        hashing.chain(fold.head.chain_hash, report.account, row),
        hashing.decisions(fold.head.decision_hash, effects),
    )


def _project(table: dict[tuple[Any, ...], dict[str, Any]], change: projection.Row) -> None:
    key = tuple(change.key.values())
    if change.values is None:
        table.pop(key, None)
    else:
        table[key] = table.get(key, {}) | change.values


def _compare_state(connection: Connection, report: AccountReport, head: Head, state: State) -> None:
    found = connection.execute(
        "SELECT seq, chain_hash, decision_hash, state FROM engine_state WHERE account = %s",
        (report.account,),
    ).fetchone()
    if found is None:
        if head.seq:
            report.findings.append("the journal has rows but the account has no state")
        return
    if found[0] != head.seq:
        report.findings.append(f"the journal ends at row {head.seq}, the state at row {found[0]}")
    elif (found[1], found[2]) != (head.chain_hash, head.decision_hash):
        report.findings.append("the state does not carry the journal's hashes")
    elif found[3] != encode_state(state):
        report.findings.append("the state differs from the journal's fold")


def _compare_table(
    connection: Connection,
    report: AccountReport,
    table: str,
    wanted: dict[tuple[Any, ...], dict[str, Any]],
) -> None:
    keys = projection.KEYS[table]
    columns = tuple(next(iter(wanted.values()))) if wanted else ()
    statement = sql.SQL("SELECT {} FROM {} WHERE account = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, (*keys, *columns))), sql.Identifier(table)
    )
    unseen = dict(wanted)
    with connection.cursor(name=f"compare_{table}") as cursor:
        cursor.execute(statement, (report.account,))
        for row in cursor:
            key = tuple(row[: len(keys)])
            values = unseen.pop(key, None)
            found = dict(zip(columns, row[len(keys) :], strict=True))
            if values is None:
                report.findings.append(f"{table} has a row that the journal does not: {key}")
            elif any(not _same(values[column], found[column]) for column in columns):
                report.findings.append(f"{table} differs from the journal at {key}")
    for key in unseen:
        report.findings.append(f"{table} lacks the journal's row {key}")


def _same(wanted: object, found: object) -> bool:
    """Equal values; jsonb comes back parsed, so its text is parsed as well."""
    if isinstance(found, dict | list):
        return bool(json.loads(str(wanted)) == found)
    return wanted == found


def _check_ledger(connection: Connection, report: AccountReport) -> None:
    unbalanced = connection.execute(
        """SELECT txn_id, currency, sum(amount) FROM ledger WHERE account = %s
           GROUP BY txn_id, currency HAVING sum(amount) <> 0""",
        (report.account,),
    ).fetchall()
    for txn_id, currency, total in unbalanced:
        report.findings.append(f"transaction {txn_id} is off by {total} {currency}")


def evidence_of(environment: Mapping[str, str]) -> Evidence:
    """Where the environment says that heads and lake are."""
    heads_dir = environment.get("TRADING_HEADS_DIR")
    return Evidence(
        Path(heads_dir) if heads_dir else None, environment.get("TRADING_LAKE_URL") or None
    )


def main() -> None:
    """Print the report; exit 1 where something was found."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.exit("DATABASE_URL is not set: name the database to verify")
    report = verify(url, evidence_of(os.environ))
    if "--json" in sys.argv[1:]:
        body = {"sound": report.sound, "accounts": [asdict(a) for a in report.accounts]}
        print(json.dumps(body))  # noqa: T201 - what the command is for
    else:
        for account in report.accounts:
            verdict = "; ".join([*(account.findings or ["sound"]), *account.notes])
            print(f"{account.account}: {account.rows} journal rows, {verdict}")  # noqa: T201
    sys.exit(0 if report.sound else 1)


if __name__ == "__main__":
    main()
