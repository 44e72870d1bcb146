"""What happens to a batch of inputs: deduplicate, decide, commit, and only then acknowledge.

Keep out: decisions (domain), SQL (store.py), fetching and reconnecting (writer.py).
"""

import logging
import time
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
from execution.store import Decided, Loaded
from router.messages import Bars, InvalidMessageError, Signal, SignalSet, decode

log = logging.getLogger(__name__)


class Processor:
    """One database connection's worth of work, with the memory that belongs to it.

    After any exception it must be thrown away: memory and database may differ.
    """

    def __init__(
        self,
        config: AccountConfig,
        connection: store.Connection,
        loaded: Loaded,
        after_commit: Callable[[Sequence[Decided], State], Awaitable[None]],
    ) -> None:
        self._config = config
        self._account = config.account
        self._connection = connection
        self._loaded = loaded
        self._after_commit = after_commit
        self._last_arrival = time.monotonic()

    async def process(self, messages: list[Msg]) -> None:
        """Decide on everything that waits, commit once, then acknowledge and tell."""
        items = await self._read(messages)
        commands = await store.pending_commands(self._connection, self._account)
        items = [*self._opening(), *items, *commands, *self._deadline(bool(messages))]
        intake = await store.intake(
            self._connection, self._account, [item.input_id for item in items]
        )
        items = [*self._switch(intake), *items]
        fresh = _fresh(items, intake.known)
        metrics.DUPLICATES.labels(self._account).inc(len(items) - len(fresh))
        if fresh:
            with metrics.BATCH_SECONDS.labels(self._account).time():
                await self._commit(await self._decide(fresh), intake.received_at)
        for message in messages:
            with suppress(NatsError):  # without an acknowledgement it comes again, and is known
                await message.ack()

    async def _read(self, messages: list[Msg]) -> list[Input]:
        items: list[Input] = []
        for message in messages:
            try:
                items.append(_input(message.data))
            except InvalidMessageError as error:
                metrics.DEAD_LETTERS.labels(self._account).inc()
                log.warning("input.undecodable account=%s error=%s", self._account, error)
                where = (self._connection, self._account, message.subject)
                await store.dead_letter(*where, "UNDECODABLE", str(error), message.data)
        return items

    def _opening(self) -> list[Input]:
        if self._loaded.head.seq:
            return []
        return [OpenAccount(config=self._config)]

    def _switch(self, intake: store.Intake) -> list[Input]:
        """The kill switch as an input, where its row and the account's state disagree."""
        if intake.kill_switch is None:
            return []
        engaged, reason, changed_at = intake.kill_switch
        if engaged == self._loaded.state.kill_switch:
            return []
        return [TurnKillSwitch(engaged=engaged, reason=reason, changed_at=changed_at)]

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

    async def _decide(self, items: Sequence[Input]) -> list[Decided]:
        """The engine's word on each; an input that it cannot handle ends as a dead letter."""
        state, inbox, head = self._loaded.state, self._loaded.inbox, self._loaded.head
        batch: list[Decided] = []
        for item in items:
            seq = head.seq + len(batch) + 1
            try:
                effects = engine.handle(state, inbox, seq, item)
            except Exception:
                log.exception("input.failed account=%s id=%s", self._account, item.input_id)
                metrics.DEAD_LETTERS.labels(self._account).inc()
                self._loaded = await self._rebuilt(batch)
                state, inbox = self._loaded.state, self._loaded.inbox
                effects = engine.refuse(state, inbox, seq, item)
            batch.append(Decided(item, effects, _stamp(item, state.clock)))
        return batch

    async def _rebuilt(self, batch: Sequence[Decided]) -> Loaded:
        """Memory as it was before the input that failed: the last commit plus this batch."""
        loaded = await store.load(self._connection, self._account)
        for seq, decided in enumerate(batch, loaded.head.seq + 1):
            engine.fold(loaded.state, loaded.inbox, seq, decided.item, decided.effects)
        return loaded

    async def _commit(self, batch: list[Decided], received_at: datetime) -> None:
        loaded, account = self._loaded, self._account
        rows, head = store.journal_rows(loaded.head, account, ENGINE_VERSION, batch, received_at)
        outbox = list(events.of_batch(account, rows, batch))
        await store.commit(
            self._connection, account, loaded.head, rows, batch, loaded.state, outbox
        )
        loaded.head = head
        _count(account, batch)
        await self._after_commit(batch, loaded.state)


def _input(payload: bytes) -> Bars | Signal | SignalSet:
    item = decode(payload)
    if not isinstance(item, Bars | Signal | SignalSet):
        raise InvalidMessageError(f"{type(item).__name__} is not an input of an account")
    return item


def _fresh(items: Sequence[Input], known: frozenset[str]) -> list[Input]:
    """Each input once, and none that the journal has."""
    unique = {item.input_id: item for item in reversed(items)}
    return [item for item in reversed(unique.values()) if item.input_id not in known]


def _stamp(item: Input, clock: datetime | None) -> datetime | None:
    """When it counts as having happened: on a replay account the time of its data."""
    if isinstance(item, Bars):
        return item.bar_end
    return item.as_of if isinstance(item, Signal | SignalSet) else clock


def _count(account: str, batch: Sequence[Decided]) -> None:
    for decided in batch:
        metrics.INPUTS.labels(account, str(decided.item.__struct_config__.tag)).inc()
        for effect in decided.effects:
            _count_effect(account, effect)


def _count_effect(account: str, effect: fx.Effect) -> None:
    match effect:
        case fx.SignalDisposed():
            metrics.DISPOSITIONS.labels(account, str(effect.disposition)).inc()
        case fx.OrderCreated() if effect.order.code:
            metrics.REFUSALS.labels(account, effect.order.code).inc()
        case fx.Filled():
            metrics.FILLS.labels(account).inc()
        case fx.SessionValued():
            metrics.EQUITY.labels(account).set(float(effect.equity))
        case _:
            pass
