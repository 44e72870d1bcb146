"""PostgreSQL for the engine: one transaction per batch of inputs, and loading after a start.

Belongs here: the journal, the state and the projected rows, written together and fenced by the
journal's sequence. Keep out: decisions, and reading for people (queries.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from psycopg import AsyncConnection, AsyncCursor, sql

from execution import hashing, tables
from execution.domain.config import AccountConfig
from execution.domain.effects import Effect, encode_effect, join_effects
from execution.domain.inputs import Command, Input, decode_command, decode_input
from execution.domain.state import Inbox, State, decode_state, encode_state
from execution.errors import ConcurrentWriterError
from execution.hashing import GENESIS, JournalRow
from execution.leases import Lease
from router.messages import Bars, Signal, SignalSet, encode
from router.outgoing import Outgoing, pack

Connection = AsyncConnection[tuple[Any, ...]]

JOURNAL_COLUMNS = {
    "account": "text",
    "seq": "int8",
    "input_id": "text",
    "kind": "text",
    "input": "bytea",
    "effects": "bytea",
    "engine_version": "text",
    "stamped_at": "timestamptz",
    "received_at": "timestamptz",
    "chain_hash": "bytea",
    "decision_hash": "bytea",
}

OUTBOX_ROW = 500
"""Messages in one row of the outbox, at most."""


class Head(NamedTuple):
    """Where an account's journal ends."""

    seq: int = 0
    chain_hash: bytes = GENESIS
    decision_hash: bytes = GENESIS


JournalRows = Sequence[tuple[JournalRow, Head]]
"""Rows of a batch, each with the head after it."""


@dataclass
class Loaded:
    """An account as it was committed last."""

    head: Head
    state: State
    inbox: Inbox


@dataclass(frozen=True)
class Decided:
    """One input and what the engine made of it."""

    item: Input
    effects: tuple[Effect, ...]
    stamped_at: datetime | None

    @cached_property
    def encoded(self) -> tuple[bytes, ...]:
        """Each effect's bytes: the journal, its hashes and the events share them."""
        return tuple(map(encode_effect, self.effects))


class Snapshot(NamedTuple):
    """A state as a batch left it, while memory goes on."""

    encoded: bytes
    kill_switch: bool


def snapshot(state: State) -> Snapshot:
    """The state as it is now."""
    return Snapshot(encode_state(state), state.kill_switch)


class KillSwitch(NamedTuple):
    """What the rows of `kill_switches` say for one account; without its row it is engaged.

    `seen_at` makes each turn an input of its own; the rows' times do not, once a row was deleted.
    """

    engaged: bool
    reason: str
    seen_at: datetime


class DeadLetter(NamedTuple):
    """A message that nobody could read, with the reason's code and its words."""

    subject: str
    reason: str
    detail: str
    payload: bytes


