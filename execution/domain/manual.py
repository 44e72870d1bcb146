"""What people ask of orders: place, cancel, replace.

Any working order of the account may be cancelled or replaced, a strategy's too.
Keep out: orders from signals (decisions.py), closing everything (flattening.py) and the checks
(risk).
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain import money
from execution.domain.cash import NO_SESSION
from execution.domain.collar import collared
from execution.domain.config import MANUAL_SLEEVE, PAPER, Limits
from execution.domain.desk import Desk, book_of, mark
from execution.domain.inputs import LARGEST, CancelOrder, Command, PlaceOrder, ReplaceOrder
from execution.domain.judging import judge
from execution.domain.money import ONE, ZERO
from execution.domain.orders import (
    LIMITED,
    STOPPED,
    Check,
    Order,
    OrderType,
    Outcome,
    Side,
    Status,
    TimeInForce,
    moved,
)
from execution.domain.risk import Code
from router.messages import digest

CLIENT_ORDER_ID_USED = "CLIENT_ORDER_ID_USED"
ORDER_UNKNOWN = "ORDER_UNKNOWN"
ORDER_NOT_WORKING = "ORDER_NOT_WORKING"
REPLACE_NOT_POSSIBLE = "REPLACE_NOT_POSSIBLE"

_BUSY = frozenset({Status.PENDING_NEW, Status.PENDING_CANCEL, Status.PENDING_REPLACE})
"""The venue has not answered what it was asked last."""


def place_order(desk: Desk, command: PlaceOrder) -> None:
    """Judge a person's order and record it, accepted or refused."""
    if desk.state.session is None:
        message = "the account begins with its first session: there are no prices yet"
        desk.refuse(command, NO_SESSION, message)
        return
    if _is_used(desk, command):
        return
    if beyond := _beyond_scale(command):
        numbers = {name: str(value) for name, value in beyond.items()}
        refuse_order(desk, command, Code.SCHEMA_INVALID, numbers)
        return
    order = _placed(desk, command)
    if order.notional is not None:
        order = _worth(desk, order, order.notional)
    judge(desk, book_of(desk), order)


def refuse_order(
    desk: Desk, command: PlaceOrder, code: Code, numbers: dict[str, str] | None = None
) -> None:
    """Record a person's order that could not be judged."""
    checks = (Check(code, Outcome.FAILED, numbers or {}),)
    order = _placed(desk, command)
    desk.emit(
        fx.OrderCreated(
            order=msgspec.structs.replace(order, status=Status.REFUSED, code=code, checks=checks)
        )
    )


def cancel_order(desk: Desk, command: CancelOrder) -> None:
    """End a working order, or where a venue outside has it, ask for its end."""
    order = _working(desk, command, command.client_order_id)
    if order is None:
        return
    if order.status == Status.PENDING_CANCEL:
        desk.refuse(command, ORDER_NOT_WORKING, "its cancellation is on its way to the venue")
        return
    desk.change(moved(order, cancelled(desk)))


def cancelled(desk: Desk) -> Status:
    """How far a cancellation takes an order at once."""
    return Status.CANCELLED if desk.config.venue == PAPER else Status.PENDING_CANCEL


def replace_order(desk: Desk, command: ReplaceOrder) -> None:
    """Judge a new order as if the old one were gone; the old one goes only if that is accepted."""
    old = _working(desk, command, command.client_order_id)
    if old is None or _is_used(desk, command):
        return
    if obstacle := _obstacle(old):
        desk.refuse(command, REPLACE_NOT_POSSIBLE, obstacle)
        return
    if nonsense := _nonsense(old, command):
        desk.refuse(command, Code.SCHEMA_INVALID, nonsense)
        return
    new = judge(desk, book_of(desk, without=old.order_id), _replacing(desk, old, command))
    if new.status != Status.REFUSED:
        inside = desk.config.venue == PAPER
        desk.change(moved(old, Status.REPLACED if inside else Status.PENDING_REPLACE))


def _is_used(desk: Desk, command: PlaceOrder | ReplaceOrder) -> bool:
    """The journal knows every id that was used; this is for callers without one."""
    if _order_id(command) not in desk.state.orders:
        return False
    message = f"{command.request_id} is the id of a working order: choose a new one"
    desk.refuse(command, CLIENT_ORDER_ID_USED, message)
    return True


def _order_id(command: PlaceOrder | ReplaceOrder) -> str:
    return digest("order", command.account, command.request_id)


