"""Closing everything: the one command whose orders the kill switch lets through.

Keep out: single orders (manual.py).
"""

from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain.desk import Desk, book_of
from execution.domain.inputs import Flatten, Scope, TradingState
from execution.domain.judging import judge, market_order
from execution.domain.manual import cancelled
from execution.domain.money import ZERO
from execution.domain.orders import Order, Side, Status, moved
from execution.domain.portfolio import Position
from router.messages import digest

FLATTEN = "flatten"
"""The restriction's cause."""


def flatten(desk: Desk, command: Flatten) -> None:
    """Cancel every order, reduce only from now on, and close every position at market.

    Exits of an earlier `flatten` that still work are left to it, and what works may fill: only what
    of a position no working order would close is closed, so no position is closed twice.
    """
    _cancel_all(desk)
    desk.emit(
        fx.RestrictionChanged(
            scope=Scope.ACCOUNT,
            name="",
            cause=FLATTEN,
            state=TradingState.REDUCING,
            reason=f"{command.reason} ({command.requested_by})",
        )
    )
    exits = _exits(desk, command)
    if exits:
        book = book_of(desk)
        for order in exits:
            judge(desk, book, order)


def _cancel_all(desk: Desk) -> None:
    for _, order in sorted(desk.state.orders.items()):
        if not order.flatten and order.status != Status.PENDING_CANCEL:
            desk.change(moved(order, cancelled(desk)))


def _exits(desk: Desk, command: Flatten) -> list[Order]:
    return [
        _exit(desk, command, sleeve, symbol, side, shares)
        for sleeve, held in sorted(desk.state.positions.items())
        for symbol, position in sorted(held.items())
        for side, shares in [_open(desk, sleeve, symbol, position)]
        if shares > 0
    ]


def _open(desk: Desk, sleeve: str, symbol: str, position: Position) -> tuple[Side, Decimal]:
    """What is left to close of a position, and by which side."""
    side = Side.SELL if position.quantity > 0 else Side.BUY
    closing = (
        order.leaves
        for order in desk.state.orders.values()
        if (order.sleeve, order.symbol, order.side) == (sleeve, symbol, side)
    )
    return side, abs(position.quantity) - sum(closing, ZERO)


def _exit(
    desk: Desk, command: Flatten, sleeve: str, symbol: str, side: Side, shares: Decimal
) -> Order:
    order_id = digest("flatten", desk.config.account, command.request_id, sleeve, symbol)
    order = market_order(desk, order_id, sleeve, symbol, side, shares)
    return msgspec.structs.replace(order, reduce_only=True, flatten=True)
