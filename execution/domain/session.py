"""What a session's bars do: corporate actions, fills of waiting orders, expiry, valuation.

The order matters and is fixed: actions happen before the open, orders decided earlier fill from
this bar, day orders that did not fill end, and the account is valued at the closes.
Keep out: new orders (decisions.py), prices of fills (paper.py), and the books (books.py).
"""

from datetime import timedelta
from decimal import Decimal

import msgspec

from execution.domain import books, cash, corporate, market, paper, standing
from execution.domain import effects as fx
from execution.domain.config import PAPER
from execution.domain.desk import Desk
from execution.domain.orders import Order, Side, Status, TimeInForce, moved
from router.messages import Bar, Bars, digest

LONGEST_SESSION = timedelta(hours=12)
"""From open to close, at most: what was ordered later than that before the close may have been
ordered after the open, so that session's bar cannot fill it."""

_ENDS = {
    TimeInForce.DAY: Status.EXPIRED,
    TimeInForce.IOC: Status.CANCELLED,
    TimeInForce.FOK: Status.CANCELLED,
}
"""How what is left of an order ends after its one session."""


def apply_bars(desk: Desk, bars: Bars) -> None:
    """Move the account to the end of this session."""
    before = desk.state.session
    variances, volumes = market.observe(desk.state, bars)
    desk.emit(
        fx.BarsApplied(
            input_id=bars.input_id,
            session=bars.session,
            awaiting=tuple(sorted(desk.config.strategies)),
            variances=variances,
            volumes=volumes,
        )
    )
    if before is None:
        cash.post_capital(desk)
    cash.accrue_interest(desk, before)
    cash.pay_receivables(desk)
    corporate.apply_actions(desk, bars)
    _trade(desk, bars)
    books.value_session(desk)
    standing.measure_losses(desk)


def _trade(desk: Desk, bars: Bars) -> None:
    """The paper venue's session; a venue outside reports for itself."""
    if desk.config.venue != PAPER:
        return
    prices = {bar.symbol: bar for bar in bars.bars}
    left: dict[str, Decimal] = {}
    for order in _queue(desk):
        if order.accepted_at <= bars.bar_end - LONGEST_SESSION:
            _settle(desk, order, prices.get(order.symbol), left)


def _queue(desk: Desk) -> list[Order]:
    """Working orders as the venue takes them: sales first, then by symbol and id."""
    return sorted(
        desk.state.orders.values(),
        key=lambda order: (order.side == Side.BUY, order.symbol, order.order_id),
    )


def _settle(desk: Desk, order: Order, bar: Bar | None, left: dict[str, Decimal]) -> None:
    """Lead an order through its bar; `left` is what the orders before it left of each volume."""
    if bar is not None:
        order = _meet(desk, order, bar, left)
    if not order.leaves:
        return
    if order.time_in_force in _ENDS:
        order = moved(order, _ENDS[order.time_in_force])
    if order != desk.state.orders[order.order_id]:
        desk.change(order)


def _meet(desk: Desk, order: Order, bar: Bar, left: dict[str, Decimal]) -> Order:
    config, symbol = desk.config, order.symbol
    if symbol not in left:
        left[symbol] = paper.capacity(bar, config.costs, fractional=config.fractional)
    triggered, execution = paper.meet(order, bar, config.costs, left[symbol])
    if triggered and not order.triggered:
        order = msgspec.structs.replace(order, triggered=True)
    if execution is None:
        return order
    left[symbol] -= execution.quantity
    execution_id = digest("fill", order.order_id, desk.session.isoformat())
    return books.book_execution(desk, order, execution_id, *execution)
