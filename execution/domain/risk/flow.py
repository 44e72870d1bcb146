"""Rules on an order among others: repeated, too many, too fast, or against our own.

The exits that somebody confirmed pass: they are as many as there are positions.
Keep out: what orders add up to as exposure (exposure.py).
"""

from datetime import timedelta
from decimal import Decimal

from execution.domain.config import MANUAL_SLEEVE
from execution.domain.orders import LIMITED, Order, Side
from execution.domain.risk.book import terms_of
from execution.domain.risk.case import Case
from execution.domain.risk.codes import FAILED, NOT_APPLICABLE, PASSED, Verdict
from execution.domain.risk.form import compared


def duplicate(case: Case) -> Verdict:
    """The sleeve sent no order with the same terms within the window.

    One that takes another's place is no second order.
    """
    order = case.order
    if order.flatten or order.replaces is not None:
        return NOT_APPLICABLE
    before = case.book.alike.get(terms_of(order))
    if before is None:
        return PASSED
    window = case.limits.duplicate_window_seconds
    numbers = {"accepted_at": before.isoformat(), "window_seconds": str(window)}
    return case.book.now - before >= timedelta(seconds=window), numbers


def rate(case: Case) -> Verdict:
    """Not more orders of the account in a second and in a minute than the limits allow."""
    if case.order.flatten:
        return NOT_APPLICABLE
    second = case.limits.orders_per_second
    if second is not None and case.book.last_second >= second:
        return _counted(case.book.last_second + 1, second, "1")
    return _counted(case.book.last_minute + 1, case.limits.orders_per_minute, "60")


def _counted(found: int, limit: int, window: str) -> Verdict:
    numbers = {"found": str(found), "limit": str(limit), "window_seconds": window}
    return found <= limit, numbers


def repeated(case: Case) -> Verdict:
    """A strategy did not just fill the same way again and again, as one that runs wild would."""
    order = case.order
    if order.sleeve == MANUAL_SLEEVE or order.flatten:
        return NOT_APPLICABLE
    found = case.book.executions.get((order.sleeve, order.symbol, order.side), 0)
    limit = case.limits.repeated_executions
    numbers = {"found": str(found), "limit": str(limit)}
    numbers["window_seconds"] = str(case.limits.repeated_window_seconds)
    return found < limit, numbers


def open_orders(case: Case) -> Verdict:
    """Not more working orders than the limit."""
    if case.order.flatten:
        return NOT_APPLICABLE
    found, limit = case.book.open_orders + 1, case.limits.max_open_orders
    return found <= limit, {"found": str(found), "limit": str(limit)}


def open_notional(case: Case) -> Verdict:
    """Working orders are together not worth more than the limit; what reduces may go."""
    if case.reducing:
        return NOT_APPLICABLE
    if case.value is None:
        return FAILED
    found = case.book.purchases + case.book.sales + case.value
    return compared(found, case.limits.open_order_notional * case.book.equity)


def self_trade(case: Case) -> Verdict:
    """No working order of the account on the other side would trade with this one."""
    if case.order.flatten:
        return NOT_APPLICABLE
    working = case.book.working.get(case.order.symbol)
    if not working:
        return PASSED
    for order_id, other in sorted(working.items()):
        if other.side != case.order.side and _crosses(case.order, other):
            return False, {"order_id": order_id, "type": other.type, "price": str(_bound(other))}
    return PASSED


def _crosses(order: Order, other: Order) -> bool:
    """Whether the two could trade at one price; without a limit an order takes any."""
    mine, theirs = _bound(order), _bound(other)
    if mine is None or theirs is None:
        return True
    return mine >= theirs if order.side == Side.BUY else mine <= theirs


def _bound(order: Order) -> Decimal | None:
    return order.limit_price if order.type in LIMITED else None
