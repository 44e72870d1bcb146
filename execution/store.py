"""PostgreSQL for the engine: one transaction per batch of inputs, and loading after a start.

Belongs here: the journal, the state and the projected rows, written together and fenced by the
journal's sequence. Keep out: decisions, and reading for people (queries.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection, AsyncCursor, sql

from execution import hashing, projection
from execution.domain.config import AccountConfig
from execution.domain.effects import Effect, encode_effects
from execution.domain.inputs import Input, PlaceOrder, decode_input
from execution.domain.state import Inbox, State, decode_state, encode_state
from execution.errors import ConcurrentWriterError
from execution.hashing import GENESIS, JournalRow
from router.messages import Bars, Signal, SignalSet, encode
from router.outgoing import Outgoing

Connection = AsyncConnection[tuple[Any, ...]]

JOURNAL_COLUMNS = (
    "account", "seq", "input_id", "kind", "input", "effects", "engine_version",
    "stamped_at", "received_at", "chain_hash", "decision_hash",
)  # fmt: skip


class Head(NamedTuple):
    """Where an account's journal ends."""

    seq: int = 0
    chain_hash: bytes = GENESIS
    decision_hash: bytes = GENESIS


@dataclass
class Loaded:
    """An account as it was committed last."""

    head: Head
    state: State
    inbox: Inbox


class Decided(NamedTuple):
    """One input and what the engine made of it."""

    item: Input
    effects: tuple[Effect, ...]
    stamped_at: datetime | None


class Intake(NamedTuple):
    """What a batch needs to know before it is decided on."""

    known: frozenset[str]
    """Ids among those asked that the journal already has."""
    received_at: datetime
    kill_switch: tuple[bool, str, datetime] | None
    """Engaged, reason, since when; None where nobody ever turned it."""


async def register(connection: Connection, config: AccountConfig) -> None:
    """Make sure that the account has its row."""
    await connection.execute(
        "INSERT INTO accounts (account, mode, config) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (config.account, config.mode, encode(config)),
    )
    await connection.commit()


async def load(connection: Connection, account: str) -> Loaded:
    """The state of the last commit, with the inputs that wait."""
    cursor = await connection.execute(
        "SELECT seq, chain_hash, decision_hash, state FROM engine_state WHERE account = %s",
        (account,),
    )
    found = await cursor.fetchone()
    if found is None:
        return Loaded(Head(), State(), Inbox())
    state, inbox = decode_state(found[3]), Inbox()
    cursor = await connection.execute(
        "SELECT input FROM journal WHERE account = %s AND seq = ANY(%s)",
        (account, list(state.pending.values())),
    )
    for (payload,) in await cursor.fetchall():
        item = decode_input(payload)
        if isinstance(item, Bars | Signal | SignalSet):
            inbox.add(item)
    await connection.commit()
    return Loaded(Head(found[0], found[1], found[2]), state, inbox)


async def intake(connection: Connection, account: str, input_ids: Sequence[str]) -> Intake:
    """What the database knows about these inputs, its time, and the kill switch."""
    cursor = await connection.execute(
        """SELECT clock_timestamp(),
                  ARRAY(SELECT input_id FROM journal WHERE account = %(a)s
                        AND input_id = ANY(%(ids)s)),
                  (SELECT bool_or(engaged) FROM kill_switches WHERE scope IN ('*', %(a)s)),
                  (SELECT string_agg(reason, '; ' ORDER BY scope) FROM kill_switches
                   WHERE scope IN ('*', %(a)s) AND engaged),
                  (SELECT max(changed_at) FROM kill_switches WHERE scope IN ('*', %(a)s))""",
        {"a": account, "ids": list(input_ids)},
    )
    row = await cursor.fetchone()
    await connection.commit()
    if row is None:
        raise ConcurrentWriterError("the database answered nothing")
    now, known, engaged, reason, changed_at = row
    switch = None if changed_at is None else (engaged, reason or "", changed_at)
    return Intake(frozenset(known), now, switch)


async def pending_commands(connection: Connection, account: str) -> list[PlaceOrder]:
    """Commands that were not decided on yet, oldest first."""
    cursor = await connection.execute(
        """SELECT input FROM commands WHERE account = %s AND seq IS NULL
           ORDER BY created_at, client_order_id LIMIT 256""",
        (account,),
    )
    found = [decode_input(payload) for (payload,) in await cursor.fetchall()]
    await connection.commit()
    return [item for item in found if isinstance(item, PlaceOrder)]


def journal_rows(
    head: Head, account: str, version: str, batch: Sequence[Decided], received_at: datetime
) -> tuple[list[tuple[JournalRow, Head]], Head]:
    """The batch as journal rows with the head after each, and the head after all."""
    rows: list[tuple[JournalRow, Head]] = []
    for decided in batch:
        row = JournalRow(
            seq=head.seq + 1,
            input_id=decided.item.input_id,
            kind=str(decided.item.__struct_config__.tag),
            input=encode(decided.item),
            effects=encode_effects(decided.effects),
            engine_version=version,
            stamped_at=decided.stamped_at,
            received_at=received_at,
        )
        head = Head(
            row.seq,
            hashing.chain(head.chain_hash, account, row),
            hashing.decisions(head.decision_hash, decided.effects),
        )
        rows.append((row, head))
    return rows, head