class Intake(NamedTuple):
    """What a batch needs to know before it is decided on."""

    known: frozenset[str]
    """Ids among those asked that the journal already has."""
    received_at: datetime
    kill_switch: KillSwitch


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
        await connection.commit()
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
                        AND input_id = ANY(%(ids)s)
                        UNION ALL
                        SELECT input_id FROM archived_inputs WHERE account = %(a)s
                        AND input_id = ANY(%(ids)s)),
                  kill_switch_engaged(%(a)s),
                  (SELECT string_agg(reason, '; ' ORDER BY scope) FROM kill_switches
                   WHERE scope IN ('*', %(a)s) AND engaged)""",
        {"a": account, "ids": list(input_ids)},
    )
    row = await cursor.fetchone()
    await connection.commit()
    if row is None:
        raise ConcurrentWriterError("the database answered nothing")
    now, known, engaged, reason = row
    return Intake(frozenset(known), now, KillSwitch(engaged, reason or "", now))


async def pending_commands(connection: Connection, account: str) -> list[Command]:
    """Commands that were not decided on yet, oldest first."""
    cursor = await connection.execute(
        """SELECT input FROM commands WHERE account = %s AND seq IS NULL
           ORDER BY created_at, command_id LIMIT 256""",
        (account,),
    )
    found = [decode_command(payload) for (payload,) in await cursor.fetchall()]
    await connection.commit()
    return found


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
            effects=join_effects(decided.encoded),
            engine_version=version,
            stamped_at=decided.stamped_at,
            received_at=received_at,
        )
        head = Head(
            row.seq,
            hashing.chain(head.chain_hash, account, row),
            hashing.decisions_of(head.decision_hash, decided.encoded),
        )
        rows.append((row, head))
    return rows, head


async def commit(
    connection: Connection,
    lease: Lease,
    before: Head,
    rows: Sequence[tuple[JournalRow, Head]],
    batch: Sequence[Decided],
    state: Snapshot,
    outbox: Iterable[Outgoing],
) -> None:
    """Write the batch with its effects.

    Raises ConcurrentWriterError where another wrote first or has a later lease, or where the kill
    switch says something else than when the batch was decided: then nothing of it may happen.
    """
    account, after = lease.account, rows[-1][1]
    async with connection.transaction(), connection.cursor() as cursor:
        await _move_head(cursor, lease, before, after, state.encoded)
        await _append_journal(cursor, account, rows)
        await tables.write(cursor, account, _numbered(rows, batch))
        await _fill_outbox(cursor, outbox)
        await _settle_commands(cursor, account, rows, batch)
        # Last, so that whoever turns it waits for one commit and not for a whole batch.
        await _hold_switch(cursor, account, engaged=state.kill_switch)


async def keep_dead_letters(
    connection: Connection, account: str, letters: Iterable[DeadLetter]
) -> None:
    """Keep messages that nobody could read, each with its reason, in one commit."""
    columns = ("account", *DeadLetter._fields)
    rows = (
        (account, each.subject, each.reason, each.detail.replace("\x00", " ")[:500], each.payload)
        for each in letters
    )
    async with connection.transaction(), connection.cursor() as cursor:
        await tables.copy(cursor, "dead_letters", columns, rows)


async def _append_journal(
    cursor: AsyncCursor[Any], account: str, rows: Sequence[tuple[JournalRow, Head]]
) -> None:
    """In binary, which spares both sides the hexadecimal form of its bytes."""
    async with cursor.copy(_COPY_JOURNAL) as copying:
        copying.set_types(list(JOURNAL_COLUMNS.values()))
        for row, head in rows:
            await copying.write_row((account, *row, head.chain_hash, head.decision_hash))


_COPY_JOURNAL = sql.SQL("COPY journal ({}) FROM STDIN (FORMAT BINARY)").format(
    sql.SQL(", ").join(map(sql.Identifier, JOURNAL_COLUMNS))
)


def _numbered(
    rows: Sequence[tuple[JournalRow, Head]], batch: Sequence[Decided]
) -> Iterator[tuple[int, Effect]]:
    for (row, _), decided in zip(rows, batch, strict=True):
        for effect in decided.effects:
            yield row.seq, effect


async def _fill_outbox(cursor: AsyncCursor[Any], outbox: Iterable[Outgoing]) -> None:
    """Messages leave in the order of their ids, so one row holds many."""
    waiting = iter(outbox)
    while some := list(islice(waiting, OUTBOX_ROW)):
        await cursor.execute("INSERT INTO outbox (messages) VALUES (%s)", (pack(some),))


async def _settle_commands(
    cursor: AsyncCursor[Any],
    account: str,
    rows: Sequence[tuple[JournalRow, Head]],
    batch: Sequence[Decided],
) -> None:
    settled = [
        (row.seq, account, decided.item.command_id)
        for (row, _), decided in zip(rows, batch, strict=True)
        if isinstance(decided.item, Command)
    ]
    if settled:
        await cursor.executemany(
            "UPDATE commands SET seq = %s WHERE account = %s AND command_id = %s", settled
        )


async def _hold_switch(cursor: AsyncCursor[Any], account: str, *, engaged: bool) -> None:
    """Keep the kill switch from being turned until the commit, or give up if it was already."""
    await cursor.execute("SELECT kill_switch_engaged(%s)", (account,))
    row = await cursor.fetchone()
    if row is None or row[0] != engaged:
        raise ConcurrentWriterError(f"the kill switch of account {account} was just turned")


async def _move_head(
    cursor: AsyncCursor[Any], lease: Lease, before: Head, after: Head, state: bytes
) -> None:
    """The fence: the head moves only from where this process knows it to be, under its own lease.

    Two heads that move at once wait for each other here, and the second finds the first's.
    """
    await cursor.execute(
        """INSERT INTO engine_state (account, seq, chain_hash, decision_hash, state)
           SELECT %(account)s, %(seq)s, %(chain)s, %(decision)s, %(state)s FROM leases
           WHERE account = %(account)s AND holder = %(holder)s AND epoch = %(epoch)s
           ON CONFLICT (account) DO UPDATE SET seq = EXCLUDED.seq,
               chain_hash = EXCLUDED.chain_hash, decision_hash = EXCLUDED.decision_hash,
               state = EXCLUDED.state
           WHERE engine_state.seq = %(before)s AND engine_state.chain_hash = %(before_chain)s""",
        lease._asdict()
        | {
            "seq": after.seq,
            "chain": after.chain_hash,
            "decision": after.decision_hash,
            "state": state,
            "before": before.seq,
            "before_chain": before.chain_hash,
        },
    )
    if cursor.rowcount != 1:
        raise ConcurrentWriterError(
            f"account {lease.account} is no longer at journal row {before.seq}, or lease "
            f"{lease.epoch} of {lease.holder} has passed to another replica"
        )
