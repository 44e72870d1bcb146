"""What the tests of agents share: agents in this process and as children, and small requests."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from pipelines.agents import wire
from pipelines.agents.client import find
from pipelines.agents.service import Analysis, run
from pipelines.agents.settings import Settings
from pipelines.analyses.sentiment.pooling import Sentiment
from pipelines.models.lexicon import Lexicon
from pipelines.models.provider import Reading
from router import subjects
from tests.servers import Child, free_port

WAIT_S = 30.0
SENTIMENT = "sentiment-analysis"


class AgentProcess(Child):
    """`trading agent KIND` as a child, with the lexicon for a model."""

    def __init__(self, url: str, folder: Path, kind: str = "sentiment", name: str = "") -> None:
        keep = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        self.port = free_port()
        words = [sys.executable, "-m", "deploy.local.cli", "agent", kind, "--port", str(self.port)]
        environ = {**keep, "NATS_URL": url, "TRADING_SENTIMENT_PROVIDER": "lexicon"}
        super().__init__(words, folder / f"{name or kind}.log", environ)

    def page(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def ready(self) -> bool:
        try:
            return self.running() and self.page("/health/ready").is_success
        except httpx.HTTPError:
            return False


@dataclass
class Gated:
    """The lexicon, which reads only once the gate is open, and says when it was asked."""

    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    inner: Lexicon = field(default_factory=Lexicon)
    texts: int = 0

    name = "lexicon"

    @property
    def model_hash(self) -> str:
        return self.inner.model_hash

    @property
    def trained_until(self) -> date | None:
        return self.inner.trained_until

    def read(self, readings: Sequence[Reading]) -> list[Sentiment]:
        self.asked.set()
        assert self.gate.wait(WAIT_S)
        self.texts += len(readings)
        return self.inner.read(readings)


def opened() -> Gated:
    """One that reads at once and counts what it reads."""
    provider = Gated()
    provider.gate.set()
    return provider


@asynccontextmanager
async def running(url: str, analysis: Analysis) -> AsyncIterator[asyncio.Event]:
    """An agent in this process, found by pings when the block starts; set the event to stop it."""
    stop = asyncio.Event()
    settings = Settings(nats_url=url, port=free_port())
    task = asyncio.create_task(run(analysis, settings, stop))
    try:
        async with asking(url) as nc:
            await found(nc, analysis.name, 1, task)
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, WAIT_S)


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Client]:
    nc = Client()
    await nc.connect(url)
    try:
        yield nc
    finally:
        await nc.close()


async def found(
    nc: Client, name: str, count: int, task: "asyncio.Task[None] | None" = None
) -> None:
    """Return once that many agents answer pings."""
    async with asyncio.timeout(WAIT_S):
        while len(await find(nc, name)) != count:
            if task and task.done():
                task.result()
            await asyncio.sleep(0.05)


async def ask(nc: Client, name: str, payload: bytes) -> Msg:
    return await nc.request(subjects.agent(name), payload, timeout=WAIT_S)


def code_of(reply: Msg) -> tuple[str, str]:
    """The code and the sentence of an error."""
    headers = reply.headers or {}
    return headers.get("Nats-Service-Error-Code", ""), headers.get("Nats-Service-Error", "")


def texts(*given: str) -> bytes:
    return msgspec.json.encode({"readings": [{"text": each} for each in given]})


def decoded(reply: Msg, kind: Any = wire.SentimentReply) -> Any:
    return msgspec.json.decode(reply.data, type=kind)
