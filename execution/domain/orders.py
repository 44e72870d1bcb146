"""Orders and fills as values, and which change of an order's status is legal.

Keep out: why an order is sent (sizing), whether it may be (risk), and at what price (paper).
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from execution.domain.money import ZERO


class Side(StrEnum):
    """Buying adds shares, selling takes them away."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """At any price, or at the limit or better."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """Until the end of the next session, or until it is cancelled."""

    DAY = "day"
    GTC = "gtc"


class Status(StrEnum):
    """REFUSED is our own no; the others are FIX's OrdStatus of the same name."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


WORKING = frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED})

_ENDS = {Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED, Status.EXPIRED}
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.ACCEPTED: frozenset(_ENDS),
    Status.PARTIALLY_FILLED: frozenset(_ENDS),
    Status.REFUSED: frozenset(),
    Status.FILLED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
}


class IllegalTransitionError(Exception):
    """An order was asked for what its status or quantity forbids: a defect, not input."""


class Outcome(StrEnum):
    """NOT_APPLICABLE: the rule has no meaning for this order or its data does not exist."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


class Check(msgspec.Struct, frozen=True):
    """One risk rule's verdict with the numbers that it compared."""

    code: str
    outcome: Outcome
    numbers: dict[str, str] = {}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, what was allowed, and how far it came.

    `quantity` is in shares and positive, prices are per share. `session` is the account's session
    when the order was made: only a later bar may fill it. `filled_value` is the sum of price
    times quantity over its fills.
    """

    order_id: str
    client_order_id: str
    sleeve: str
    symbol: str
    side: Side
    quantity: Decimal
    type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    status: Status
    reference_price: Decimal | None
    session: date | None
    accepted_at: datetime
    signal_id: str | None = None
    code: str | None = None
    checks: tuple[Check, ...] = ()
    sizing: dict[str, str] = {}
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO

    @property
    def leaves(self) -> Decimal:
        """Shares that may still fill: FIX's LeavesQty."""
        return self.quantity - self.filled_quantity


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `fill_id` is its execution id, unique for ever."""

    fill_id: str
    order_id: str
    sleeve: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    session: date
    at: datetime
    realised: Decimal


def moved(order: Order, status: Status, fill: Fill | None = None) -> Order:
    """The order in its next status, with `fill` counted; raises IllegalTransitionError."""
    if status not in TRANSITIONS[order.status]:
        raise IllegalTransitionError(f"order {order.order_id}: {order.status} to {status}")
    if fill is not None and fill.quantity > order.leaves:
        raise IllegalTransitionError(
            f"order {order.order_id}: {fill.quantity} filled, {order.leaves} left"
        )
    if fill is None:
        return msgspec.structs.replace(order, status=status)
    return msgspec.structs.replace(
        order,
        status=status,
        filled_quantity=order.filled_quantity + fill.quantity,
        filled_value=order.filled_value + fill.quantity * fill.price,
    )
