"""One child process: start it, know whether it lives, stop it and its group.

Belongs here: a single child and its log file.
Keep out: the order of children, restarting, and what to tell people (supervisor.py).
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import BinaryIO

from deploy.local import processes
from deploy.local.errors import ChildFailedError
from deploy.local.service import Service

TAIL_LINES = 15
TAIL_BYTES = 16_384
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Child:
    """A process in its own session, writing to its own log."""

    def __init__(self, service: Service, logs: Path) -> None:
        self.service = service
        self.log = logs / f"{service.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at_s = 0.0
        self._log_start = 0

    def rotate_log(self) -> None:
        """Keep the log of the last start beside the new one."""
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))

    def start(self) -> int:
        """Start the process and return its number, which is its group's number too.

        Handlers that this process has for SIGINT and SIGTERM are the default again in the child.
        """
        with self.log.open("ab") as log:
            os.fchmod(log.fileno(), 0o600)
            self._log_start = log.tell()
            try:
                self.process = self._spawn(log)
            except OSError as error:
                raise ChildFailedError(f"{self.service.name} cannot be started: {error}") from error
        self.started_at_s = time.time()
        return self.process.pid

    def _spawn(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.service.command,
            env={**os.environ, **self.service.environment},
            cwd=self.log.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int | None:
        """The number of the process, if it was started and not yet forgotten."""
        return self.process.pid if self.process else None

    def exit_code(self) -> int | None:
        """None while the process lives."""
        return self.process.poll() if self.process else None

    def request_stop(self) -> None:
        """Send its stop signal to the process and everything in its group."""
        if self.process and self.process.poll() is None:
            processes.signal_group(self.process.pid, self.service.stop_signal)

    def finish(self, deadline_s: float) -> None:
        """Wait for the process and its group until `deadline_s` (monotonic), then kill them."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            processes.signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.end_group(deadline_s)
        self.process = None

    def end_group(self, deadline_s: float) -> None:
        """End what the process left in its group, such as Dagster's run workers."""
        if self.process is None or processes.group_is_empty(self.process.pid):
            return
        processes.signal_group(self.process.pid, signal.SIGTERM)
        while not processes.group_is_empty(self.process.pid):
            if time.monotonic() >= deadline_s:
                processes.signal_group(self.process.pid, signal.SIGKILL)
                return
            time.sleep(0.05)

    def tail(self) -> str:
        """The last lines that the process wrote since it was last started."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(self._log_start, self.log.stat().st_size - TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(COLOUR.sub("", text).splitlines()[-TAIL_LINES:])
