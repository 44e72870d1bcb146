"""The desk: one account's state with the effects of the input at hand.

Belongs here: emitting effects, and the views of a state that several decisions need.
Keep out: decisions.
"""

from datetime import date, datetime
from decimal import Decimal

from execution.domain import effects as fx
from execution.domain import state as st
from execution.domain.config import PAPER, AccountConfig
from execution.domain.inputs import Command
from execution.domain.ledger import Line, Transaction
from execution.domain.money import ZERO
from execution.domain.orders import Order
from execution.domain.portfolio import Position
from execution.domain.risk import Book
from execution.domain.state import Inbox, State

ENGINE_VERSION = "2"
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

    def refuse(self, command: Command, code: str, message: str) -> None:
        """Record that a command changes nothing, and why."""
        refused = fx.CommandRefused(command_id=command.command_id, code=code, message=message)
        self.emit(refused)

    def change(self, order: Order) -> None:
        """Record what is different about a working order."""
        self.emit(
            fx.OrderChanged(
                order_id=order.order_id,
                status=order.status,
                symbol=order.symbol,
                quantity=order.quantity,
                limit_price=order.limit_price,
                stop_price=order.stop_price,
                triggered=order.triggered,
                executions=order.executions,
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
    """Cash, market value and dividends owed, by sleeve; interest counts once it is paid."""
    found = {
        sleeve: state.cash[sleeve] + sum(values.values(), ZERO)
        for sleeve, values in exposures(state).items()
    }
    for owed in state.receivables.values():
        found[owed.sleeve] += owed.amount
    return found


def book_of(desk: Desk, without: str | None = None) -> Book:
    """The account as risk sees it, with every working order reserved but the one left out."""
    state, config = desk.state, desk.config
    equity = sleeve_equity(state)
    book = Book(
        limits=state.limits,
        costs=config.costs,
        now=desk.now,
        external=config.venue != PAPER,
        kill_switch=state.kill_switch,
        fractional=config.fractional,
        equity=sum(equity.values(), ZERO),
        sleeve_equity=equity,
        cash=dict(state.cash),
        marks=state.marks,
        session=state.session,
        marked_at=state.marked_at,
        recent=state.recent,
        suspects=frozenset(state.suspects),
        instruments=state.instruments,
        delisted=state.delisted,
        restrictions=state.restrictions,
        volumes=state.volumes,
        valued=state.equity,
        opening=state.opening_equity,
        peak=state.peak_equity,
    )
    _count(book, state, without)
    return book


def _count(book: Book, state: State, without: str | None) -> None:
    for sleeve, held in state.positions.items():
        for symbol, position in held.items():
            book.hold(sleeve, symbol, position.quantity)
    for order_id, order in sorted(state.orders.items()):
        if order_id != without:  # valued at present marks, which follow splits
            book.reserve(order, mark(state, order.symbol))
    for placed in state.placed:
        book.remember(placed)
    for fill in state.traded:
        book.traded(fill)
