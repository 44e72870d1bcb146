"""The servers that the trading core is measured on: they keep what they acknowledge, on a disk.

Belongs here: PostgreSQL with fsync, NATS that syncs always, the core, and an account that may
trade as fast as it can. Keep out: measuring.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

from execution import store
from execution.domain.config import AccountConfig, Limits, Sizing
from execution.domain.inputs import Input
from tests.execution.factories import bar, bars, signal, signal_set
from tests.execution.running import RunningCore
from tests.servers import Database, NatsServer, PostgresServer, migrate

ACCOUNT = "bench"
CAPITAL = Decimal(100_000_000)


@dataclass
class Stage:
    """Real servers on a real disk, and the folder that they are in."""

    folder: Path
    postgres: PostgresServer
    nats: NatsServer

    def database(self, name: str) -> Database:
        """A migrated database in which the account ACCOUNT is open."""
        made = self.postgres.create(name)
        migrate(made)
        asyncio.run(_register(made.app_url))
        return made

    def core(self, database: Database) -> RunningCore:
        """The trading core on that database; it is not started yet."""
        folder = self.folder / f"core-{database.name}"
        folder.mkdir(exist_ok=True)
        return RunningCore(database, self.nats.url, folder)


@contextmanager
def stage() -> Iterator[Stage]:
    """Servers for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = PostgresServer(folder / "postgres", extra={})
        nats = NatsServer(folder / "nats")
        for server in (postgres, nats):
            server.start()
            stack.callback(server.stop)
        yield Stage(folder, postgres, nats)


def config(account: str = ACCOUNT) -> AccountConfig:
    """An account whose limits let every symbol trade in every session, and that can pay for it."""
    return AccountConfig(
        account=account,
        mode="replay",
        strategies=("technical",),
        sources=("sample",),
        capital={"technical": CAPITAL, "manual": CAPITAL},
        limits=Limits(max_order_quantity=Decimal(10**7), orders_per_minute=10**6),
        sizing=Sizing(max_positions=10_000, max_weight=Decimal("0.0018")),
    )


def symbols(count: int) -> list[str]:
    """Names of that many symbols."""
    return [f"S{n:04d}" for n in range(count)]


def round_trips(names: list[str], days: list[Any]) -> list[Input]:
    """Sessions in which every symbol is bought and then sold, in turn: an order per signal."""
    items: list[Input] = []
    for number, (previous, day) in enumerate(pairwise([None, *days])):
        score = "-0.5" if number % 2 else "0.5"
        scored = [signal(day, name, score) for name in names]
        rows = [bar(name) for name in names]
        items += [bars(day, *rows, previous=previous), *scored, signal_set(day, scored)]
    return items


async def _register(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await store.register(connection, config())