async def commit(
    connection: Connection,
    account: str,
    before: Head,
    rows: Sequence[tuple[JournalRow, Head]],
    batch: Sequence[Decided],
    state: State,
    outbox: Iterable[Outgoing],
) -> None:
    """Write the batch with its effects; raises ConcurrentWriterError where another wrote first."""
    after = rows[-1][1]
    async with connection.transaction(), connection.cursor() as cursor:
        await _move_head(cursor, account, before, after, state)
        await _copy(cursor, "journal", JOURNAL_COLUMNS, (_journal(account, *r) for r in rows))
        await _project(cursor, account, rows, batch)
        messages = ((m.message_id, m.subject, m.payload) for m in outbox)
        await _copy(cursor, "outbox", ("message_id", "subject", "payload"), messages)
        await cursor.executemany(
            "UPDATE commands SET seq = %s WHERE account = %s AND client_order_id = %s",
            [
                (row.seq, account, decided.item.client_order_id)
                for (row, _), decided in zip(rows, batch, strict=True)
                if isinstance(decided.item, PlaceOrder)
            ],
        )


async def dead_letter(
    connection: Connection, account: str, subject: str, reason: str, detail: str, payload: bytes
) -> None:
    """Keep a message that nobody could read, with its reason."""
    await connection.execute(
        """INSERT INTO dead_letters (account, subject, reason, detail, payload)
           VALUES (%s, %s, %s, %s, %s)""",
        (account, subject, reason, detail.replace("\x00", " ")[:500], payload),
    )
    await connection.commit()


def _journal(account: str, row: JournalRow, head: Head) -> tuple[Any, ...]:
    return (account, *row, head.chain_hash, head.decision_hash)


async def _move_head(
    cursor: AsyncCursor[Any], account: str, before: Head, after: Head, state: State
) -> None:
    """The fence: the head moves only from where this process knows it to be."""
    await cursor.execute(
        """INSERT INTO engine_state (account, seq, chain_hash, decision_hash, state)
           VALUES (%(account)s, %(seq)s, %(chain)s, %(decision)s, %(state)s)
           ON CONFLICT (account) DO UPDATE SET seq = EXCLUDED.seq,
               chain_hash = EXCLUDED.chain_hash, decision_hash = EXCLUDED.decision_hash,
               state = EXCLUDED.state
           WHERE engine_state.seq = %(before)s AND engine_state.chain_hash = %(before_chain)s""",
        {
            "account": account,
            "seq": after.seq,
            "chain": after.chain_hash,
            "decision": after.decision_hash,
            "state": encode_state(state),
            "before": before.seq,
            "before_chain": before.chain_hash,
        },
    )
    if cursor.rowcount != 1:
        raise ConcurrentWriterError(f"account {account} is no longer at journal row {before.seq}")


async def _project(
    cursor: AsyncCursor[Any],
    account: str,
    rows: Sequence[tuple[JournalRow, Head]],
    batch: Sequence[Decided],
) -> None:
    tables: dict[str, dict[tuple[Any, ...], projection.Row]] = {}
    for (row, _), decided in zip(rows, batch, strict=True):
        for effect in decided.effects:
            for change in projection.rows(effect, row.seq):
                _merge(tables.setdefault(change.table, {}), change)
    for table in projection.KEYS:  # orders before the fills that refer to them
        changes = list(tables.get(table, {}).values())
        if changes:
            await _write(cursor, account, table, changes)


def _merge(table: dict[tuple[Any, ...], projection.Row], change: projection.Row) -> None:
    """A later change of the same row within a batch adds to the earlier one, or undoes it."""
    key = tuple(change.key.values())
    earlier = table.get(key)
    if earlier is not None and earlier.values is not None and change.values is not None:
        change = change._replace(values=earlier.values | change.values)
    table[key] = change


async def _write(
    cursor: AsyncCursor[Any], account: str, table: str, changes: list[projection.Row]
) -> None:
    """Insert whole rows, update partial ones, delete emptied ones."""
    keys = projection.KEYS[table]
    groups: dict[tuple[str, ...] | None, list[projection.Row]] = {}
    for change in changes:
        groups.setdefault(tuple(change.values) if change.values else None, []).append(change)
    for columns, group in groups.items():
        if columns is None:
            rows = [(account, *change.key.values()) for change in group]
            await cursor.executemany(_delete(table, keys), rows)
        elif table == "positions":
            await cursor.executemany(_upsert(table, keys, columns), _values(account, group))
        elif "seq" in columns:
            await _copy(cursor, table, ("account", *keys, *columns), _values(account, group))
        else:
            rows = [(*(c.values or {}).values(), account, *c.key.values()) for c in group]
            await cursor.executemany(_update(table, keys, columns), rows)


def _values(account: str, changes: list[projection.Row]) -> list[tuple[Any, ...]]:
    return [(account, *c.key.values(), *(c.values or {}).values()) for c in changes]


async def _copy(
    cursor: AsyncCursor[Any],
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _names(columns))
    async with cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


def _delete(table: str, keys: Sequence[str]) -> sql.Composed:
    return sql.SQL("DELETE FROM {} WHERE {}").format(
        sql.Identifier(table), _equal(("account", *keys), " AND ")
    )


def _update(table: str, keys: Sequence[str], columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("UPDATE {} SET {} WHERE {}").format(
        sql.Identifier(table), _equal(columns, ", "), _equal(("account", *keys), " AND ")
    )


def _upsert(table: str, keys: Sequence[str], columns: Sequence[str]) -> sql.Composed:
    names = ("account", *keys, *columns)
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table),
        _names(names),
        sql.SQL(", ").join([sql.Placeholder()] * len(names)),
        _names(("account", *keys)),
        sql.SQL(", ").join(
            sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in columns
        ),
    )


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _equal(columns: Sequence[str], between: LiteralString) -> sql.Composed:
    return sql.SQL(between).join(
        sql.SQL("{} = %s").format(sql.Identifier(column)) for column in columns
    )
