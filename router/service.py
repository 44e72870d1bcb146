"""The central router's loop: fetch, decide, publish, then acknowledge.

Belongs here: the order of those steps, what happens when one fails, starting and stopping.
Keep out: the decision itself (routing.py), and how to talk to NATS (client.py).

A message is acknowledged only when all that it became is stored, so a crash anywhere means
that it is routed again; the ids of what it becomes are the same each time.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from router import metrics, status, streams, subjects
from router.announcements import AccountReader
from router.client import Connection, Outgoing, connected, fetch, publish_each, pull
from router.errors import PublishError
from router.metrics import Counts
from router.registry import Registry
from router.routing import DeadLetter, dead_letter, route
from router.settings import Settings
from router.window import Outcome

log = logging.getLogger(__name__)

SOURCES = {
    subjects.REPLAY_STREAM: subjects.ALL_REPLAY,
    subjects.LIVE_STREAM: subjects.ALL_LIVE,
}
MAX_BATCH = 250
BATCH_BYTES = 64 * 1024 * 1024
FETCH_WAIT_S = 1.0
PAUSE_S = 1.0
MAX_PAUSE_S = 30.0
LAG_INTERVAL_S = 5.0
GRACE_S = 10.0


@dataclass
class Router:
    """What the router's tasks share."""

    js: JetStreamContext
    accounts: AccountReader
    stop: asyncio.Event
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Work:
    """A message and what it becomes."""

    source: Msg
    becomes: tuple[Outgoing, ...]
    dead: str | None


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Route until `stop` is set; raises what made it impossible to go on."""
    async with connected(settings.nats_url, streams.ROUTER_CONSUMER) as connection:
        await streams.require_durable_server(connection.nc, settings.monitor_url)
        router = await _prepare(connection, stop)
        metrics.serve(router.counts, settings.metrics_host, settings.metrics_port)
        await status.serve(connection.nc, router.counts, router.accounts)
        log.info("router.started")
        await _supervise(router)
    log.info("router.stopped routed=%d", router.counts.routed)


async def _prepare(connection: Connection, stop: asyncio.Event) -> Router:
    await _ensure(connection.js)
    router = Router(connection.js, AccountReader(connection.js), stop)
    await router.accounts.refresh()
    return router


async def _ensure(js: JetStreamContext) -> None:
    await streams.ensure(js)
    for stream, pattern in SOURCES.items():
        await streams.ensure_consumer(js, stream, streams.router_consumer(pattern))


async def _supervise(router: Router) -> None:
    """Run the tasks; when one ends, all end, and its error is ours."""
    tasks = [
        asyncio.create_task(_route_stream(router, stream), name=f"route-{stream}")
        for stream in SOURCES
    ]
    tasks.append(asyncio.create_task(_measure_lag(router), name="measure-lag"))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    router.stop.set()
    _, late = await asyncio.wait(tasks, timeout=GRACE_S)
    for task in late:
        log.warning("task.cancelled name=%s", task.get_name())
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Exception):
            log.error("task.died name=%s error=%r", task.get_name(), result)
            raise result


async def _route_stream(router: Router, stream: str) -> None:
    """Route one stream until told to stop; NATS being away only delays it."""
    subscription = await pull(router.js, stream, streams.ROUTER_CONSUMER)
    size = MAX_BATCH
    while not router.stop.is_set():
        try:
            messages = await fetch(subscription, size, FETCH_WAIT_S)
            if messages:
                await route_batch(router, messages)
                size = next_batch(messages)
        except ConnectionClosedError:
            raise
        except (NatsError, TimeoutError) as error:
            log.warning("router.interrupted stream=%s error=%r", stream, error)
            await _pause(router.stop, PAUSE_S)


async def route_batch(router: Router, messages: Sequence[Msg]) -> None:
    """Store what the messages become, then acknowledge them; put back what failed."""
    registry = await router.accounts.refresh()
    work = [plan(message, registry) for message in messages]
    outcomes = iter(await publish_each(router.js, [out for each in work for out in each.becomes]))
    for each in work:
        await _settle(router.counts, each, [next(outcomes) for _ in each.becomes])


def plan(message: Msg, registry: Registry) -> Work:
    """What a message becomes: inputs of accounts, or one dead letter."""
    decision = route(message.subject, message.data, registry)
    if not isinstance(decision, DeadLetter):
        return Work(message, decision, None)
    place = message.metadata
    origin = f"{place.stream}:{place.sequence.stream}"
    letter = dead_letter(decision, message.subject, message.data, origin)
    return Work(message, (letter,), decision.reason)


def next_batch(messages: Sequence[Msg]) -> int:
    """How many to fetch, so that a batch of messages like these stays within BATCH_BYTES."""
    average = sum(len(message.data) for message in messages) // len(messages)
    return max(1, min(MAX_BATCH, BATCH_BYTES // max(1, average)))


async def _settle(counts: Counts, work: Work, outcomes: Sequence[Outcome]) -> None:
    failed = next((each for each in outcomes if isinstance(each, PublishError)), None)
    if failed is not None:
        counts.failures += 1
        log.error("message.returned subject=%s error=%s", work.source.subject, failed)
        deliveries = work.source.metadata.num_delivered
        await work.source.nak(delay=min(MAX_PAUSE_S, 2.0 ** min(deliveries, 5)))
        return
    fresh = sum(not each.duplicate for each in outcomes if not isinstance(each, PublishError))
    counts.duplicates += len(outcomes) - fresh
    if work.dead is None:
        counts.routed += fresh
    else:
        counts.dead[work.dead] += fresh
    await work.source.ack()


async def _measure_lag(router: Router) -> None:
    """Count what waits; put back a stream or consumer that somebody deleted."""
    while not router.stop.is_set():
        try:
            await _ensure(router.js)
            await router.accounts.refresh()
            for stream in SOURCES:
                info = await router.js.consumer_info(stream, streams.ROUTER_CONSUMER)
                router.counts.lag[stream] = (info.num_pending or 0) + (info.num_ack_pending or 0)
        except ConnectionClosedError:
            raise
        except (NatsError, TimeoutError) as error:
            log.warning("lag.unknown error=%r", error)
        await _pause(router.stop, LAG_INTERVAL_S)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
