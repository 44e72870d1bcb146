"""Keeps this replica's leases: renews them, takes what nobody holds, hands over what is too much.

A replica that cannot renew in time stops by itself, before another can have begun; and where it
cannot know, because it was stopped or cut off, its writes are fenced (store.py).
Keep out: the rules of the tables (leases.py), and driving an account (service.py).
"""

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from typing import Protocol

from psycopg import AsyncConnection, OperationalError, sql

from execution import leases
from execution.leases import CHANNEL, TTL_S, Connection, Lease

log = logging.getLogger(__name__)

ROUND_S = 0.5
"""How often leases are renewed where nobody calls."""

ANSWER_S = TTL_S / 2
"""How long the database may take for a round."""


class Driver(Protocol):
    """What works on accounts."""

    async def drive(self, lease: Lease) -> bool:
        """Begin to; False where this process cannot."""

    async def halt(self, account: str) -> None:
        """Stop, and return soon: what is written after that is fenced."""

    def wake(self, account: str) -> None:
        """A command waits for its writer, if that is here."""


class Keeper:
    """The leases of one replica."""

    def __init__(self, database_url: str, replica: str, driver: Driver) -> None:
        self.first_round = asyncio.Event()
        """Set when leases were asked for once: what was free is being driven."""
        self._url = database_url
        self._replica = replica
        self._driver = driver
        self._held: dict[str, Lease] = {}
        self._unfit: set[str] = set()
        """Accounts that this process cannot drive."""
        self._renewed_at = time.monotonic()

    @property
    def problem(self) -> str | None:
        """Why leases cannot be kept, in words."""
        if not self.first_round.is_set():
            return "leases were not asked for yet"
        late = time.monotonic() - self._renewed_at
        return f"leases were not renewed for {late:.0f} seconds" if late > TTL_S else None

    async def run(self, stop: asyncio.Event) -> None:
        """Keep leases until `stop`; then halt every account and let go of it."""
        while not stop.is_set():
            try:
                async with await self._connected() as connection:
                    while not stop.is_set():
                        await self._round(connection)
                        await self._pause(connection, stop)
                    await self._leave(connection)
            except (OperationalError, TimeoutError) as error:
                log.warning("leases.failed replica=%s error=%r", self._replica, error)
                if stop.is_set() or time.monotonic() - self._renewed_at > TTL_S:
                    await self._lose(list(self._held.values()))
                await asyncio.sleep(ROUND_S)

    async def _connected(self) -> Connection:
        connection = await AsyncConnection.connect(self._url, autocommit=True, connect_timeout=2)
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        if not self.first_round.is_set():
            await leases.arrive(connection, self._replica)
        return connection

    async def _round(self, connection: Connection) -> None:
        began = time.monotonic()
        async with asyncio.timeout(ANSWER_S):
            held = list(self._held.values())
            still = await leases.renew(connection, self._replica, held)
            share = await leases.fair_share(connection)
            free = share - len(still)
            taken = await leases.take(connection, self._replica, free, self._unfit)
        self._renewed_at = began
        await self._lose([lease for lease in held if lease not in still])
        await self._drive(connection, taken)
        if free < 0:
            await self._give_up(connection, sorted(still)[free:])
        self.first_round.set()

    async def _drive(self, connection: Connection, taken: Sequence[Lease]) -> None:
        for lease in taken:
            log.info("lease.taken account=%s epoch=%d", lease.account, lease.epoch)
            if await self._driver.drive(lease):
                self._held[lease.account] = lease
            else:
                self._unfit.add(lease.account)
                await leases.give_up(connection, [lease])

    async def _lose(self, lost: Collection[Lease]) -> None:
        for lease in lost:
            log.warning("lease.lost account=%s epoch=%d", lease.account, lease.epoch)
        await self._halt(lost)

    async def _give_up(self, connection: Connection, given: Sequence[Lease]) -> None:
        await self._halt(given)
        await leases.give_up(connection, given)

    async def _halt(self, gone: Collection[Lease]) -> None:
        await asyncio.gather(*(self._driver.halt(lease.account) for lease in gone))
        for lease in gone:
            self._held.pop(lease.account, None)

    async def _pause(self, connection: Connection, stop: asyncio.Event) -> None:
        """Until the next round is due, leases changed, or the end; commands wake their writers."""
        due = time.monotonic() + ROUND_S
        while not stop.is_set() and (left := due - time.monotonic()) > 0:
            async for told in connection.notifies(timeout=min(left, 0.1), stop_after=1):
                if not told.payload:
                    return
                self._driver.wake(told.payload)

    async def _leave(self, connection: Connection) -> None:
        await self._give_up(connection, list(self._held.values()))
        await leases.leave(connection, self._replica)
