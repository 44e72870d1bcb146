"""Rules on who asks, with what signal, and whether account, strategy and symbol may trade at all.

Keep out: how an order is written (form.py) and how much there is already (flow.py, exposure.py).
"""

from datetime import timedelta

from execution.domain.inputs import LARGEST, Scope, TradingState
from execution.domain.orders import LIMITED, STOPPED, Order, OrderType, Side, TimeInForce
from execution.domain.risk.case import Case
from execution.domain.risk.codes import FAILED, NOT_APPLICABLE, PASSED, Verdict
from execution.domain.state import scope_key

_ACCOUNT = scope_key(Scope.ACCOUNT, "")
_DECIMALS = 9


def unreadable(order: Order) -> dict[str, str]:
    """What of the order cannot be judged, by field; empty where all can."""
    found: dict[str, str] = {}
    for name in ("quantity", "limit_price", "stop_price", "notional"):
        value = getattr(order, name)
        if value is not None and not (
            value.is_finite() and abs(value) < LARGEST and value == round(value, _DECIMALS)
        ):
            found[name] = str(value)[:60]
    for name, kind in (("side", Side), ("type", OrderType), ("time_in_force", TimeInForce)):
        if not isinstance(getattr(order, name), kind):
            found[name] = str(getattr(order, name))[:60]
    if (order.type in LIMITED) != (order.limit_price is not None):
        found.setdefault("limit_price", str(order.limit_price))
    if (order.type in STOPPED) != (order.stop_price is not None):
        found.setdefault("stop_price", str(order.stop_price))
    return found


def source(case: Case) -> Verdict:
    """The sleeve is the account's, and a signal is of the strategy whose sleeve it trades."""
    sleeve, signal = case.order.sleeve, case.signal
    if sleeve not in case.book.sleeve_equity:
        return False, {"sleeve": sleeve}
    if signal is not None and signal.strategy != sleeve:
        return False, {"sleeve": sleeve, "strategy": signal.strategy}
    return PASSED


def duplicate(case: Case) -> Verdict:
    """The signal was not executed before."""
    if case.signal is None:
        return NOT_APPLICABLE
    as_of = case.signal.as_of
    executed = case.book.watermarks.get(case.order.symbol)
    return as_of != executed, {"as_of": as_of.isoformat()}


def expired(case: Case) -> Verdict:
    """The signal is still valid, and no older than the limits allow."""
    signal, now = case.signal, case.book.now
    if signal is None:
        return NOT_APPLICABLE
    until = signal.valid_until
    numbers = {"valid_until": until.isoformat(), "now": now.isoformat()}
    oldest = case.limits.signal_max_age_seconds
    if oldest is None:
        return now < until, numbers
    numbers |= {"as_of": signal.as_of.isoformat(), "max_age_seconds": str(oldest)}
    return now < until and now - signal.as_of <= timedelta(seconds=oldest), numbers


def from_future(case: Case) -> Verdict:
    """The signal is not of a time that has not come, beyond what clocks may differ."""
    signal, now = case.signal, case.book.now
    if signal is None:
        return NOT_APPLICABLE
    latest = now + timedelta(seconds=case.limits.future_skew_seconds)
    return signal.as_of <= latest, {"as_of": signal.as_of.isoformat(), "now": now.isoformat()}


def superseded(case: Case) -> Verdict:
    """No newer signal of the strategy on the symbol was executed."""
    last = case.book.watermarks.get(case.order.symbol)
    if case.signal is None or last is None:
        return NOT_APPLICABLE
    as_of = case.signal.as_of
    return as_of >= last, {"as_of": as_of.isoformat(), "executed": last.isoformat()}


def kill_switch(case: Case) -> Verdict:
    """The switch is off, or these are the exits that somebody confirmed."""
    return PASSED if case.order.flatten or not case.book.kill_switch else FAILED


