"""An account that is told what to book, with neither venue nor signals nor risk before it.

Keep out: accounts that decide (factories.py), random ones (machines_books.py).
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import msgspec

from execution.domain import books, cash
from execution.domain import effects as fx
from execution.domain.desk import Desk
from execution.domain.inputs import Input, MoveCash
from execution.domain.ledger import Account
from execution.domain.money import CONTEXT
from execution.domain.orders import Order, OrderType, Side, Status, TimeInForce
from execution.domain.session import apply_bars
from execution.domain.state import receive
from router.messages import Action, Bars
from tests.execution import laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, bars, order


class Ledger(Core):
    """An account in memory that is told what to book, without venue, signals or risk."""

    def do(self, item: Input, step: Callable[[Desk], Any]) -> tuple[fx.Effect, ...]:
        """Book `step` as what `item` led to."""
        with localcontext(CONTEXT):
            receive(self.state, self.inbox, len(self.journal) + 1, item)
            desk = Desk(self.state, self.inbox)
            step(desk)
        new = tuple(desk.effects)
        self.journal.append((item, new))
        self.effects += new
        return new

    def session(
        self, day: date, prices: dict[str, tuple[Decimal, Decimal]], *actions: Action
    ) -> tuple[fx.Effect, ...]:
        """Open and close of each symbol that trades."""
        rows = [
            bar(name, open=str(o), close=str(c), high=str(max(o, c)), low=str(min(o, c)))
            for name, (o, c) in sorted(prices.items())
        ]
        before = self.state.session
        item = bars(day, *rows, previous=before, actions=actions)
        if not prices:
            item = msgspec.structs.replace(item, bars=())
        assert isinstance(item, Bars)
        return self.do(item, lambda desk: apply_bars(desk, item))

    def work(self, sleeve: str, symbol: str, side: Side, quantity: Decimal, **more: Any) -> Order:
        """An accepted order."""
        name = f"order-{len(self.journal)}"
        made = Order(
            order_id=name,
            client_order_id=name,
            sleeve=sleeve,
            symbol=symbol,
            side=side,
            quantity=quantity,
            type=more.pop("type", OrderType.MARKET),
            limit_price=more.pop("limit_price", None),
            time_in_force=TimeInForce.GTC,
            status=Status.ACCEPTED,
            reference_price=None,
            session=self.state.session,
            accepted_at=Desk(self.state, self.inbox).now,
            **more,
        )
        self.do(order(request_id=name), lambda desk: desk.emit(fx.OrderCreated(order=made)))
        return made

    def fill(
        self, made: Order, quantity: Decimal, price: Decimal, fee: Decimal = Decimal(0)
    ) -> tuple[fx.Effect, ...]:
        """An execution of an order."""
        name = f"execution-{len(self.journal)}"
        return self.do(
            order(request_id=name),
            lambda desk: books.book_execution(desk, made, name, quantity, price, fee),
        )

    def trade(
        self,
        symbol: str,
        quantity: Decimal | int,
        price: Decimal | int | str,
        fee: Decimal | int | str = 0,
        sleeve: str = "manual",
    ) -> tuple[fx.Effect, ...]:
        """Buy, or with a negative quantity sell, at once."""
        side = Side.BUY if quantity > 0 else Side.SELL
        made = self.work(sleeve, symbol, side, Decimal(abs(quantity)))
        return self.fill(made, Decimal(abs(quantity)), Decimal(price), Decimal(fee))

    def move_cash(self, sleeve: str, amount: Decimal) -> tuple[fx.Effect, ...]:
        """A deposit or withdrawal."""
        name = f"cash-{len(self.journal)}"
        item = MoveCash(
            account="sample", request_id=name, sleeve=sleeve, amount=amount, reason="because"
        )
        return self.do(item, lambda desk: cash.move_cash(desk, item))


def flat(close: int | str) -> tuple[Decimal, Decimal]:
    return Decimal(close), Decimal(close)


def opened(**closes: int | str) -> Ledger:
    """An account at the end of its first session."""
    core = Ledger(CONFIG)
    core.session(DAYS[0], {symbol: flat(close) for symbol, close in closes.items()})
    return core


def posted(effects: tuple[fx.Effect, ...]) -> list[dict[Account, Decimal]]:
    transactions = [e.transaction for e in effects if isinstance(e, fx.Posted)]
    return [{line.account: line.amount for line in txn.lines} for txn in transactions]


def check(core: Ledger) -> None:
    laws.check_ledger(core)
    laws.check_positions(core)
    laws.check_accounts(core)
    laws.check_equity(core)
    laws.check_folding(core)
