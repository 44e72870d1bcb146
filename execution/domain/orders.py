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

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """A stop becomes a market order, a stop-limit a limit order, once its stop price trades."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class TimeInForce(StrEnum):
    """How long an order works.

    DAY until the end of the next session, GTC until cancelled; IOC takes what the next open gives,
    FOK takes all there or nothing.
    """

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
"""What the next open does not fill of them is cancelled."""


class Status(StrEnum):
    """REFUSED is our own no, UNKNOWN our own doubt; the others are FIX's OrdStatus of that name.

    An order on the paper venue is ACCEPTED at once; PENDING_* and REJECTED come from venues
    outside.
    """

    REFUSED = "refused"
    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


_OPEN = {
    Status.ACCEPTED,
    Status.PARTIALLY_FILLED,
    Status.PENDING_CANCEL,
    Status.PENDING_REPLACE,
    Status.UNKNOWN,
}
WORKING = frozenset(_OPEN | {Status.PENDING_NEW})
"""Its unfilled part may still trade."""

_ENDS = {Status.FILLED, Status.CANCELLED, Status.REPLACED, Status.EXPIRED}
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING_NEW: frozenset(_OPEN | _ENDS | {Status.REJECTED}),
    Status.ACCEPTED: frozenset((_OPEN | _ENDS) - {Status.ACCEPTED}),
    Status.PARTIALLY_FILLED: frozenset((_OPEN | _ENDS) - {Status.ACCEPTED}),
    Status.PENDING_CANCEL: frozenset((_OPEN | _ENDS) - {Status.PENDING_REPLACE}),
    Status.PENDING_REPLACE: frozenset(_OPEN | _ENDS),
    Status.UNKNOWN: frozenset(_OPEN | _ENDS | {Status.REJECTED}),
    Status.CANCELLED: frozenset(),
    Status.REPLACED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REFUSED: frozenset(),
    Status.FILLED: frozenset(),
    Status.REJECTED: frozenset(),
}
_UNFILLED = frozenset({Status.PENDING_NEW, Status.ACCEPTED, Status.REJECTED})
LATE_FILLS = frozenset({Status.CANCELLED, Status.REPLACED, Status.EXPIRED})
"""Ends that a fill may still reach, because it happened at the venue before the end did."""


class IllegalTransitionError(Exception):
    """An order was asked for what its status or quantity forbids: a defect, not input."""


class Outcome(StrEnum):
    """NOT_APPLICABLE: the rule has no meaning for this order or its data does not exist."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


class Check(msgspec.Struct, frozen=True, array_like=True):
    """One risk rule's verdict with the numbers that it compared.

    An array where it is stored: an order has about fifty, and they are most of its journal row.
    """

    code: str
    outcome: Outcome
    numbers: dict[str, str] = {}


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked, what was allowed, and how far it came.

    `quantity` is in shares and positive, prices are per share. `session` is the account's session
    when the order was made: only a later bar may fill it. `notional` is what a person asked for in
    money, where they did; `quantity` follows from it. `triggered` says that a stop price traded.
    `replaces` is the order id that this one took the place of. `filled_value` is the sum of price
    times quantity over its fills. `limits_version` names the limits that judged it. `flatten` marks
    the exits that somebody confirmed by typing, which the kill switch lets through.
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
    stop_price: Decimal | None = None
    notional: Decimal | None = None
    triggered: bool = False
    replaces: str | None = None
    reduce_only: bool = False
    flatten: bool = False
    limits_version: int = 1
    signal_id: str | None = None
    code: str | None = None
    checks: tuple[Check, ...] = ()
    sizing: dict[str, str] = {}
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    executions: dict[str, str] = {}
    """A venue's execution ids that were booked, each with the hash of what it reported."""

    @property
    def leaves(self) -> Decimal:
        """Shares that may still fill: FIX's LeavesQty."""
        return self.quantity - self.filled_quantity


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `fill_id` is its execution id, unique for ever.

    `realised` is the profit on what it closed, before commission.
    """

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
    """The order in its next status, with `fill` counted; raises IllegalTransitionError.

    An order that has ended moves no more, but a late fill may complete it or leave it as it is.
    FILLED is what has no shares left, and nothing else is.
    """
    if status not in _next(order.status, filling=fill is not None):
        raise IllegalTransitionError(f"order {order.order_id}: {order.status} to {status}")
    if fill is not None:
        order = _counted(order, fill)
    if not _fits(order, status):
        raise IllegalTransitionError(
            f"order {order.order_id}: {status} with {order.filled_quantity} of {order.quantity}"
        )
    return msgspec.structs.replace(order, status=status)


def _next(before: Status, *, filling: bool) -> frozenset[Status]:
    if filling and before in LATE_FILLS:
        return frozenset({before, Status.FILLED})
    return TRANSITIONS[before] if filling else TRANSITIONS[before] - {before}


def _counted(order: Order, fill: Fill) -> Order:
    if not 0 < fill.quantity <= order.leaves:
        raise IllegalTransitionError(
            f"order {order.order_id}: {fill.quantity} filled, {order.leaves} left"
        )
    return msgspec.structs.replace(
        order,
        filled_quantity=order.filled_quantity + fill.quantity,
        filled_value=order.filled_value + fill.quantity * fill.price,
    )


def _fits(order: Order, status: Status) -> bool:
    """Whether a status may be that of an order with these figures."""
    if status in _UNFILLED and order.filled_quantity:
        return False
    if status == Status.PARTIALLY_FILLED and not order.filled_quantity:
        return False
    return (status == Status.FILLED) == (order.leaves == 0)
