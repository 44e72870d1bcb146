"""The paper venue: whether and at what price a bar fills an order. Pure functions.

A daily bar says open, high, low and close, not their order in time, so what could have been either
way is decided against the order. The caller gives only bars that begin after the order was made.

market      at the open, with slippage
limit       if the range reaches it: at the open where that is already better, else at its limit
stop        elected if the range reaches the stop price, and then a market order: at the open where
            that is already beyond the stop price, else at the stop price, with slippage
stop-limit  elected likewise, and then a limit order: in the same bar only at the price at which it
            was elected, from the next bar on as any limit order
IOC, FOK    the same, but of the open alone: no later price of the bar counts

Keep out: what a fill does to positions and cash (books.py), and when orders end (session.py).
"""

from decimal import Decimal
from typing import NamedTuple

from execution.domain import money
from execution.domain.config import PaperCosts
from execution.domain.money import ZERO
from execution.domain.orders import AT_ONCE, Order, Side, TimeInForce
from router.messages import Bar


class Execution(NamedTuple):
    """Shares, price per share and commission of one fill."""

    quantity: Decimal
    price: Decimal
    commission: Decimal


class Met(NamedTuple):
    """What a bar makes of an order: whether its stop price has traded by now, and its fill."""

    triggered: bool
    execution: Execution | None


def capacity(bar: Bar, costs: PaperCosts, *, fractional: bool) -> Decimal:
    """Shares of the bar's volume that the account's orders may take together."""
    shares = bar.volume * costs.volume_share
    return money.quantity(shares) if fractional else money.whole(shares)


def meet(order: Order, bar: Bar, costs: PaperCosts, available: Decimal) -> Met:
    """Lead an order through a bar of which `available` shares may still be taken.

    Where fewer are available than the order needs, it fills in part; FOK then not at all. A price
    that rounds to nothing fills nothing.
    """
    triggered = order.triggered or _is_elected(order, bar)
    price = None
    if triggered or order.stop_price is None:
        price = _price(order, bar, costs.slippage)
    quantity = min(order.leaves, available)
    if order.time_in_force == TimeInForce.FOK and quantity < order.leaves:
        quantity = ZERO
    if price is None or price <= 0 or quantity <= 0:
        return Met(triggered, None)
    return Met(triggered, Execution(quantity, price, commission(quantity, costs)))


def commission(quantity: Decimal, costs: PaperCosts) -> Decimal:
    """Per share with a minimum per fill, in cents."""
    return money.cents(max(costs.commission_minimum, quantity * costs.commission_per_share))


def _is_elected(order: Order, bar: Bar) -> bool:
    if order.stop_price is None:
        return False
    worst = bar.high if order.side == Side.BUY else bar.low
    seen = bar.open if order.time_in_force in AT_ONCE else worst
    return _worse(order.side, seen, order.stop_price) == seen


def _price(order: Order, bar: Bar, slippage: Decimal) -> Decimal | None:
    """Of an order that is a market or limit order by now; None where its limit is not reached."""
    elected_now = order.stop_price is not None and not order.triggered
    start = bar.open
    if order.stop_price is not None and elected_now:
        start = _worse(order.side, bar.open, order.stop_price)
    if order.limit_price is None:
        return money.price(start * (1 + order.side.sign * slippage))
    if elected_now or order.time_in_force in AT_ONCE:
        reached = start
    else:
        reached = bar.low if order.side == Side.BUY else bar.high
    if _worse(order.side, reached, order.limit_price) != order.limit_price:
        return None
    return money.price(_better(order.side, start, order.limit_price))


def _worse(side: Side, one: Decimal, other: Decimal) -> Decimal:
    return max(one, other) if side == Side.BUY else min(one, other)


def _better(side: Side, one: Decimal, other: Decimal) -> Decimal:
    return min(one, other) if side == Side.BUY else max(one, other)
