"""The engine: one input in, its effects out, for one account.

Arrival order means nothing: inputs wait until they can be used, and are used in one order: the bars
of a session, then each strategy's complete set of signals, then the next session's bars.
Keep out: clocks, storage, networks; what a session does (session.py) and new orders (decisions.py).
"""

from datetime import date, datetime
from decimal import localcontext

from execution.domain import cash, flattening, manual, standing, venue
from execution.domain import effects as fx
from execution.domain.decisions import decide_set, dispose
from execution.domain.desk import Desk
from execution.domain.effects import Disposition
from execution.domain.inputs import (
    CancelOrder,
    ChangeLimits,
    Command,
    Deadline,
    DescribeInstruments,
    Flatten,
    Input,
    MoveCash,
    OpenAccount,
    PlaceOrder,
    ReplaceOrder,
    ReportFill,
    SetTradingState,
    TurnKillSwitch,
)
from execution.domain.money import CONTEXT
from execution.domain.risk import Code
from execution.domain.session import apply_bars
from execution.domain.state import Inbox, State, apply, receive
from router.messages import Bars, Signal, SignalSet


def handle(
    state: State, inbox: Inbox, seq: int, item: Input, at: datetime | None = None
) -> tuple[fx.Effect, ...]:
    """Decide on one input; `state` and `inbox` have followed when it returns.

    `seq` is the input's journal row. `at` is when it came in, for an account that lives in the
    world's time; one that replays has the time of its bars. After an exception the two must be
    thrown away.
    """
    with localcontext(CONTEXT):
        receive(state, inbox, seq, item)
        desk = Desk(state, inbox)
        _move_clock(desk, at)
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
        manual.refuse_order(desk, item, Code.INTERNAL_ERROR)
    elif isinstance(item, Command):
        message = "the trading core could not decide on it; its log says why"
        desk.refuse(item, Code.INTERNAL_ERROR, message)
    elif isinstance(item, ReportFill):
        venue.refuse_report(desk, item, Code.INTERNAL_ERROR)
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
        case ReportFill():
            venue.take_report(desk, item)
        case Deadline():
            _stop_waiting(desk, item)
        case Bars():
            if item.source not in desk.config.sources:
                _refuse_bars(desk, item, Code.UNAUTHORIZED_SOURCE)
            _sweep(desk)
        case Signal():
            _take_signal(desk, item)
        case SignalSet():
            if not _is_ours(desk, item) or _is_past(desk, item.strategy, item.session):
                desk.emit(fx.SetRefused(strategy=item.strategy, session=item.session))
        case _:
            _command(desk, item)


def _move_clock(desk: Desk, at: datetime | None) -> None:
    """The account's time goes forward alone."""
    if at is not None and (desk.state.clock is None or at > desk.state.clock):
        desk.emit(fx.ClockMoved(at=at))


def _command(desk: Desk, item: Command) -> None:
    _move_clock(desk, item.at)
    match item:
        case PlaceOrder():
            manual.place_order(desk, item)
        case CancelOrder():
            manual.cancel_order(desk, item)
        case ReplaceOrder():
            manual.replace_order(desk, item)
        case Flatten():
            flattening.flatten(desk, item)
        case ChangeLimits():
            standing.change_limits(desk, item)
        case SetTradingState():
            standing.set_trading_state(desk, item)
        case DescribeInstruments():
            standing.describe_instruments(desk, item)
        case MoveCash():
            cash.move_cash(desk, item)


def _take_signal(desk: Desk, signal: Signal) -> None:
    """A signal of a session that is over is disposed at once; others wait for their set."""
    if not _is_ours(desk, signal):
        dispose(desk, signal, Disposition.REJECTED, Code.UNAUTHORIZED_SOURCE)
        return
    if not _is_past(desk, signal.strategy, signal.session):
        return
    clock = desk.state.clock
    if clock is not None and clock >= signal.valid_until:
        dispose(desk, signal, Disposition.EXPIRED, Code.SIGNAL_EXPIRED)
    else:
        dispose(desk, signal, Disposition.SUPERSEDED, Code.SIGNAL_SUPERSEDED)


def _is_ours(desk: Desk, item: Signal | SignalSet) -> bool:
    """Whether one of the account's own strategies says so; no other is ever waited for."""
    return item.strategy in desk.config.strategies


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
    current, ended = desk.state.session, desk.state.marked_at
    if current is None:
        return
    for bars in _waiting_bars(desk.inbox):
        if bars.session <= current or (ended is not None and bars.bar_end <= ended):
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
            _decide(desk, strategy, found)
            return True
    return False


def _matches(item: Signal | SignalSet, strategy: str, session: date) -> bool:
    return item.strategy == strategy and item.session == session


def _waiting_signals(desk: Desk, strategy: str) -> list[Signal]:
    found = [s for s in desk.inbox.signals.values() if _matches(s, strategy, desk.session)]
    return sorted(found, key=lambda s: s.input_id)


def _decide(desk: Desk, strategy: str, chosen: SignalSet) -> None:
    """Decide on the chosen signals, one per symbol; the others of the session are superseded."""
    waiting, ids = _waiting_signals(desk, strategy), frozenset(chosen.signal_ids)
    members = {s.symbol: s for s in waiting if s.input_id in ids}
    others = [s for s in waiting if s is not members.get(s.symbol)]
    standing.trust(desk, strategy)
    decide_set(desk, strategy, list(members.values()), chosen.withheld)
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
    if sets:
        last = max(sets, key=lambda s: s.input_id)
        standing.withhold(desk, strategy, last.withheld)
    standing.close_incomplete(desk, strategy, missing)
    desk.emit(fx.SetDecided(strategy=strategy, session=desk.session, signals=0, missing=missing))
