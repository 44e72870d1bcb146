"""Double-entry transactions: every event in the books as lines that sum to zero.

Signs: an asset or an expense grows with a positive amount, capital and income with a negative one.
Keep out: positions and lots (portfolio.py), and when something is posted (engine.py).
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from execution.domain.money import ZERO


class Account(StrEnum):
    """The chart of accounts, the same in every sleeve."""

    CASH = "cash"
    POSITIONS = "positions"
    CAPITAL = "capital"
    REALISED = "realised"
    FEES = "fees"
    DIVIDENDS = "dividends"
    INTEREST = "interest"
    RECEIVABLE = "receivable"
    SUSPENSE = "suspense"


class UnbalancedError(Exception):
    """The lines of a transaction do not sum to zero: a defect, nothing was posted."""


class Line(msgspec.Struct, frozen=True):
    """One side of a transaction; `symbol` says whose position, where it is one."""

    account: Account
    amount: Decimal
    symbol: str | None = None


class Transaction(msgspec.Struct, frozen=True):
    """Lines that belong together in one sleeve and one currency; `txn_id` is a natural key."""

    txn_id: str
    kind: str
    sleeve: str
    currency: str
    at: datetime
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        total = sum((line.amount for line in self.lines), ZERO)
        if total != 0:
            raise UnbalancedError(f"{self.kind} {self.txn_id} is off by {total}")

    @property
    def cash(self) -> Decimal:
        """What the transaction does to the sleeve's cash."""
        return sum((line.amount for line in self.lines if line.account == Account.CASH), ZERO)


def deposit(amount: Decimal) -> tuple[Line, ...]:
    """The owner puts capital in, or with a negative amount takes it out."""
    return Line(Account.CASH, amount), Line(Account.CAPITAL, -amount)


def opening(symbol: str, cost: Decimal, commission: Decimal) -> tuple[Line, ...]:
    """Shares for cash; a negative cost is what selling short brings in.

    The commission is an expense, not part of the cost.
    """
    return (
        Line(Account.POSITIONS, cost, symbol),
        Line(Account.FEES, commission, symbol),
        Line(Account.CASH, -cost - commission, symbol),
    )


def closing(symbol: str, proceeds: Decimal, cost: Decimal, commission: Decimal) -> tuple[Line, ...]:
    """Cash for shares; what exceeds their cost is realised profit.

    Of a short position both are negative: what buying back takes, and what selling brought in.
    """
    return (
        Line(Account.CASH, proceeds - commission, symbol),
        Line(Account.FEES, commission, symbol),
        Line(Account.POSITIONS, -cost, symbol),
        Line(Account.REALISED, cost - proceeds, symbol),
    )


def suspense(symbol: str, value: Decimal, commission: Decimal) -> tuple[Line, ...]:
    """Cash that went for shares which no order asked for; a negative value came in for them."""
    return (
        Line(Account.SUSPENSE, value, symbol),
        Line(Account.FEES, commission, symbol),
        Line(Account.CASH, -value - commission, symbol),
    )


def dividend(symbol: str, amount: Decimal) -> tuple[Line, ...]:
    """Income that is owed from the ex-date on; a negative amount is owed by a short position."""
    return Line(Account.RECEIVABLE, amount, symbol), Line(Account.DIVIDENDS, -amount, symbol)


def payment(symbol: str, amount: Decimal) -> tuple[Line, ...]:
    """What was owed becomes cash."""
    return Line(Account.CASH, amount, symbol), Line(Account.RECEIVABLE, -amount, symbol)


def interest(amount: Decimal) -> tuple[Line, ...]:
    """Income on cash."""
    return Line(Account.CASH, amount), Line(Account.INTEREST, -amount)


def rename(
    symbol: str, new_symbol: str, cost: Decimal, receivable: Decimal, loss: Decimal
) -> tuple[Line, ...]:
    """What is booked under the one symbol is now under the other.

    `loss` is the cost that left where a long and a short position closed each other.
    """
    lines = (
        Line(Account.POSITIONS, -cost, symbol),
        Line(Account.POSITIONS, cost - loss, new_symbol),
        Line(Account.REALISED, loss, new_symbol),
        Line(Account.RECEIVABLE, -receivable, symbol),
        Line(Account.RECEIVABLE, receivable, new_symbol),
    )
    return tuple(line for line in lines if line.amount)
