"""The trading core's settings, read from the environment once, by the process that starts.

Keep out: settings of accounts (domain/config.py, accounts.toml), which belong to the journal.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the core finds what it needs; URLs may carry passwords, so it is never printed."""

    database_url: str
    nats_url: str
    nats_monitor_url: str | None
    redis_url: str | None
    token_file: Path
    heads_dir: Path
    """Where chain heads are kept outside the database."""
    host: str
    port: int
    replica: str
    """This process's name among those that share the accounts; no two have the same."""


class SettingsError(Exception):
    """A setting is missing or cannot be read."""


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raises SettingsError with the variable's name."""
    home = Path(environment.get("TRADING_HOME", ".trading")).absolute()
    return Settings(
        database_url=_required(environment, "DATABASE_URL"),
        nats_url=_required(environment, "NATS_URL"),
        nats_monitor_url=environment.get("NATS_MONITOR_URL"),
        redis_url=environment.get("REDIS_URL"),
        token_file=Path(environment.get("TRADING_TOKEN_FILE", home / "api-token")),
        heads_dir=Path(environment.get("TRADING_HEADS_DIR", home / "heads")),
        host=environment.get("TRADING_CORE_HOST", "127.0.0.1"),
        port=_port(environment.get("TRADING_CORE_PORT", "8080")),
        replica=environment.get("TRADING_REPLICA") or socket.gethostname(),
    )


def read_token(path: Path) -> str:
    """The API's bearer token; raises SettingsError where there is none or others could read it."""
    try:
        mode, token = path.stat().st_mode, path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"no API token at {path}: {error.strerror}") from error
    if mode & 0o077:
        raise SettingsError(f"{path} can be read by others: run chmod 600 {path}")
    if len(token) < 32:
        raise SettingsError(f"the API token at {path} is shorter than 32 characters")
    return token


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"TRADING_CORE_PORT is {text!r}: a number from 1 to 65535 is needed")
    return int(text)
