"""What happens to a batch of inputs: deduplicate, decide, commit, and only then acknowledge.

Keep out: decisions (domain), SQL (store.py), fetching and reconnecting (writer.py).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from execution import events, metrics, store
from execution.domain import effects as fx
from execution.domain import engine
from execution.domain.config import AccountConfig
from execution.domain.desk import ENGINE_VERSION
from execution.domain.inputs import Input, OpenAccount, TurnKillSwitch
from execution.domain.state import State
from execution.leases import Lease
from execution.store import DeadLetter, Decided, Head, JournalRows, Loaded
from router.messages import Bars, InvalidMessageError, Signal, SignalSet, decode
from router.outgoing import Outgoing
from router.registry import REPLAY_MODE

log = logging.getLogger(__name__)


class Processor:
    """Two database connections' worth of work, with the memory that belongs to it.

    While a batch is committed on the one, the next is read on the other and decided: memory is at
    most one batch ahead of the database. After any exception it must be thrown away with what it
    had not committed; `unsettled` are the messages of that.
    """

    def __init__(
        self,
        config: AccountConfig,
        lease: Lease,
        connection: store.Connection,
        reading: store.Connection,
        loaded: Loaded,
        after_commit: Callable[[JournalRows, Sequence[Decided], State], Awaitable[None]],
    ) -> None:
        self._config = config
        self._account = config.account
        self._lease = lease
        self._connection = connection
        self._reading = reading
        self._loaded = loaded
        self._under_way: asyncio.Task[None] | None = None
        self._in_commit = frozenset[str]()
        self.unsettled: list[Msg] = []
        self._after_commit = after_commit
        self._last_arrival = time.monotonic()

    async def process(self, messages: list[Msg]) -> None:
        """Decide on everything that waits, and begin to commit it once the batch before is."""
        self.unsettled = [*self.unsettled, *messages]
        items = await self._read(messages)
        commands = await store.pending_commands(self._reading, self._account)
        items = [*self._opening(), *items, *commands, *self._deadline(bool(messages))]
        ids = [item.input_id for item in items]
        intake = await store.intake(self._reading, self._account, ids)
        items = [*self._switch(intake), *items]
        fresh = _fresh(items, intake.known | self._in_commit)
        metrics.DUPLICATES.labels(self._account).inc(len(items) - len(fresh))
        batch = await self._decide(fresh, intake.received_at)
        before, account = self._loaded.head, self._account
        rows, after = store.journal_rows(before, account, ENGINE_VERSION, batch, intake.received_at)
        outbox = list(events.of_batch(account, rows, batch))
        await self.settle()
        self._loaded.head = after  # the next batch follows on it, or both are thrown away
        self._in_commit = frozenset(decided.item.input_id for decided in batch)
        work = self._finish(
            before, rows, batch, store.snapshot(self._loaded.state), outbox, messages
        )
        self._under_way = asyncio.create_task(work, name=f"commit-{account}")

    async def settle(self) -> None:
        """Wait until all that was decided is committed and acknowledged; raises what it raised."""
        if self._under_way is not None:
            await self._under_way
            self._under_way = None

    async def abandon(self) -> None:
        """End what is under way, if anything is: nobody waits for it any more."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _finish(
        self,
        before: Head,
        rows: JournalRows,
        batch: list[Decided],
        state: store.Snapshot,
        outbox: list[Outgoing],
        messages: list[Msg],
    ) -> None:
        """Commit, and only then acknowledge and tell."""
        if batch:
            account = self._account
            with metrics.BATCH_SECONDS.labels(account).time():
                await store.commit(
                    self._connection, self._lease, before, rows, batch, state, outbox
                )
            _count(account, batch)
            await self._after_commit(rows, batch, self._loaded.state)
        for message in messages:
            with suppress(NatsError):  # without an acknowledgement it comes again, and is known
                await message.ack()
        del self.unsettled[: len(messages)]

    async def _read(self, messages: list[Msg]) -> list[Input]:
        items: list[Input] = []
        unreadable: list[DeadLetter] = []
        for message in messages:
            try:
                items.append(_input(message.data))
            except InvalidMessageError as error:
                metrics.DEAD_LETTERS.labels(self._account).inc()
                log.warning("input.undecodable account=%s error=%s", self._account, error)
                letter = DeadLetter(message.subject, "UNDECODABLE", str(error), message.data)
                unreadable.append(letter)
        if unreadable:
            await store.keep_dead_letters(self._reading, self._account, unreadable)
        return items

    def _opening(self) -> list[Input]:
        if self._loaded.head.seq:
            return []
        return [OpenAccount(config=self._config)]

    def _switch(self, intake: store.Intake) -> list[Input]:
        """The kill switch as an input, where its row and the account's state disagree."""
        engaged, reason, seen_at = intake.kill_switch
        if engaged == self._loaded.state.kill_switch:
            return []
        return [TurnKillSwitch(engaged=engaged, reason=reason, changed_at=seen_at)]

    def _deadline(self, arrived: bool) -> list[Input]:
        """Give up waiting where nothing came for as long as the account allows."""
        now = time.monotonic()
        if arrived:
            self._last_arrival = now
        found = engine.held_up(self._loaded.state, self._loaded.inbox)
        waited = now - self._last_arrival
        if found is None or waited < self._config.set_deadline_seconds:
            return []
        log.warning("session.deadline account=%s session=%s", self._account, found.session)
        return [found]

    async def _decide(self, items: Sequence[Input], received_at: datetime) -> list[Decided]:
        """The engine's word on each; an input that it cannot handle ends as a dead letter."""
        at = None if self._config.mode == REPLAY_MODE else received_at
        state, inbox, head = self._loaded.state, self._loaded.inbox, self._loaded.head
        batch: list[Decided] = []
        for item in items:
            seq = head.seq + len(batch) + 1
            try:
                effects = engine.handle(state, inbox, seq, item, _fed(item, at))
            except Exception:
                log.exception("input.failed account=%s id=%s", self._account, item.input_id)
                metrics.DEAD_LETTERS.labels(self._account).inc()
                await self.settle()
                self._loaded = await self._rebuilt(batch)
                state, inbox = self._loaded.state, self._loaded.inbox
                effects = engine.refuse(state, inbox, seq, item)
            batch.append(Decided(item, effects, at or _time_of(item, state.clock)))
        return batch

    async def _rebuilt(self, batch: Sequence[Decided]) -> Loaded:
        """Memory as it was before the input that failed: the last commit plus this batch."""
        loaded = await store.load(self._reading, self._account)
        for seq, decided in enumerate(batch, loaded.head.seq + 1):
            engine.fold(loaded.state, loaded.inbox, seq, decided.item, decided.effects)
        return loaded


