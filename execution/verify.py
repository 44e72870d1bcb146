"""Proves the books from the journal: `python -m execution.verify [--json]`, needs DATABASE_URL.

Reads every journal row of every account, checks both hash chains, folds the recorded effects, and
compares what follows with the state and the tables, byte for byte; and the ledger with itself.
Keep out: repairs. A finding names the account, the row and what differs.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from execution import hashing, projection
from execution.domain import engine
from execution.domain.effects import decode_effects
from execution.domain.inputs import decode_input
from execution.domain.state import Inbox, State, encode_state
from execution.hashing import JournalRow
from execution.store import Head

FINDINGS_SHOWN = 20

Connection = psycopg.Connection[tuple[Any, ...]]
Tables = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


@dataclass
class AccountReport:
    """What was read of one account, and everything that is wrong with it."""

    account: str
    rows: int = 0
    chain_hash: str = ""
    decision_hash: str = ""
    findings: list[str] = field(default_factory=list)


@dataclass
class Report:
    """All accounts; `sound` where nothing was found."""

    accounts: list[AccountReport]

    @property
    def sound(self) -> bool:
        """Whether every account is free of findings."""
        return not any(account.findings for account in self.accounts)


def verify(url: str) -> Report:
    """Check every account of a database, in one snapshot of it."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        names = connection.execute("SELECT account FROM accounts ORDER BY account").fetchall()
        return Report([_account(connection, name) for (name,) in names])


def _account(connection: Connection, account: str) -> AccountReport:
    report = AccountReport(account)
    state, inbox = State(), Inbox()
    tables: Tables = {name: {} for name in projection.KEYS}
    head = Head()
    for row, chain_hash, decision_hash in _journal(connection, account):
        try:
            head = _follow(report, head, row, state, inbox, tables)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            report.findings.append(f"journal row {row.seq} cannot be folded: {error!r}")
            break
        if (head.chain_hash, head.decision_hash) != (chain_hash, decision_hash):
            report.findings.append(f"journal row {row.seq} does not carry the hash of its contents")
            break
    report.rows = head.seq
    report.chain_hash, report.decision_hash = head.chain_hash.hex(), head.decision_hash.hex()
    if not report.findings:
        _compare_state(connection, report, head, state)
        for table in projection.KEYS:
            _compare_table(connection, report, table, tables[table])
    _check_ledger(connection, report)
    del report.findings[FINDINGS_SHOWN:]
    return report


def _journal(connection: Connection, account: str) -> Iterator[tuple[JournalRow, bytes, bytes]]:
    with connection.cursor(name="journal") as cursor:
        cursor.itersize = 1_000
        cursor.execute(
            """SELECT seq, input_id, kind, input, effects, engine_version, stamped_at, received_at,
                      chain_hash, decision_hash
               FROM journal WHERE account = %s ORDER BY seq""",
            (account,),
        )
        for row in cursor:
            yield JournalRow(*row[:8]), row[8], row[9]


def _follow(
    report: AccountReport,
    head: Head,
    row: JournalRow,
    state: State,
    inbox: Inbox,
    tables: Tables,
) -> Head:
    if row.seq != head.seq + 1:
        report.findings.append(f"journal row {head.seq + 1} is missing before row {row.seq}")
    effects = decode_effects(row.effects)
    engine.fold(state, inbox, row.seq, decode_input(row.input), effects)
    for effect in effects:
        for change in projection.rows(effect, row.seq):
            _project(tables[change.table], change)
    return Head(
        row.seq,
        hashing.chain(head.chain_hash, report.account, row),
        hashing.decisions(head.decision_hash, effects),
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


def main() -> None:
    """Print the report; exit 1 where something was found."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.exit("DATABASE_URL is not set: name the database to verify")
    report = verify(url)
    if "--json" in sys.argv[1:]:
        body = {"sound": report.sound, "accounts": [asdict(a) for a in report.accounts]}
        print(json.dumps(body))  # noqa: T201 - what the command is for
    else:
        for account in report.accounts:
            verdict = "; ".join(account.findings) or "sound"
            print(f"{account.account}: {account.rows} journal rows, {verdict}")  # noqa: T201
    sys.exit(0 if report.sound else 1)


if __name__ == "__main__":
    main()
