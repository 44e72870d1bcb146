"""Leases on a real PostgreSQL: one holder at a time, epochs that only rise, and a fence."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from execution import leases, store
from execution.domain.desk import ENGINE_VERSION
from execution.domain.inputs import TurnKillSwitch
from execution.errors import ConcurrentWriterError
from execution.leases import Connection, Lease
from execution.store import Decided, Head
from tests.execution.factories import CONFIG, Core
from tests.servers import Database

NAMES = [f"a{n}" for n in range(5)]


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(database.app_url, autocommit=True) as found:
        yield found


async def expired(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.owner_url, autocommit=True) as owner:
        await owner.execute("UPDATE leases SET expires_at = now()")
        await owner.execute("UPDATE replicas SET seen_at = now() - interval '1 hour'")


async def opened(connection: Connection, names: list[str]) -> None:
    for name in names:
        await connection.execute(
            "INSERT INTO accounts (account, mode, config) VALUES (%s, 'replay', '{}')", (name,)
        )


@pytest.mark.asyncio
async def test_an_account_has_one_holder_however_many_ask_at_once(
    connection: Connection, database: Database
) -> None:
    await opened(connection, NAMES)

    async def ask(replica: str) -> list[Lease]:
        async with await psycopg.AsyncConnection.connect(database.app_url, autocommit=True) as own:
            return await leases.take(own, replica, most=3)

    for epoch in (1, 2, 3):
        taken = [each for found in await asyncio.gather(*map(ask, "abcdef")) for each in found]
        assert sorted(each.account for each in taken) == sorted({each.account for each in taken})
        rest = await leases.take(connection, "g", most=9)
        assert sorted(each.account for each in [*taken, *rest]) == NAMES
        assert {each.epoch for each in [*taken, *rest]} == {epoch}
        await expired(database)


@pytest.mark.asyncio
async def test_what_was_taken_over_is_not_renewed(
    connection: Connection, database: Database
) -> None:
    await opened(connection, NAMES[:2])
    first = await leases.take(connection, "a", most=2)
    assert await leases.renew(connection, "a", first) == set(first)
    assert await leases.take(connection, "b", most=2) == []
    await expired(database)
    assert await leases.renew(connection, "a", first[:1]) == set(first[:1])  # nobody took it
    (taken,) = await leases.take(connection, "b", most=2)
    assert taken == Lease("a1", "b", 2)
    assert await leases.renew(connection, "a", first) == set(first[:1])


@pytest.mark.asyncio
async def test_the_share_follows_the_replicas_that_live(
    connection: Connection, database: Database
) -> None:
    await opened(connection, NAMES)
    await leases.arrive(connection, "a")
    assert await leases.fair_share(connection) == 5
    await leases.arrive(connection, "b")
    assert await leases.fair_share(connection) == 3
    await leases.leave(connection, "a")
    assert await leases.fair_share(connection) == 5
    await expired(database)
    assert await leases.fair_share(connection) == 5  # for whoever asks


@pytest.mark.asyncio
async def test_a_process_that_comes_again_under_its_name_waits_for_nothing(
    connection: Connection,
) -> None:
    await opened(connection, NAMES[:1])
    await leases.take(connection, "a", most=1)
    await leases.arrive(connection, "a")
    assert await leases.take(connection, "a", most=1) == [Lease("a0", "a", 2)]


@pytest.mark.asyncio
@pytest.mark.parametrize("begun", [False, True])
async def test_a_stale_holder_writes_nothing(
    connection: Connection, database: Database, begun: bool
) -> None:
    await store.register(connection, CONFIG)
    (old,) = await leases.take(connection, "a", most=1)
    core, head = Core(), Head()
    now = (await store.intake(connection, "sample", [])).received_at
    batch = [Decided(item, effects, None) for item, effects in core.journal]

    async def commit(lease: Lease, before: Head) -> Head:
        rows, after = store.journal_rows(before, "sample", ENGINE_VERSION, batch, now)
        await store.commit(connection, lease, before, rows, batch, store.snapshot(core.state), [])
        return after

    if begun:
        head = await commit(old, head)
        pressed = TurnKillSwitch(engaged=False, reason="", changed_at=now)
        batch = [Decided(pressed, (), None)]
    await expired(database)
    (new,) = await leases.take(connection, "b", most=1)
    with pytest.raises(ConcurrentWriterError, match="lease 1 of a has passed to another replica"):
        await commit(old, head)
    cursor = await connection.execute("SELECT coalesce(max(seq), 0) FROM journal")
    assert await cursor.fetchone() == (head.seq,)
    assert new.epoch == 2


@pytest.mark.asyncio
async def test_only_who_holds_the_lease_ends_the_sessions_of_the_writer_before(
    connection: Connection, database: Database
) -> None:
    await opened(connection, NAMES[:1])
    (old,) = await leases.take(connection, "a", most=1)
    await expired(database)
    (new,) = await leases.take(connection, "b", most=1)
    stopped = await psycopg.AsyncConnection.connect(
        database.app_url, application_name=leases.session_name("a0")
    )
    await stopped.execute("SELECT pg_advisory_xact_lock(1)")
    await leases.end_others(connection, old)
    await stopped.execute("SELECT 1")
    await leases.end_others(connection, new)
    await connection.execute("SET lock_timeout = '5s'")
    await connection.execute("SELECT pg_advisory_lock(1)")
    with pytest.raises(psycopg.OperationalError):
        await stopped.execute("SELECT 1")
