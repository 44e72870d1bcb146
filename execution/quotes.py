"""The latest quotes in Valkey, for whoever shows prices: a cache that no decision reads.

Keep out: marks of accounts, which belong to their state.
"""

import asyncio
import logging
from contextlib import suppress

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from router.messages import Bars

log = logging.getLogger(__name__)

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
        self._queue: asyncio.Queue[tuple[str, Bars]] = asyncio.Queue(WAITING)

    def put(self, account: str, bars: Bars) -> None:
        """Remember these closes soon."""
        if self._redis is None:
            return
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait((account, bars))

    async def get(self, account: str, symbol: str) -> dict[str, str] | None:
        """The cached quote, or None where there is none or no cache."""
        if self._redis is None:
            return None
        with suppress(RedisError, OSError, TimeoutError):
            found = await self._redis.get(_key(account, symbol))
            return msgspec.json.decode(found, type=dict[str, str]) if found else None
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Write what was put, until `stop`."""
        while not stop.is_set() and self._redis is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    account, bars = await self._queue.get()
                await self._write(self._redis, account, bars)
        if self._redis is not None:
            await self._redis.aclose()

    async def _write(self, redis: Redis, account: str, bars: Bars) -> None:
        try:
            async with redis.pipeline(transaction=False) as pipe:
                for bar in bars.bars:
                    quote = {"price": str(bar.close), "as_of": bars.bar_end.isoformat()}
                    key = _key(account, bar.symbol)
                    pipe.set(key, msgspec.json.encode(quote), ex=TIME_TO_LIVE_S)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("quotes.not_cached error=%r", error)


def _key(account: str, symbol: str) -> str:
    return f"quote:{account}:{symbol}"
