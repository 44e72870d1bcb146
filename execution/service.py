"""The trading core as a process: wires everything, runs until SIGTERM, and stops in order.

Keep out: what any of the parts does.
"""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import Any

import psycopg
import uvicorn
from psycopg_pool import AsyncConnectionPool

from execution import accounts, leases, metrics, plugins, store
from execution.api import app as http
from execution.api.access import Services
from execution.domain.config import AccountConfig
from execution.errors import SchemaMissingError, UnknownMethodError
from execution.heads import HeadsFile
from execution.keeper import Keeper
from execution.leases import Lease
from execution.outbox import Publisher
from execution.quotes import QuoteCache
from execution.serving import Draining, on_stop_signal
from execution.settings import Settings, read_token
from execution.writer import STARTING, Writer
from router import announcements, client, streams
from router.client import Connection
from router.messages import AccountRegistered

log = logging.getLogger(__name__)

HALT_S = 2.0
"""How long a writer may take for the batch at hand; less than what other leases have left."""


class Core:
    """The running trading core: a writer for each account that this replica has a lease of."""

    def __init__(
        self,
        settings: Settings,
        group: asyncio.TaskGroup,
        nats: Connection,
        pool: AsyncConnectionPool[Any],
    ) -> None:
        self.stop = asyncio.Event()
        self.draining = False
        """Whether the end was asked for: not ready any more, and everything is still answered."""
        self.writers: dict[str, Writer] = {}
        self.keeper = Keeper(settings.database_url, settings.replica, self)
        self.quotes = QuoteCache(settings.redis_url)
        self._plugins = plugins.load()
        self._undriven: dict[str, str] = {}
        """Accounts that nothing works on, each with the reason."""
        self._driving: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self._initial: set[str] = set()
        """What was free when this process began; it is not ready before it drives them."""
        self._settings = settings
        self._group = group
        self._nats = nats
        self._pool = pool
        self._publisher = Publisher(pool, nats.js)

    async def start(self) -> None:
        """Open the packaged accounts and begin to work on this replica's share of all."""
        self._spawn(self._publisher.run(self.stop), "outbox")
        self._spawn(self.quotes.run(self.stop), "quotes")
        async with self._pool.connection() as connection:
            for config in accounts.packaged():
                await store.register(connection, config)
        self._spawn(self.keeper.run(self.stop), "leases")

    async def open_account(self, config: AccountConfig) -> bool:
        """Open an account while running; says whether it is new. Raises UnknownMethodError."""
        self._plugins.require(config)
        async with self._pool.connection() as connection:
            new = await accounts.open_account(connection, config)
            if new:
                await leases.tell(connection, "")
        return new

    def problems(self) -> list[str]:
        """Why the core is not ready, in words."""
        found = [] if self._nats.nc.is_connected else ["NATS is not connected"]
        if problem := self.keeper.problem:
            found.append(problem)
        for name, writer in sorted(self.writers.items()):
            if not writer.ready and (writer.failure != STARTING or name in self._initial):
                found.append(f"account {name} cannot go on: {writer.failure}")
        found += (self._undriven[name] for name in sorted(self._undriven))
        if self.draining or self.stop.is_set():
            found.append("stopping")
        return found

    async def drive(self, lease: Lease) -> bool:
        """Begin to work on an account; one that misses a plug-in stops no other."""
        async with self._pool.connection() as connection:
            config = await accounts.find(connection, lease.account)
        try:
            self._plugins.require(config)
        except UnknownMethodError as error:
            log.error("account.undriven account=%s error=%s", config.account, error)  # noqa: TRY400
            self._undriven[config.account] = str(error)
            return False
        writer = Writer(
            config,
            lease,
            self._settings.database_url,
            self._nats.js,
            self._publisher,
            self.quotes,
            HeadsFile(self._settings.heads_dir, config.account),
        )
        if not self.keeper.first_round.is_set():
            self._initial.add(config.account)
        stop = asyncio.Event()
        self.writers[config.account] = writer
        task = self._spawn(writer.run(stop), f"writer-{config.account}")
        self._driving[config.account] = stop, task
        self._spawn(self._register(config), f"register-{config.account}")
        metrics.WRITER.labels(config.account).set(1)
        return True

    async def halt(self, account: str) -> None:
        """Finish the batch at hand; one that cannot finish in time is fenced, and is left."""
        stop, task = self._driving.pop(account, (None, None))
        if stop is None or task is None:
            return
        stop.set()
        await asyncio.wait([task], timeout=HALT_S)
        task.cancel()
        self.writers.pop(account, None)
        metrics.WRITER.labels(account).set(0)
        with suppress(KeyError):
            metrics.EQUITY.remove(account)  # another replica tells it from now on

    def wake(self, account: str) -> None:
        """A command waits in the database."""
        if writer := self.writers.get(account):
            writer.wake()

    def leave(self, served: Draining, server: uvicorn.Server) -> None:
        """Readiness first; the writers go on until the last request is answered."""
        self.draining = True
        self._spawn(_drained(served, server), "drain")

    async def _register(self, config: AccountConfig) -> None:
        """Tell the router where the account's bars and signals go."""
        registered = AccountRegistered(
            account=config.account,
            mode=config.mode,
            strategies=config.strategies,
            sources=config.sources,
        )
        await announcements.announce(self._nats.js, registered)

    def _spawn(self, work: Any, name: str) -> asyncio.Task[None]:  # noqa: ANN401 - any coroutine
        return self._group.create_task(work, name=name)


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us."""

    def install_signal_handlers(self) -> None:
        """Ours are installed already."""


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM; a part that dies takes the process with it."""
    token = read_token(settings.token_file)
    await _require_schema(settings.database_url)
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(client.connected(settings.nats_url, "trading-core"))
        await streams.require_durable_server(nats.nc, settings.nats_monitor_url)
        await streams.ensure(nats.js)
        pool = await stack.enter_async_context(http.pool(settings.database_url))
        async with asyncio.TaskGroup() as group:
            core = Core(settings, group, nats, pool)
            services = Services(
                pool, token, core.quotes, core.writers, core.open_account, core.problems
            )
            served = Draining(http.create(services))
            config = uvicorn.Config(
                served,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                timeout_graceful_shutdown=5,
                lifespan="off",
            )
            server = _Server(config)
            on_stop_signal(lambda: core.leave(served, server))
            await core.start()
            group.create_task(_serve_http(server, core), name="http")
            log.info("core.started replica=%s port=%d", settings.replica, settings.port)
    log.info("core.stopped")


async def _serve_http(server: uvicorn.Server, core: Core) -> None:
    await server._serve()
    core.stop.set()


async def _drained(served: Draining, server: uvicorn.Server) -> None:
    await served.drain()
    server.should_exit = True


async def _require_schema(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute("SELECT to_regclass('leases') IS NOT NULL")
        row = await cursor.fetchone()
    if row is None or not row[0]:
        raise SchemaMissingError(
            "the database has no schema, or an older one: run `python -m execution.migrate`"
        )
