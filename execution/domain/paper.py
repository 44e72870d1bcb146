"""The paper venue: whether and at what price a bar fills an order. A pure function.

A daily bar says open, high, low and close, not their order in time. So a market order fills at the
open, and a limit order only if the range reaches it: at the open where the open is already better,
at its limit otherwise. The caller gives only bars that start after the order was accepted.
Keep out: what a fill does to positions and cash (engine.py).
"""

from decimal import Decimal
from typing import NamedTuple

from execution.domain import money
from execution.domain.config import PaperCosts
from execution.domain.orders import Order, OrderType, Side
from router.messages import Bar


class Execution(NamedTuple):
    """Shares, price per share and commission of one fill."""

    quantity: Decimal
    price: Decimal
    commission: Decimal


def execute(order: Order, bar: Bar, costs: PaperCosts, *, fractional: bool) -> Execution | None:
    """The fill of `order` in `bar`, or None where the bar does not reach it.

    Never more than `volume_share` of the bar's volume; the rest of the order keeps working. A price
    that rounds to nothing fills nothing.
    """
    price = _price(order, bar, costs.slippage)
    if price is None or price <= 0:
        return None
    available = bar.volume * costs.volume_share
    quantity = min(
        order.leaves, money.quantity(available) if fractional else money.whole(available)
    )
    if quantity <= 0:
        return None
    return Execution(quantity, price, commission(quantity, costs))


def commission(quantity: Decimal, costs: PaperCosts) -> Decimal:
    """Per share with a minimum per fill, in cents."""
    return money.cents(max(costs.commission_minimum, quantity * costs.commission_per_share))


def _price(order: Order, bar: Bar, slippage: Decimal) -> Decimal | None:
    buying = order.side == Side.BUY
    if order.type == OrderType.MARKET or order.limit_price is None:
        return money.price(bar.open * (1 + slippage if buying else 1 - slippage))
    limit = order.limit_price
    if buying:
        return min(bar.open, limit) if bar.low <= limit else None
    return max(bar.open, limit) if bar.high >= limit else None
