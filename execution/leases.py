"""Leases: which replica of the trading core may write to which account, by the database's clock.

Belongs here: the rules of the tables `leases` and `replicas`. Keep out: when to ask (keeper.py),
and the fence itself, which is in the statement that moves an account's head (store.py).

An epoch is never given twice: every new holder gets the next one, and one that comes back after its
lease ran out finds that its own has passed.
"""

from collections.abc import Collection, Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

TTL_S = 3.0
"""How long a lease, and a replica's sign of life, hold without being renewed."""

CHANNEL = "trading_core"
"""Replicas tell each other here: an account's name wakes its writer, nothing a change of leases."""


class Lease(NamedTuple):
    """The right to write to an account, until somebody else has a higher epoch."""

    account: str
    holder: str
    epoch: int


async def arrive(connection: Connection, replica: str) -> None:
    """Say that the replica is there; what an earlier process of its name held runs out at once."""
    async with connection.transaction():
        await connection.execute(
            "UPDATE leases SET expires_at = clock_timestamp() WHERE holder = %s", (replica,)
        )
        await connection.execute(_BEAT, (replica,))


async def renew(connection: Connection, replica: str, held: Sequence[Lease]) -> set[Lease]:
    """Give a sign of life, and say which of these leases still hold.

    It does not wait for the disk: what a crash of the server forgets ran out meanwhile.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute(_BEAT, (replica,))
        cursor = await connection.execute(
            _RENEW,
            {
                "replica": replica,
                "accounts": [each.account for each in held],
                "epochs": [each.epoch for each in held],
                "ttl": TTL_S,
            },
        )
        return {Lease(*row) for row in await cursor.fetchall()}


async def fair_share(connection: Connection) -> int:
    """How many accounts each replica that lives should drive, rounded up."""
    cursor = await connection.execute(
        """SELECT (SELECT count(*) FROM accounts),
                  (SELECT count(*) FROM replicas
                   WHERE seen_at > clock_timestamp() - make_interval(secs => %s))""",
        (TTL_S,),
    )
    row = await cursor.fetchone()
    accounts, living = row or (0, 1)
    return -(-accounts // max(1, living))


async def take(
    connection: Connection, replica: str, most: int, without: Collection[str] = ()
) -> list[Lease]:
    """Take up to `most` accounts that nobody holds, by name; none of `without`."""
    if most < 1:
        return []
    cursor = await connection.execute(
        _TAKE, {"replica": replica, "most": most, "without": list(without), "ttl": TTL_S}
    )
    return [Lease(*row) for row in await cursor.fetchall()]


async def give_up(connection: Connection, given: Sequence[Lease]) -> None:
    """Let others have these at once, and tell them."""
    for lease in given:
        await connection.execute(
            """UPDATE leases SET expires_at = clock_timestamp()
               WHERE (account, holder, epoch) = (%s, %s, %s)""",
            lease,
        )
    await tell(connection, "")


async def leave(connection: Connection, replica: str) -> None:
    """The replica goes: the others share what there is."""
    await connection.execute("DELETE FROM replicas WHERE replica = %s", (replica,))
    await tell(connection, "")


def session_name(account: str) -> str:
    """What the sessions of an account's writer are called in the server."""
    return f"writer {account}"


async def end_others(connection: Connection, lease: Lease) -> None:
    """End the sessions of whoever wrote before, if the lease still holds; call it in one of ours.

    A process that was stopped inside a transaction keeps its locks, and its successor would wait.
    """
    await connection.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = %(name)s AND pid <> pg_backend_pid()
               AND EXISTS (SELECT FROM leases WHERE account = %(account)s
                           AND holder = %(holder)s AND epoch = %(epoch)s)""",
        {"name": session_name(lease.account), **lease._asdict()},
    )


async def tell(connection: Connection, account: str) -> None:
    """Wake the account's writer in whichever replica it is; an empty name: look at the leases."""
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, account))


_BEAT: LiteralString = """INSERT INTO replicas (replica, seen_at) VALUES (%s, clock_timestamp())
    ON CONFLICT (replica) DO UPDATE SET seen_at = EXCLUDED.seen_at"""

_RENEW: LiteralString = """UPDATE leases
    SET expires_at = clock_timestamp() + make_interval(secs => %(ttl)s)
    FROM unnest(%(accounts)s::text[], %(epochs)s::bigint[]) AS held (account, epoch)
    WHERE leases.account = held.account AND leases.epoch = held.epoch
        AND leases.holder = %(replica)s
    RETURNING leases.account, leases.holder, leases.epoch"""

_TAKE: LiteralString = """INSERT INTO leases (account, holder, epoch, expires_at)
    SELECT account, %(replica)s, 1, clock_timestamp() + make_interval(secs => %(ttl)s)
    FROM accounts LEFT JOIN leases USING (account)
    WHERE coalesce(leases.expires_at <= clock_timestamp(), true)
        AND account <> ALL(%(without)s::text[])
    ORDER BY account LIMIT %(most)s
    ON CONFLICT (account) DO UPDATE
        SET holder = EXCLUDED.holder, epoch = leases.epoch + 1, expires_at = EXCLUDED.expires_at
        WHERE leases.expires_at <= clock_timestamp()
    RETURNING account, holder, epoch"""
