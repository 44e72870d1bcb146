"""Ports of the stack: public ones that people know, internal ones that nobody needs to know.

Belongs here: choosing, remembering and testing ports on this machine.
Keep out: what listens on them.
"""

import json
import random
import socket

from deploy.local.errors import PortTakenError
from deploy.local.home import Home, write_private

INTERNAL = ("postgres", "nats", "nats_monitor", "valkey", "dagster_code", "router_metrics")
LOWEST, HIGHEST = 20_000, 32_000
"""Below the range that systems hand out to outgoing connections."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nothing listens on the port and we may."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(port: int, variable: str, host: str = "127.0.0.1") -> None:
    """Refuse a public port that another program has."""
    if not is_free(port, host):
        raise PortTakenError(
            f"Port {port} is taken by another program: stop that program, "
            f"or set {variable} to a free port."
        )


def core(number: int) -> str:
    """The name of the port of a further trading core, from 2."""
    return f"core_{number}"


def internal(home: Home, replicas: int = 1) -> dict[str, int]:
    """The remembered internal ports, with a new choice for any that is missing or taken."""
    known = remembered(home)
    chosen: dict[str, int] = {}
    for name in (*INTERNAL, *map(core, range(2, replicas + 1))):
        port = known.get(name)
        usable = port is not None and port not in chosen.values() and is_free(port)
        chosen[name] = port if port is not None and usable else _choose(set(chosen.values()))
    if chosen != known:
        write_private(home.ports_file, json.dumps(chosen, indent=2) + "\n")
    return chosen


def remembered(home: Home) -> dict[str, int]:
    """The internal ports that this folder's stack used last; empty before the first start."""
    try:
        found = json.loads(home.ports_file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: int(port) for name, port in found.items()}


def _choose(taken: set[int]) -> int:
    for _ in range(1000):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - any free port will do
        if port not in taken and is_free(port):
            return port
    raise PortTakenError(f"No port from {LOWEST} to {HIGHEST} is free.")
