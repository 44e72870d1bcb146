"""The supervisor's end of the pipe to the watchdog.

Belongs here: starting the watchdog, telling it about children, replacing it when it dies.
Keep out: what the watchdog does (watchdog.py).
"""

import contextlib
import subprocess
import sys


class Watch:
    """Tells a watchdog process which process groups die with this process."""

    def __init__(self) -> None:
        self._groups: dict[int, int] = {}
        self._process = _start()

    def add(self, group: int, stop_signal: int) -> None:
        """From now on the group is ended if this process is killed."""
        self._groups[group] = int(stop_signal)
        self._tell(f"+{group} {int(stop_signal)}")

    def remove(self, group: int) -> None:
        """The group has ended."""
        self._groups.pop(group, None)
        self._tell(f"-{group}")

    def keep(self) -> None:
        """Replace the watchdog if it has died."""
        if self._process.poll() is not None:
            self._close_pipe()
            self._process = _start()
            for group, stop_signal in self._groups.items():
                self._write(f"+{group} {stop_signal}")

    def close(self) -> None:
        """Everything has been stopped: the watchdog may go."""
        self._write("bye")
        self._close_pipe()
        self._process.wait(timeout=10)

    @property
    def pid(self) -> int:
        """The watchdog's process number."""
        return self._process.pid

    def _close_pipe(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()

    def _tell(self, line: str) -> None:
        self.keep()
        self._write(line)

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def _start() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local.watchdog"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        start_new_session=True,
    )
