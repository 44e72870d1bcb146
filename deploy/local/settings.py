"""What the environment says, read once.

Belongs here: the variables that the command line and the stack obey, and their defaults.
Keep out: files, and any other package's settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import BadInputError

HIGHEST_PORT = 65535


@dataclass(frozen=True)
class External:
    """Servers that somebody else runs; None means that the stack starts its own."""

    database_url: str | None = None
    database_owner_url: str | None = None
    dagster_database_url: str | None = None
    nats_url: str | None = None
    redis_url: str | None = None


@dataclass(frozen=True)
class Settings:
    """The state folder, the public ports, and the external servers."""

    home: Path
    core_host: str = "127.0.0.1"
    core_port: int = 8080
    dagster_port: int = 3000
    lake_url: str | None = None
    external: External = External()
    replicas: int = 1
    """How many trading cores share the accounts."""


def read(environment: Mapping[str, str], folder: Path) -> Settings:
    """Read the settings of a command started in `folder`."""
    home = environment.get("TRADING_HOME") or ".trading"
    return Settings(
        home=(folder / Path(home).expanduser()).resolve(),
        core_host=environment.get("TRADING_CORE_HOST") or "127.0.0.1",
        core_port=_port(environment, "TRADING_CORE_PORT", 8080),
        dagster_port=_port(environment, "DAGSTER_PORT", 3000),
        lake_url=environment.get("TRADING_LAKE_URL") or None,
        external=_external(environment),
    )


def _external(environment: Mapping[str, str]) -> External:
    database = {
        name: environment.get(name) or None
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DAGSTER_DATABASE_URL")
    }
    missing = [name for name, value in database.items() if value is None]
    if missing and len(missing) < len(database):
        raise BadInputError(
            f"{missing[0]} is not set: an external PostgreSQL needs all of {', '.join(database)}."
        )
    return External(
        database_url=database["DATABASE_URL"],
        database_owner_url=database["DATABASE_OWNER_URL"],
        dagster_database_url=database["DAGSTER_DATABASE_URL"],
        nats_url=environment.get("NATS_URL") or None,
        redis_url=environment.get("REDIS_URL") or None,
    )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise BadInputError(f"{name} is {text!r} and must be a port from 1 to {HIGHEST_PORT}.")
    return int(text)
