"""What the engine remembers about one account, and how each effect changes it.

`apply` is the only place that changes a state, for a decision just made and for a journal read
back alike. Its size is bounded by what is held, working and waiting, not by history.
Keep out: decisions (engine.py) and storage (execution/store.py).
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import singledispatch
from typing import Any

import msgspec

from execution.domain import effects as fx
from execution.domain import money
from execution.domain.config import PAPER, AccountConfig, Limits
from execution.domain.inputs import Input, Instrument, Pending, Scope, TradingState
from execution.domain.money import ZERO
from execution.domain.orders import WORKING, Order, Side
from execution.domain.portfolio import Position, Receivable
from router.messages import Bars, Signal, SignalSet


class Mark(msgspec.Struct, frozen=True):
    """A close and the session that it belongs to."""

    price: Decimal
    session: date


class Restriction(msgspec.Struct, frozen=True):
    """Why a scope does not trade freely."""

    state: TradingState
    reason: str


class Placed(msgspec.Struct, frozen=True):
    """An order that was accepted a moment ago, for the checks of rate and repetition.

    `price` is its limit or stop price, None for a market order.
    """

    at: datetime
    sleeve: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None


class Traded(msgspec.Struct, frozen=True):
    """A fill a moment ago, for the check of repetition."""

    at: datetime
    sleeve: str
    symbol: str
    side: Side


class Ended(msgspec.Struct, frozen=True):
    """An order that works no more, and the account's session in which it ended."""

    order: Order
    session: date | None


RATE_WINDOW = timedelta(minutes=1)


class State(msgspec.Struct, omit_defaults=True):
    """One account between two inputs."""

    config: AccountConfig | None = None
    clock: datetime | None = None
    session: date | None = None
    """The last session whose bars were applied."""
    closed_session: date | None = None
    awaiting: tuple[str, ...] = ()
    """Strategies whose set of `session` is not decided yet."""
    kill_switch: bool = False
    limits: Limits = Limits()
    restrictions: dict[str, dict[str, Restriction]] = {}
    """By `scope_key`, then cause."""
    instruments: dict[str, Instrument] = {}
    delisted: dict[str, date] = {}
    cash: dict[str, Decimal] = {}
    """By sleeve."""
    positions: dict[str, dict[str, Position]] = {}
    """By sleeve, then symbol; flat ones are left out."""
    orders: dict[str, Order] = {}
    """Working orders by id, without their checks and sizing."""
    ended: dict[str, Ended] = {}
    """On a venue outside, orders that ended lately: their fills may come late."""
    suspended: dict[str, str] = {}
    """Execution id to report hash, of fills that are in suspense."""
    placed: tuple[Placed, ...] = ()
    traded: tuple[Traded, ...] = ()
    receivables: dict[str, Receivable] = {}
    """By key, until they are paid."""
    accrued: dict[str, Decimal] = {}
    """Interest by sleeve, earned and not paid."""
    equity: Decimal | None = None
    """At the last session's closes."""
    opening_equity: Decimal | None = None
    """At the session before; what a daily loss is measured from."""
    peak_equity: Decimal | None = None
    """The highest at a session's end; what a drawdown is measured from."""
    marks: dict[str, Mark] = {}
    marked_at: datetime | None = None
    """When the marks of `session` were prices: the end of its bars."""
    variances: dict[str, Decimal] = {}
    """By symbol: the estimate of a session's return squared."""
    volumes: dict[str, Decimal] = {}
    """By symbol: the average daily volume, in shares."""
    recent: tuple[date, ...] = ()
    """The last sessions, as many as a reference price may be old."""
    watermarks: dict[str, dict[str, datetime]] = {}
    """By strategy, then symbol: `as_of` of the last signal that was executed."""
    suspects: tuple[str, ...] = ()
    """Symbols whose last bar jumped without an explanation: no new entries."""
    pending: dict[str, int] = {}
    """Input id to journal row, of inputs that wait."""


class Inbox:
    """The waiting inputs themselves; rebuilt from the journal's rows after a restart."""

    def __init__(self) -> None:
        self.bars: dict[str, Bars] = {}
        self.signals: dict[str, Signal] = {}
        self.sets: dict[str, SignalSet] = {}

    def add(self, item: Pending) -> None:
        """Keep an input until an effect consumes it."""
        if isinstance(item, Bars):
            self.bars[item.input_id] = item
        elif isinstance(item, Signal):
            self.signals[item.input_id] = item
        else:
            self.sets[item.input_id] = item


def receive(state: State, inbox: Inbox, seq: int, item: Input) -> None:
    """Keep an input that may have to wait; others have no memory of their own."""
    if isinstance(item, Bars | Signal | SignalSet):
        state.pending[item.input_id] = seq
        inbox.add(item)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(State)


def encode_state(state: State) -> bytes:
    """The one byte form of a state: equal states have equal bytes."""
    return _encoder.encode(state)


def decode_state(payload: bytes) -> State:
    """Read it back; raises msgspec.ValidationError."""
    decoded: State = _decoder.decode(payload)
    return decoded


