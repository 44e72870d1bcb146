"""Orders that hang together: entries with exits (bracket, oto), and exits of which one counts.

Pure. A held exit waits until its entry has filled wholly, and trades from the next session on. Of
two exits (bracket, oco) the first that fills ends the other, and a bar that reaches both fills the
stop, which is the worse. One that fills in part leaves the other for the rest.
Keep out: when they move (venue.py), and what bodies may ask for (exits.py).
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from execution.domain.orders import OrderType, Side, Status
from execution.paper_venue import orders
from execution.paper_venue.orders import OrderRequest, VenueOrder


class OrderClass(StrEnum):
    """Alpaca's classes for shares."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OTO = "oto"
    OCO = "oco"


class Exit(msgspec.Struct, frozen=True):
    """What ends a position: at a limit, or by a stop with or without a limit."""

    type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


def exits_of(
    parent: VenueOrder, wanted: tuple[Exit, ...], tick: Callable[[], datetime]
) -> tuple[VenueOrder, list[VenueOrder]]:
    """The parent as part of its class, and its legs as they are taken: held, but for oco."""
    oco = parent.order_class == OrderClass.OCO
    side = parent.order.side if oco else _other(parent.order.side)
    legs = [_leg(parent, number, each, side, tick()) for number, each in enumerate(wanted)]
    if oco:
        parent = replace(parent, sibling=legs[0].order.order_id)
        return parent, [replace(legs[0], sibling=parent.order.order_id)]
    if len(legs) == 2:
        first, second = (each.order.order_id for each in legs)
        legs = [replace(legs[0], sibling=second), replace(legs[1], sibling=first)]
    return parent, [replace(each, held=True) for each in legs]


def rest_of(sibling: VenueOrder, leaves: Decimal, now: datetime) -> VenueOrder:
    """The other exit, for what an exit that filled in part has left."""
    quantity = min(sibling.order.quantity, sibling.order.filled_quantity + leaves)
    return replace(sibling, order=replace(sibling.order, quantity=quantity), updated_at=now)


def released(leg: VenueOrder) -> VenueOrder:
    """A held exit, ready to be accepted."""
    return replace(leg, held=False)


def releases(parent: VenueOrder) -> bool:
    """Whether its legs trade from now on."""
    return parent.order.status is Status.FILLED


def _leg(parent: VenueOrder, number: int, wanted: Exit, side: Side, now: datetime) -> VenueOrder:
    request = OrderRequest(
        client_order_id=orders.identity("leg", parent.order.order_id, str(number)),
        symbol=parent.order.symbol,
        side=side,
        type=wanted.type,
        time_in_force=parent.time_in_force,
        quantity=parent.order.quantity,
        limit_price=wanted.limit_price,
        stop_price=wanted.stop_price,
    )
    made = orders.placed(
        parent.account, request, parent.order.session, parent.order.reference_price, now
    )
    return replace(made, order_class=parent.order_class, parent=parent.order.order_id)


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY
