"""What an account holds at the venue: cash, and shares at their average cost.

A book of its own, kept another way than the trading core's, so that each can check the other.
Keep out: storage, orders, and what the wire shows (wire.py).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from execution.domain import money
from execution.domain.money import ZERO
from execution.paper_venue.orders import FillRecord

MULTIPLIER = 2
"""Buying power is up to this many times the equity, as in a margin account overnight."""


class Mark(msgspec.Struct, frozen=True):
    """The last close of a symbol, and the one before."""

    price: Decimal
    previous: Decimal


class Holding(msgspec.Struct, frozen=True):
    """Shares of one symbol, negative where owed, and what they cost in cents, of the same sign."""

    symbol: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account's money; `reserved` is what its working purchases may cost.

    `equity` and `last_equity` are as at the last session's closes, and the one before.
    """

    name: str
    cash: Decimal
    reserved: Decimal
    equity: Decimal
    last_equity: Decimal
    opened_at: datetime


def booked(account: Account, holding: Holding, fill: FillRecord) -> tuple[Account, Holding]:
    """Both after an execution; money moves in whole cents."""
    value = money.cents(fill.quantity * fill.price)
    cash = account.cash - fill.side.sign * value - fill.commission
    return replace(account, cash=cash), _traded(
        holding, fill.side.sign * fill.quantity, fill.side.sign * value
    )


def _traded(holding: Holding, quantity: Decimal, value: Decimal) -> Holding:
    """Shares close what is held the other way first; the rest opens at its own price."""
    held, cost = holding.quantity, holding.cost
    after = held + quantity
    if held * quantity >= 0:
        return Holding(holding.symbol, after, cost + value)
    if after * held > 0:
        return Holding(holding.symbol, after, money.cents(cost * after / held))
    return Holding(holding.symbol, after, money.cents(value * after / quantity))


def equity(account: Account, holdings: Iterable[Holding], marks: Mapping[str, Mark]) -> Decimal:
    """Cash and everything held at the last closes."""
    return account.cash + sum((worth(each, marks) for each in holdings), ZERO)


def worth(holding: Holding, marks: Mapping[str, Mark]) -> Decimal:
    """Market value, negative of shares owed; cost where no close is known."""
    mark = marks.get(holding.symbol)
    return holding.cost if mark is None else money.cents(holding.quantity * mark.price)


def buying_power(
    account: Account, holdings: Iterable[Holding], marks: Mapping[str, Mark]
) -> Decimal:
    """What may still be opened; never below zero."""
    held = list(holdings)
    gross = sum((abs(worth(each, marks)) for each in held), ZERO)
    free = MULTIPLIER * equity(account, held, marks) - gross - account.reserved
    return max(money.cents(free), ZERO)
