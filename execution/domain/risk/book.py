"""The account as risk sees it: positions and working orders at their worst case.

Belongs here: what is counted, and how an order changes it. Positions of different sleeves are not
offset against each other: each sleeve trades for itself.
Keep out: verdicts (the rules), and reading a state (desk.book_of).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from execution.domain.config import Limits, PaperCosts
from execution.domain.inputs import Instrument
from execution.domain.money import ONE, ZERO
from execution.domain.orders import LIMITED, Order, Side
from execution.domain.paper import commission
from execution.domain.state import Mark, Placed, Restriction, Traded
from router.messages import Signal

_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
Terms = tuple[str, str, Side, Decimal, Decimal | None]
"""Sleeve, symbol, side, quantity and limit or stop price: what makes two orders alike."""


@dataclass(slots=True)
class Holding:
    """A sleeve's shares of a symbol, with its working orders in shares and in worst value."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO
    """At the mark; negative for a short position."""
    buying: Decimal = ZERO
    selling: Decimal = ZERO
    purchases: Decimal = ZERO
    sales: Decimal = ZERO

    def free(self, side: Side) -> Decimal:
        """Shares that an order of this side may take off the position before it crosses zero.

        Working orders of the same side come first.
        """
        left = self.quantity - self.selling if side == Side.SELL else -self.quantity - self.buying
        return max(ZERO, left)

    def worst(self) -> Decimal:
        """The largest exposure that the working orders can lead to."""
        return max(abs(self.value + self.purchases), abs(self.value - self.sales))

    def added(self, side: Side, value: Decimal) -> Decimal:
        """How much `worst` grows by one more order of this worst value."""
        if side == Side.BUY:
            after = abs(self.value + self.purchases + value)
        else:
            after = abs(self.value - self.sales - value)
        return max(ZERO, after - self.worst())


NOTHING = Holding()


