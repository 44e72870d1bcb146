"""The one door that every order passes: all checks, their record, and the reservation.

Keep out: the checks themselves (risk), and why there is an order (decisions.py, manual.py).
"""

from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain import risk
from execution.domain.collar import collared
from execution.domain.desk import Desk, mark
from execution.domain.inputs import Scope, TradingState
from execution.domain.orders import (
    Check,
    Order,
    OrderType,
    Outcome,
    Side,
    Status,
    TimeInForce,
)
from execution.domain.risk import Book, Code
from execution.domain.state import scope_key

REPEATED = "repeated_execution"
"""The cause of the halt of a strategy that fills the same way again and again."""


def market_order(
    desk: Desk, order_id: str, sleeve: str, symbol: str, side: Side, quantity: Decimal
) -> Order:
    """An order of the engine's own, to be judged: at market, for a day, of the present session."""
    account = desk.config.account
    return Order(
        order_id=order_id,
        client_order_id=f"{account}~{order_id[:15]}",  # no person's id has a ~ in it
        sleeve=sleeve,
        symbol=symbol,
        side=side,
        quantity=quantity,
        type=OrderType.MARKET,
        limit_price=None,
        time_in_force=TimeInForce.DAY,
        status=Status.ACCEPTED,
        reference_price=mark(desk.state, symbol),
        session=desk.session,
        accepted_at=desk.now,
    )


def judge(desk: Desk, book: Book, order: Order) -> Order:
    """Record the order with every check's verdict, accepted or refused; returns it so."""
    order = collared(order, book.limits)
    checks = risk.evaluate(order, book)
    code = risk.refusal(checks)
    accepted = Status.PENDING_NEW if book.external else Status.ACCEPTED
    order = msgspec.structs.replace(
        order,
        checks=checks,
        code=code,
        status=Status.REFUSED if code else accepted,
        limits_version=book.limits.version,
    )
    desk.emit(fx.OrderCreated(order=order))
    if code is None:
        book.accept(order)
    else:
        _halt_repetition(desk, order)
    return order


def _halt_repetition(desk: Desk, order: Order) -> None:
    """A strategy that runs wild stops until a person lets it go on."""
    failed = next((check for check in order.checks if _is_repetition(check)), None)
    halts = desk.state.restrictions.get(scope_key(Scope.STRATEGY, order.sleeve), {})
    if failed is not None and REPEATED not in halts:
        count, window = failed.numbers["found"], failed.numbers["window_seconds"]
        desk.emit(
            fx.RestrictionChanged(
                scope=Scope.STRATEGY,
                name=order.sleeve,
                cause=REPEATED,
                state=TradingState.HALTED,
                reason=f"{count} fills of {order.symbol} ({order.side}) within {window} s",
            )
        )


def _is_repetition(check: Check) -> bool:
    return check.code == Code.REPEATED_EXECUTION and check.outcome == Outcome.FAILED
