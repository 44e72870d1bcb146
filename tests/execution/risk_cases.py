"""Every reason code at its limit: orders and books that are one tick before, at and beyond it.

Belongs here: the table that the tests and the proof of the risk codes read.
Keep out: what is asserted of it (test_risk.py, tests/proof/risk_codes.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from execution.domain.config import Limits, PaperCosts
from execution.domain.inputs import Instrument, Scope, TradingState
from execution.domain.orders import (
    Order,
    OrderType,
    Outcome,
    Side,
    Status,
    TimeInForce,
)
from execution.domain.risk import Book, Code, evaluate
from execution.domain.state import Mark, Placed, Restriction, Traded, scope_key
from router.messages import Signal
from tests.execution.factories import DAYS, close_of, signal

NOW = close_of(DAYS[2])
SECOND = timedelta(seconds=1)
CENT = Decimal("0.01")

WIDE = Limits(
    max_order_quantity=Decimal(10**9),
    max_order_notional=Decimal(100),
    min_order_notional=Decimal(0),
    price_collar=Decimal("0.50"),
    open_order_notional=Decimal(100),
    position_limit=Decimal(100),
    concentration=Decimal(100),
    gross_exposure=Decimal(100),
    net_exposure=Decimal(100),
    daily_loss=Decimal("0.99"),
    drawdown=Decimal("0.99"),
)
"""Limits that nothing here reaches, so that a case is refused by the one that it narrows."""

PRICES = {"AAPL": "100", "IBM": "100", "CENT": "0.01"}


def limits(**changes: Any) -> Limits:
    """WIDE but for these; figures may be words."""
    values = {k: Decimal(v) if isinstance(v, str) else v for k, v in changes.items()}
    return msgspec.structs.replace(WIDE, **values)


def an_order(
    side: Side = Side.BUY,
    quantity: str | int | Decimal = 10,
    *,
    limit: str | Decimal | None = None,
    stop: str | Decimal | None = None,
    **changes: Any,
) -> Order:
    """10 shares of AAPL at 100, at market for a day, by hand, but for what is changed."""
    kinds = {
        (False, False): OrderType.MARKET,
        (True, False): OrderType.LIMIT,
        (False, True): OrderType.STOP,
        (True, True): OrderType.STOP_LIMIT,
    }
    values: dict[str, Any] = {
        "order_id": "the order",
        "client_order_id": "mine",
        "sleeve": "manual",
        "symbol": "AAPL",
        "side": side,
        "quantity": Decimal(quantity),
        "type": kinds[limit is not None, stop is not None],
        "limit_price": None if limit is None else Decimal(limit),
        "stop_price": None if stop is None else Decimal(stop),
        "time_in_force": TimeInForce.DAY,
        "status": Status.ACCEPTED,
        "reference_price": Decimal(100),
        "session": DAYS[2],
        "accepted_at": NOW,
    }
    return Order(**values | changes)


def a_book(
    held: dict[tuple[str, str], int | Decimal] | None = None,
    working: tuple[Order, ...] = (),
    narrow: Limits = WIDE,
    prices: dict[str, str] = PRICES,
    **changes: Any,
) -> Book:
    """An account worth 100,000 with ample cash in its sleeves, these positions and orders."""
    values: dict[str, Any] = {
        "limits": narrow,
        "costs": PaperCosts(),
        "now": NOW,
        "kill_switch": False,
        "fractional": False,
        "equity": Decimal(100_000),
        "sleeve_equity": dict.fromkeys(("manual", "technical"), Decimal(10**7)),
        "cash": dict.fromkeys(("manual", "technical"), Decimal(10**7)),
        "marks": {s: Mark(Decimal(p), DAYS[2]) for s, p in prices.items()},
        "session": DAYS[2],
        "marked_at": NOW,
        "recent": tuple(DAYS[:3]),
        "volumes": dict.fromkeys(prices, Decimal(10**12)),
        "valued": Decimal(100_000),
        "opening": Decimal(100_000),
        "peak": Decimal(100_000),
    }
    book = Book(**values | changes)
    for (sleeve, symbol), quantity in (held or {}).items():
        book.hold(sleeve, symbol, Decimal(quantity))
    for order in working:
        book.reserve(order, order.reference_price)
    return book


def of_signal(found: Signal, narrow: Limits = WIDE, **changes: Any) -> tuple[Order, Book]:
    """The strategy's order for this signal."""
    order = an_order(sleeve="technical", signal_id=found.input_id)
    return order, a_book(narrow=narrow, signals={found.input_id: found}, **changes)


def failed(order: Order, book: Book) -> list[str]:
    """The codes that refuse it, in their order."""
    return [check.code for check in evaluate(order, book) if check.outcome == Outcome.FAILED]


BEYOND = {-1: False, 0: False, 1: True}
"""Passes up to the limit itself."""
AT = {-1: False, 0: True, 1: True}
"""Fires at the limit itself."""
SWITCH = {0: False, 1: True}
"""There is nothing between off and on."""


@dataclass(frozen=True)
class Boundary:
    """`build` makes the order and its book so many ticks from the limit of `code`.

    `beside` are the codes that cannot but fire with it.
    """

    code: Code
    name: str
    fires: dict[int, bool]
    build: Callable[[int], tuple[Order, Book]]
    beside: tuple[Code, ...] = ()

    def wrong(self) -> list[str]:
        """What is not as it must be, by tick."""
        return [
            f"{self.code} {self.name} at {tick:+d}: {found}"
            for tick, fires in self.fires.items()
            if (found := failed(*self.build(tick))) != self.expected(fires)
        ]

    def expected(self, fires: bool) -> list[str]:
        """The codes that are to fail, in their order."""
        return sorted({self.code, *self.beside}, key=list(Code).index) if fires else []


BOUNDARIES: list[Boundary] = []


def boundary(
    code: Code, fires: dict[int, bool], *beside: Code
) -> Callable[[Callable[[int], tuple[Order, Book]]], Callable[[int], tuple[Order, Book]]]:
    """Add a case to the table."""

    def add(build: Callable[[int], tuple[Order, Book]]) -> Callable[[int], tuple[Order, Book]]:
        BOUNDARIES.append(Boundary(code, build.__name__, fires, build, beside))
        return build

    return add


def restricted(scope: Scope, name: str, state: TradingState, cause: str = "operator") -> Any:
    """Restrictions with this one."""
    return {scope_key(scope, name): {cause: Restriction(state, "because")}}


def placed(age: timedelta, **changes: Any) -> Placed:
    """An order like `an_order`, accepted so long ago."""
    values: dict[str, Any] = {
        "at": NOW - age,
        "sleeve": "manual",
        "symbol": "AAPL",
        "side": Side.BUY,
        "quantity": Decimal(10),
        "price": None,
    }
    return Placed(**values | changes)


def filled(age: timedelta, **changes: Any) -> Traded:
    """A fill of the strategy in AAPL, so long ago."""
    values: dict[str, Any] = {"sleeve": "technical", "symbol": "AAPL", "side": Side.BUY}
    return Traded(at=NOW - age, **values | changes)


def money(tick: int, base: str | int) -> Decimal:
    """An amount so many cents away."""
    return Decimal(base) + tick * CENT


def a_signal(**changes: Any) -> Signal:
    """A signal of the book's session; `changes` are set whatever a message would allow."""
    found = signal(DAYS[2])
    for name, value in changes.items():
        msgspec.structs.force_setattr(found, name, value)
    return found


def described(**changes: Any) -> dict[str, Instrument]:
    """What is known of AAPL."""
    return {"AAPL": Instrument(symbol="AAPL", **changes)}
