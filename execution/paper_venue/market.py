"""What one session's bars do to the working orders: fills, and the ends of what was for one day.

Pure: orders and bars in, changed orders and fills out, with the paper venue's own rules.
Keep out: storage, and what a fill does to cash (books.py).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from execution.domain import money, paper
from execution.domain.config import PaperCosts
from execution.domain.orders import Order, Side, Status
from execution.domain.paper import Execution
from execution.paper_venue import orders
from execution.paper_venue.books import Mark
from execution.paper_venue.orders import FillRecord, TimeInForce, VenueOrder
from router.messages import Bar

_ENDS = {
    TimeInForce.DAY: Status.EXPIRED,
    TimeInForce.IOC: Status.CANCELLED,
    TimeInForce.FOK: Status.CANCELLED,
    TimeInForce.OPG: Status.CANCELLED,
    TimeInForce.CLS: Status.CANCELLED,
}
"""How what is left of an order ends after its one session."""


class Outcome(NamedTuple):
    """An order after its bar: as it was filled, and as it ended, each where it was."""

    order: VenueOrder
    fill: FillRecord | None
    filled: VenueOrder | None


class Session:
    """One session's bars, and how much of each volume every account has taken so far."""

    def __init__(self, session: date, bars: Iterable[Bar], costs: PaperCosts) -> None:
        self._session = session
        self._bars = {bar.symbol: bar for bar in bars}
        self._costs = costs
        self._left: dict[tuple[str, str], Decimal] = {}

    def lead(self, order: VenueOrder, tick: Callable[[], datetime]) -> Outcome:
        """Take an order through the session; `tick` gives a new time for each event."""
        bar = self._bars.get(order.order.symbol)
        fill = filled = None
        if bar is not None:
            order, execution = self._meet(order, _seen(order, bar))
            if execution is not None:
                order, fill = self._execute(order, execution, tick())
                filled = order
        if order.order.leaves and order.time_in_force in _ENDS:
            order = orders.changed(order, _ENDS[order.time_in_force], tick())
        return Outcome(order, fill, filled)

    def _meet(self, order: VenueOrder, bar: Bar) -> tuple[VenueOrder, Execution | None]:
        inner, key = order.order, (order.account, order.order.symbol)
        left = self._left.get(key)
        if left is None:
            left = paper.capacity(bar, self._costs, fractional=True)
        if inner.notional is not None:
            inner = _sized(order, bar, self._costs)
        fractional = inner.quantity != money.whole(inner.quantity)
        available = left if fractional else money.whole(left)
        if not inner.leaves:
            return order, None
        triggered, execution = paper.meet(inner, bar, self._costs, available)
        self._left[key] = left - (execution.quantity if execution else 0)
        return replace(order, order=replace(inner, triggered=triggered)), execution

    def _execute(
        self, order: VenueOrder, execution: Execution, now: datetime
    ) -> tuple[VenueOrder, FillRecord]:
        """Its id is that of the order and the session: a session fills an order once."""
        execution_id = orders.identity("execution", order.order.order_id, self._session.isoformat())
        after, fill = orders.filled(order, execution_id, execution, now)
        return after, replace(fill, session=self._session)


def queue(working: Iterable[VenueOrder]) -> list[VenueOrder]:
    """Working orders as the market takes them: the close last, sales first, then as they came.

    Of two exits that exclude each other the stop is first. Held orders are not in the market.
    """
    return sorted(
        (each for each in working if not each.held),
        key=lambda each: (
            each.time_in_force is TimeInForce.CLS,
            each.order.side is Side.BUY,
            each.order.symbol,
            each.sibling is not None and each.order.stop_price is None,
            each.created_at,
        ),
    )


def late(order: VenueOrder, mark: Mark | None, now: datetime, costs: PaperCosts) -> Outcome | None:
    """All that was left of a cancelled order trades after all, a moment before it was cancelled.

    At the last close, or at its limit where that is better for the market. None where no price is
    known or nothing is left.
    """
    inner = order.order
    price = mark.price if mark else None
    if inner.limit_price is not None:
        better = min if inner.side is Side.BUY else max
        price = inner.limit_price if price is None else better(price, inner.limit_price)
    if price is None or not inner.leaves or inner.status is not Status.CANCELLED:
        return None
    execution = Execution(inner.leaves, price, paper.commission(inner.leaves, costs))
    execution_id = orders.identity("late", inner.order_id)
    after, fill = orders.filled(order, execution_id, execution, now)
    return Outcome(after, fill, after)


def marks_after(bars: Iterable[Bar], before: Mapping[str, Mark]) -> dict[str, Mark]:
    """The closes of these bars, each with the one before it."""
    found = {}
    for bar in bars:
        close = money.price(bar.close)
        known = before.get(bar.symbol)
        found[bar.symbol] = Mark(close, known.price if known else close)
    return found


def _seen(order: VenueOrder, bar: Bar) -> Bar:
    """What an order sees of the bar: one for the closing auction only its close."""
    if order.time_in_force is not TimeInForce.CLS:
        return bar
    return msgspec.structs.replace(bar, open=bar.close, high=bar.close, low=bar.close)


def _sized(order: VenueOrder, bar: Bar, costs: PaperCosts) -> Order:
    """An order in money as an order in shares, at the price that it will trade at."""
    inner = order.order
    assert inner.notional is not None  # noqa: S101 - the caller's condition
    price = bar.open * (1 + inner.side.sign * costs.slippage)
    return replace(inner, quantity=money.quantity(inner.notional / price))