def scope_key(scope: Scope, name: str) -> str:
    """The key of a scope's restrictions."""
    return f"{scope}/{name}" if name else str(scope)


@singledispatch
def apply(effect: fx.Effect, _state: State, _inbox: Inbox) -> None:
    """Change the state by one effect."""
    raise TypeError(f"no rule for {type(effect).__name__}")


@apply.register
def _(effect: fx.AccountOpened, state: State, _inbox: Inbox) -> None:
    state.config = effect.config
    state.limits = effect.config.limits
    state.cash = dict.fromkeys(effect.config.capital, ZERO)
    state.positions = {sleeve: {} for sleeve in effect.config.capital}
    state.watermarks = {strategy: {} for strategy in effect.config.strategies}


@apply.register
def _(effect: fx.KillSwitchTurned, state: State, _inbox: Inbox) -> None:
    state.kill_switch = effect.engaged


@apply.register
def _(effect: fx.ClockMoved, state: State, _inbox: Inbox) -> None:
    _move_clock(state, effect.at)


@apply.register
def _(effect: fx.LimitsChanged, state: State, _inbox: Inbox) -> None:
    state.limits = effect.limits


@apply.register
def _(effect: fx.RestrictionChanged, state: State, _inbox: Inbox) -> None:
    key = scope_key(effect.scope, effect.name)
    causes = state.restrictions.setdefault(key, {})
    if effect.state != TradingState.ACTIVE:
        causes[effect.cause] = Restriction(effect.state, effect.reason)
    else:
        causes.pop(effect.cause, None)
        if not causes:
            del state.restrictions[key]


@apply.register
def _(effect: fx.InstrumentsDescribed, state: State, _inbox: Inbox) -> None:
    for instrument in effect.instruments:
        state.instruments[instrument.symbol] = instrument


@apply.register
def _(effect: fx.CommandRefused, state: State, _inbox: Inbox) -> None:
    """A refusal changes nothing."""


@apply.register
def _(effect: fx.BarsApplied, state: State, inbox: Inbox) -> None:
    bars = inbox.bars.pop(effect.input_id)
    del state.pending[effect.input_id]
    _forget_ended(state)
    state.session, state.awaiting = bars.session, effect.awaiting
    state.marked_at = bars.bar_end
    _move_clock(state, max(bars.bar_end, state.clock or bars.bar_end))
    kept = max(state.limits.quote_max_age_sessions, 1)
    state.recent = (*state.recent, bars.session)[-kept:]
    state.suspects = bars.suspects
    state.variances.update(effect.variances)
    state.volumes.update(effect.volumes)
    for bar in bars.bars:
        state.marks[bar.symbol] = Mark(money.price(bar.close), bars.session)


def _move_clock(state: State, now: datetime) -> None:
    """Set the time, and forget what no check looks back on any more."""
    state.clock = now
    if state.placed:
        window = max(RATE_WINDOW, timedelta(seconds=state.limits.duplicate_window_seconds))
        state.placed = tuple(each for each in state.placed if now - each.at < window)
    if state.traded:
        window = timedelta(seconds=state.limits.repeated_window_seconds)
        state.traded = tuple(each for each in state.traded if now - each.at < window)


def _forget_ended(state: State) -> None:
    """Orders whose fills are awaited no more: they ended before the session now ending began."""
    state.ended = {
        key: ended for key, ended in state.ended.items() if ended.session == state.session
    }


@apply.register
def _(effect: fx.BarsRefused, state: State, inbox: Inbox) -> None:
    del inbox.bars[effect.input_id], state.pending[effect.input_id]


@apply.register
def _(effect: fx.Split, state: State, _inbox: Inbox) -> None:
    mark = state.marks[effect.symbol]
    state.marks[effect.symbol] = Mark(effect.mark, mark.session)


@apply.register
def _(effect: fx.SymbolRenamed, state: State, _inbox: Inbox) -> None:
    old, new = effect.symbol, effect.new_symbol
    for table in _by_symbol(state):
        if old in table:
            table.setdefault(new, table.pop(old))
    for order_id, ended in state.ended.items():
        if ended.order.symbol == old:
            order = msgspec.structs.replace(ended.order, symbol=new)
            state.ended[order_id] = Ended(order, ended.session)
    state.delisted.pop(new, None)
    for key, owed in state.receivables.items():
        if owed.symbol == old:
            state.receivables[key] = msgspec.structs.replace(owed, symbol=new)
    if old in state.instruments:
        known = msgspec.structs.replace(state.instruments.pop(old), symbol=new)
        state.instruments.setdefault(new, known)
    causes = state.restrictions.pop(scope_key(Scope.SYMBOL, old), None)
    if causes:
        state.restrictions.setdefault(scope_key(Scope.SYMBOL, new), {}).update(causes)


@apply.register
def _(effect: fx.SymbolDelisted, state: State, _inbox: Inbox) -> None:
    state.delisted[effect.symbol] = effect.session
    for table in _by_symbol(state):
        table.pop(effect.symbol, None)


