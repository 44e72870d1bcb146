"""What the engine remembers about one account, and how each effect changes it.

`apply` is the only place that changes a state, for a decision just made and for a journal read
back alike. Its size is bounded by what is held, working and waiting, not by history.
Keep out: decisions (engine.py) and storage (execution/store.py).
"""

from datetime import date, datetime
from decimal import Decimal
from functools import singledispatch

import msgspec

from execution.domain import effects as fx
from execution.domain import money
from execution.domain.config import AccountConfig
from execution.domain.inputs import Input, Pending
from execution.domain.money import ZERO
from execution.domain.orders import WORKING, Order
from execution.domain.portfolio import Position
from router.messages import Bars, Signal, SignalSet


class Mark(msgspec.Struct, frozen=True):
    """A close and the session that it belongs to."""

    price: Decimal
    session: date


class State(msgspec.Struct):
    """One account between two inputs."""

    config: AccountConfig | None = None
    clock: datetime | None = None
    session: date | None = None
    """The last session whose bars were applied."""
    closed_session: date | None = None
    awaiting: tuple[str, ...] = ()
    """Strategies whose set of `session` is not decided yet."""
    kill_switch: bool = False
    cash: dict[str, Decimal] = {}
    """By sleeve."""
    positions: dict[str, dict[str, Position]] = {}
    """By sleeve, then symbol; flat ones are left out."""
    orders: dict[str, Order] = {}
    """Working orders by id."""
    marks: dict[str, Mark] = {}
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


@singledispatch
def apply(effect: fx.Effect, _state: State, _inbox: Inbox) -> None:
    """Change the state by one effect."""
    raise TypeError(f"no rule for {type(effect).__name__}")


@apply.register
def _(effect: fx.AccountOpened, state: State, _inbox: Inbox) -> None:
    state.config = effect.config
    state.cash = dict.fromkeys(effect.config.capital, ZERO)
    state.positions = {sleeve: {} for sleeve in effect.config.capital}
    state.watermarks = {strategy: {} for strategy in effect.config.strategies}


@apply.register
def _(effect: fx.KillSwitchTurned, state: State, _inbox: Inbox) -> None:
    state.kill_switch = effect.engaged


@apply.register
def _(effect: fx.BarsApplied, state: State, inbox: Inbox) -> None:
    bars = inbox.bars.pop(effect.input_id)
    del state.pending[effect.input_id]
    state.clock, state.session, state.awaiting = bars.bar_end, bars.session, effect.awaiting
    kept = state.config.limits.quote_max_age_sessions if state.config else 1
    state.recent = (*state.recent, bars.session)[-kept:]
    state.suspects = bars.suspects
    for bar in bars.bars:
        state.marks[bar.symbol] = Mark(money.price(bar.close), bars.session)


@apply.register
def _(effect: fx.BarsRefused, state: State, inbox: Inbox) -> None:
    del inbox.bars[effect.input_id], state.pending[effect.input_id]


@apply.register
def _(effect: fx.Split, state: State, _inbox: Inbox) -> None:
    mark = state.marks[effect.symbol]
    state.marks[effect.symbol] = Mark(effect.mark, mark.session)


@apply.register
def _(effect: fx.OrderCreated, state: State, _inbox: Inbox) -> None:
    if effect.order.status in WORKING:
        state.orders[effect.order.order_id] = effect.order


@apply.register
def _(effect: fx.OrderChanged, state: State, _inbox: Inbox) -> None:
    if effect.status not in WORKING:
        del state.orders[effect.order_id]
        return
    state.orders[effect.order_id] = msgspec.structs.replace(
        state.orders[effect.order_id],
        status=effect.status,
        quantity=effect.quantity,
        limit_price=effect.limit_price,
        filled_quantity=effect.filled_quantity,
        filled_value=effect.filled_value,
    )


@apply.register
def _(effect: fx.Filled, state: State, inbox: Inbox) -> None:
    """A fill's consequences are effects of their own."""


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
def _(effect: fx.SessionValued, state: State, inbox: Inbox) -> None:
    """A valuation changes nothing."""


@apply.register
def _(effect: fx.SessionClosed, state: State, _inbox: Inbox) -> None:
    state.closed_session = effect.session
