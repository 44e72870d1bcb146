"""The venue: what a request does to the store, in one transaction, and what it tells afterwards.

Every method runs to its end on the one event loop, so no two overlap; events are told only after
the commit.
Keep out: HTTP (routes), storage (store.py), what bars do (market.py).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from execution.domain import money
from execution.domain.config import PaperCosts
from execution.domain.money import ZERO
from execution.domain.orders import OrderType, Side, Status
from execution.paper_venue import books, composite, market, orders
from execution.paper_venue.books import Account, Holding, Mark
from execution.paper_venue.composite import Exit, OrderClass
from execution.paper_venue.errors import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    RefusalError,
    not_found,
    unprocessable,
)
from execution.paper_venue.orders import FillRecord, OrderRequest, TimeInForce, VenueOrder
from execution.paper_venue.store import Stepped, Store
from router.messages import Bar, digest

_TICK = timedelta(microseconds=1)


class Event(NamedTuple):
    """Something that happened to an order, with what a client is told of it."""

    number: int
    name: str
    order: VenueOrder
    at: datetime
    fill: FillRecord | None
    position: Decimal | None


class Change(NamedTuple):
    """What a replacement asks for; None leaves a field as it was."""

    quantity: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: TimeInForce | None
    client_order_id: str


class Venue:
    """Takes orders of every account, and trades them when it is given a session's bars."""

    def __init__(
        self, store: Store, costs: PaperCosts, tell: Callable[[list[Event]], None]
    ) -> None:
        self.store = store
        self._costs = costs
        self._tell = tell
        self._last = store.last_moment()
        self._events: list[Event] = []

    def tick(self) -> datetime:
        """The time now; every call gives a later one, whatever the machine's clock does."""
        self._last = max(datetime.now(UTC), self._last + _TICK)
        return self._last

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One request: its changes are committed, and then its events told."""
        self._events = []
        with localcontext(money.CONTEXT), self.store.transaction():
            yield
        self._tell(self._events)

    def _note(
        self,
        name: str,
        order: VenueOrder,
        fill: FillRecord | None = None,
        position: Decimal | None = None,
    ) -> None:
        at = fill.at if fill else order.updated_at
        self._events.append(Event(self.store.next_event(), name, order, at, fill, position))

    def open_accounts(self, capital: Mapping[str, Decimal]) -> None:
        """Open the accounts that there are not yet, each with its cash."""
        with self._transaction():
            for name, cash in capital.items():
                if self.store.account(name) is None:
                    opened = Account(
                        name=name,
                        cash=cash,
                        reserved=ZERO,
                        equity=cash,
                        last_equity=cash,
                        opened_at=self.tick(),
                    )
                    self.store.save_account(opened)

    def account(self, name: str) -> Account:
        """An account that was opened at the start."""
        found = self.store.account(name)
        assert found is not None  # noqa: S101 - keys are only of opened accounts
        return found

    def buying_power(self, name: str) -> Decimal:
        """What an account may still open, in cash."""
        held, marks = self.store.holdings(name), self.store.marks(name)
        return books.buying_power(self.account(name), held, marks)

    def submit(
        self,
        account: str,
        request: OrderRequest,
        order_class: OrderClass = OrderClass.SIMPLE,
        exits: tuple[Exit, ...] = (),
        *,
        reject: bool = False,
    ) -> VenueOrder:
        """Take an order with its legs, or refuse it; `reject` takes and then rejects it.

        Returns it as it was taken: pending.
        """
        with self._transaction():
            self._require_unused(account, request.client_order_id)
            mark = self._require_asset(request.symbol)
            if request.notional is not None and mark is None:
                raise unprocessable(f"{request.symbol} has no price yet: give qty, not notional")
            price = mark.price if mark else None
            order = orders.placed(account, request, self.store.session(), price, self.tick())
            if order.order.quantity <= 0:
                raise unprocessable(
                    f"notional {request.notional} buys less than 0.000000001 shares"
                )
            self._require_funds(order, mark)
            order = replace(order, order_class=order_class.value)
            order, legs = composite.exits_of(order, exits, self.tick) if exits else (order, [])
            for each in (order, *legs):
                self._add(each)
            taken = self._move(order, Status.REJECTED if reject else Status.ACCEPTED)
            if reject:
                self._end_others(taken)
            elif order_class is OrderClass.OCO:
                self._move(legs[0], Status.ACCEPTED)
        return order

    def replace(self, account: str, order_id: str, change: Change) -> VenueOrder:
        """Put a new order in a working one's place; returns it as it was taken: pending."""
        with self._transaction():
            old = self.find(account, order_id)
            if old.order.status not in orders.REPLACEABLE:
                raise unprocessable(f"order is not replaceable: it is {old.order.status}")
            if old.order_class != OrderClass.SIMPLE:
                raise unprocessable(f"{old.order_class} orders are not replaced: cancel them")
            if old.order.notional is not None:
                raise unprocessable("an order by notional cannot be replaced")
            self._require_unused(account, change.client_order_id)
            request = _changed_request(old, change)
            mark = self.store.mark(request.symbol)
            old = self._move(old, Status.PENDING_REPLACE)
            price = mark.price if mark else None
            new = orders.placed(
                account, request, self.store.session(), price, self.tick(), order_id
            )
            old = replace(old, replaced_by=new.order.order_id)
            self._move(old, Status.REPLACED)
            self._require_funds(new, mark)
            self._add(new)
            self._move(new, Status.ACCEPTED)
        return new

    def cancel(self, account: str, order_id: str) -> None:
        """End a working order; refused where it has ended."""
        with self._transaction():
            order = self.find(account, order_id)
            if not order.working:
                raise unprocessable(f"order is not cancelable: it is {order.order.status}")
            self._end_others(self._cancel(order))

    def cancel_all(self, account: str) -> list[VenueOrder]:
        """End every working order of an account; returns them."""
        with self._transaction():
            return [self._cancel(order) for order in self.store.working(account)]

    def fill_late(self, account: str, order_id: str) -> None:
        """Let a cancelled order trade after all, at a time before it was cancelled."""
        with self._transaction():
            order = self.find(account, order_id)
            cancelled = order.moments.get("canceled_at")
            if cancelled is None:
                return
            mark = self.store.mark(order.order.symbol)
            outcome = market.late(order, mark, cancelled - _TICK, self._costs)
            if outcome is not None:
                self._book(outcome)
                self._save(order, replace(outcome.order, updated_at=self.tick()))

    def step(self, session: date, bars: tuple[Bar, ...]) -> dict[str, Any]:
        """Trade a session; the same again changes nothing. Refused out of order.

        Returns how many orders worked, filled and ended.
        """
        content = digest("bars", session.isoformat(), msgspec.json.encode(bars).decode())
        known = self.store.stepped(session)
        if known is not None:
            if known.content != content:
                raise _conflict(f"session {session} was traded with other bars")
            return known.result
        last = self.store.session()
        if last is not None and session < last:
            raise _conflict(f"session {session} is before {last}, which was traded already")
        with self._transaction():
            result = self._trade(session, bars)
            self.store.add_session(session, Stepped(content, result))
        return result

    def _trade(self, session: date, bars: tuple[Bar, ...]) -> dict[str, Any]:
        traded = market.Session(session, bars, self._costs)
        counts = {"orders": 0, "fills": 0, "ended": 0}
        for queued in market.queue(self.store.working()):
            order = self._still(queued)
            if order is None:
                continue
            outcome = traded.lead(order, self.tick)
            counts["orders"] += 1
            if outcome.fill is not None:
                counts["fills"] += 1
                self._book(outcome)
            self._save(order, outcome.order)
            if outcome.order.order.status in (Status.EXPIRED, Status.CANCELLED):
                counts["ended"] += 1
                self._note(_event_name(outcome.order.order.status), outcome.order)
            if order.order_class != OrderClass.SIMPLE:
                self._follow(outcome)
        self.store.save_marks(market.marks_after(bars, self.store.marks()))
        self._value()
        return {"session": session.isoformat(), **counts}

    def _still(self, queued: VenueOrder) -> VenueOrder | None:
        """An order as its sibling left it in this session, None where that ended it."""
        if queued.sibling is None:
            return queued
        order = self.find(queued.account, queued.order.order_id)
        return order if order.working else None

    def _follow(self, outcome: market.Outcome) -> None:
        """What an order's fill or end means for those that hang together with it."""
        order = outcome.order
        if composite.releases(order):
            for leg in self._held(order):
                ready = composite.released(leg)
                self._save(leg, ready)
                self._move(ready, Status.ACCEPTED)
        elif not order.working:
            for leg in self._held(order):
                self._cancel(leg)
        if outcome.fill is not None and order.sibling is not None:
            self._leave_rest(order)

    def _leave_rest(self, order: VenueOrder) -> None:
        """An exit that filled: the other is for what is left, if anything is."""
        assert order.sibling is not None  # noqa: S101 - the caller's condition
        other = self.find(order.account, order.sibling)
        if other.working and order.order.leaves:
            self._save(other, composite.rest_of(other, order.order.leaves, self.tick()))
        elif other.working:
            self._cancel(other)

    def _held(self, parent: VenueOrder) -> list[VenueOrder]:
        return [
            each for each in self.store.legs(parent.order.order_id) if each.held and each.working
        ]

    def _end_others(self, order: VenueOrder) -> None:
        """With an order that a client ends, its held legs and the exit beside it end."""
        for leg in self._held(order):
            self._cancel(leg)
        if order.sibling is not None:
            other = self.find(order.account, order.sibling)
            if other.working:
                self._cancel(other)

    def _value(self) -> None:
        marks = self.store.marks()
        for account in self.store.accounts():
            worth = books.equity(account, self.store.holdings(account.name), marks)
            self.store.save_account(
                replace(account, equity=money.cents(worth), last_equity=account.equity)
            )

    def find(self, account: str, order_id: str) -> VenueOrder:
        """An order of this account; a RefusalError where there is none."""
        order = self.store.order(account, order_id)
        if order is None:
            raise not_found(f"order not found for {order_id[:64]}")
        return order

    def _book(self, outcome: market.Outcome) -> None:
        """An execution into the books, and told with the order as it was after it."""
        fill, order = outcome.fill, outcome.filled
        assert fill is not None  # noqa: S101 - the caller's condition
        assert order is not None  # noqa: S101 - comes with the fill
        account, holding = books.booked(
            self.account(fill.account), self.store.holding(fill.account, fill.symbol), fill
        )
        self.store.save_account(account)
        self.store.save_holding(fill.account, holding)
        self.store.add_fill(fill)
        name = "fill" if fill.complete else "partial_fill"
        self._note(name, order, fill, holding.quantity)

    def _cancel(self, order: VenueOrder) -> VenueOrder:
        return self._move(self._move(order, Status.PENDING_CANCEL), Status.CANCELLED)

    def _add(self, order: VenueOrder) -> None:
        self.store.add_order(order)
        self._reserve(order.account, order.reserved)
        self._note(_event_name(order.order.status), order)

    def _move(self, order: VenueOrder, status: Status) -> VenueOrder:
        after = orders.changed(order, status, self.tick())
        self._save(order, after)
        self._note(_event_name(status), after)
        return after

    def _save(self, before: VenueOrder, after: VenueOrder) -> None:
        self.store.save_order(after)
        self._reserve(after.account, after.reserved - before.reserved)

    def _reserve(self, name: str, amount: Decimal) -> None:
        if amount:
            account = self.account(name)
            self.store.save_account(replace(account, reserved=account.reserved + amount))

    def _require_unused(self, account: str, client_order_id: str) -> None:
        if self.store.order_by_client_id(account, client_order_id) is not None:
            raise unprocessable("client_order_id must be unique", BAD_REQUEST)

    def _require_asset(self, symbol: str) -> Mark | None:
        """A symbol that had a bar; before the first session nobody knows which there will be."""
        mark = self.store.mark(symbol)
        if mark is None and self.store.session() is not None:
            raise unprocessable(f'asset "{symbol}" not found')
        return mark

    def _require_funds(self, order: VenueOrder, mark: Mark | None) -> None:
        """Buying power for what the order opens, as far as a price is known."""
        inner = order.order
        price = inner.limit_price or inner.stop_price or (mark.price if mark else None)
        held = self.store.holding(order.account, inner.symbol)
        opens = inner.quantity - _closing(held, inner.side, inner.quantity)
        if price is None or not opens:
            return
        free = self.buying_power(order.account)
        if opens * price > free:
            message = f"insufficient buying power: {opens * price:.2f} needed, {free:.2f} free"
            raise RefusalError(HTTPStatus.FORBIDDEN, FORBIDDEN, message)


