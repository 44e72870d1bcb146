"""Laws of the venue over random histories, with restarts between any two requests."""

import tempfile
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from execution.domain import money
from execution.domain.config import PaperCosts
from execution.domain.money import ZERO
from execution.domain.orders import LIMITED, STOPPED, OrderType, Side, Status
from execution.paper_venue.composite import Exit, OrderClass
from execution.paper_venue.errors import RefusalError
from execution.paper_venue.orders import AUCTIONS, OrderRequest, TimeInForce
from execution.paper_venue.store import FillQuery, OrderQuery, Store
from execution.paper_venue.venue import Change, Event, Venue
from router.messages import Bar

CASH = Decimal(100_000)
ACCOUNTS = ("one", "two")
SYMBOLS = ("AAPL", "MSFT")
EVERY_ORDER = OrderQuery(working=None, oldest_first=True, limit=10_000)
EVERY_FILL = FillQuery(oldest_first=True, limit=10_000)

accounts = st.sampled_from(ACCOUNTS)
prices = st.integers(50, 150).map(Decimal)
quantities = st.integers(1, 900).map(Decimal)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(OrderType))
    tif = draw(st.sampled_from(TimeInForce))
    if tif in AUCTIONS and kind in STOPPED:
        tif = TimeInForce.DAY
    return {
        "symbol": draw(st.sampled_from(SYMBOLS)),
        "side": draw(st.sampled_from(Side)),
        "type": kind,
        "time_in_force": tif,
        "quantity": draw(quantities),
        "limit_price": draw(prices) if kind in LIMITED else None,
        "stop_price": draw(prices) if kind in STOPPED else None,
    }


@st.composite
def bars(draw: st.DrawFn, symbol: str) -> Bar:
    low, one, other, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    start, close = draw(st.permutations([one, other]))
    volume = Decimal(draw(st.integers(0, 20_000)))
    return Bar(symbol=symbol, open=start, high=high, low=low, close=close, volume=volume)


