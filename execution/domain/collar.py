"""The collar: market orders as limit orders as far from the reference price as the limits allow.

Keep out: whether an order's own prices are within it (risk).
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from execution.domain.config import Limits
from execution.domain.money import ONE, price_decimals
from execution.domain.orders import Order, OrderType, Side


def collared(order: Order, limits: Limits) -> Order:
    """The order as it is sent: a market order gets the collar's price where limits say so.

    The price is rounded to a tick towards the reference. Exits that somebody confirmed, and orders
    without a reference price, stay as they are.
    """
    reference = order.reference_price
    plain = order.type == OrderType.MARKET and not order.flatten
    if not (limits.collar_market_orders and plain and reference):
        return order
    price = _price(order.side, reference, limits.price_collar)
    return msgspec.structs.replace(
        order,
        type=OrderType.LIMIT,
        limit_price=price,
        sizing=order.sizing | {"collared": str(price)},
    )


def _price(side: Side, reference: Decimal, collar: Decimal) -> Decimal:
    price = reference * (ONE + side.sign * collar)
    tick = ONE.scaleb(-price_decimals(price))
    return price.quantize(tick, ROUND_FLOOR if side == Side.BUY else ROUND_CEILING)
