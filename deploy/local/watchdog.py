"""A tiny process that ends the stack's children when the supervisor dies without doing so.

It reads lines from its standard input: `+GROUP SIGNAL` adds a process group and the signal that
stops it, `-GROUP` forgets one, `bye` ends the watch. The end of input without `bye` means that
the supervisor was killed. Belongs here: that, with the standard library alone.
Keep out: everything else, so that nothing can keep it from working.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_S = 5.0


def main() -> None:
    """Watch until told to stop, or until the other end of the pipe is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups, farewell = follow(sys.stdin)
    if not farewell:
        end(groups)


def follow(lines: Iterable[str]) -> tuple[dict[int, int], bool]:
    """The groups left when the lines end, and whether the end was announced."""
    groups: dict[int, int] = {}
    for line in lines:
        if line.startswith("bye"):
            return groups, True
        if line.startswith("+"):
            group, number = line[1:].split()
            groups[int(group)] = int(number)
        elif line.startswith("-"):
            groups.pop(int(line[1:]), None)
    return groups, False


def end(groups: dict[int, int]) -> None:
    """Ask each group to stop with its own signal, wait a little, then make it."""
    left = [group for group, number in groups.items() if _send(group, number)]
    deadline = time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [group for group in left if _send(group, 0)]
    for group in left:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Whether the group still had a process."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
