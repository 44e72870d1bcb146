"""One batch is committed while the next is decided; what fails is given back whole."""

from typing import Any

import psycopg
import pytest

from execution import store
from execution.domain.inputs import Input
from execution.errors import ConcurrentWriterError
from execution.processor import Processor
from execution.store import Head
from router.messages import encode
from tests.execution.books import leased
from tests.execution.factories import CONFIG, DAYS, session
from tests.servers import Database

SCORES = {"AAPL": "0.5", "MSFT": "0.9"}


class Delivered:
    """A message that says whether it was acknowledged."""

    subject = "inputs.sample.any"

    def __init__(self, item: Input) -> None:
        self.data, self.acknowledged = encode(item), False

    async def ack(self) -> None:
        self.acknowledged = True


async def nothing(*_args: Any) -> None:
    """Nobody waits for a commit."""


async def opened(writing: Any, reading: Any) -> Processor:
    lease = await leased(writing)
    loaded = await store.load(writing, "sample")
    return Processor(CONFIG, lease, writing, reading, loaded, nothing)


def batches() -> list[list[Any]]:
    first, second = session(DAYS[0], SCORES), session(DAYS[1], SCORES, previous=DAYS[0])
    return [[Delivered(item) for item in items] for items in (first, second)]


@pytest.mark.asyncio
async def test_batches_follow_on_each_other_and_are_acknowledged(database: Database) -> None:
    connect = psycopg.AsyncConnection.connect
    async with (
        await connect(database.app_url, autocommit=True) as writing,
        await connect(database.app_url, autocommit=True) as reading,
    ):
        processor = await opened(writing, reading)
        first, second = batches()
        await processor.process(first)
        await processor.process(second)
        await processor.process([*first, *second])  # delivered again
        await processor.settle()
        assert all(message.acknowledged for message in [*first, *second])
        assert processor.unsettled == []
        loaded = await store.load(reading, "sample")
        assert loaded.head.seq == 1 + len(first) + len(second)
        assert loaded.state.closed_session == DAYS[1]


@pytest.mark.asyncio
async def test_a_commit_that_fails_gives_back_its_messages_and_those_after(
    database: Database,
) -> None:
    connect = psycopg.AsyncConnection.connect
    async with (
        await connect(database.app_url, autocommit=True) as writing,
        await connect(database.app_url, autocommit=True) as reading,
    ):
        processor = await opened(writing, reading)
        await processor.process([])
        await processor.settle()
        processor._loaded.head = Head(1, b"another's row")
        first, second = batches()
        await processor.process(first)
        with pytest.raises(ConcurrentWriterError):
            await processor.process(second)
        assert processor.unsettled == [*first, *second]
        assert not any(message.acknowledged for message in [*first, *second])
        assert (await store.load(reading, "sample")).head.seq == 1
