"""The servers that a proof runs on, its forked processes, and how each is killed and started.

Belongs here: NATS and PostgreSQL as real processes, and what makes them and the services quick to
come back. Keep out: what is done with them.

The folder may lie in memory: SIGKILL takes nothing from a file that was written, synced or not.
That written bytes survive a power cut is another proof (powercut.py).
"""

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

import execution.accounts
import execution.settings
import execution.writer
import router.client
import router.service
from router import streams, subjects
from router.outgoing import Outgoing
from tests.execution.factories import CONFIG
from tests.proof import failpoints, feed, processes
from tests.proof.board import Board
from tests.proof.processes import Forked
from tests.servers import Database, NatsServer, PostgresServer, free_port, migrate, until

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it
ENOUGH_BYTES = 4 * 2**30

QUICK = (
    (router.client, "ACK_TIMEOUT_S", 0.5),
    (execution.writer, "FETCH_WAIT_S", 0.2),
    (router.service, "FETCH_WAIT_S", 0.2),
    (router.service, "PAUSE_S", 0.1),
    (execution.writer, "MAX_PAUSE_S", 0.1),
    (execution.accounts, "packaged", lambda: [CONFIG]),
)
"""Waiting times of the services, shortened: nothing else about them is different."""

Variant = Callable[[], None]
"""What makes a child wrong on purpose, called in it before it serves."""


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for the servers: in memory where there is enough of it."""
    roomy = MEMORY.is_dir() and psutil.disk_usage(str(MEMORY)).free > ENOUGH_BYTES
    with tempfile.TemporaryDirectory(prefix="proof-", dir=MEMORY if roomy else None) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def quickened(redelivery_s: float = 0.5) -> Iterator[None]:
    """Shorten waiting times for as long as the block runs.

    A message that was not acknowledged comes again after `redelivery_s` seconds.
    """
    quick = [*QUICK, (streams, "ACK_WAIT_S", redelivery_s)]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in quick]
    for owner, name, value in quick:
        setattr(owner, name, value)
    connect = router.client.TolerantClient.connect

    async def connect_quickly(self: Any, *args: Any, **options: Any) -> None:
        await connect(self, *args, **options | {"reconnect_time_wait": 0.05})

    router.client.TolerantClient.connect = connect_quickly  # type: ignore[method-assign]
    try:
        yield
    finally:
        router.client.TolerantClient.connect = connect  # type: ignore[method-assign]
        for owner, name, value in before:
            setattr(owner, name, value)


@dataclass
class Servers:
    """NATS and PostgreSQL, shared by the runs of a proof."""

    folder: Path
    nats: NatsServer
    postgres: PostgresServer
    template: str

    def kill_nats(self, wait_s: float) -> None:
        """SIGKILL, and start it again after a while."""
        self.nats.kill()
        time.sleep(wait_s)
        self.nats.start()

    def kill_postgres(self, wait_s: float) -> None:
        """SIGKILL to the server and every process of it, and start it again after a while."""
        assert self.postgres._child.process is not None
        parent = psutil.Process(self.postgres._child.process.pid)
        family = [parent, *parent.children(recursive=True)]
        for each in family:
            _kill(each)
        self.postgres.kill()
        until(lambda: not any(map(_alive, family)), "PostgreSQL's processes to end")
        time.sleep(wait_s)
        self.postgres._child.start()
        url = self.postgres.superuser_url()
        until(lambda: self.postgres._child.running() and _answers(url), "PostgreSQL")


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Start both servers; fsync is off, which changes nothing for a process that is killed."""
    with ExitStack() as stack:
        nats = NatsServer(folder / "nats")
        stack.callback(nats.stop)
        nats.start()
        postgres = PostgresServer(folder / "postgres")
        (folder / "postgres").mkdir(exist_ok=True)
        stack.callback(postgres.stop)
        postgres.start()
        template = postgres.create("proof_template")
        migrate(template)
        yield Servers(folder, nats, postgres, template.name)


