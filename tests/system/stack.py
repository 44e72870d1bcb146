"""The whole stack as a user runs it: `trading up` in one terminal, commands in another.

Keep out: what is expected of it (test_*.py).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.servers import Child, free_port, until

UP_S = 120.0
RUN_S = 240.0
TRADING = [sys.executable, "-m", "deploy.local.cli"]


@dataclass
class LocalStack:
    """A stack of its own: state folder and ports that nobody else has."""

    folder: Path
    core_port: int = field(default_factory=free_port)
    dagster_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home = self.folder / "home"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TRADING_HOME": str(self.home),
            "TRADING_CORE_PORT": str(self.core_port),
            "DAGSTER_PORT": str(self.dagster_port),
        }
        self.supervisor = Child([*TRADING, "up"], self.folder / "up.log", self.env)

    def up(self) -> None:
        self.supervisor.start()
        until(lambda: self.supervisor.running() and self.ready(), "the stack", UP_S)

    def down(self) -> None:
        """Ctrl-C."""
        self.supervisor.terminate(signal.SIGINT)

    def call(self, *words: str, timeout_s: float = RUN_S) -> subprocess.CompletedProcess[str]:
        """One command of `trading`, from another terminal."""
        return subprocess.run(
            [*TRADING, *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=self.folder,
        )

    def run(self, *words: str) -> dict[str, Any]:
        """`trading run --json`, which must succeed."""
        done = self.call("run", "--json", *words)
        assert done.returncode == 0, done.stderr + done.stdout + self.log()
        return dict(json.loads(done.stdout))

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.call("status", "--json").stdout))

    def pid_of(self, child: str) -> int:
        processes = {each["name"]: each["process"] for each in self.record()["children"]}
        return int(processes[child]["pid"])

    def record(self) -> dict[str, Any]:
        """What the supervisor writes down about itself."""
        return dict(json.loads((self.home / "stack.json").read_text()))

    def get(self, path: str, **query: str | int) -> Any:
        answer = httpx.get(
            f"http://127.0.0.1:{self.core_port}{path}",
            params=query,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        """Ask Dagster as its UI does."""
        answer = httpx.post(
            f"http://127.0.0.1:{self.dagster_port}/graphql",
            json={"query": query, "variables": variables},
            timeout=60,
        )
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def token(self) -> str:
        return (self.home / "api-token").read_text().strip()

    def secret_environment(self) -> dict[str, str]:
        """What the stack gives its own children: URLs with passwords."""
        return {**self.env, **self.record()["environment"]}

    def log(self) -> str:
        return "\n--- the stack said:\n" + self.supervisor.log.read_text(errors="replace")[-4000:]

    def ready(self) -> bool:
        try:
            core = httpx.get(f"http://127.0.0.1:{self.core_port}/health/ready", timeout=5)
            return bool(self.record()["phase"] == "ready" and core.is_success)
        except (httpx.HTTPError, OSError, ValueError):
            return False


@contextmanager
def up(folder: Path) -> Iterator[LocalStack]:
    stack = LocalStack(folder)
    stack.up()
    try:
        yield stack
    finally:
        stack.down()


def left_behind(folder: Path) -> Sequence[psutil.Process]:
    """Processes that still name this folder on their command line or in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            home = process.environ().get("TRADING_HOME", "")
        except (psutil.Error, OSError):
            continue
        if process.pid != os.getpid() and (str(folder) in words or str(folder) in home):
            found.append(process)
    return found


def wait_until_gone(folder: Path) -> None:
    until(lambda: not left_behind(folder), f"the processes of {folder} to end", 60)
