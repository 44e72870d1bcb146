"""The kill switch: rows of PostgreSQL, one for all accounts and one for each that was ever named.

Belongs here: reading and turning it, for the API and for the command line alike. It needs the
database and nothing else, because nothing is decided without the database either.
Keep out: obeying it (store.py reads it with every batch, and holds it through every commit).
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from execution.errors import UnknownAccountError

ALL = "*"
"""The scope of every account."""

Connection = AsyncConnection[Any]


class Switch(NamedTuple):
    """One row: whose orders, whether they are refused, and who said so, when and why."""

    scope: str
    engaged: bool
    reason: str
    changed_by: str
    changed_at: datetime


class Turned(NamedTuple):
    """A switch as it was committed, and how long that took, in milliseconds."""

    switch: Switch
    waited_ms: int


_TURN: LiteralString = """INSERT INTO kill_switches (scope, engaged, reason, changed_by, changed_at)
    VALUES (%(scope)s, %(engaged)s, %(reason)s, %(by)s, clock_timestamp())
    ON CONFLICT (scope) DO UPDATE SET engaged = EXCLUDED.engaged, reason = EXCLUDED.reason,
        changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at
    RETURNING scope, engaged, reason, changed_by, changed_at"""


async def turn(
    connection: Connection, account: str | None, *, engaged: bool, reason: str, by: str
) -> Turned:
    """Engage or release it for an account, or with None for all; back when that is committed.

    From then on no order is committed that was decided without it: commits at work are waited for.
    Raises UnknownAccountError, and psycopg.Error where nothing was changed.
    """
    began = time.monotonic()
    scope = await _scope(connection, account)
    args = {"scope": scope, "engaged": engaged, "reason": reason, "by": by}
    async with connection.transaction(), connection.cursor(row_factory=class_row(Switch)) as cursor:
        await cursor.execute(_TURN, args)
        switch = await cursor.fetchone()
    if switch is None:
        raise UnknownAccountError(f"the database has no switch of {scope}")
    return Turned(switch, round(1000 * (time.monotonic() - began)))


async def _scope(connection: Connection, account: str | None) -> str:
    if account is None:
        return ALL
    cursor = await connection.execute("SELECT FROM accounts WHERE account = %s", (account,))
    if await cursor.fetchone() is None:
        raise UnknownAccountError(f"there is no account {account!r}")
    return account


async def switches(connection: Connection) -> list[Switch]:
    """Every row, that of all accounts first."""
    async with connection.cursor(row_factory=class_row(Switch)) as cursor:
        await cursor.execute(
            """SELECT scope, engaged, reason, changed_by, changed_at FROM kill_switches
               ORDER BY scope <> '*', scope"""
        )
        return await cursor.fetchall()


def engaged(found: Sequence[Switch], account: str) -> bool:
    """Whether an account's orders are refused: without the row of all accounts they are."""
    of_account = [each for each in found if each.scope in {ALL, account}]
    missing = not any(each.scope == ALL for each in of_account)
    return missing or any(each.engaged for each in of_account)
