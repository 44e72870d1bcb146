"""Positions as FIFO lots: what buying, selling and splitting does to them.

Keep out: cash and ledger lines (ledger.py) and the decision to trade.
"""

from datetime import date
from decimal import Decimal

import msgspec

from execution.domain import money
from execution.domain.money import ZERO


class OversoldError(Exception):
    """More shares left a position than it held: a defect that risk should have refused."""


class Lot(msgspec.Struct, frozen=True):
    """Shares bought together; `cost` is what is left of what was paid for them, in cents."""

    opened: date
    quantity: Decimal
    cost: Decimal


class Position(msgspec.Struct, frozen=True):
    """One symbol in one sleeve, the oldest lot first."""

    quantity: Decimal = ZERO
    lots: tuple[Lot, ...] = ()

    @property
    def cost(self) -> Decimal:
        """What the shares still held were bought for."""
        return sum((lot.cost for lot in self.lots), ZERO)


def bought(position: Position, session: date, quantity: Decimal, cost: Decimal) -> Position:
    """A new lot at the end of the queue."""
    return Position(position.quantity + quantity, (*position.lots, Lot(session, quantity, cost)))


def sold(position: Position, quantity: Decimal) -> tuple[Position, Decimal]:
    """Take shares from the oldest lots; returns the position and the cost that left with them.

    Raises OversoldError where the position holds fewer.
    """
    if quantity > position.quantity:
        raise OversoldError(f"{quantity} shares to sell, {position.quantity} held")
    lots, cost = _consume(position.lots, quantity)
    return Position(position.quantity - quantity, lots), cost


def split(position: Position, new: int, old: int, *, fractional: bool) -> tuple[Position, Decimal]:
    """Make `new` shares of each `old`, the cost unchanged; returns the shares to pay out in cash.

    Those are what exceeds whole shares in an account that holds no fractions; the position that
    is returned still has them. What rounding takes from single lots the newest one gets, so that
    working sales of the whole position still fit it.
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


def _consume(lots: tuple[Lot, ...], quantity: Decimal) -> tuple[tuple[Lot, ...], Decimal]:
    kept: list[Lot] = []
    cost = ZERO
    for lot in lots:
        taken = min(lot.quantity, quantity)
        share = lot.cost if taken == lot.quantity else money.cents(lot.cost * taken / lot.quantity)
        quantity -= taken
        cost += share
        if taken < lot.quantity:
            kept.append(Lot(lot.opened, lot.quantity - taken, lot.cost - share))
    return tuple(kept), cost
