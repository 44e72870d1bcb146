"""Rules on a single order's figures: its quantity, its prices, and how large it is.

What reduces a position is limited in how it is written, not in how large it is.
Keep out: what other orders and positions there are (flow.py, exposure.py).
"""

from decimal import Decimal

from execution.domain.money import ONE, ZERO, price_decimals
from execution.domain.orders import OrderType, TimeInForce
from execution.domain.risk.case import Case
from execution.domain.risk.codes import FAILED, NOT_APPLICABLE, PASSED, Verdict


def compared(found: Decimal, limit: Decimal) -> Verdict:
    """Passes up to the limit; the numbers are amounts of money."""
    return found <= limit, {"found": f"{found:.2f}", "limit": f"{limit:.2f}"}


def quantity(case: Case) -> Verdict:
    """Above zero, and whole where the account holds no fractions."""
    found = case.order.quantity
    valid = found > 0 and (case.book.fractional or found == found.to_integral_value())
    return valid, {"quantity": str(found)}


def lot_size(case: Case) -> Verdict:
    """Whole lots, but for what closes a position; fractions only at market and for a day."""
    order, instrument = case.order, case.book.instruments.get(case.order.symbol)
    if order.quantity != order.quantity.to_integral_value():
        plain = order.type == OrderType.MARKET and order.time_in_force == TimeInForce.DAY
        return plain, {"type": order.type, "time_in_force": order.time_in_force}
    lot = instrument.lot_size if instrument else 1
    if lot == 1 or case.closing:
        return PASSED
    return order.quantity % lot == 0, {"quantity": str(order.quantity), "lot_size": str(lot)}


def tick(case: Case) -> Verdict:
    """Prices from 1 on have at most 2 decimals, lower ones at most 4."""
    if case.order.limit_price is None and case.order.stop_price is None:
        return NOT_APPLICABLE
    for price in (case.order.limit_price, case.order.stop_price):
        if price is not None:
            decimals = price_decimals(price)
            if price <= 0 or price != round(price, decimals):
                return False, {"price": str(price), "decimals": str(decimals)}
    return PASSED


def max_quantity(case: Case) -> Verdict:
    """No more shares than the limit, or than its share of the symbol's volume where that is more.

    What reduces may be larger.
    """
    if case.reducing:
        return NOT_APPLICABLE
    volume = case.book.volumes.get(case.order.symbol, ZERO)
    limit = max(case.limits.max_order_quantity, case.limits.adv_participation * volume)
    return compared(case.order.quantity, limit)


def max_notional(case: Case) -> Verdict:
    """Worth no more at worst than the limit; what reduces may be larger."""
    if case.reducing:
        return NOT_APPLICABLE
    if case.value is None:
        return FAILED
    return compared(case.value, case.limits.max_order_notional * case.book.equity)


def min_notional(case: Case) -> Verdict:
    """Worth the effort at its limit or reference price; what closes a position may be less."""
    if case.closing:
        return NOT_APPLICABLE
    price = case.order.limit_price or case.reference
    if price is None:
        return FAILED
    found, limit = case.order.quantity * price, case.limits.min_order_notional
    return found >= limit, {"found": f"{found:.2f}", "limit": f"{limit:.2f}"}


def collar(case: Case) -> Verdict:
    """Limit and stop prices are near the reference; where market orders are collared, none is left.

    The exits that somebody confirmed stay market orders.
    """
    order = case.order
    if order.type == OrderType.MARKET:
        bare = case.limits.collar_market_orders and not order.flatten
        return (False, {"type": order.type}) if bare else NOT_APPLICABLE
    if case.reference is None:
        return FAILED
    prices = [price for price in (order.limit_price, order.stop_price) if price is not None]
    distance = max(abs(price / case.reference - ONE) for price in prices)
    limit = case.limits.price_collar
    return distance <= limit, {"found": f"{distance:.6f}", "limit": str(limit)}


def participation(case: Case) -> Verdict:
    """No more than its share of the symbol's average volume; what reduces may be more."""
    if case.reducing:
        return NOT_APPLICABLE
    volume = case.book.volumes.get(case.order.symbol)
    if volume is None:
        return FAILED if case.book.external else NOT_APPLICABLE
    return compared(case.order.quantity, case.limits.adv_participation * volume)