def _closing(held: Holding, side: Side, quantity: Decimal) -> Decimal:
    if held.quantity * side.sign >= 0:
        return ZERO
    return min(abs(held.quantity), quantity)


def _changed_request(old: VenueOrder, change: Change) -> OrderRequest:
    inner = old.order
    if change.limit_price is not None and inner.limit_price is None:
        raise unprocessable(f"a {inner.type} order has no limit_price")
    if change.stop_price is not None and inner.stop_price is None:
        raise unprocessable(f"a {inner.type} order has no stop_price")
    tif = change.time_in_force or old.time_in_force
    if tif in orders.AUCTIONS and inner.type not in (OrderType.MARKET, OrderType.LIMIT):
        raise unprocessable(f"time_in_force {tif} takes only market and limit orders")
    return OrderRequest(
        client_order_id=change.client_order_id,
        symbol=inner.symbol,
        side=inner.side,
        type=inner.type,
        time_in_force=tif,
        quantity=change.quantity or inner.leaves,
        limit_price=change.limit_price or inner.limit_price,
        stop_price=change.stop_price or inner.stop_price,
    )


def _conflict(message: str) -> RefusalError:
    return RefusalError(HTTPStatus.CONFLICT, CONFLICT, message)


_EVENTS = {
    Status.PENDING_NEW: "pending_new",
    Status.ACCEPTED: "new",
    Status.PENDING_CANCEL: "pending_cancel",
    Status.PENDING_REPLACE: "pending_replace",
    Status.CANCELLED: "canceled",
    Status.REPLACED: "replaced",
    Status.EXPIRED: "expired",
    Status.REJECTED: "rejected",
}


def _event_name(status: Status) -> str:
    return _EVENTS[status]
