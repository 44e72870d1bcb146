"""What the environment says to the central router, read once.

Belongs here: the names of variables, their defaults and their checks.
Keep out: reading the environment anywhere else, and settings of streams (streams.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from router.errors import SettingsError

DEFAULT_NATS_URL = "nats://127.0.0.1:4222"
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Settings:
    """The router's settings; `None` and port 0 mean that the thing is off."""

    nats_url: str = DEFAULT_NATS_URL
    monitor_url: str | None = None
    metrics_port: int = 0
    metrics_host: str = "127.0.0.1"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings, or raise SettingsError naming the variable and its value."""
    return Settings(
        nats_url=environ.get("NATS_URL") or DEFAULT_NATS_URL,
        monitor_url=environ.get("NATS_MONITOR_URL") or None,
        metrics_port=_port("ROUTER_METRICS_PORT", environ.get("ROUTER_METRICS_PORT") or "0"),
        metrics_host=environ.get("ROUTER_METRICS_HOST") or "127.0.0.1",
    )


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_PORT):
        raise SettingsError(f"{name} is {text!r}: it must be a port from 0 to {MAX_PORT}")
    return int(text)
