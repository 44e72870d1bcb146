"""No sequence of orders that the checks accept can lead beyond a limit, whichever of them fill.

The exposures are added up here by trying every subset of the accepted orders, not as the book does.
"""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, combinations
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.config import PaperCosts
from execution.domain.orders import Order, Side
from execution.domain.paper import commission
from execution.domain.risk import Book, evaluate, refusal, worst_price
from tests.execution.risk_cases import PRICES, a_book, an_order, described, limits

ZERO = Decimal(0)
EQUITY = Decimal(100_000)
NARROW = limits(
    position_limit="0.10",
    concentration="0.15",
    gross_exposure="0.20",
    net_exposure="0.12",
    open_order_notional="0.30",
    shorting=True,
)
LONG_ONLY = limits(position_limit="0.10", gross_exposure="0.20", net_exposure="0.20")
TRADED = ("AAPL", "IBM")
SLEEVES = ("manual", "technical")
CASH = Decimal(12_000)

Key = tuple[str, str]


class Trade(NamedTuple):
    """An order's side and its worth at worst, in shares and in money."""

    side: Side
    shares: Decimal
    value: Decimal


@st.composite
def orders(draw: st.DrawFn, number: int) -> Order:
    price = st.none() | st.integers(90, 110).map(Decimal)
    return an_order(
        draw(st.sampled_from(Side)),
        draw(st.integers(1, 120)),
        limit=draw(price),
        stop=draw(price),
        order_id=str(number),
        symbol=draw(st.sampled_from(TRADED)),
        sleeve=draw(st.sampled_from(SLEEVES)),
    )


sequences = st.integers(1, 9).flatmap(lambda n: st.tuples(*(orders(i) for i in range(n))))
positions = st.dictionaries(
    st.tuples(st.sampled_from(SLEEVES), st.sampled_from(TRADED)), st.integers(-40, 40), max_size=4
)


def subsets(trades: list[Trade]) -> Iterator[tuple[Trade, ...]]:
    return chain.from_iterable(combinations(trades, n) for n in range(len(trades) + 1))


def worst(start: Decimal, trades: list[Trade]) -> Decimal:
    """The largest exposure of a position, whichever of its orders fill."""
    return max(
        abs(start + sum((t.side.sign * t.value for t in chosen), ZERO))
        for chosen in subsets(trades)
    )


class Account:
    """What was held at first and what was accepted since."""

    def __init__(self, held: dict[Key, int]) -> None:
        self.held = {key: Decimal(shares) for key, shares in held.items()}
        self.trades: defaultdict[Key, list[Trade]] = defaultdict(list)

    def add(self, order: Order, book: Book) -> None:
        price = worst_price(order, order.reference_price, book.limits) or ZERO
        trade = Trade(order.side, order.quantity, order.quantity * price)
        self.trades[order.sleeve, order.symbol].append(trade)

    def by_key(self) -> dict[Key, Decimal]:
        keys = {*self.held, *self.trades}
        start = {key: self.held.get(key, ZERO) * Decimal(PRICES[key[1]]) for key in keys}
        return {key: worst(start[key], self.trades[key]) for key in keys}

    def by_symbol(self) -> dict[str, Decimal]:
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (_, symbol), value in self.by_key().items():
            found[symbol] += value
        return dict(found)

    def free(self, order: Order) -> Decimal:
        """Shares that the order may take off the position before it crosses zero."""
        key = order.sleeve, order.symbol
        same = sum((t.shares for t in self.trades[key] if t.side == order.side), ZERO)
        return -order.side.sign * self.held.get(key, ZERO) - same


def run(
    held: dict[Key, int], sent: tuple[Order, ...], book: Book
) -> Iterator[tuple[Account, bool]]:
    """The account after each accepted order, and whether that order reduced."""
    account = Account(held)
    for order in sent:
        reduces = order.quantity <= account.free(order)
        if refusal(evaluate(order, book)) is None:
            book.accept(order)
            account.add(order, book)
            yield account, reduces


@settings(max_examples=100, deadline=None)
@given(positions, sequences)
def test_no_accepted_orders_lead_beyond_a_limit(
    held: dict[Key, int], sent: tuple[Order, ...]
) -> None:
    known = {s: described(sector="tech")["AAPL"] for s in TRADED}
    book = a_book({k: v for k, v in held.items() if v}, narrow=NARROW, instruments=known)
    before = Account(held).by_symbol()
    for account, reduces in run(held, sent, book):
        after = account.by_symbol()
        if reduces:
            assert sum(after.values()) == sum(before.values())
        else:
            grown = [s for s in after if after[s] > before.get(s, ZERO)]
            assert all(after[s] <= NARROW.position_limit * EQUITY for s in grown)
            assert sum(after.values()) <= NARROW.gross_exposure * EQUITY
            assert sum(after.values()) <= NARROW.concentration * EQUITY
        before = after


@settings(max_examples=60, deadline=None)
@given(sequences)
def test_net_exposure_stays_within_its_limit_from_a_flat_start(sent: tuple[Order, ...]) -> None:
    book = a_book(narrow=NARROW)
    for account, _ in run({}, sent, book):
        trades = [t for found in account.trades.values() for t in found]
        for side in Side:
            value = sum((t.value for t in trades if t.side == side), ZERO)
            assert value <= NARROW.net_exposure * EQUITY


@settings(max_examples=60, deadline=None)
@given(sequences)
def test_working_orders_stay_within_their_limit_from_a_flat_start(sent: tuple[Order, ...]) -> None:
    book = a_book(narrow=NARROW)
    for account, _ in run({}, sent, book):
        total = sum((t.value for found in account.trades.values() for t in found), ZERO)
        assert total <= NARROW.open_order_notional * EQUITY


@settings(max_examples=100, deadline=None)
@given(positions, sequences)
def test_without_short_sales_no_cash_and_no_shares_are_spent_twice(
    held: dict[Key, int], sent: tuple[Order, ...]
) -> None:
    owned = {key: abs(shares) for key, shares in held.items() if shares}
    book = a_book(owned, narrow=LONG_ONLY, cash=dict.fromkeys(SLEEVES, CASH))
    for account, _ in run(owned, sent, book):
        for sleeve in SLEEVES:
            mine = [t for key, found in account.trades.items() if key[0] == sleeve for t in found]
            spent = sum((cost(t) for t in mine if t.side == Side.BUY), ZERO)
            assert spent <= CASH
        for key, trades in account.trades.items():
            sold = sum((t.shares for t in trades if t.side == Side.SELL), ZERO)
            assert sold <= owned.get(key, 0)


def cost(trade: Trade) -> Decimal:
    return trade.value + commission(trade.shares, PaperCosts())