@dataclass(slots=True, kw_only=True)
class Book:
    """What one decision is judged by; `accept` counts each order that it lets through.

    Values are in the account's currency. `cash` is what a sleeve may still spend: working
    purchases are taken off, and twice the value of short positions, once for the proceeds and once
    for what buying them back may cost.
    """

    limits: Limits
    costs: PaperCosts
    now: datetime
    external: bool = False
    """Orders leave the house: a check without data fails instead of not applying."""
    kill_switch: bool
    fractional: bool
    equity: Decimal
    sleeve_equity: Mapping[str, Decimal]
    cash: dict[str, Decimal]
    marks: Mapping[str, Mark] = field(default_factory=dict)
    session: date | None = None
    marked_at: datetime | None = None
    """When the marks of `session` were prices."""
    recent: tuple[date, ...] = ()
    """The last sessions, the present one at the end."""
    suspects: frozenset[str] = frozenset()
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    delisted: Mapping[str, date] = field(default_factory=dict)
    restrictions: Mapping[str, Mapping[str, Restriction]] = field(default_factory=dict)
    volumes: Mapping[str, Decimal] = field(default_factory=dict)
    valued: Decimal | None = None
    """The equity at the last session's end, `opening` before it and `peak` at its highest."""
    opening: Decimal | None = None
    peak: Decimal | None = None
    signals: dict[str, Signal] = field(default_factory=dict)
    watermarks: Mapping[str, datetime] = field(default_factory=dict)
    """By symbol: `as_of` of the strategy's last executed signal."""

    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)
    exposure: dict[str, Decimal] = field(default_factory=dict)
    sectors: dict[str, Decimal] = field(default_factory=dict)
    gross: Decimal = ZERO
    sleeve_gross: dict[str, Decimal] = field(default_factory=dict)
    net: Decimal = ZERO
    """Long less short, at the marks and without working orders."""
    purchases: Decimal = ZERO
    sales: Decimal = ZERO
    working: dict[str, dict[str, Order]] = field(default_factory=dict)
    """By symbol, then order id."""
    open_orders: int = 0
    last_second: int = 0
    last_minute: int = 0
    alike: dict[Terms, datetime] = field(default_factory=dict)
    """When an order with these terms was accepted last."""
    executions: dict[tuple[str, str, Side], int] = field(default_factory=dict)
    """Fills within the window of repetition, by sleeve, symbol and side."""

    def hold(self, sleeve: str, symbol: str, quantity: Decimal) -> None:
        """Count a position, negative where it is short."""
        mark = self.marks.get(symbol)
        value = quantity * mark.price if mark else ZERO
        self.holdings[sleeve, symbol] = Holding(quantity, value)
        self.net += value
        self._grow(sleeve, symbol, abs(value))
        if value < 0:
            self.cash[sleeve] += 2 * value

    def reserve(self, order: Order, reference: Decimal | None) -> None:
        """Count what is left of a working order at its worst case."""
        price = worst_price(order, reference, self.limits) or ZERO
        holding = self.holdings.setdefault((order.sleeve, order.symbol), Holding())
        leaves = order.leaves
        opening = max(ZERO, leaves - holding.free(order.side))
        value = leaves * price
        added = holding.added(order.side, value)
        if order.side == Side.BUY:
            holding.buying += leaves
            holding.purchases += value
            self.purchases += value
        else:
            holding.selling += leaves
            holding.sales += value
            self.sales += value
        self._grow(order.sleeve, order.symbol, added)
        if opening:
            self.cash[order.sleeve] -= opening * price + commission(leaves, self.costs)
        self.working.setdefault(order.symbol, {})[order.order_id] = order
        self.open_orders += 1

    def remember(self, placed: Placed) -> None:
        """Count an order that was accepted a moment ago, working still or not."""
        age = self.now - placed.at
        self.last_second += age < _SECOND
        self.last_minute += age < _MINUTE
        terms = (placed.sleeve, placed.symbol, placed.side, placed.quantity, placed.price)
        self.alike[terms] = max(self.alike.get(terms, placed.at), placed.at)

    def traded(self, fill: Traded) -> None:
        """Count a fill, if it is within the window of repetition."""
        if self.now - fill.at < timedelta(seconds=self.limits.repeated_window_seconds):
            key = fill.sleeve, fill.symbol, fill.side
            self.executions[key] = self.executions.get(key, 0) + 1

    def accept(self, order: Order) -> None:
        """Count an order that just passed, so that the next one is judged with it."""
        self.reserve(order, order.reference_price)
        self.last_second += 1
        self.last_minute += 1
        self.alike[terms_of(order)] = self.now

    def _grow(self, sleeve: str, symbol: str, added: Decimal) -> None:
        self.gross += added
        self.sleeve_gross[sleeve] = self.sleeve_gross.get(sleeve, ZERO) + added
        self.exposure[symbol] = self.exposure.get(symbol, ZERO) + added
        known = self.instruments.get(symbol)
        if known and known.sector:
            self.sectors[known.sector] = self.sectors.get(known.sector, ZERO) + added


def terms_of(order: Order) -> Terms:
    """What another order must share with this one to be its duplicate."""
    price = order.limit_price or order.stop_price
    return order.sleeve, order.symbol, order.side, order.quantity, price


def worst_price(order: Order, reference: Decimal | None, limits: Limits) -> Decimal | None:
    """The most that a share may cost or, sold short, be worth; None where nothing tells.

    A purchase at a limit costs no more than it. A sale at a limit may fill at the market above it,
    and what trades at the market may move by the buffer first.
    """
    limit = order.limit_price
    if order.type in LIMITED:
        if limit is None or order.side == Side.BUY:
            return limit
        return None if reference is None else max(limit, reference)
    if reference is None:
        return None
    start = reference if order.stop_price is None else max(reference, order.stop_price)
    return start * (ONE + limits.market_buffer)