def _working(desk: Desk, command: Command, client_order_id: str) -> Order | None:
    """The working order of that id; without one the command is refused."""
    for order in desk.state.orders.values():
        if order.client_order_id == client_order_id:
            return order
    ended = (each.order for each in desk.state.ended.values())
    found = next((each for each in ended if each.client_order_id == client_order_id), None)
    if found is not None:
        desk.refuse(command, ORDER_NOT_WORKING, f"{client_order_id} is {found.status} already")
    else:
        message = f"no order {client_order_id} works: it ended, or there never was one"
        desk.refuse(command, ORDER_UNKNOWN, message)
    return None


def _beyond_scale(command: PlaceOrder | ReplaceOrder) -> dict[str, Decimal]:
    """Figures with more decimals than are kept: rounding them would be another order."""
    notional = command.notional if isinstance(command, PlaceOrder) else None
    figures: tuple[tuple[str, Decimal | None, Callable[[Decimal], Decimal]], ...] = (
        ("quantity", command.quantity, money.quantity),
        ("notional", notional, money.cents),
        ("limit_price", command.limit_price, money.price),
        ("stop_price", command.stop_price, money.price),
    )
    return {
        name: value
        for name, value, scaled in figures
        if value is not None and scaled(value) != value
    }


def _placed(desk: Desk, command: PlaceOrder) -> Order:
    """The order as it was asked for, without shares where it names an amount of money."""
    return Order(
        order_id=_order_id(command),
        client_order_id=command.request_id,
        sleeve=MANUAL_SLEEVE,
        symbol=command.symbol,
        side=command.side,
        quantity=money.quantity(command.quantity or ZERO),
        notional=command.notional and money.cents(command.notional),
        type=command.type,
        limit_price=command.limit_price and money.price(command.limit_price),
        stop_price=command.stop_price and money.price(command.stop_price),
        time_in_force=command.time_in_force,
        reduce_only=command.reduce_only,
        status=Status.ACCEPTED,
        reference_price=mark(desk.state, command.symbol),
        session=desk.state.session,
        accepted_at=desk.now,
        limits_version=desk.state.limits.version,
    )


def _worth(desk: Desk, order: Order, notional: Decimal) -> Order:
    """As many shares as the money is sure to pay for: none where no price is known."""
    order = collared(order, desk.state.limits)
    price = _dearest(order, desk.state.limits)
    if not price:
        return order
    shares = min(notional / price, LARGEST - ONE)
    plain = order.type == OrderType.MARKET and order.time_in_force == TimeInForce.DAY
    parts = desk.config.fractional and plain  # no other order may be of a part of a share
    quantity = money.quantity(shares) if parts else money.whole(shares)
    return msgspec.structs.replace(order, quantity=quantity)


def _dearest(order: Order, limits: Limits) -> Decimal | None:
    """What a share costs at worst; for a sale, what one is worth."""
    if order.limit_price is not None:
        return order.limit_price
    price = order.stop_price or order.reference_price
    if price is None or order.side == Side.SELL:
        return price
    return max(price, order.reference_price or price) * (ONE + limits.market_buffer)


def _obstacle(old: Order) -> str:
    if old.status in _BUSY:
        return f"{old.client_order_id} is {old.status}: wait for the venue's answer"
    if old.notional is not None:
        return f"{old.client_order_id} is of an amount of money: cancel it and place a new one"
    if old.flatten:
        return f"{old.client_order_id} closes a position for good: cancel it"
    return ""


def _nonsense(old: Order, command: ReplaceOrder) -> str:
    """What the command names that an order of this type does not have."""
    if beyond := _beyond_scale(command):
        return ", ".join(f"{name} {value} has too many decimals" for name, value in beyond.items())
    if command.limit_price is not None and old.type not in LIMITED:
        return f"a {old.type} order has no limit_price"
    if command.stop_price is not None and (old.type not in STOPPED or old.triggered):
        return f"a {old.type} order that works at once has no stop_price"
    return ""


def _replacing(desk: Desk, old: Order, command: ReplaceOrder) -> Order:
    """The old order with what the command changes, as a new one of the same sleeve."""
    limit = old.limit_price if command.limit_price is None else command.limit_price
    stop = old.stop_price if command.stop_price is None else command.stop_price
    return msgspec.structs.replace(
        old,
        order_id=_order_id(command),
        client_order_id=command.request_id,
        quantity=old.leaves if command.quantity is None else money.quantity(command.quantity),
        limit_price=money.price(limit) if limit is not None else None,
        stop_price=money.price(stop) if stop is not None else None,
        time_in_force=command.time_in_force or old.time_in_force,
        replaces=old.order_id,
        signal_id=None,
        filled_quantity=ZERO,
        filled_value=ZERO,
        executions={},
        reference_price=mark(desk.state, old.symbol),
        session=desk.state.session,
        accepted_at=desk.now,
    )
