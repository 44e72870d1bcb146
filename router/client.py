"""One way to connect to NATS, to publish and to fetch, for every process of the system.

Belongs here: what is true of any sender or receiver: time-outs, resending, logging of errors.
Keep out: settings of streams (streams.py), and what a message means.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from router import window
from router.errors import ConnectError, PublishError
from router.outgoing import Outgoing, outgoing
from router.tolerant import TolerantClient
from router.window import Outcome

__all__ = ["Connection", "Outgoing", "Published", "connected", "fetch", "outgoing", "publish"]

log = logging.getLogger(__name__)

PING_INTERVAL_S = 5
FLUSH_S = 5
ACK_TIMEOUT_S = 5.0
PATIENCE_S = 60.0
"""How long a message is sent again; well within the streams' duplicate window."""

FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 5.0
WINDOW = 256

PENDING_BYTES = 128 * 1024 * 1024
"""Fetched and not yet handled; what would exceed it is delivered again later."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection and its JetStream."""

    nc: Client
    js: JetStreamContext


@dataclass(frozen=True, slots=True)
class Published:
    """How many messages the server stored, and how many it already had."""

    stored: int
    duplicates: int


@asynccontextmanager
async def connected(url: str, name: str, within_s: float = 15.0) -> AsyncIterator[Connection]:
    """A connection that comes back by itself for as long as the block runs.

    Raises ConnectError when the first connection is not made within `within_s` seconds.
    """
    nc = TolerantClient()
    await _connect(nc, url, name, within_s)
    try:
        yield Connection(nc, nc.jetstream())
    finally:
        await _close(nc)


async def publish(
    js: JetStreamContext,
    messages: Iterable[Outgoing],
    size: int = WINDOW,
    patience_s: float = PATIENCE_S,
) -> Published:
    """Send every message and wait for every acknowledgement, `size` at a time.

    A message without an answer is sent again under the same id, for `patience_s` seconds.
    Raises the first PublishError once all of its window is settled; later windows are not sent.
    """
    stored = duplicates = 0
    for batch in _windows(messages, size):
        for outcome in await _settle_window(js, batch, patience_s):
            if isinstance(outcome, PublishError):
                raise outcome
            duplicates += bool(outcome.duplicate)
            stored += not outcome.duplicate
    return Published(stored, duplicates)


async def publish_each(
    js: JetStreamContext,
    messages: Iterable[Outgoing],
    size: int = WINDOW,
    patience_s: float = PATIENCE_S,
) -> list[Outcome]:
    """What became of each message, in order; one that fails does not hold up the others."""
    outcomes: list[Outcome] = []
    for batch in _windows(messages, size):
        outcomes += await _settle_window(js, batch, patience_s)
    return outcomes


async def fetch(
    subscription: JetStreamContext.PullSubscription, batch: int, wait_s: float
) -> list[Msg]:
    """What is there, up to `batch`; after `wait_s` seconds without a message an empty list.

    Let it end by itself: cancelling it can drop messages that have already arrived.
    """
    try:
        return await subscription.fetch(batch, timeout=wait_s)
    except TimeoutError:
        return []


async def pull(
    js: JetStreamContext, stream: str, consumer: str
) -> JetStreamContext.PullSubscription:
    """A subscription to a durable consumer that exists."""
    return await js.pull_subscribe_bind(
        consumer=consumer, stream=stream, pending_bytes_limit=PENDING_BYTES
    )


async def _connect(nc: Client, url: str, name: str, within_s: float) -> None:
    causes: dict[str, None] = {}  # each once: a refusal is often followed by a broken connection

    async def on_error(error: Exception) -> None:
        causes[repr(error)] = None
        log.warning("nats.failed name=%s error=%r", name, error)

    async def on_disconnect() -> None:
        if not nc.is_closed:
            log.warning("nats.disconnected name=%s", name)

    async def on_reconnect() -> None:
        log.info("nats.reconnected name=%s", name)

    async def on_close() -> None:
        log.info("nats.closed name=%s", name)

    try:
        async with asyncio.timeout(within_s):
            await nc.connect(
                url,
                name=name,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
                closed_cb=on_close,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                connect_timeout=5,
                ping_interval=PING_INTERVAL_S,
            )
    except (TimeoutError, NatsError, OSError, ValueError) as error:
        await nc.close()
        said = ", then ".join(causes) or repr(error)
        raise ConnectError(f"no NATS server at {_without_secrets(url)}: {said}") from error


async def _close(nc: Client) -> None:
    """Send what is waiting, such as acknowledgements, and close.

    Not `drain`: it waits for pull subscriptions to be emptied, which nobody does any more.
    """
    try:
        if nc.is_connected:
            await nc.flush(FLUSH_S)
    except (NatsError, TimeoutError, OSError) as error:
        log.warning("nats.closed_dirty error=%r", error)
    try:
        await nc.close()
    except OSError as error:  # it tries to send what is waiting, and the server is away
        log.warning("nats.closed_dirty error=%r", error)


async def _settle_window(
    js: JetStreamContext, messages: Sequence[Outgoing], patience_s: float
) -> list[Outcome]:
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience_s
    outcomes = await window.send(js._nc, messages, ACK_TIMEOUT_S)
    pause_s = FIRST_PAUSE_S
    while (again := _unsettled(outcomes)) and clock() < deadline:
        log.warning("publish.resent messages=%d reason=%s", len(again), outcomes[again[0]])
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_PAUSE_S)
        answers = await window.send(js._nc, [messages[i] for i in again], ACK_TIMEOUT_S)
        for i, outcome in zip(again, answers, strict=True):
            outcomes[i] = outcome
    return outcomes


def _unsettled(outcomes: Sequence[Outcome]) -> list[int]:
    return [
        i
        for i, outcome in enumerate(outcomes)
        if isinstance(outcome, PublishError) and not outcome.permanent
    ]


def _windows(messages: Iterable[Outgoing], size: int) -> Iterator[list[Outgoing]]:
    iterator = iter(messages)
    while batch := list(islice(iterator, size)):
        yield batch


def _without_secrets(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or "an address that cannot be read"
