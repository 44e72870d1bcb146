"""The trading core as a real process on real servers, for tests."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg

from execution.domain.inputs import Input
from router import subjects
from router.client import connected, publish
from router.messages import Bars, Signal
from router.outgoing import Outgoing, outgoing
from router.streams import ensure
from tests.execution.factories import CONFIG
from tests.servers import Child, Database, free_port, until

KINDS = {Bars: "bars", Signal: "signal"}


@dataclass
class RunningCore:
    """`python -m execution` on a database and a NATS server."""

    database: Database
    nats_url: str
    folder: Path
    redis_url: str | None = None
    replica: str = "one"
    port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(24))

    def __post_init__(self) -> None:
        self.heads = self.folder / "heads"
        token_file = self.folder / "token"
        token_file.write_text(self.token)
        token_file.chmod(0o600)
        env = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.database.app_url,
            "NATS_URL": self.nats_url,
            "TRADING_TOKEN_FILE": str(token_file),
            "TRADING_HEADS_DIR": str(self.heads),
            "TRADING_CORE_PORT": str(self.port),
            "TRADING_REPLICA": self.replica,
        }
        if self.redis_url:
            env["REDIS_URL"] = self.redis_url
        self.child = Child([sys.executable, "-m", "execution"], self.folder / "core.log", env)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=15,
        )

    def start(self) -> None:
        self._open_the_tests_account()
        self.child.start()
        until(lambda: self.child.running() and self._ready(), "the trading core")

    def kill(self) -> None:
        self.child.kill()

    def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.child.process is not None
        self.child.process.send_signal(signal.SIGTERM)
        return self.child.wait()

    def get(self, path: str, **query: str | int) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def account(self, account: str = "sample") -> dict[str, Any]:
        return dict(self.get("/api/v1/account", account=account))

    def wait_until_closed(self, session: object, account: str = "sample") -> dict[str, Any]:
        def closed() -> bool:
            return bool(self.account(account)["closed_session"] == str(session))

        until(lambda: self.child.running() and closed(), f"{account} to close {session}")
        return self.account(account)

    def _open_the_tests_account(self) -> None:
        """`sample` with the tests' own strategy, whatever the packaged one trades."""
        with psycopg.connect(self.database.app_url) as connection:
            connection.execute(
                "INSERT INTO accounts (account, mode, config) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (CONFIG.account, CONFIG.mode, msgspec.json.encode(CONFIG, order="deterministic")),
            )

    def _ready(self) -> bool:
        try:
            return self.http.get("/health/ready").is_success
        except httpx.HTTPError:
            return False


@contextmanager
def running(core: RunningCore) -> Iterator[RunningCore]:
    core.start()
    try:
        yield core
    finally:
        core.child.terminate()
        core.http.close()


@contextmanager
def pair(
    database: Database, nats_url: str, folder: Path
) -> Iterator[tuple[RunningCore, RunningCore]]:
    """Two cores that share the accounts, `one` and `two`, each with a folder of its own."""
    first, second = (
        RunningCore(database, nats_url, _made(folder / name), replica=name)
        for name in ("one", "two")
    )
    with running(first), running(second):
        yield first, second


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def as_messages(items: Sequence[Input], account: str = "sample") -> list[Outgoing]:
    """The inputs as the router would send them."""
    return [
        outgoing(subjects.account_input(account, KINDS.get(type(item), "set")), item)  # type: ignore[arg-type]
        for item in items
    ]


def send(nats_url: str, messages: Sequence[Outgoing]) -> None:
    """Publish and wait for every acknowledgement."""

    async def work() -> None:
        async with connected(nats_url, "test") as connection:
            await ensure(connection.js)
            await publish(connection.js, messages)

    asyncio.run(work())
