"""What a venue outside reports: fills, late, twice, for nothing we ordered, or too many.

A report is never lost: what fits an order is booked, what was booked before is refused by its
execution id, and the rest is booked in suspense and stops its symbol until a person looks.
Keep out: the venue inside the engine (paper.py), and what an execution does to the books
(books.py).
"""

from decimal import Decimal

import msgspec

from execution.domain import books, ledger, money
from execution.domain import effects as fx
from execution.domain.config import MANUAL_SLEEVE, PAPER
from execution.domain.desk import Desk
from execution.domain.inputs import ReportFill, Scope, TradingState
from execution.domain.money import ZERO
from execution.domain.orders import LATE_FILLS, WORKING, Order
from router.messages import digest

VENUE_IS_PAPER = "VENUE_IS_PAPER"
EXECUTION_DUPLICATE = "EXECUTION_DUPLICATE"
EXECUTION_CONFLICT = "EXECUTION_CONFLICT"

UNKNOWN_ORDER = "unknown_order"
"""Causes of a symbol's halt."""
MISMATCH = "fill_mismatch"
OVERFILL = "overfill"
CONFLICT = "execution_conflict"


def take_report(desk: Desk, report: ReportFill) -> None:
    """Book a fill that a venue reports, as far as an order of ours accounts for it."""
    if desk.config.venue == PAPER:
        _refuse(desk, report, VENUE_IS_PAPER)
        return
    if desk.state.clock is None:  # nothing else tells this account the time
        desk.emit(fx.ClockMoved(at=report.at))
    known = _known(desk, report.execution_id)
    if known is None:
        _book(desk, report)
    elif known == report.report_hash:
        _refuse(desk, report, EXECUTION_DUPLICATE)
    else:
        _refuse(desk, report, EXECUTION_CONFLICT)
        reason = f"execution {report.execution_id} was reported with other figures before"
        _halt(desk, report.symbol, CONFLICT, reason)


def refuse_report(desk: Desk, report: ReportFill, code: str) -> None:
    """Record a report that could not be decided on: its symbol waits for a person."""
    _refuse(desk, report, code)
    reason = f"execution {report.execution_id} could not be booked; the core's log says why"
    _halt(desk, report.symbol, CONFLICT, reason)


def _known(desk: Desk, execution_id: str) -> str | None:
    """The hash of what was reported under this execution id before."""
    booked = (order.executions.get(execution_id) for order in _orders(desk))
    found = next((report_hash for report_hash in booked if report_hash is not None), None)
    return found or desk.state.suspended.get(execution_id)


def _orders(desk: Desk) -> list[Order]:
    """Orders that a fill may still reach."""
    return [*desk.state.orders.values(), *(each.order for each in desk.state.ended.values())]


def _book(desk: Desk, report: ReportFill) -> None:
    order = next(
        (each for each in _orders(desk) if each.client_order_id == report.client_order_id), None
    )
    if order is None:
        _suspend(desk, report, MANUAL_SLEEVE, UNKNOWN_ORDER)
        return
    if (order.symbol, order.side) != (report.symbol, report.side):
        _suspend(desk, report, order.sleeve, MISMATCH)
        _halt(desk, order.symbol, MISMATCH, f"a fill of {order.client_order_id} does not match it")
        return
    fits = min(order.leaves, report.quantity) if order.status in WORKING | LATE_FILLS else ZERO
    if fits:
        _execute(desk, order, report, fits)
    if fits < report.quantity:
        commission = ZERO if fits else report.commission
        rest = msgspec.structs.replace(
            report, quantity=report.quantity - fits, commission=commission
        )
        _suspend(desk, rest, order.sleeve, OVERFILL, report.report_hash)


def _execute(desk: Desk, order: Order, report: ReportFill, quantity: Decimal) -> None:
    executions = order.executions | {report.execution_id: report.report_hash}
    books.book_execution(
        desk,
        msgspec.structs.replace(order, executions=executions),
        digest("fill", order.order_id, report.execution_id),
        quantity,
        report.price,
        report.commission,
    )


def _suspend(
    desk: Desk, report: ReportFill, sleeve: str, reason: str, report_hash: str | None = None
) -> None:
    """Keep the money right, and let nobody trade the symbol on a position that may be wrong."""
    desk.emit(
        fx.FillSuspended(
            execution_id=report.execution_id,
            report_hash=report_hash or report.report_hash,
            client_order_id=report.client_order_id,
            symbol=report.symbol,
            side=report.side,
            quantity=report.quantity,
            price=report.price,
            reason=reason,
        )
    )
    value = report.side.sign * money.cents(report.quantity * report.price)
    lines = ledger.suspense(report.symbol, value, report.commission)
    desk.post("suspense", digest("suspense", report.execution_id), sleeve, lines)
    said = f"{report.quantity} shares ({report.side}) of execution {report.execution_id}"
    _halt(desk, report.symbol, reason, f"{said} are in suspense: {reason}")


def _halt(desk: Desk, symbol: str, cause: str, reason: str) -> None:
    desk.emit(
        fx.RestrictionChanged(
            scope=Scope.SYMBOL,
            name=symbol,
            cause=cause,
            state=TradingState.HALTED,
            reason=reason,
        )
    )


def _refuse(desk: Desk, report: ReportFill, code: str) -> None:
    desk.emit(
        fx.FillRefused(
            execution_id=report.execution_id, client_order_id=report.client_order_id, code=code
        )
    )
