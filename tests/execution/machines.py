"""State machines over orders, through the engine: commands, sessions and reports in any order.

`make prove` runs them longer. Keep out: the laws (order_laws.py, laws.py), and machines over the
books (machines_books.py).
"""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar
from unittest import mock

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from execution.domain import effects as fx
from execution.domain.config import AccountConfig, Limits
from execution.domain.engine import handle
from execution.domain.inputs import (
    CancelOrder,
    Flatten,
    Input,
    ReplaceOrder,
    ReportFill,
    Scope,
    SetTradingState,
    TradingState,
)
from execution.domain.orders import LIMITED, STOPPED, Order, OrderType, Side, Status, TimeInForce
from execution.domain.risk import evaluation, permission
from execution.domain.state import Inbox, decode_state, encode_state
from router.messages import Split
from tests.execution import feeds, laws
from tests.execution.factories import (
    CONFIG,
    DAYS,
    Core,
    bar,
    bars,
    close_of,
    order,
    signal,
    signal_set,
)
from tests.execution.order_laws import OrderWatch

SYMBOLS = ("AAPL", "IBM")
LOOSE = Limits(
    max_order_notional=Decimal(1),
    position_limit=Decimal(2),
    gross_exposure=Decimal(2),
    net_exposure=Decimal(2),
    price_collar=Decimal("0.5"),
    adv_participation=Decimal(1),
    duplicate_window_seconds=0,
    quote_max_age_sessions=4,
    shorting=True,
    daily_loss=Decimal("0.9"),
    drawdown=Decimal("0.9"),
)
"""So that most orders pass, and work long enough for something to happen to them."""

ASKED = {Status.PENDING_CANCEL}
"""A venue outside has been asked to end it."""

UNKNOWN = 7
"""The number for which a venue reports an order that never was."""

_symbols = st.sampled_from(SYMBOLS)
_cents = st.integers(9_000, 11_000).map(lambda n: Decimal(n) / 100)
_volumes = st.sampled_from(["0", "130", "1000000"])
_numbers = st.integers(0, 40)
_maybe_cents = st.none() | _cents


def _has_orders(machine: "OrdersOnPaper") -> bool:
    return bool(machine.watch.orders)


