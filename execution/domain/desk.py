"""The desk: one account's state with the effects of the input at hand.

Belongs here: emitting effects, and the views of a state that several decisions need.
Keep out: decisions.
"""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain import state as st
from execution.domain.config import AccountConfig
from execution.domain.ledger import Line, Transaction
from execution.domain.money import ZERO
from execution.domain.orders import Order
from execution.domain.portfolio import Position
from execution.domain.risk import Book
from execution.domain.state import Inbox, State

ENGINE_VERSION = "1"
"""Raised whenever the same inputs would lead to other effects."""


class Desk:
    """Collects effects and applies each one at once, so that the next decision sees it."""

    def __init__(self, state: State, inbox: Inbox) -> None:
        self.state = state
        self.inbox = inbox
        self.effects: list[fx.Effect] = []

    def emit(self, effect: fx.Effect) -> None:
        """Record an effect and let the state follow."""
        st.apply(effect, self.state, self.inbox)
        self.effects.append(effect)

    @property
    def config(self) -> AccountConfig:
        """The account's configuration; every account is opened before anything else."""
        if self.state.config is None:
            raise AccountNotOpenError("the first input of an account must open it")
        return self.state.config

    @property
    def session(self) -> date:
        """The session whose bars were applied last."""
        if self.state.session is None:
            raise AccountNotOpenError("no bars were applied yet")
        return self.state.session

    @property
    def now(self) -> datetime:
        """The account's own time; on a replay account the end of its last bar."""
        if self.state.clock is None:
            raise AccountNotOpenError("no bars were applied yet")
        return self.state.clock

    def position(self, sleeve: str, symbol: str) -> Position:
        """What a sleeve holds of a symbol, possibly nothing."""
        return self.state.positions[sleeve].get(symbol, Position())

    def post(self, kind: str, key: str, sleeve: str, lines: tuple[Line, ...]) -> None:
        """Book a balanced transaction under a natural key."""
        currency = self.config.currency
        self.emit(fx.Posted(transaction=Transaction(key, kind, sleeve, currency, self.now, lines)))

    def change(self, order: Order) -> None:
        """Record what is different about a working order."""
        self.emit(
            fx.OrderChanged(
                order_id=order.order_id,
                status=order.status,
                quantity=order.quantity,
                limit_price=order.limit_price,
                filled_quantity=order.filled_quantity,
                filled_value=order.filled_value,
                at=self.now,
            )
        )


class AccountNotOpenError(Exception):
    """An input came before the account was opened or had a clock: a defect of the caller."""


def mark(state: State, symbol: str) -> Decimal | None:
    """The last known close, or None."""
    found = state.marks.get(symbol)
    return found.price if found else None


def exposures(state: State) -> dict[str, dict[str, Decimal]]:
    """Market value by sleeve and symbol, at the last marks."""
    return {
        sleeve: {
            symbol: position.quantity * (mark(state, symbol) or ZERO)
            for symbol, position in held.items()
        }
        for sleeve, held in state.positions.items()
    }


def sleeve_equity(state: State) -> dict[str, Decimal]:
    """Cash plus market value by sleeve."""
    return {
        sleeve: state.cash[sleeve] + sum(values.values(), ZERO)
        for sleeve, values in exposures(state).items()
    }


def book_of(desk: Desk) -> Book:
    """The account as risk sees it, with every working order reserved."""
    state, config = desk.state, desk.config
    values: dict[str, Decimal] = {}
    for held in exposures(state).values():
        for symbol, value in held.items():
            values[symbol] = values.get(symbol, ZERO) + value
    gross = sum(values.values(), ZERO)
    book = Book(
        limits=config.limits,
        costs=config.costs,
        now=desk.now,
        kill_switch=state.kill_switch,
        fractional=config.fractional,
        equity=sum(state.cash.values(), ZERO) + gross,
        gross=gross,
        cash=dict(state.cash),
        exposure=values,
        available=_holdings(state),
        suspects=frozenset(state.suspects),
        stale=frozenset(s for s, m in state.marks.items() if m.session not in state.recent),
    )
    for order in state.orders.values():  # valued at present marks, which follow splits
        present = mark(state, order.symbol)
        book.reserve(msgspec.structs.replace(order, reference_price=present))
    return book


def _holdings(state: State) -> dict[tuple[str, str], Decimal]:
    return {
        (sleeve, symbol): position.quantity
        for sleeve, held in state.positions.items()
        for symbol, position in held.items()
    }
