"""Pre-trade checks: every order, from a signal or from a person, passes through all of them.

Each rule answers with its numbers; all are recorded and the first failure, in the order of `Code`,
names the refusal. Working orders count at their worst case. A missing figure never passes.
Keep out: how large an order should be (sizing.py) and what to do after a refusal (engine.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from execution.domain.config import Limits, PaperCosts
from execution.domain.money import ZERO
from execution.domain.orders import Check, Order, OrderType, Outcome, Side
from execution.domain.paper import commission
from router.messages import Signal


class Code(StrEnum):
    """Reason codes, in the order in which they are evaluated and reported."""

    SCHEMA_INVALID = "SCHEMA_INVALID"
    SIGNAL_DUPLICATE = "SIGNAL_DUPLICATE"
    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    SIGNAL_FROM_FUTURE = "SIGNAL_FROM_FUTURE"
    SIGNAL_SUPERSEDED = "SIGNAL_SUPERSEDED"
    KILL_SWITCH = "KILL_SWITCH"
    PRICE_JUMP_UNEXPLAINED = "PRICE_JUMP_UNEXPLAINED"
    QUOTE_MISSING = "QUOTE_MISSING"
    QUOTE_STALE = "QUOTE_STALE"
    QUANTITY_INVALID = "QUANTITY_INVALID"
    MAX_ORDER_NOTIONAL = "MAX_ORDER_NOTIONAL"
    PRICE_COLLAR = "PRICE_COLLAR"
    POSITION_LIMIT = "POSITION_LIMIT"
    GROSS_EXPOSURE = "GROSS_EXPOSURE"
    BUYING_POWER = "BUYING_POWER"
    INSUFFICIENT_QTY = "INSUFFICIENT_QTY"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(slots=True)
class Book:
    """The account as risk sees it; `reserve` counts each accepted order at its worst case.

    Values are in the account's currency; `available` is shares by (sleeve, symbol) that no working
    sale has claimed yet.
    """

    limits: Limits
    costs: PaperCosts
    now: datetime
    kill_switch: bool
    fractional: bool
    equity: Decimal
    gross: Decimal
    cash: dict[str, Decimal]
    exposure: dict[str, Decimal]
    available: dict[tuple[str, str], Decimal]
    suspects: frozenset[str]
    stale: frozenset[str]
    """Symbols whose last bar is older than the limits allow."""
    signals: dict[str, Signal] = field(default_factory=dict)
    watermarks: dict[str, datetime] = field(default_factory=dict)
    """By symbol: `as_of` of the strategy's last executed signal."""

    def reserve(self, order: Order) -> None:
        """Count a working order: a purchase takes cash and exposure, a sale takes shares."""
        if order.side == Side.SELL:
            self.available[order.sleeve, order.symbol] -= order.leaves
            return
        value = worst_value(order, self.limits) or ZERO
        self.cash[order.sleeve] -= value + commission(order.leaves, self.costs)
        self.gross += value
        self.exposure[order.symbol] = self.exposure.get(order.symbol, ZERO) + value


def worst_price(order: Order, limits: Limits) -> Decimal | None:
    """What a share may cost at worst: a limit's price, or the reference with the buffer."""
    if order.type == OrderType.LIMIT:
        return order.limit_price
    if order.reference_price is None:
        return None
    return order.reference_price * (1 + limits.market_buffer)


def worst_value(order: Order, limits: Limits) -> Decimal | None:
    """What the unfilled part of an order may cost at worst."""
    price = worst_price(order, limits)
    return None if price is None else order.leaves * price


def evaluate(order: Order, book: Book) -> tuple[Check, ...]:
    """Every check's verdict on `order`, in the order of `Code`."""
    return tuple(_verdict(code, rule, order, book) for code, rule in _RULES)


def refusal(checks: tuple[Check, ...]) -> str | None:
    """The code of the first failure, or None where all passed."""
    return next((check.code for check in checks if check.outcome == Outcome.FAILED), None)


_Verdict = tuple[bool | None, dict[str, str]]
"""True passes, False fails, None does not apply; and the numbers that were compared."""

_NOT_APPLICABLE: _Verdict = (None, {})


def _verdict(
    code: Code, rule: Callable[[Order, Book], _Verdict], order: Order, book: Book
) -> Check:
    try:
        passed, numbers = rule(order, book)
    except Exception as error:  # noqa: BLE001 - a check that cannot answer has not passed
        return Check(
            Code.INTERNAL_ERROR, Outcome.FAILED, {"check": code, "error": repr(error)[:200]}
        )
    if passed is None:
        return Check(code, Outcome.NOT_APPLICABLE, numbers)
    return Check(code, Outcome.PASSED if passed else Outcome.FAILED, numbers)


def _compared(found: Decimal, limit: Decimal) -> _Verdict:
    return found <= limit, {"found": f"{found:.2f}", "limit": f"{limit:.2f}"}


def _duplicate(order: Order, book: Book) -> _Verdict:
    signal = book.signals.get(order.signal_id or "")
    if signal is None:
        return _NOT_APPLICABLE
    return signal.as_of != book.watermarks.get(order.symbol), {"as_of": signal.as_of.isoformat()}