def _by_symbol(state: State) -> tuple[dict[str, Any], ...]:
    return state.marks, state.variances, state.volumes


@apply.register
def _(effect: fx.OrderCreated, state: State, _inbox: Inbox) -> None:
    order = effect.order
    if order.status not in WORKING:
        return
    state.orders[order.order_id] = msgspec.structs.replace(order, checks=(), sizing={})
    price = order.limit_price or order.stop_price
    placed = Placed(
        order.accepted_at, order.sleeve, order.symbol, order.side, order.quantity, price
    )
    state.placed = (*state.placed, placed)


@apply.register
def _(effect: fx.OrderChanged, state: State, _inbox: Inbox) -> None:
    before = state.orders.pop(effect.order_id, None) or state.ended.pop(effect.order_id).order
    order = msgspec.structs.replace(
        before,
        status=effect.status,
        symbol=effect.symbol,
        quantity=effect.quantity,
        limit_price=effect.limit_price,
        stop_price=effect.stop_price,
        triggered=effect.triggered,
        filled_quantity=effect.filled_quantity or ZERO,  # the default itself is not encoded
        filled_value=effect.filled_value or ZERO,
        executions=effect.executions,
    )
    if order.status in WORKING:
        state.orders[order.order_id] = order
    elif state.config is not None and state.config.venue != PAPER:
        state.ended[order.order_id] = Ended(order, state.session)


@apply.register
def _(effect: fx.Filled, state: State, _inbox: Inbox) -> None:
    """Cash, position and order follow by effects of their own."""
    fill = effect.fill
    state.traded = (*state.traded, Traded(fill.at, fill.sleeve, fill.symbol, fill.side))


@apply.register
def _(effect: fx.FillSuspended, state: State, _inbox: Inbox) -> None:
    """Cash and the symbol's restriction follow by effects of their own."""
    state.suspended[effect.execution_id] = effect.report_hash


@apply.register
def _(effect: fx.FillRefused, state: State, _inbox: Inbox) -> None:
    """A refusal changes nothing."""


@apply.register
def _(effect: fx.ReceivableRecorded, state: State, _inbox: Inbox) -> None:
    state.receivables[effect.receivable.key] = effect.receivable


@apply.register
def _(effect: fx.ReceivablePaid, state: State, _inbox: Inbox) -> None:
    del state.receivables[effect.key]


@apply.register
def _(effect: fx.InterestAccrued, state: State, _inbox: Inbox) -> None:
    if effect.accrued:
        state.accrued[effect.sleeve] = effect.accrued
    else:
        state.accrued.pop(effect.sleeve, None)


@apply.register
def _(effect: fx.CapitalMoved, state: State, _inbox: Inbox) -> None:
    if state.equity is not None:
        state.equity += effect.amount
    if state.opening_equity is not None:
        state.opening_equity += effect.amount
    if state.peak_equity is not None:
        state.peak_equity += effect.amount


@apply.register
def _(effect: fx.Posted, state: State, _inbox: Inbox) -> None:
    state.cash[effect.transaction.sleeve] += effect.transaction.cash


@apply.register
def _(effect: fx.PositionChanged, state: State, _inbox: Inbox) -> None:
    held = state.positions[effect.sleeve]
    if effect.position.quantity:
        held[effect.symbol] = effect.position
    else:
        held.pop(effect.symbol, None)


@apply.register
def _(effect: fx.SignalDisposed, state: State, inbox: Inbox) -> None:
    if effect.disposition == fx.Disposition.EXECUTED:
        state.watermarks[effect.strategy][effect.symbol] = effect.as_of
    inbox.signals.pop(effect.signal_id, None)
    state.pending.pop(effect.signal_id, None)


@apply.register
def _(effect: fx.SetDecided, state: State, inbox: Inbox) -> None:
    state.awaiting = tuple(name for name in state.awaiting if name != effect.strategy)
    _drop_sets(effect.strategy, effect.session, state, inbox)


@apply.register
def _(effect: fx.SetRefused, state: State, inbox: Inbox) -> None:
    _drop_sets(effect.strategy, effect.session, state, inbox)


def _drop_sets(strategy: str, session: date, state: State, inbox: Inbox) -> None:
    for key, found in list(inbox.sets.items()):
        if found.strategy == strategy and found.session == session:
            del inbox.sets[key], state.pending[key]


@apply.register
def _(effect: fx.SessionValued, state: State, _inbox: Inbox) -> None:
    state.opening_equity, state.equity = state.equity, effect.equity
    state.peak_equity = max(state.peak_equity or effect.equity, effect.equity)


@apply.register
def _(effect: fx.LossesRebased, state: State, _inbox: Inbox) -> None:
    state.opening_equity, state.peak_equity = effect.opening, effect.peak


@apply.register
def _(effect: fx.SessionClosed, state: State, _inbox: Inbox) -> None:
    state.closed_session = effect.session
