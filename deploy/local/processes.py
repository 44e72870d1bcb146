"""Other processes by number: who they are, whether they live, how to end them.

Belongs here: everything that asks the operating system about processes (psutil).
Keep out: which processes belong to the stack.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable

import msgspec
import psutil

START_TOLERANCE_S = 2.0
"""Start times are derived from the clock, which may have been adjusted since."""


class Identity(msgspec.Struct, frozen=True):
    """A process that a reused number cannot be mistaken for."""

    pid: int
    started: float
    """Seconds since the epoch."""
    command: str


def identify(pid: int) -> Identity | None:
    """The process with this number, or None where there is none."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid, process.create_time(), _program(process))
    except psutil.Error:
        return None


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs: same number and start time.

    The command is for people only: a process may replace its program after it started.
    """
    found = identify(identity.pid)
    return found is not None and abs(found.started - identity.started) <= START_TOLERANCE_S


def memory_mb(pid: int) -> float:
    """Memory of a process and everything below it, not counting what they share."""
    try:
        process = psutil.Process(pid)
        return sum(_own_bytes(each) for each in [process, *process.children(recursive=True)]) / 1e6
    except psutil.Error:
        return 0.0


def group_is_empty(group: int) -> bool:
    """Whether no living process is in a process group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return not _living_members(group)


def signal_group(group: int, number: int) -> None:
    """Send a signal to every process of a group, if there are any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end_groups(groups: Iterable[int], grace_s: float = 8.0) -> None:
    """Ask process groups to stop, then make them."""
    left = list(groups)
    for group in left:
        signal_group(group, signal.SIGTERM)
        signal_group(group, signal.SIGINT)
    deadline = time.monotonic() + grace_s
    while (left := [each for each in left if not group_is_empty(each)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.1)
    for group in left:
        signal_group(group, signal.SIGKILL)


def _living_members(group: int) -> list[int]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
    return members


def _own_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _program(process: psutil.Process) -> str:
    """The first word of the command line; empty where the system does not tell."""
    try:
        words = process.cmdline()
    except psutil.AccessDenied:
        return ""
    return words[0] if words else ""
