"""The latest quotes in Valkey, for whoever shows prices: a cache that no decision reads.

Keep out: marks of accounts, which belong to their state.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from execution.domain.state import Mark

log = logging.getLogger(__name__)

Quotes = Mapping[str, Mark]
"""By symbol."""

TIME_TO_LIVE_S = 7 * 24 * 3600
TIMEOUT_S = 2.0
WAITING = 100
"""Bars that may wait for a slow cache; older ones are dropped."""


class QuoteCache:
    """Writes in the background, so that a slow or absent cache holds up nothing."""

    def __init__(self, url: str | None) -> None:
        self._redis = (
            Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) if url else None
        )
        self._queue: asyncio.Queue[tuple[str, Quotes]] = asyncio.Queue(WAITING)

    def put(self, account: str, quotes: Quotes) -> None:
        """Remember these marks soon."""
        if self._redis is None:
            return
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait((account, quotes))

    async def get(self, account: str, symbol: str) -> Mark | None:
        """The cached mark, or None where there is none or no cache."""
        if self._redis is None:
            return None
        with suppress(RedisError, OSError, TimeoutError):
            found = await self._redis.get(_key(account, symbol))
            return msgspec.json.decode(found, type=Mark) if found else None
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Write what was put, until `stop`."""
        while not stop.is_set() and self._redis is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    account, quotes = await self._queue.get()
                await self._write(self._redis, account, quotes)
        if self._redis is not None:
            await self._redis.aclose()

    async def _write(self, redis: Redis, account: str, quotes: Quotes) -> None:
        try:
            async with redis.pipeline(transaction=False) as pipe:
                for symbol, mark in quotes.items():
                    pipe.set(_key(account, symbol), msgspec.json.encode(mark), ex=TIME_TO_LIVE_S)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("quotes.not_cached error=%r", error)


def _key(account: str, symbol: str) -> str:
    return f"quote:{account}:{symbol}"
