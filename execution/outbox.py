"""Publishes what was committed, at least once and in order, and forgets it then.

Keep out: what is told (events.py); nothing here can change an account.
"""

import asyncio
import logging
import time
from typing import Any, LiteralString

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from execution import metrics
from router.client import publish
from router.errors import PublishError
from router.outgoing import unpack

log = logging.getLogger(__name__)

BATCH = 1
"""Rows at a time; each is of many messages."""

LOCK = 7_002
"""The advisory lock of whose turn it is."""

IDLE_S = 1.0
"""How long to wait for a commit before looking anyway."""


class Publisher:
    """One task; `wake` after a commit."""

    def __init__(self, pool: AsyncConnectionPool[Any], js: JetStreamContext) -> None:
        self._pool = pool
        self._js = js
        self._work = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._work.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; failures are tried again."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._work.wait()
            except TimeoutError:
                pass
            self._work.clear()
            try:
                while await self._publish_in_turn():
                    pass
            except (OperationalError, PoolTimeout, PublishError, NatsError, TimeoutError) as error:
                log.warning("outbox.failed error=%r", error)
                await self._pool.check()

    async def _publish_in_turn(self) -> int:
        """Where commits keep coming, decisions go first: three quarters of the time are theirs."""
        began = time.monotonic()
        count = await self.publish_some()
        if count and self._work.is_set():
            self._work.clear()
            await asyncio.sleep(3 * (time.monotonic() - began))
        return count

    async def publish_some(self) -> int:
        """Publish the oldest messages, delete them, and say how many there were.

        One replica at a time: what another is publishing is left to it, or it would go out twice.
        """
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(_OLDEST, {"lock": LOCK, "limit": BATCH})
            rows = await cursor.fetchall()
            if not rows:
                return 0
            messages = [message for _, packed in rows for message in unpack(packed)]
            published = await publish(self._js, messages)
            metrics.EVENTS.inc(published.stored)
            await connection.execute(
                "DELETE FROM outbox WHERE id = ANY(%s)", ([row[0] for row in rows],)
            )
        return len(messages)


_OLDEST: LiteralString = """WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(%(lock)s) AS mine,
               set_config('idle_in_transaction_session_timeout', '10s', true))
    SELECT id, messages FROM outbox CROSS JOIN turn WHERE turn.mine ORDER BY id LIMIT %(limit)s"""
"""A replica that stands still in the middle loses its turn after ten seconds."""
