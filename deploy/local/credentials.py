"""Passwords and the API token: generated at the first start, kept with mode 600.

Belongs here: making and reading secrets.
Keep out: who uses them.
"""

import json
import secrets
from dataclasses import asdict, dataclass, fields

from deploy.local.errors import HomeError
from deploy.local.home import Home, write_private

SECRET_BYTES = 24


@dataclass(frozen=True)
class Secrets:
    """One password per server or role."""

    postgres: str
    trading_owner: str
    trading_app: str
    dagster: str
    nats: str
    valkey: str


def load_or_create(home: Home) -> Secrets:
    """The passwords of this state folder; refuses to invent new ones for existing data."""
    if home.secrets_file.exists():
        return _load(home)
    if home.postgres.exists():
        raise HomeError(
            f"{home.secrets_file} is missing and {home.postgres} was made with its passwords: "
            "restore the file, or start over with trading run --fresh."
        )
    made = Secrets(*(secrets.token_urlsafe(SECRET_BYTES) for _ in fields(Secrets)))
    write_private(home.secrets_file, json.dumps(asdict(made), indent=2) + "\n")
    return made


def ensure_token(home: Home) -> str:
    """The bearer token of the trading core's API, made at the first start."""
    if home.token_file.exists() and (token := home.token_file.read_text().strip()):
        return token
    token = secrets.token_urlsafe(32)
    write_private(home.token_file, token + "\n")
    return token


def _load(home: Home) -> Secrets:
    try:
        return Secrets(**json.loads(home.secrets_file.read_text()))
    except (ValueError, TypeError) as error:
        raise HomeError(
            f"{home.secrets_file} cannot be read ({error}): restore it, "
            "or start over with trading run --fresh."
        ) from error