class OrdersOnPaper(RuleBasedStateMachine):
    """Orders that the venue inside the engine fills from bars."""

    CONFIG: ClassVar[AccountConfig] = msgspec.structs.replace(CONFIG, limits=LOOSE)

    def __init__(self) -> None:
        super().__init__()
        self.watch = OrderWatch(self.CONFIG.venue)
        self.core = Core(self.CONFIG)
        self.requests = 0
        self.asked: list[str] = ["never"]
        self.known: set[str] = set()
        self._session([bar(symbol) for symbol in SYMBOLS])

    def teardown(self) -> None:
        laws.check_all(self.core)
        super().teardown()

    def send(self, items: Iterable[Input]) -> None:
        """As the core would: an input that the journal has is dropped."""
        for item in items:
            if item.input_id not in self.known:
                self.known.add(item.input_id)
                for effect in self.core.send(item):
                    self.watch.see(effect)

    def _request(self) -> str:
        self.requests += 1
        return f"r{self.requests}"

    def _any_id(self, number: int) -> str:
        """Mostly of a working order, but also of one that ended or never was."""
        working = sorted(o.client_order_id for o in self.core.state.orders.values())
        ids = [*working * 5, *self.asked]
        return ids[number % len(ids)]

    def _session(self, rows: list[Any], scores: dict[str, str] | None = None, **more: Any) -> None:
        previous = self.core.state.session
        day = DAYS[0] if previous is None else previous + timedelta(days=1)
        scored = [signal(day, symbol, score) for symbol, score in (scores or {}).items()]
        feed = [bars(day, *rows, previous=previous, **more), *scored, signal_set(day, scored)]
        self.send(feed)

    @rule(data=st.data())
    def place(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(OrderType))
        by_money = data.draw(st.integers(0, 3)) == 0
        shares = None if by_money else Decimal(data.draw(st.integers(1, 40)))
        request = self._request()
        self.asked.append(request)
        asked = order(
            data.draw(_symbols),
            request_id=request,
            side=data.draw(st.sampled_from(Side)),
            type=kind,
            limit_price=data.draw(_cents) if kind in LIMITED else None,
            stop_price=data.draw(_cents) if kind in STOPPED else None,
            time_in_force=data.draw(st.sampled_from(TimeInForce)),
            reduce_only=data.draw(st.booleans()) and data.draw(st.booleans()),
        )
        notional = data.draw(_cents) * 20 if by_money else None
        self.send([msgspec.structs.replace(asked, quantity=shares, notional=notional)])

    @rule(number=_numbers)
    def place_under_an_id_that_works(self, number: int) -> None:
        """Not even where nobody dropped the second input."""
        mine = [o for o in self.core.state.orders.values() if "~" not in o.client_order_id]
        if mine:
            request = mine[number % len(mine)].client_order_id
            state = decode_state(encode_state(self.core.state))
            (refused,) = handle(state, Inbox(), 0, order("IBM", request_id=request))
            assert isinstance(refused, fx.CommandRefused)
            assert refused.code == "CLIENT_ORDER_ID_USED"

    @precondition(_has_orders)
    @rule(number=_numbers)
    def cancel(self, number: int) -> None:
        target, request = self._any_id(number), self._request()
        self.send([CancelOrder(account="sample", request_id=request, client_order_id=target)])

    @precondition(_has_orders)
    @rule(
        number=_numbers,
        quantity=st.none() | st.integers(1, 40).map(Decimal),
        limit=_maybe_cents,
        stop=_maybe_cents,
        time_in_force=st.none() | st.sampled_from(TimeInForce),
    )
    def replace(
        self, number: int, quantity: Any, limit: Any, stop: Any, time_in_force: Any
    ) -> None:
        target, request = self._any_id(number), self._request()
        self.asked.append(request)
        command = ReplaceOrder(
            account="sample",
            request_id=request,
            client_order_id=target,
            quantity=quantity,
            limit_price=limit,
            stop_price=stop,
            time_in_force=time_in_force,
        )
        self.send([command])

    @rule(chance=st.integers(0, 7))
    def flatten(self, chance: int) -> None:
        if chance:
            return
        request = self._request()
        command = Flatten(account="sample", request_id=request, requested_by="me", reason="enough")
        self.send([command])
        assert all(o.flatten or o.status in ASKED for o in self.core.state.orders.values())
        self._lift(Scope.ACCOUNT, "")

    def _lift(self, scope: Scope, name: str) -> None:
        lifted = SetTradingState(
            account="sample",
            request_id=self._request(),
            scope=scope,
            name=name,
            state=TradingState.ACTIVE,
            changed_by="me",
            reason="go on",
        )
        self.send([lifted])

    @rule(
        rows=st.lists(st.tuples(_symbols, _cents, _cents, _volumes), unique_by=lambda row: row[0]),
        scores=st.dictionaries(_symbols, st.sampled_from(["-1", "0.3", "1"])),
        split=st.none() | st.tuples(_symbols, st.sampled_from([(2, 1), (3, 2), (1, 2)])),
    )
    def session(self, rows: list[Any], scores: dict[str, str], split: Any) -> None:
        if len(self.core.journal) > 250:
            return
        found = [
            bar(
                symbol,
                open=str(opened),
                close=str(closed),
                high=str(max(opened, closed) + 1),
                low=str(min(opened, closed) - 1),
                volume=volume,
            )
            for symbol, opened, closed, volume in rows
        ]
        actions = ()
        if split is not None:
            symbol, (new, old) = split
            actions = (Split(symbol=symbol, new_shares=new, old_shares=old),)
        self._session(found or [bar("MSFT")], scores, actions=actions)

    @rule()
    def restart(self) -> None:
        feeds.restarted(self.core)

    @invariant()
    def only_what_works_is_remembered_as_working(self) -> None:
        assert set(self.core.state.orders) == self.watch.working
        assert not self.watch.unfolded


