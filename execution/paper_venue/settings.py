"""The venue's settings, read from the environment once, by the process that starts.

Keep out: keys (keys.py).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from execution.paper_venue.errors import SettingError
from router.messages import NAME

DEFAULT_PORT = "8090"
DEFAULT_ACCOUNT = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the venue listens and keeps its store and keys; `accounts` are made where missing."""

    folder: Path
    host: str
    port: int
    accounts: tuple[str, ...]

    @property
    def store_file(self) -> Path:
        """The SQLite file."""
        return self.folder / "venue.sqlite"

    @property
    def keys_file(self) -> Path:
        """Key pairs and the operator's key; only the owner may read it."""
        return self.folder / "keys.json"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raises SettingError with the variable's name."""
    accounts = environment.get("TRADING_VENUE_ACCOUNTS", DEFAULT_ACCOUNT)
    return Settings(
        folder=Path(environment.get("TRADING_VENUE_HOME", ".trading-venue")).absolute(),
        host=environment.get("TRADING_VENUE_HOST", "127.0.0.1"),
        port=_port(environment.get("TRADING_VENUE_PORT", DEFAULT_PORT)),
        accounts=_names(accounts),
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    wrong = [name for name in names if not re.match(NAME, name)]
    if wrong:
        raise SettingError(f"TRADING_VENUE_ACCOUNTS: {wrong[0]!r} does not match {NAME}")
    return names


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingError(f"TRADING_VENUE_PORT is {text!r}: a number from 1 to 65535 is needed")
    return int(text)
