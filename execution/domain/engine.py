"""The engine: one input in, its effects out, for one account.

Arrival order means nothing: inputs wait until they can be used, and are used in one order: the bars
of a session, then each strategy's complete set of signals, then the next session's bars.
Keep out: clocks, storage, networks; what a session does (session.py) and new orders (decisions.py).
"""

from datetime import date
from decimal import localcontext

from execution.domain import effects as fx
from execution.domain.decisions import decide_set, dispose, place_order, refuse_order
from execution.domain.desk import Desk
from execution.domain.effects import Disposition
from execution.domain.inputs import (
    Deadline,
    Input,
    OpenAccount,
    PlaceOrder,
    TurnKillSwitch,
)
from execution.domain.money import CONTEXT
from execution.domain.risk import Code
from execution.domain.session import apply_bars
from execution.domain.state import Inbox, State, apply, receive
from router.messages import Bars, Signal, SignalSet


def handle(state: State, inbox: Inbox, seq: int, item: Input) -> tuple[fx.Effect, ...]:
    """Decide on one input; `state` and `inbox` have followed when it returns.

    `seq` is the input's journal row. After an exception the two must be thrown away.
    """
    with localcontext(CONTEXT):
        receive(state, inbox, seq, item)
        desk = Desk(state, inbox)
        _take(desk, item)
        _advance(desk)
        return tuple(desk.effects)


def refuse(state: State, inbox: Inbox, seq: int, item: Input) -> tuple[fx.Effect, ...]:
    """What is recorded for an input that the engine could not decide on: nothing but its end.

    A deadline ends what it was for, and with it the bars that may be what cannot be decided on.
    """
    with localcontext(CONTEXT):
        receive(state, inbox, seq, item)
        desk = Desk(state, inbox)
        _end(desk, item)
        return tuple(desk.effects)


def _end(desk: Desk, item: Input) -> None:
    if isinstance(item, Signal):
        dispose(desk, item, Disposition.DEAD_LETTER, Code.INTERNAL_ERROR)
    elif isinstance(item, Bars):
        _refuse_bars(desk, item, Code.INTERNAL_ERROR)
    elif isinstance(item, SignalSet):
        desk.emit(fx.SetRefused(strategy=item.strategy, session=item.session))
    elif isinstance(item, PlaceOrder) and desk.state.clock is not None:
        refuse_order(desk, item, Code.INTERNAL_ERROR)
    elif isinstance(item, Deadline):
        for strategy in desk.state.awaiting:
            _close_without(desk, strategy)
        if (following := _next_bars(desk)) is not None:
            _refuse_bars(desk, following, Code.INTERNAL_ERROR)


def fold(state: State, inbox: Inbox, seq: int, item: Input, effects: tuple[fx.Effect, ...]) -> None:
    """Follow a recorded decision without deciding again."""
    with localcontext(CONTEXT):
        receive(state, inbox, seq, item)
        for effect in effects:
            apply(effect, state, inbox)


def held_up(state: State, inbox: Inbox) -> Deadline | None:
    """The deadline that would let waiting bars go on, where incomplete sets hold them up."""
    if state.session is None or not (state.awaiting and inbox.bars):
        return None
    return Deadline(session=state.session)


def _take(desk: Desk, item: Input) -> None:
    match item:
        case OpenAccount():
            desk.emit(fx.AccountOpened(config=item.config))
        case TurnKillSwitch():
            desk.emit(fx.KillSwitchTurned(engaged=item.engaged, reason=item.reason))
        case PlaceOrder():
            place_order(desk, item)
        case Deadline():
            _stop_waiting(desk, item)
        case Bars():
            _sweep(desk)
        case Signal():
            _take_signal(desk, item)
        case SignalSet():
            if _is_past(desk, item.strategy, item.session):
                desk.emit(fx.SetRefused(strategy=item.strategy, session=item.session))


def _take_signal(desk: Desk, signal: Signal) -> None:
    """A signal of a session that is over is disposed at once; others wait for their set."""
    if not _is_past(desk, signal.strategy, signal.session):
        return
    clock = desk.state.clock
    if clock is not None and clock >= signal.valid_until:
        dispose(desk, signal, Disposition.EXPIRED, Code.SIGNAL_EXPIRED)
    else:
        dispose(desk, signal, Disposition.SUPERSEDED, Code.SIGNAL_SUPERSEDED)


def _is_past(desk: Desk, strategy: str, session: date) -> bool:
    """Whether this strategy's decision on this session is made, or will never be."""
    current = desk.state.session
    if current is None or session > current:
        return False
    return session < current or strategy not in desk.state.awaiting