class Trading(RuleBasedStateMachine):
    """Two accounts at a venue whose process ends now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.events: list[Event] = []
        self.statuses: dict[str, Status] = {}
        self.session = date(2026, 1, 1)
        self.count = 0
        self.open()

    def open(self) -> None:
        store = Store(Path(self.folder.name) / "venue.sqlite")
        self.venue = Venue(store, PaperCosts(), self.events.extend)
        self.venue.open_accounts(dict.fromkeys(ACCOUNTS, CASH))

    def teardown(self) -> None:
        self.venue.store.close()
        self.folder.cleanup()

    def next_id(self) -> str:
        self.count += 1
        return f"order-{self.count}"

    def some_order(self, account: str, number: int) -> str | None:
        known = self.venue.store.orders(account, EVERY_ORDER)
        return known[number % len(known)].order.order_id if known else None

    @rule(account=accounts, fields=requests(), reject=st.booleans())
    def submit(self, account: str, fields: dict[str, Any], reject: bool) -> None:
        request = OrderRequest(client_order_id=self.next_id(), **fields)
        before = len(self.events)
        try:
            made = self.venue.submit(account, request, reject=reject)
        except RefusalError:
            assert len(self.events) == before
            return
        assert self.venue.find(account, made.order.order_id).order.status == (
            Status.REJECTED if reject else Status.ACCEPTED
        )
        with pytest.raises(RefusalError, match="unique"):
            self.venue.submit(account, request)

    @rule(
        account=accounts,
        fields=requests(),
        kind=st.sampled_from(list(OrderClass)[1:]),
        profit=prices,
        loss=prices,
        only_loss=st.booleans(),
        reject=st.booleans(),
    )
    def submit_with_exits(
        self,
        account: str,
        fields: dict[str, Any],
        kind: OrderClass,
        profit: Decimal,
        loss: Decimal,
        only_loss: bool,
        reject: bool,
    ) -> None:
        exits = (Exit(OrderType.LIMIT, profit), Exit(OrderType.STOP, None, loss))
        if kind is not OrderClass.BRACKET:
            exits = exits[1:] if only_loss or kind is OrderClass.OCO else exits[:1]
        day = fields["time_in_force"] in (TimeInForce.DAY, TimeInForce.GTC)
        wanted = fields | ({} if day else {"time_in_force": TimeInForce.GTC})
        request = OrderRequest(client_order_id=self.next_id(), **wanted)
        with suppress(RefusalError):
            self.venue.submit(account, request, kind, exits, reject=reject)

    @rule(account=accounts, number=st.integers(0, 99))
    def cancel(self, account: str, number: int) -> None:
        order_id = self.some_order(account, number)
        if order_id is None:
            return
        worked = self.venue.find(account, order_id).working
        try:
            self.venue.cancel(account, order_id)
            assert worked
        except RefusalError:
            assert not worked

    @rule(account=accounts, number=st.integers(0, 99))
    def fill_late(self, account: str, number: int) -> None:
        order_id = self.some_order(account, number)
        if order_id is not None:
            self.venue.fill_late(account, order_id)

    @rule(
        account=accounts,
        number=st.integers(0, 99),
        quantity=st.none() | quantities,
        limit=st.none() | prices,
    )
    def replace(
        self, account: str, number: int, quantity: Decimal | None, limit: Decimal | None
    ) -> None:
        order_id = self.some_order(account, number)
        if order_id is None:
            return
        before = self.venue.find(account, order_id)
        try:
            self.venue.replace(
                account, order_id, Change(quantity, limit, None, None, self.next_id())
            )
        except RefusalError:
            assert self.venue.find(account, order_id) == before

    @rule(account=accounts)
    def cancel_all(self, account: str) -> None:
        self.venue.cancel_all(account)
        assert self.venue.store.working(account) == []

    @rule(data=st.data(), symbols=st.sets(st.sampled_from(SYMBOLS)))
    def step(self, data: st.DataObject, symbols: set[str]) -> None:
        self.session += timedelta(days=1)
        drawn = tuple(data.draw(bars(symbol)) for symbol in sorted(symbols))
        result = self.venue.step(self.session, drawn)
        told = len(self.events)
        assert self.venue.step(self.session, drawn) == result
        assert len(self.events) == told

    @rule()
    @precondition(lambda self: self.events)
    def restart(self) -> None:
        self.venue.store.close()
        self.open()

    @invariant()
    def the_books_follow_from_the_executions(self) -> None:
        store = self.venue.store
        for account in ACCOUNTS:
            cash, held = CASH, Counter[str]()
            for fill in store.fills(account, EVERY_FILL):
                value = money.cents(fill.quantity * fill.price)
                cash -= fill.side.sign * value + fill.commission
                held[fill.symbol] += fill.side.sign * fill.quantity
            assert self.venue.account(account).cash == cash
            holdings = {each.symbol: each.quantity for each in store.holdings(account)}
            assert holdings == {name: shares for name, shares in held.items() if shares}
            for each in store.holdings(account):
                assert each.cost * each.quantity > 0

    @invariant()
    def orders_add_up(self) -> None:
        store = self.venue.store
        for account in ACCOUNTS:
            filled = Counter[str]()
            for fill in store.fills(account, EVERY_FILL):
                filled[fill.order_id] += fill.quantity
            orders = store.orders(account, EVERY_ORDER)
            for each in orders:
                inner = each.order
                assert filled[inner.order_id] == inner.filled_quantity <= inner.quantity
                assert (inner.status == Status.FILLED) == (inner.leaves == 0)
            reserved = sum((each.reserved for each in orders), ZERO)
            assert self.venue.account(account).reserved == reserved
            moments = [each.created_at for each in orders]
            assert moments == sorted(set(moments))

    @invariant()
    def legs_wait_for_their_parent_and_exclude_each_other(self) -> None:
        for account in ACCOUNTS:
            known = {
                each.order.order_id: each for each in self.venue.store.orders(account, EVERY_ORDER)
            }
            for each in known.values():
                parent = known.get(each.parent or "")
                if parent is not None and each.order_class != OrderClass.OCO:
                    filled = parent.order.status == Status.FILLED
                    assert filled or not (each.working and not each.held)
                    assert parent.working or not (each.working and each.held)
                if each.sibling is not None and each.working:
                    other = known[each.sibling]
                    assert other.order.status != Status.FILLED
                    if other.working:
                        assert other.order.leaves == each.order.leaves

    @invariant()
    def events_are_numbered_and_tell_every_execution_once(self) -> None:
        numbers = [each.number for each in self.events]
        assert numbers == sorted(set(numbers))
        told = [each.fill.execution_id for each in self.events if each.fill]
        known = [
            fill.execution_id
            for account in ACCOUNTS
            for fill in self.venue.store.fills(account, EVERY_FILL)
        ]
        assert len(set(told)) == len(told)
        assert set(told) == set(known)

    @invariant()
    def the_last_event_tells_an_orders_status(self) -> None:
        last = {each.order.order.order_id: each.order.order for each in self.events}
        for account in ACCOUNTS:
            for each in self.venue.store.orders(account, EVERY_ORDER):
                now = each.order
                assert last[now.order_id].status == now.status
                assert last[now.order_id].filled_quantity == now.filled_quantity


Trading.TestCase.settings = settings(stateful_step_count=25)
TestTrading = Trading.TestCase
