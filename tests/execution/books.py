"""A database with the account `sample`, written as the core writes it, for tests of the books."""

from datetime import datetime
from pathlib import Path

import psycopg

from execution import leases, store
from execution.domain.config import AccountConfig
from execution.domain.desk import ENGINE_VERSION
from execution.domain.effects import SessionClosed
from execution.hashing import JournalRow
from execution.heads import HeadsFile, KeptHead
from execution.leases import Lease
from execution.store import Decided, Head
from tests.execution.factories import CONFIG, Core
from tests.servers import Database


async def leased(connection: store.Connection, config: AccountConfig = CONFIG) -> Lease:
    """The account with the right to write to it."""
    await store.register(connection, config)
    await leases.arrive(connection, "test")
    (lease,) = await leases.take(connection, "test", most=1)
    await connection.commit()
    return lease


async def write(
    database: Database, core: Core, received_at: datetime | None = None
) -> list[tuple[JournalRow, Head]]:
    """Commit everything that `core` decided, and return the journal's rows."""
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        lease = await leased(connection)
        received_at = received_at or (await store.intake(connection, "sample", [])).received_at
        batch = [Decided(item, effects, None) for item, effects in core.journal]
        rows, _ = store.journal_rows(Head(), "sample", ENGINE_VERSION, batch, received_at)
        await store.commit(connection, lease, Head(), rows, batch, store.snapshot(core.state), [])
    return list(rows)


def keep_heads(folder: Path, core: Core, rows: list[tuple[JournalRow, Head]]) -> HeadsFile:
    """Keep the head of each closed session, as the writer does."""
    file = HeadsFile(folder, "sample")
    file.append(
        [
            KeptHead(head.seq, head.chain_hash.hex(), effect.session)
            for (_, head), (_, effects) in zip(rows, core.journal, strict=True)
            for effect in effects
            if isinstance(effect, SessionClosed)
        ]
    )
    return file
