"""Orders at the venue as values: asking for one, and each change of its status.

Belongs here: what the venue keeps of an order beside the domain's Order, and its legal changes.
Keep out: storage (store.py), the shape on the wire (wire.py), what bars do to it (market.py).
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from execution.domain import money
from execution.domain import orders as domain
from execution.domain.money import ZERO
from execution.domain.orders import Fill, Order, OrderType, Side, Status, moved
from execution.domain.paper import Execution
from router.messages import digest


class TimeInForce(StrEnum):
    """The domain's, and the two auctions, of which a bar shows the prices: its open and close."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


AUCTIONS = frozenset({TimeInForce.OPG, TimeInForce.CLS})
_AS_IN_DOMAIN = {
    TimeInForce.DAY: domain.TimeInForce.DAY,
    TimeInForce.GTC: domain.TimeInForce.GTC,
    TimeInForce.IOC: domain.TimeInForce.IOC,
    TimeInForce.FOK: domain.TimeInForce.FOK,
    TimeInForce.OPG: domain.TimeInForce.IOC,
    TimeInForce.CLS: domain.TimeInForce.IOC,
}
"""An auction takes at one price what it can, as IOC does at the open."""

_MOMENTS = {
    Status.FILLED: "filled_at",
    Status.CANCELLED: "canceled_at",
    Status.EXPIRED: "expired_at",
    Status.REPLACED: "replaced_at",
    Status.REJECTED: "failed_at",
}

REPLACEABLE = frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED})


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new order that is sound in itself; one of `quantity` and `notional` is given."""

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order of one account; `moments` are when it reached an end, by Alpaca's field name.

    `parent` is the order that it is a leg of, `sibling` the exit that it excludes; one that is
    `held` waits for its parent to fill.
    """

    account: str
    order: Order
    time_in_force: TimeInForce
    created_at: datetime
    updated_at: datetime
    moments: dict[str, datetime] = {}
    replaced_by: str | None = None
    order_class: str = "simple"
    parent: str | None = None
    sibling: str | None = None
    held: bool = False

    @property
    def working(self) -> bool:
        """Whether its unfilled part may still trade."""
        return self.order.status in domain.WORKING

    @property
    def reserved(self) -> Decimal:
        """What a working purchase may still cost, where its price is known; in cash."""
        price = self.order.limit_price or self.order.stop_price or self.order.reference_price
        if not self.working or self.held or self.order.side is Side.SELL or price is None:
            return ZERO
        return self.order.leaves * price


class FillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An execution with what its order was then: what a client catches up from."""

    execution_id: str
    account: str
    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    session: date | None
    at: datetime
    cumulative: Decimal
    leaves: Decimal
    complete: bool


def identity(*parts: str) -> str:
    """A UUID that is a hash of what it names: the same again gives the same."""
    text = digest("paper_venue", *parts)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def placed(
    account: str,
    request: OrderRequest,
    session: date | None,
    price: Decimal | None,
    now: datetime,
    replaces: str | None = None,
) -> VenueOrder:
    """A new order, pending. `price` is the last one of its symbol; a notional order needs it."""
    quantity = request.quantity
    if quantity is None:
        assert request.notional is not None  # noqa: S101 - the body's rule
        assert price is not None  # noqa: S101 - the venue's rule
        quantity = money.quantity(request.notional / price)
    order = Order(
        order_id=identity("order", account, request.client_order_id),
        client_order_id=request.client_order_id,
        sleeve=account,
        symbol=request.symbol,
        side=request.side,
        quantity=quantity,
        notional=request.notional,
        type=request.type,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        time_in_force=_AS_IN_DOMAIN[request.time_in_force],
        status=Status.PENDING_NEW,
        reference_price=price,
        session=session,
        accepted_at=now,
        replaces=replaces,
    )
    return VenueOrder(
        account=account,
        order=order,
        time_in_force=request.time_in_force,
        created_at=now,
        updated_at=now,
    )


def changed(order: VenueOrder, status: Status, now: datetime) -> VenueOrder:
    """The order in its next status; raises IllegalTransitionError."""
    return _stamped(order, moved(order.order, status), now)


def filled(
    order: VenueOrder, execution_id: str, execution: Execution, now: datetime
) -> tuple[VenueOrder, FillRecord]:
    """The order with an execution counted, also one that comes after its end."""
    before = order.order
    fill = _fill(before, execution_id, execution, now)
    complete = before.leaves == execution.quantity
    status = Status.FILLED if complete else Status.PARTIALLY_FILLED
    after = _stamped(order, moved(before, status, fill), now)
    record = FillRecord(
        execution_id=execution_id,
        account=order.account,
        order_id=before.order_id,
        client_order_id=before.client_order_id,
        symbol=before.symbol,
        side=before.side,
        quantity=execution.quantity,
        price=execution.price,
        commission=execution.commission,
        session=before.session,
        at=now,
        cumulative=after.order.filled_quantity,
        leaves=after.order.leaves,
        complete=complete,
    )
    return after, record


def _fill(order: Order, execution_id: str, execution: Execution, now: datetime) -> Fill:
    return Fill(
        fill_id=execution_id,
        order_id=order.order_id,
        sleeve=order.sleeve,
        symbol=order.symbol,
        side=order.side,
        quantity=execution.quantity,
        price=execution.price,
        commission=execution.commission,
        session=now.date(),
        at=now,
        realised=ZERO,
    )


def _stamped(order: VenueOrder, after: Order, now: datetime) -> VenueOrder:
    moments = order.moments
    name = _MOMENTS.get(after.status)
    if name is not None and name not in moments:
        moments = moments | {name: now}
    return replace(order, order=after, updated_at=now, moments=moments)
