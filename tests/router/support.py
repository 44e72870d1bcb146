"""What the tests against a real server share: routers that run, and what streams hold."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js import JetStreamContext, api

from router import service
from router.announcements import announce
from router.client import connected, fetch
from router.messages import AccountRegistered
from router.settings import Settings
from router.streams import ensure
from tests.servers import Child

READY = "$SRV.PING.central-router"
WAIT_S = 30.0


@asynccontextmanager
async def prepared(url: str, *accounts: AccountRegistered) -> AsyncIterator[JetStreamContext]:
    """A JetStream with the declared streams, where these accounts were announced."""
    async with connected(url, "test") as connection:
        await ensure(connection.js)
        for each in accounts:
            await announce(connection.js, each)
        yield connection.js


@asynccontextmanager
async def running_router(settings: Settings) -> AsyncIterator[None]:
    """A router in this process, ready when the block starts and ended cleanly after it."""
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(settings, stop))
    try:
        async with connected(settings.nats_url, "prober") as connection:
            await ready(connection.nc, task)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, WAIT_S)


async def ready(nc: Client, task: "asyncio.Task[None] | None" = None) -> None:
    """Return once a router answers pings."""
    async with asyncio.timeout(WAIT_S):
        while not (task and task.done()):
            try:
                await nc.request(READY, timeout=1)
            except (NoRespondersError, TimeoutError):
                await asyncio.sleep(0.05)
            else:
                return
        task.result()


class RouterProcess(Child):
    """`python -m router` as a child."""

    def __init__(self, url: str, folder: Path, name: str = "router", **environ: str) -> None:
        keep = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        super().__init__(
            [sys.executable, "-m", "router"],
            folder / f"{name}.log",
            {**keep, "NATS_URL": url, **environ},
        )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    @property
    def said(self) -> str:
        return self.log.read_text()


async def contents(js: JetStreamContext, stream: str, pattern: str = ">") -> list[Msg]:
    """Every message that the stream holds, in order."""
    config = api.ConsumerConfig(ack_policy=api.AckPolicy.NONE, mem_storage=True)
    subscription = await js.pull_subscribe(pattern, stream=stream, config=config)
    found: list[Msg] = []
    left = (await subscription.consumer_info()).num_pending or 0
    while left:
        found += await fetch(subscription, 500, WAIT_S)
        left = found[-1].metadata.num_pending
    await subscription.unsubscribe()
    return found


async def holds(js: JetStreamContext, stream: str, count: int) -> int:
    """Wait until the stream holds at least `count` messages; returns how many it holds."""
    async with asyncio.timeout(WAIT_S * 2):
        while True:
            found = (await js.stream_info(stream)).state.messages
            if found >= count:
                return found
            await asyncio.sleep(0.05)


async def settled(js: JetStreamContext, stream: str) -> None:
    """Wait until the routers have acknowledged all that the stream holds."""
    last = (await js.stream_info(stream)).state.last_seq
    async with asyncio.timeout(WAIT_S * 2):
        while True:
            info = await js.consumer_info(stream, "central-router")
            if info.ack_floor is not None and info.ack_floor.stream_seq >= last:
                return
            await asyncio.sleep(0.05)


def publish_raw(url: str, frames: Iterable[bytes]) -> None:
    """Send protocol lines that no client library would."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=5) as raw:
        raw.recv(65536)
        login = '{"user":"%s","pass":"%s","verbose":false,"headers":true}'
        raw.sendall(f"CONNECT {login % (parts.username, parts.password)}\r\n".encode())
        raw.sendall(b"".join(frames) + b"PING\r\n")
        answer = b""
        while b"PONG" not in answer:
            answer += raw.recv(65536)
        assert b"-ERR" not in answer, answer


def frame(subject: bytes, payload: bytes, headers: bytes = b"") -> bytes:
    """A PUB or HPUB line."""
    if not headers:
        return b"PUB %s %d\r\n%s\r\n" % (subject, len(payload), payload)
    sizes = (len(headers), len(headers) + len(payload))
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (subject, *sizes, headers, payload)
