"""One account's writer: fetches its inputs and drives its processor from start to stop.

After any failure the memory is thrown away and loaded again: start-up is recovery.
Keep out: what happens to a batch (processor.py), decisions (domain), HTTP (api).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import date

from msgspec import MsgspecError
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from psycopg import AsyncConnection
from psycopg import Error as DatabaseError

from execution import leases, store
from execution.domain.config import AccountConfig
from execution.domain.effects import BarsApplied, Effect, SessionClosed
from execution.domain.inputs import Command
from execution.domain.state import Mark, State
from execution.errors import ConcurrentWriterError, HeadsUnreadableError
from execution.heads import HeadsFile, KeptHead
from execution.leases import Lease
from execution.outbox import Publisher
from execution.processor import Processor
from execution.quotes import QuoteCache
from execution.store import Decided, Head, JournalRows
from router import client, streams, subjects

log = logging.getLogger(__name__)

BATCH = 256
FETCH_WAIT_S = 1.0
FETCHED_AHEAD = 2
FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 5.0
STARTING = "starting"
RECOVERABLE = (DatabaseError, MsgspecError, ConcurrentWriterError, HeadsUnreadableError, OSError)
"""What ends with memory loaded anew; an account that cannot keep its heads does not go on."""

Answer = tuple[int, tuple[Effect, ...]]
"""The journal row of a command, and what it caused."""


class Writer:
    """Drives one account from start to stop."""

    def __init__(
        self,
        config: AccountConfig,
        lease: Lease,
        database_url: str,
        js: JetStreamContext,
        publisher: Publisher,
        quotes: QuoteCache,
        heads: HeadsFile,
    ) -> None:
        self.config = config
        self.account = config.account
        self.lease = lease
        self.ready = False
        self.failure = STARTING
        """What is in the way while it is not ready."""
        self._url = database_url
        self._js = js
        self._publisher = publisher
        self._quotes = quotes
        self._heads = heads
        self._fetched: asyncio.Queue[list[Msg]] = asyncio.Queue(FETCHED_AHEAD)
        self._work = asyncio.Event()
        self._asked: dict[str, list[asyncio.Future[Answer]]] = {}

    def wake(self) -> None:
        """A command waits in the database."""
        self._work.set()

    @contextmanager
    def answer_to(self, command_id: str) -> Iterator[asyncio.Future[Answer]]:
        """Becomes the answer when this process has committed one, as long as the block runs."""
        asked: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting = self._asked.setdefault(command_id, [])
        waiting.append(asked)
        try:
            yield asked
        finally:
            waiting.remove(asked)
            if not waiting:
                self._asked.pop(command_id, None)

    async def run(self, stop: asyncio.Event) -> None:
        """Decide until `stop`, and finish the batch at hand."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fetch(stop), name=f"fetch-{self.account}")
            group.create_task(self._decide(stop), name=f"decide-{self.account}")
        await self._give_back()

    async def _fetch(self, stop: asyncio.Event) -> None:
        consumer = streams.account_consumer(self.account)
        await streams.ensure_consumer(self._js, subjects.INPUTS_STREAM, consumer)
        subscription = await client.pull(
            self._js, subjects.INPUTS_STREAM, str(consumer.durable_name)
        )
        while not stop.is_set():
            try:
                found = await client.fetch(subscription, BATCH, FETCH_WAIT_S)
            except NatsError as error:
                log.warning("input.fetch_failed account=%s error=%r", self.account, error)
                await asyncio.sleep(FETCH_WAIT_S)
                continue
            if found:
                await self._fetched.put(found)
                self._work.set()
        with suppress(NatsError):
            await subscription.unsubscribe()

    async def _decide(self, stop: asyncio.Event) -> None:
        """Take batches; one that failed is taken again after memory was loaded anew."""
        pause_s, batch = FIRST_PAUSE_S, list[Msg]()
        while not stop.is_set():
            try:
                async with self._processor() as processor:
                    try:
                        await processor.process(batch)  # commands that wait are decided too
                        await processor.settle()
                        self.ready, pause_s = True, FIRST_PAUSE_S
                        while not stop.is_set():
                            await processor.process(await self._next())
                        await processor.settle()
                    finally:
                        batch = processor.unsettled
            except RECOVERABLE as error:
                self.ready, self.failure = False, repr(error)[:200]
                log.warning("writer.reloads account=%s error=%r", self.account, error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
        self.ready = False
        await self._give_back()

    async def _give_back(self) -> None:
        """What was fetched and not decided: whoever drives the account next gets it at once."""
        while not self._fetched.empty():
            for message in self._fetched.get_nowait():
                with suppress(NatsError):
                    await message.nak()

    @asynccontextmanager
    async def _processor(self) -> AsyncIterator[Processor]:
        """The account as it was committed last, and what drives it from there."""
        async with (
            await AsyncConnection.connect(
                self._url, autocommit=True, application_name=leases.session_name(self.account)
            ) as writing,
            await AsyncConnection.connect(self._url, autocommit=True) as reading,
        ):
            await leases.end_others(writing, self.lease)
            loaded = await store.load(writing, self.config.account)
            if loaded.head.seq:
                present = _kept(loaded.head, loaded.state.closed_session)
                await asyncio.to_thread(self._heads.ensure, present)
            processor = Processor(
                self.config, self.lease, writing, reading, loaded, self._after_commit
            )
            try:
                yield processor
            finally:
                await processor.abandon()

    async def _after_commit(
        self, rows: JournalRows, batch: Sequence[Decided], state: State
    ) -> None:
        self._publisher.wake()
        if closed := _heads_of_closed(rows, batch):
            await asyncio.to_thread(self._heads.append, closed)
        effects = [effect for decided in batch for effect in decided.effects]
        if any(isinstance(effect, BarsApplied) for effect in effects):
            self._quotes.put(self.account, _marks_of_session(state))
        if self._asked:
            self._answer(rows, batch)

    def _answer(self, rows: JournalRows, batch: Sequence[Decided]) -> None:
        for (row, _), decided in zip(rows, batch, strict=True):
            if isinstance(decided.item, Command):
                for asked in self._asked.get(decided.item.command_id, ()):
                    if not asked.done():
                        asked.set_result((row.seq, decided.effects))

    async def _next(self) -> list[Msg]:
        """Messages that were fetched, or none where a command or time calls."""
        if self._fetched.empty():
            self._work.clear()
            try:
                async with asyncio.timeout(FETCH_WAIT_S):
                    await self._work.wait()
            except TimeoutError:
                return []
        return [] if self._fetched.empty() else self._fetched.get_nowait()


def _heads_of_closed(rows: JournalRows, batch: Sequence[Decided]) -> list[KeptHead]:
    """The journal's end at each session that this batch closed."""
    return [
        _kept(head, effect.session)
        for (_, head), decided in zip(rows, batch, strict=True)
        for effect in decided.effects
        if isinstance(effect, SessionClosed)
    ]


def _kept(head: Head, session: date | None) -> KeptHead:
    return KeptHead(head.seq, head.chain_hash.hex(), session)


def _marks_of_session(state: State) -> dict[str, Mark]:
    return {symbol: mark for symbol, mark in state.marks.items() if mark.session == state.session}