class OrdersOutside(OrdersOnPaper):
    """Orders that a venue outside fills: its reports come late, twice, wrong and too large."""

    CONFIG: ClassVar[AccountConfig] = msgspec.structs.replace(
        CONFIG, mode="paper", venue="elsewhere", limits=LOOSE
    )

    def __init__(self) -> None:
        self.with_data = with_data()
        self.with_data.start()
        self.reports: list[ReportFill] = []
        super().__init__()

    def teardown(self) -> None:
        self.with_data.stop()
        super().teardown()

    @rule(
        number=_numbers,
        execution=st.integers(0, 15),
        quantity=st.integers(1, 30).map(Decimal),
        price=_cents,
        wrong=st.integers(0, 15),
    )
    def report(
        self, number: int, execution: int, quantity: Decimal, price: Decimal, wrong: int
    ) -> None:
        target = self._reported(number)
        symbol = target.symbol if target else "AAPL"
        side = target.side if target else Side.BUY
        report = ReportFill(
            account="sample",
            execution_id=f"e{execution}",
            client_order_id=target.client_order_id if target else "never",
            symbol="MSFT" if wrong == 1 else symbol,
            side=Side.SELL if wrong == 2 else side,
            quantity=quantity,
            price=price,
            commission=Decimal("0.35"),
            at=close_of(DAYS[0]),
        )
        before = len(self.core.effects)
        self.send([report])
        self.reports.append(report)
        self._check(report, tuple(self.core.effects[before:]))

    def _reported(self, number: int) -> Order | None:
        orders = sorted(self.watch.orders.values(), key=lambda o: o.order_id)
        orders = [o for o in orders if o.order_id in self.watch.working] * 3 + orders
        return orders[number % len(orders)] if number != UNKNOWN and orders else None

    @precondition(lambda self: self.reports)
    @rule(number=_numbers)
    def report_again(self, number: int) -> None:
        """The same execution in a message of its own: it never counts a second time."""
        report = self.reports[number % len(self.reports)]
        again = msgspec.structs.replace(report, at=report.at + timedelta(seconds=number + 1))
        filled = self.core.all(fx.Filled)
        self.send([again])
        assert self.core.all(fx.Filled) == filled

    def _check(self, report: ReportFill, effects: tuple[fx.Effect, ...]) -> None:
        """All of it is booked once, or it was before; what is wrong is not booked in silence."""
        if not effects:
            return
        filled = sum(e.fill.quantity for e in effects if isinstance(e, fx.Filled))
        suspended = sum(e.quantity for e in effects if isinstance(e, fx.FillSuspended))
        refused = [e.code for e in effects if isinstance(e, fx.FillRefused)]
        halts = [e for e in effects if isinstance(e, fx.RestrictionChanged)]
        assert all(e.state == TradingState.HALTED for e in halts)
        if refused:
            assert not filled + suspended
            assert bool(halts) == (refused == ["EXECUTION_CONFLICT"])
        else:
            assert filled + suspended == report.quantity
            assert bool(halts) == bool(suspended)

    @precondition(lambda self: self.core.state.restrictions)
    @rule()
    def a_person_looks(self) -> None:
        for key in sorted(self.core.state.restrictions):
            scope, _, name = key.partition("/")
            self._lift(Scope(scope), name)


def with_data() -> Any:
    """A patch: checks that a venue outside has no data for, and so refuse everything, are left out.

    The venues that bring the data come with their connectors.
    """
    rules = tuple(each for each in evaluation.RULES if each[1] is not permission.no_data)
    return mock.patch.object(evaluation, "RULES", rules)