def _advance(desk: Desk) -> None:
    """Use everything that waits and can be used; strategies share limits, so they take turns."""
    while True:
        while desk.state.awaiting:
            if not _decide_if_complete(desk, desk.state.awaiting[0]):
                return
        if desk.state.session != desk.state.closed_session:
            desk.emit(fx.SessionClosed(session=desk.session))
        bars = _next_bars(desk)
        if bars is None:
            return
        apply_bars(desk, bars)
        _sweep(desk)


def _next_bars(desk: Desk) -> Bars | None:
    """The earliest waiting bars, if they follow the account's session without a gap.

    An account that has seen no session begins where a run starts. Bars that follow on something
    else wait for it: what lies between may hold splits and dividends.
    """
    waiting = _waiting_bars(desk.inbox)
    earliest = [bars for bars in waiting if bars.session == waiting[0].session]
    return next((bars for bars in earliest if _follows(desk, bars)), None)


def _follows(desk: Desk, bars: Bars) -> bool:
    current = desk.state.session
    return bars.starts if current is None else bars.previous == current


def _waiting_bars(inbox: Inbox) -> list[Bars]:
    return sorted(inbox.bars.values(), key=lambda bars: (bars.session, bars.version))


def _sweep(desk: Desk) -> None:
    """End what waits for a session that is over: old bars never fill, old signals never trade."""
    current = desk.state.session
    if current is None:
        return
    for bars in _waiting_bars(desk.inbox):
        if bars.session <= current or bars.bar_end <= desk.now:
            _refuse_bars(desk, bars, "BARS_STALE")
    for signal in sorted(desk.inbox.signals.values(), key=lambda s: s.input_id):
        if signal.session < current:
            dispose(desk, signal, Disposition.EXPIRED, Code.SIGNAL_EXPIRED)
    for found in sorted(desk.inbox.sets.values(), key=lambda s: s.input_id):
        if found.session < current and found.input_id in desk.inbox.sets:
            desk.emit(fx.SetRefused(strategy=found.strategy, session=found.session))


def _refuse_bars(desk: Desk, bars: Bars, code: str) -> None:
    desk.emit(fx.BarsRefused(input_id=bars.input_id, session=bars.session, code=code))


def _decide_if_complete(desk: Desk, strategy: str) -> bool:
    """Decide where all signals of a set are here; where several are, the least id wins."""
    inbox = desk.inbox
    waiting = [s for s in inbox.sets.values() if _matches(s, strategy, desk.session)]
    for found in sorted(waiting, key=lambda s: s.input_id):
        if all(signal_id in inbox.signals for signal_id in found.signal_ids):
            _decide(desk, strategy, found.signal_ids)
            return True
    return False


def _matches(item: Signal | SignalSet, strategy: str, session: date) -> bool:
    return item.strategy == strategy and item.session == session


def _waiting_signals(desk: Desk, strategy: str) -> list[Signal]:
    found = [s for s in desk.inbox.signals.values() if _matches(s, strategy, desk.session)]
    return sorted(found, key=lambda s: s.input_id)


def _decide(desk: Desk, strategy: str, chosen: tuple[str, ...]) -> None:
    """Decide on the chosen signals, one per symbol; the others of the session are superseded."""
    waiting = _waiting_signals(desk, strategy)
    members = {s.symbol: s for s in waiting if s.input_id in frozenset(chosen)}
    others = [s for s in waiting if s is not members.get(s.symbol)]
    decide_set(desk, strategy, list(members.values()))
    for signal in others:
        dispose(desk, signal, Disposition.SUPERSEDED, Code.SIGNAL_SUPERSEDED)


def _stop_waiting(desk: Desk, deadline: Deadline) -> None:
    """Go on without what did not come, unless it came meanwhile."""
    if deadline.session == desk.state.session:
        for strategy in desk.state.awaiting:
            if not _decide_if_complete(desk, strategy):
                _close_without(desk, strategy)


def _close_without(desk: Desk, strategy: str) -> None:
    """Expire what came of an incomplete set, and name what did not."""
    waiting = _waiting_signals(desk, strategy)
    for signal in waiting:
        dispose(desk, signal, Disposition.EXPIRED, "SET_INCOMPLETE")
    sets = [s for s in desk.inbox.sets.values() if _matches(s, strategy, desk.session)]
    named = {signal_id for found in sets for signal_id in found.signal_ids}
    missing = tuple(sorted(named - {s.input_id for s in waiting})) or ("set",)
    desk.emit(fx.SetDecided(strategy=strategy, session=desk.session, signals=0, missing=missing))