class Stage:
    """One run: an empty JetStream, a database of its own, and the processes on them."""

    def __init__(self, servers: Servers, seed: int, variant: Variant = lambda: None) -> None:
        self.servers = servers
        self.seed = seed
        self.board = Board()
        self.variant = variant
        servers.nats.clear()
        name = f"proof_{secrets.token_hex(4)}"
        self.database: Database = servers.postgres.create(name, servers.template)
        self.folder = servers.folder / name
        self.folder.mkdir()
        self._children: list[Forked] = []
        self._port = free_port()
        token = self.folder / "api-token"
        token.write_text(secrets.token_hex(24))
        token.chmod(0o600)

    @property
    def monitor_url(self) -> str:
        """Where nats-server tells about itself."""
        return self.servers.nats.monitor_url

    def core(self, batch: int = 256, armed: tuple[int, int] | None = None) -> Forked:
        """A trading core that takes `batch` messages at a time."""
        settings = execution.settings.from_environment(
            {
                "TRADING_HOME": str(self.folder),
                "DATABASE_URL": self.database.app_url,
                "NATS_URL": self.servers.nats.url,
                "NATS_MONITOR_URL": self.monitor_url,
                "TRADING_CORE_PORT": str(self._port),
            }
        )

        async def work() -> None:
            execution.writer.BATCH = batch
            self._prepare(armed)
            await processes.serve_core(settings, self.board)

        return self._fork(work, "core")

    def router(self, batch: int = 250, armed: tuple[int, int] | None = None) -> Forked:
        """A central router that takes `batch` messages at a time."""
        settings = router.service.Settings(self.servers.nats.url, self.monitor_url)

        async def work() -> None:
            router.service.MAX_BATCH = batch
            self._prepare(armed)
            await processes.serve_router(settings, self.board)

        return self._fork(work, "router")

    def feeder(self, chunks: Iterable[list[Outgoing]] | None = None) -> Forked:
        """The sender of a feed; of the one that follows from the seed where nothing is given."""
        url, board, sent = self.servers.nats.url, self.board, chunks or feed.chunks(self.seed)
        return self._fork(lambda: processes.send_feed(url, sent, board), "feeder")

    def wait_for_head(self, head: int, within_s: float = 60.0) -> None:
        """Wait until the journal has so many rows, as closely as a millisecond."""
        deadline = time.monotonic() + within_s
        while self.board["head"] < head:
            if time.monotonic() > deadline:
                raise TimeoutError(f"row {head} was not committed within {within_s:.0f} s")
            time.sleep(0.001)

    def start_services(self) -> None:
        """A core and a router that run until they are killed."""
        self.core()
        self.router()

    def kill_services(self) -> None:
        """SIGKILL to everything that was forked."""
        for child in self._children:
            child.kill()
        self._children.clear()

    def _prepare(self, armed: tuple[int, int] | None) -> None:
        self.variant()
        if armed:
            failpoints.arm(self.board, *armed)

    def _fork(self, work: Any, name: str) -> Forked:
        child = processes.fork(work, self.folder / f"{name}.log")
        self._children.append(child)
        return child

    def open_account(self) -> None:
        """Let a core announce the account: what is routed before that is a dead letter."""
        core = self.core()
        until(lambda: self.stored(subjects.REGISTRY_STREAM) > 0, "the account to be announced")
        core.kill()

    def stored(self, stream: str) -> int:
        """How many messages a stream holds; 0 where there is no such stream."""
        return sum(s["state"]["messages"] for s in self._streams() if s["name"] == stream)

    def delivered(self, stream: str, consumer: str) -> int:
        """How many messages a consumer delivered since it was made."""
        return sum(
            found["delivered"]["consumer_seq"]
            for each in self._streams()
            if each["name"] == stream
            for found in each.get("consumer_detail") or []
            if found["name"] == consumer
        )

    def waiting(self) -> int:
        """Messages that a consumer still has to take or to acknowledge, and unsent events."""
        return self._unsent() + sum(
            consumer["num_pending"] + consumer["num_ack_pending"]
            for stream in self._streams()
            for consumer in stream.get("consumer_detail") or []
            if consumer["name"].startswith(("core-", streams.ROUTER_CONSUMER))
        )

    def _streams(self) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.monitor_url}/jsz", params={"consumers": "true"}, timeout=10)
        accounts = answer.json().get("account_details") or []
        return [stream for each in accounts for stream in each.get("stream_detail") or []]

    def _unsent(self) -> int:
        with psycopg.connect(self.database.app_url) as connection:
            row = connection.execute("SELECT count(*) FROM outbox").fetchone()
        assert row is not None
        return int(row[0])

    def settle(self, quiet_s: float = 0.3, within_s: float = 120.0) -> None:
        """Wait until nothing waits any more, and stays so."""
        deadline = time.monotonic() + within_s
        since, head = time.monotonic(), -1
        while time.monotonic() - since < quiet_s:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.waiting()} messages still wait after {within_s:.0f} s")
            if self.waiting() or self.board["head"] != head:
                since, head = time.monotonic(), self.board["head"]
            time.sleep(0.05)

    def close(self) -> None:
        """Kill what runs, and drop the database."""
        self.kill_services()
        self.servers.postgres.drop(self.database.name)


@contextmanager
def stage(servers: Servers, seed: int, variant: Variant = lambda: None) -> Iterator[Stage]:
    """A run's stage; everything it started is gone afterwards."""
    made = Stage(servers, seed, variant)
    try:
        yield made
    finally:
        made.close()


def logs(folder: Path, lines: int = 15) -> str:
    """The last lines of every log of a stage, for a message about what went wrong."""
    found = []
    for path in sorted(folder.glob("*.log")):
        tail = path.read_text(errors="replace").splitlines()[-lines:]
        found.append(f"--- {path.name}\n" + "\n".join(tail))
    return os.linesep.join(found)
