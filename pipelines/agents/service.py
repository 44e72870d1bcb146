"""An agent's life: prepare, connect, answer requests one at a time, and stop without losing one.

Belongs here: the NATS micro service (found by $SRV.PING, INFO and STATS), errors as replies, and
the order of starting and stopping. Keep out: any analysis, the wire's form (wire.py), and HTTP
(health.py).

An analysis runs in one thread of its own, so pings are answered while it works.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.micro import add_service
from nats.micro.request import Request, ServiceError
from nats.micro.service import ServiceConfig

from pipelines.agents import health, wire
from pipelines.agents.settings import Settings
from pipelines.errors import AgentError, PipelineError
from router import subjects
from router.client import connected

log = logging.getLogger(__name__)

VERSION = "0.1.0"
ENDPOINT = "analyse"
WATCH_S = 1.0
GRACE_S = 25
"""How long requests in flight may take to end; a pod is killed 30 s after it is told to stop."""

HEADERS_BYTES = 1024
"""Of a reply's payload, what is kept free for its subject and headers."""


@dataclass(frozen=True)
class Prepared:
    """An analysis that is ready: from a request to its reply, and what to say about it in pings."""

    answer: Callable[[Any], msgspec.Struct]
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """What an agent serves; `prepare` loads what it needs, once, in the agent's thread."""

    name: str
    description: str
    request: type[msgspec.Struct]
    reply: type[msgspec.Struct]
    prepare: Callable[[], Prepared]


async def run(analysis: Analysis, settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what was taken.

    Raises AgentError or a model's error where it cannot serve, and ConnectError without NATS.
    """
    state = health.State(analysis.name, asyncio.get_running_loop())
    with health.served(state, settings.host, settings.port), ThreadPoolExecutor(1) as pool:
        loop = asyncio.get_running_loop()
        prepared = await loop.run_in_executor(pool, analysis.prepare)
        async with connected(settings.nats_url, analysis.name) as connection:
            await _serve(connection.nc, analysis, prepared, state, pool)
            state.takes_requests = partial(_connected, connection.nc)
            log.info("agent.started name=%s", analysis.name)
            await _until_stopped(connection.nc, stop)
            state.takes_requests = lambda: False
            await _finish(connection.nc)
    log.info("agent.stopped name=%s", analysis.name)


async def _serve(
    nc: Client,
    analysis: Analysis,
    prepared: Prepared,
    state: health.State,
    pool: ThreadPoolExecutor,
) -> None:
    """Take requests from now on; the subscriptions end with the connection."""

    async def handle(request: Request) -> None:
        work = partial(answered, analysis, prepared, request.data, nc.max_payload)
        try:
            with state.working():
                reply = await asyncio.get_running_loop().run_in_executor(pool, work)
        except wire.RefusedError as error:
            state.count(error.code)
            log.warning("request.refused code=%s reason=%s", error.code, error)
            raise ServiceError(error.code, str(error)) from error
        await request.respond(reply)
        state.count("200")

    config = ServiceConfig(
        name=analysis.name,
        version=VERSION,
        description=analysis.description,
        metadata=dict(prepared.metadata),
    )
    service = await add_service(nc, config)
    await service.add_endpoint(
        name=ENDPOINT,
        subject=subjects.agent(analysis.name),
        handler=handle,
        metadata={
            "request_schema": wire.schema(analysis.request),
            "reply_schema": wire.schema(analysis.reply),
        },
    )
    await nc.flush()


def answered(analysis: Analysis, prepared: Prepared, payload: bytes, largest: int) -> bytes:
    """The reply to a payload within `largest` bytes; whatever goes wrong is a RefusedError."""
    try:
        reply = msgspec.json.encode(prepared.answer(wire.read(analysis.request, payload)))
    except wire.RefusedError:
        raise
    except PipelineError as error:
        raise wire.RefusedError(wire.INVALID, str(error)) from error
    except Exception as error:  # one request must not end an agent that serves others
        log.exception("request.failed name=%s bytes=%d", analysis.name, len(payload))
        sentence = f"the analysis failed ({type(error).__name__}); the agent's log says more"
        raise wire.RefusedError(wire.FAILED, sentence) from error
    if len(reply) > largest - HEADERS_BYTES:
        raise wire.RefusedError(
            wire.TOO_LARGE, f"the answer has {len(reply)} bytes and {largest} fit: ask for less"
        )
    return reply


def _connected(nc: Client) -> bool:
    return bool(nc.is_connected)


async def _until_stopped(nc: Client, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if nc.is_closed:
            raise AgentError("the NATS server closed the connection for good: see the log")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_S)


async def _finish(nc: Client) -> None:
    """Take no more, answer what was taken, and close."""
    nc.options["drain_timeout"] = GRACE_S
    try:
        await nc.drain()
    except (NatsError, TimeoutError, OSError) as error:  # away: no answer would arrive
        log.warning("agent.stopped_dirty error=%r", error)
