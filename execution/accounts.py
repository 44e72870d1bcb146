"""Which accounts there are: the packaged ones, and those that were opened.

Keep out: what an account may do (domain/config.py).
"""

from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec

from execution.domain.config import MANUAL_SLEEVE, AccountConfig
from execution.errors import AccountConflictError, UnknownAccountError
from execution.store import Connection, register

CAPITAL = Decimal(100_000)
"""What a new account begins with: a tenth for orders by hand, the rest for strategies."""


def packaged() -> list[AccountConfig]:
    """The accounts of accounts.toml."""
    text = (resources.files("execution") / "accounts.toml").read_bytes()
    found = msgspec.toml.decode(text, type=dict[str, dict[str, Any]])
    return [
        msgspec.convert({"account": name} | fields, AccountConfig) for name, fields in found.items()
    ]


def opening(
    account: str,
    strategies: tuple[str, ...],
    sources: tuple[str, ...],
    sizing: Mapping[str, Mapping[str, Any]],
    **others: Any,  # noqa: ANN401 - fields of AccountConfig
) -> AccountConfig:
    """An account with the default capital; raises msgspec.ValidationError for bad values.

    `sizing` is by strategy, with the fields of `Sizing` that differ from the defaults.
    """
    share = (CAPITAL * 9 / 10 / max(1, len(strategies))).quantize(Decimal(1))
    capital = dict.fromkeys(strategies, share) | {MANUAL_SLEEVE: CAPITAL / 10}
    fields = {
        "account": account,
        "strategies": strategies,
        "sources": sources,
        "capital": capital,
        "strategy_sizing": sizing,
    }
    return msgspec.convert(fields | others, AccountConfig)


async def stored(connection: Connection) -> list[AccountConfig]:
    """Every account in the database, by name."""
    cursor = await connection.execute("SELECT config FROM accounts ORDER BY account")
    return [msgspec.json.decode(row[0], type=AccountConfig) for row in await cursor.fetchall()]


async def find(connection: Connection, account: str) -> AccountConfig:
    """One account; raises UnknownAccountError."""
    cursor = await connection.execute("SELECT config FROM accounts WHERE account = %s", (account,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownAccountError(f"there is no account {account!r}")
    return msgspec.json.decode(row[0], type=AccountConfig)


async def open_account(connection: Connection, config: AccountConfig) -> bool:
    """Open it if it is new, and say whether it was; raises AccountConflictError."""
    try:
        existing = await find(connection, config.account)
    except UnknownAccountError:
        await register(connection, config)
        return True
    if existing != config:
        raise AccountConflictError(f"account {config.account} exists with another configuration")
    return False
