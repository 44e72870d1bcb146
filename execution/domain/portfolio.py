"""Positions as FIFO lots: what trading, splitting and renaming does to them.

A long position has positive quantities and costs; a short one negative quantities, and as its
negative cost the proceeds that were received for it. Commissions are no part of the cost.
Keep out: cash and ledger lines (ledger.py) and the decision to trade.
"""

from datetime import date
from decimal import Decimal

import msgspec

from execution.domain import money
from execution.domain.money import ZERO


class OversoldError(Exception):
    """More shares left a position than it held: a defect of the caller."""


class Lot(msgspec.Struct, frozen=True):
    """Shares opened together; `cost` is what is left of what was paid for them, in cents."""

    opened: date
    quantity: Decimal
    cost: Decimal


class Position(msgspec.Struct, frozen=True):
    """One symbol in one sleeve, the oldest lot first; all lots have the position's sign."""

    quantity: Decimal = ZERO
    lots: tuple[Lot, ...] = ()

    @property
    def cost(self) -> Decimal:
        """What the shares still held were bought for, or minus what those owed were sold for."""
        return sum((lot.cost for lot in self.lots), ZERO)


class Receivable(msgspec.Struct, frozen=True):
    """A dividend that was declared on shares held and is not paid yet, in cents."""

    key: str
    sleeve: str
    symbol: str
    amount: Decimal
    pay_date: date


def enlarged(position: Position, session: date, quantity: Decimal, cost: Decimal) -> Position:
    """A new lot at the end of the queue; quantity and cost have the position's sign."""
    return Position(position.quantity + quantity, (*position.lots, Lot(session, quantity, cost)))


def reduced(position: Position, quantity: Decimal) -> tuple[Position, Decimal]:
    """Take `quantity` shares, above zero, from the oldest lots of a long or short position.

    Returns the position and the cost that left with them, of its sign. Raises OversoldError where
    the position holds fewer.
    """
    held = abs(position.quantity)
    if quantity > held:
        raise OversoldError(f"{quantity} shares to close, {held} held")
    lots, cost = _consume(position.lots, quantity)
    return Position(position.quantity - quantity.copy_sign(position.quantity), lots), cost


def closing(position: Position, quantity: Decimal) -> Decimal:
    """How many of the shares traded close what is held; negative `quantity` is a sale."""
    if position.quantity * quantity >= 0:
        return ZERO
    return min(abs(position.quantity), abs(quantity))


def split(position: Position, new: int, old: int, *, fractional: bool) -> tuple[Position, Decimal]:
    """Make `new` shares of each `old`, the cost unchanged; returns the shares to pay out in cash.

    Those are what exceeds whole shares in an account that holds no fractions, negative for a short
    position; the position that is returned still has them. What rounding takes from single lots
    the newest one gets, so that working sales of the whole position still fit it.
    """
    *older, newest = (
        msgspec.structs.replace(lot, quantity=money.quantity(lot.quantity * new / old))
        for lot in position.lots
    )
    quantity = money.quantity(position.quantity * new / old)
    rest = quantity - sum((lot.quantity for lot in older), ZERO)
    lots = (*older, msgspec.structs.replace(newest, quantity=rest))
    fraction = ZERO if fractional else quantity - money.whole(quantity)
    return Position(quantity, lots), fraction


def merged(one: Position, other: Position) -> tuple[Position, Decimal]:
    """Both as one position, lots in the order in which they were opened.

    Where one is long and the other short, the oldest lots of each close each other. Returns the
    position and the cost that left both together: above zero a loss, below zero a profit.
    """
    loss = ZERO
    if shares := closing(one, other.quantity):
        one, cost = reduced(one, shares)
        other, offset = reduced(other, shares)
        loss = cost + offset
    lots = sorted((*one.lots, *other.lots), key=lambda lot: lot.opened)
    return Position(one.quantity + other.quantity, tuple(lots)), loss


def _consume(lots: tuple[Lot, ...], quantity: Decimal) -> tuple[tuple[Lot, ...], Decimal]:
    """Lots that a split rounded to nothing go with those before them, so no cent stays behind."""
    cost = ZERO
    for number, lot in enumerate(lots):
        held = abs(lot.quantity)
        if quantity < held:
            share = money.cents(lot.cost * quantity / held)
            rest = Lot(
                lot.opened, lot.quantity - quantity.copy_sign(lot.quantity), lot.cost - share
            )
            return (rest, *lots[number + 1 :]), cost + share
        quantity -= held
        cost += lot.cost
    return (), cost