def _superseded(order: Order, book: Book) -> _Verdict:
    signal = book.signals.get(order.signal_id or "")
    if signal is None or order.symbol not in book.watermarks:
        return _NOT_APPLICABLE
    last = book.watermarks[order.symbol]
    numbers = {"as_of": signal.as_of.isoformat(), "executed": last.isoformat()}
    return signal.as_of >= last, numbers


def _of_purchase(order: Order, book: Book, judge: Callable[[Decimal], _Verdict]) -> _Verdict:
    """Judge what a purchase may cost at worst: a sale is not limited, an unknown cost fails."""
    if order.side == Side.SELL:
        return _NOT_APPLICABLE
    value = worst_value(order, book.limits)
    return (False, {}) if value is None else judge(value)


def _expired(order: Order, book: Book) -> _Verdict:
    signal = book.signals.get(order.signal_id or "")
    if signal is None:
        return _NOT_APPLICABLE
    numbers = {"valid_until": signal.valid_until.isoformat(), "now": book.now.isoformat()}
    return book.now < signal.valid_until, numbers


def _from_future(order: Order, book: Book) -> _Verdict:
    signal = book.signals.get(order.signal_id or "")
    if signal is None:
        return _NOT_APPLICABLE
    latest = book.now + timedelta(seconds=book.limits.future_skew_seconds)
    numbers = {"as_of": signal.as_of.isoformat(), "now": book.now.isoformat()}
    return signal.as_of <= latest, numbers


def _kill_switch(order: Order, book: Book) -> _Verdict:  # noqa: ARG001
    return not book.kill_switch, {}


def _jump(order: Order, book: Book) -> _Verdict:
    if order.side == Side.SELL:
        return _NOT_APPLICABLE
    return order.symbol not in book.suspects, {}


def _quote_missing(order: Order, book: Book) -> _Verdict:  # noqa: ARG001
    price = order.reference_price
    if price is None:
        return False, {"reference": "none"}
    return price.is_finite() and price > 0, {"reference": str(price)}


def _quote_stale(order: Order, book: Book) -> _Verdict:
    if order.side == Side.SELL:
        return _NOT_APPLICABLE
    return order.symbol not in book.stale, {"sessions": str(book.limits.quote_max_age_sessions)}


def _quantity(order: Order, book: Book) -> _Verdict:
    quantity = order.quantity
    valid = quantity.is_finite() and quantity > 0
    if valid and not book.fractional:
        valid = quantity == quantity.to_integral_value()
    return valid, {"quantity": str(quantity)}


def _order_notional(order: Order, book: Book) -> _Verdict:
    limit = book.limits.max_order_notional * book.equity
    return _of_purchase(order, book, lambda value: _compared(value, limit))


def _collar(order: Order, book: Book) -> _Verdict:
    if order.type != OrderType.LIMIT:
        return _NOT_APPLICABLE
    if order.limit_price is None or not order.reference_price:
        return False, {}
    distance = abs(order.limit_price / order.reference_price - 1)
    numbers = {"found": f"{distance:.6f}", "limit": str(book.limits.price_collar)}
    return distance <= book.limits.price_collar, numbers


def _position_limit(order: Order, book: Book) -> _Verdict:
    exposure = book.exposure.get(order.symbol, ZERO)
    limit = book.limits.position_limit * book.equity
    return _of_purchase(order, book, lambda value: _compared(exposure + value, limit))


def _gross(order: Order, book: Book) -> _Verdict:
    limit = book.limits.gross_exposure * book.equity
    return _of_purchase(order, book, lambda value: _compared(book.gross + value, limit))


def _buying_power(order: Order, book: Book) -> _Verdict:
    fee = commission(order.quantity, book.costs)
    cash = book.cash.get(order.sleeve, ZERO)
    return _of_purchase(order, book, lambda value: _compared(value + fee, cash))


def _sellable(order: Order, book: Book) -> _Verdict:
    if order.side == Side.BUY:
        return _NOT_APPLICABLE
    available = book.available.get((order.sleeve, order.symbol), ZERO)
    numbers = {"requested": str(order.quantity), "available": str(available)}
    return order.quantity <= available, numbers


_RULES: tuple[tuple[Code, Callable[[Order, Book], _Verdict]], ...] = (
    (Code.SIGNAL_DUPLICATE, _duplicate),
    (Code.SIGNAL_EXPIRED, _expired),
    (Code.SIGNAL_FROM_FUTURE, _from_future),
    (Code.SIGNAL_SUPERSEDED, _superseded),
    (Code.KILL_SWITCH, _kill_switch),
    (Code.PRICE_JUMP_UNEXPLAINED, _jump),
    (Code.QUOTE_MISSING, _quote_missing),
    (Code.QUOTE_STALE, _quote_stale),
    (Code.QUANTITY_INVALID, _quantity),
    (Code.MAX_ORDER_NOTIONAL, _order_notional),
    (Code.PRICE_COLLAR, _collar),
    (Code.POSITION_LIMIT, _position_limit),
    (Code.GROSS_EXPOSURE, _gross),
    (Code.BUYING_POWER, _buying_power),
    (Code.INSUFFICIENT_QTY, _sellable),
)