def halted(case: Case) -> Verdict:
    """Nothing that the order belongs to is halted."""
    return PASSED if case.order.flatten else _unrestricted(case, TradingState.HALTED)


def reducing(case: Case) -> Verdict:
    """Where only reducing is allowed, the order reduces."""
    return PASSED if case.reducing else _unrestricted(case, TradingState.REDUCING)


def _unrestricted(case: Case, state: TradingState) -> Verdict:
    if not case.book.restrictions:
        return PASSED
    strategy = scope_key(Scope.STRATEGY, case.order.sleeve)
    for key in (_ACCOUNT, strategy, scope_key(Scope.SYMBOL, case.order.symbol)):
        for cause, found in sorted(case.book.restrictions.get(key, {}).items()):
            if found.state == state:
                return False, {"scope": key, "cause": cause, "reason": found.reason}
    return PASSED


def no_data(case: Case) -> Verdict:
    """A check without data: it has no meaning on the paper venue, and fails anywhere else."""
    return (False, {"data": "none"}) if case.book.external else NOT_APPLICABLE


def known(case: Case) -> Verdict:
    """The symbol had a bar once, or was described."""
    symbol, book = case.order.symbol, case.book
    return symbol in book.marks or symbol in book.instruments or symbol in book.delisted, {}


def tradable(case: Case) -> Verdict:
    """The symbol is listed, and nobody said that it does not trade."""
    symbol, book = case.order.symbol, case.book
    if symbol in book.delisted:
        return False, {"delisted": book.delisted[symbol].isoformat()}
    instrument = book.instruments.get(symbol)
    return FAILED if instrument and not instrument.tradable else PASSED


def listed(case: Case) -> Verdict:
    """Nothing is opened that is restricted, or not on the list of what is allowed."""
    if case.reducing:
        return NOT_APPLICABLE
    symbol, allowed = case.order.symbol, case.limits.allowed
    if symbol in case.limits.restricted:
        return False, {"list": "restricted"}
    if allowed is not None and symbol not in allowed:
        return False, {"list": "allowed"}
    return PASSED


def jump(case: Case) -> Verdict:
    """The symbol's last price did not jump without an explanation; what reduces may go."""
    if case.reducing:
        return NOT_APPLICABLE
    return case.order.symbol not in case.book.suspects, {}


def quoted(case: Case) -> Verdict:
    """There is a reference price."""
    return case.reference is not None, {"reference": str(case.order.reference_price)}


def fresh(case: Case) -> Verdict:
    """The reference price is of a late enough session and moment; what reduces may go."""
    book, mark = case.book, case.book.marks.get(case.order.symbol)
    if case.reducing or mark is None:
        return NOT_APPLICABLE
    sessions, oldest = case.limits.quote_max_age_sessions, case.limits.quote_max_age_seconds
    numbers = {"session": mark.session.isoformat(), "max_age_sessions": str(sessions)}
    if mark.session not in book.recent[-sessions:]:
        return False, numbers
    if oldest is None:
        return True, numbers
    if mark.session != book.session or book.marked_at is None:
        return False, numbers | {"max_age_seconds": str(oldest)}
    age = book.now - book.marked_at
    numbers |= {"age_seconds": str(age.total_seconds()), "max_age_seconds": str(oldest)}
    return age <= timedelta(seconds=oldest), numbers


def approved(case: Case) -> Verdict:
    """Where versions of the strategy were named, the signal is of one of them."""
    versions = case.limits.approved_versions
    if case.signal is None or versions is None or case.signal.strategy not in versions:
        return NOT_APPLICABLE
    version = case.signal.strategy_version
    return version in versions[case.signal.strategy], {"version": version}


def confident(case: Case) -> Verdict:
    """The signal's score is within [-1, 1]."""
    if case.signal is None:
        return NOT_APPLICABLE
    score = case.signal.score
    return score.is_finite() and abs(score) <= 1, {"score": str(score)}
