"""Decimal arithmetic: the one context and the scales of the columns.

Keep out: floats, currencies' names, and what an amount is for.
"""

from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

CONTEXT = Context(
    prec=38, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""Enough for 15 digits before the point times 9 after it, squared; the engine runs inside it."""

_COLUMN = Context(
    prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""What a numeric(28, n) column holds: a figure beyond it is refused here, not by the database."""

ZERO = Decimal(0)
ONE = Decimal(1)
_CENT = Decimal("0.01")
_PRICE = Decimal("0.00000001")
_QUANTITY = Decimal("0.000000001")
_ACCRUAL = _QUANTITY
_SCORE = Decimal("0.000001")


def cents(amount: Decimal) -> Decimal:
    """Round an amount of money to cents, half to even, as it is posted."""
    return amount.quantize(_CENT, context=_COLUMN)


def whole_cents(amount: Decimal) -> Decimal:
    """Whole cents towards zero: what can be paid of an amount that is kept more exactly."""
    return amount.quantize(_CENT, rounding=ROUND_DOWN, context=_COLUMN)


def accrual(amount: Decimal) -> Decimal:
    """Round an amount that is not paid yet to 9 decimals, half to even."""
    return amount.quantize(_ACCRUAL, context=_COLUMN)


def price(value: Decimal) -> Decimal:
    """Round a price per share to 8 decimals, half to even."""
    return value.quantize(_PRICE, context=_COLUMN)


def quantity(value: Decimal) -> Decimal:
    """Round a number of shares down to 9 decimals: never more than there is."""
    return value.quantize(_QUANTITY, rounding=ROUND_DOWN, context=_COLUMN)


def score(value: Decimal) -> Decimal:
    """Round a score to 6 decimals, half to even."""
    return value.quantize(_SCORE, context=_COLUMN)


def whole(value: Decimal) -> Decimal:
    """Whole shares towards zero."""
    return value.quantize(ONE, rounding=ROUND_DOWN)


def price_decimals(value: Decimal) -> int:
    """How many decimals an order's price may have: 2 from 1 on, 4 below (SEC rule 612)."""
    return 2 if value >= 1 else 4


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without a positive exponent: it prints short."""
    if value == value.to_integral_value():
        return value.quantize(ONE)
    return value.normalize()