def _input(payload: bytes) -> Bars | Signal | SignalSet:
    item = decode(payload)
    if not isinstance(item, Bars | Signal | SignalSet):
        raise InvalidMessageError(f"{type(item).__name__} is not an input of an account")
    return item


def _fresh(items: Sequence[Input], known: frozenset[str]) -> list[Input]:
    """Each input once, and none that the journal has."""
    unique = {item.input_id: item for item in reversed(items)}
    return [item for item in reversed(unique.values()) if item.input_id not in known]


def _fed(item: Input, at: datetime | None) -> datetime | None:
    """When an input came in over the bus; commands and reports say themselves when they were."""
    return at if isinstance(item, Bars | Signal | SignalSet) else None


def _time_of(item: Input, clock: datetime | None) -> datetime | None:
    """When it counts as having happened on a replay account: the time of its data."""
    if isinstance(item, Bars):
        return item.bar_end
    return item.as_of if isinstance(item, Signal | SignalSet) else clock


def _count(account: str, batch: Sequence[Decided]) -> None:
    kinds = Counter(str(decided.item.__struct_config__.tag) for decided in batch)
    for kind, times in kinds.items():
        metrics.INPUTS.labels(account, kind).inc(times)
    effects = [effect for decided in batch for effect in decided.effects]
    ends = Counter(str(e.disposition) for e in effects if isinstance(e, fx.SignalDisposed))
    for disposition, times in ends.items():
        metrics.DISPOSITIONS.labels(account, disposition).inc(times)
    codes = Counter(e.order.code for e in effects if isinstance(e, fx.OrderCreated))
    for code, times in codes.items():
        if code:
            metrics.REFUSALS.labels(account, code).inc(times)
    metrics.FILLS.labels(account).inc(sum(isinstance(e, fx.Filled) for e in effects))
    for effect in effects:
        if isinstance(effect, fx.SessionValued):
            metrics.EQUITY.labels(account).set(float(effect.equity))
