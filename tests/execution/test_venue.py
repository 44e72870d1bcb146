"""What a venue outside reports: booked once, or refused, or in suspense with the symbol halted."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain import engine
from execution.domain.inputs import CancelOrder, ReplaceOrder, ReportFill, TradingState
from execution.domain.ledger import Account
from execution.domain.orders import OrderType, Side, Status, TimeInForce
from router.messages import Split
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, close_of, order, quiet
from tests.execution.machines import LOOSE, with_data

D1, D2, D3 = DAYS[:3]
OUTSIDE = msgspec.structs.replace(CONFIG, mode="paper", venue="elsewhere", limits=LOOSE)


@pytest.fixture(autouse=True)
def venue_with_data() -> Iterator[None]:
    with with_data():
        yield


@pytest.fixture
def core() -> Core:
    """An order for 10 shares is on its way to the venue."""
    started = feeds.run(quiet(D1, bar("AAPL"), bar("IBM")), OUTSIDE)
    started.send(order("AAPL", "10", time_in_force=TimeInForce.GTC))
    return started


def report(quantity: str = "10", execution: str = "e1", **fields: Any) -> ReportFill:
    values: dict[str, Any] = {
        "account": "sample",
        "execution_id": execution,
        "client_order_id": "mine",
        "symbol": "AAPL",
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "price": Decimal("100.5"),
        "commission": Decimal("0.35"),
        "at": close_of(D1) + timedelta(hours=1),
    }
    return ReportFill(**values | fields)


def again(first: ReportFill, **changes: Any) -> ReportFill:
    """The same execution in a message of its own."""
    later = {"at": first.at + timedelta(seconds=1)}
    return msgspec.structs.replace(first, **later | changes)


def cancel(core: Core) -> None:
    core.send(CancelOrder(account="sample", request_id="c", client_order_id="mine"))


def last(core: Core) -> tuple[Status, Decimal]:
    change = core.all(fx.OrderChanged)[-1]
    return change.status, change.filled_quantity


def held(core: Core, symbol: str = "AAPL") -> Decimal:
    position = core.state.positions["manual"].get(symbol)
    return position.quantity if position else Decimal(0)


def halted(core: Core) -> dict[str, list[str]]:
    return {key: sorted(causes) for key, causes in core.state.restrictions.items()}


def test_an_order_is_pending_until_the_venue_says_something(core: Core) -> None:
    (working,) = core.state.orders.values()
    assert working.status == Status.PENDING_NEW
    core.send(*quiet(D2, bar("AAPL"), previous=D1), *quiet(D3, bar("AAPL"), previous=D2))
    assert not core.all(fx.Filled)
    assert not core.all(fx.OrderChanged)


def test_fills_are_booked_at_what_the_venue_says(core: Core) -> None:
    core.send(report("4", "e1"))
    assert last(core) == (Status.PARTIALLY_FILLED, 4)
    core.send(report("6", "e2", price=Decimal("100.25"), commission=Decimal("-0.02")))
    assert last(core) == (Status.FILLED, 10)
    # 10,000 - 4 x 100.5 - 0.35 - 6 x 100.25 + 0.02 = 8,996.17
    assert core.state.cash["manual"] == Decimal("8996.17")
    assert held(core) == 10
    assert not core.state.restrictions
    laws.check_all(core)


def test_the_same_execution_counts_once(core: Core) -> None:
    first = report("4")
    core.send(first, again(first), again(first, at=close_of(D3)))
    codes = [refused.code for refused in core.all(fx.FillRefused)]
    assert codes == ["EXECUTION_DUPLICATE", "EXECUTION_DUPLICATE"]
    assert held(core) == 4
    assert not core.state.restrictions
    laws.check_all(core)


def test_equal_figures_written_otherwise_are_the_same_report(core: Core) -> None:
    core.send(report("4"), report("4.000", price=Decimal("100.50000000")))
    assert [refused.code for refused in core.all(fx.FillRefused)] == ["EXECUTION_DUPLICATE"]


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal(5)},
        {"price": Decimal("100.51")},
        {"commission": Decimal("0.36")},
        {"side": Side.SELL},
        {"client_order_id": "other"},
    ],
)
def test_one_execution_with_other_figures_is_a_conflict(
    core: Core, changes: dict[str, Any]
) -> None:
    core.send(report("4"), again(report("4"), **changes))
    assert [refused.code for refused in core.all(fx.FillRefused)] == ["EXECUTION_CONFLICT"]
    assert held(core) == 4
    assert halted(core) == {"symbol/AAPL": ["execution_conflict"]}
    laws.check_all(core)


@pytest.mark.parametrize("ended", ["cancelled", "filled"])
def test_duplicates_are_known_after_the_order_ended(core: Core, ended: str) -> None:
    first = report("10" if ended == "filled" else "4")
    core.send(first)
    cancel(core)
    core.send(again(first))
    assert core.all(fx.FillRefused)[-1].code == "EXECUTION_DUPLICATE"


def test_a_fill_while_a_cancellation_is_on_its_way_counts_and_the_order_stays_pending(
    core: Core,
) -> None:
    cancel(core)
    assert last(core) == (Status.PENDING_CANCEL, 0)
    core.send(report("4"))
    assert last(core) == (Status.PENDING_CANCEL, 4)
    core.send(report("6", "e2"))
    assert last(core) == (Status.FILLED, 10)
    laws.check_all(core)


def test_a_late_fill_of_a_cancelled_order_is_accepted(core: Core) -> None:
    (working,) = core.state.orders.values()
    cancelled(core)
    assert set(core.state.ended) == {working.order_id}
    core.send(report("4"))
    assert last(core) == (Status.CANCELLED, 4)
    core.send(report("6", "e2"))
    assert last(core) == (Status.FILLED, 10)
    assert held(core) == 10
    assert not core.state.restrictions
    laws.check_all(core)


def cancelled(core: Core) -> None:
    """The order ends, by an action that cancels what would be left with a part of a share."""
    odd = Split(symbol="AAPL", new_shares=3, old_shares=20)
    core.send(*quiet(D2, bar("AAPL", "666"), previous=D1, actions=(odd,)))
    assert last(core)[0] == Status.CANCELLED


def test_an_order_is_forgotten_a_session_after_it_ended(core: Core) -> None:
    cancelled(core)
    core.send(*quiet(D3, bar("AAPL", "666"), previous=D2))
    assert core.state.ended
    core.send(*quiet(DAYS[3], bar("AAPL", "666"), previous=D3))
    assert not core.state.ended
    core.send(report("4"))
    assert halted(core) == {"symbol/AAPL": ["unknown_order"]}
    laws.check_all(core)


@pytest.mark.parametrize(
    ("filled", "more", "over"), [("0", "12", 2), ("7", "5", 2), ("10", "1", 1)]
)
def test_more_than_the_order_is_in_suspense_and_the_symbol_halts(
    core: Core, filled: str, more: str, over: int
) -> None:
    if filled != "0":
        core.send(report(filled))
    core.send(report(more, "e2"))
    assert last(core) == (Status.FILLED, 10)
    assert held(core) == 10
    (suspended,) = core.all(fx.FillSuspended)
    assert (suspended.quantity, suspended.reason) == (over, "overfill")
    assert laws.balance(core, Account.SUSPENSE) == over * Decimal("100.5")
    reports = 1 if filled == "0" else 2
    assert laws.balance(core, Account.FEES) == reports * Decimal("0.35")
    restriction = core.state.restrictions["symbol/AAPL"]["overfill"]
    assert restriction.state == TradingState.HALTED
    core.send(order("AAPL", "1", request_id="next"))
    assert core.all(fx.OrderCreated)[-1].order.code == "TRADING_HALTED"
    core.send(again(report(more, "e2")))  # neither part counts twice
    assert core.all(fx.FillRefused)[-1].code == "EXECUTION_DUPLICATE"
    laws.check_all(core)


def test_what_is_in_suspense_is_known_when_its_order_is_long_forgotten(core: Core) -> None:
    core.send(report("12"))
    for previous, day in pairwise(DAYS[:4]):
        core.send(*quiet(day, bar("AAPL"), previous=previous))
    assert not core.state.ended
    core.send(again(report("12")))
    assert core.all(fx.FillRefused)[-1].code == "EXECUTION_DUPLICATE"
    assert laws.balance(core, Account.SUSPENSE) == 201  # 2 x 100.5, once


@pytest.mark.parametrize(
    ("changes", "cause", "symbols"),
    [
        ({"client_order_id": "never"}, "unknown_order", ["symbol/AAPL"]),
        ({"symbol": "IBM"}, "fill_mismatch", ["symbol/AAPL", "symbol/IBM"]),
        ({"side": Side.SELL}, "fill_mismatch", ["symbol/AAPL"]),
    ],
)
def test_what_no_order_of_ours_asked_for_is_in_suspense(
    core: Core, changes: dict[str, Any], cause: str, symbols: list[str]
) -> None:
    core.send(report("4", **changes), again(report("4", **changes)))
    assert not core.all(fx.Filled)
    assert not held(core)
    assert halted(core) == {symbol: [cause] for symbol in symbols}
    sign = -1 if changes.get("side") == Side.SELL else 1
    assert laws.balance(core, Account.SUSPENSE) == sign * 402  # 4 x 100.5, once
    assert core.state.cash["manual"] == 10_000 - sign * 402 - Decimal("0.35")
    assert core.all(fx.FillRefused)[-1].code == "EXECUTION_DUPLICATE"
    laws.check_all(core)


def test_the_paper_venue_takes_no_reports() -> None:
    core = feeds.run(quiet(D1, bar("AAPL")))
    core.send(order("AAPL", "10"))
    (effect,) = core.send(report())
    assert isinstance(effect, fx.FillRefused)
    assert effect.code == "VENUE_IS_PAPER"


def test_a_report_before_the_first_session_is_not_lost() -> None:
    core = Core(OUTSIDE)
    core.send(report())
    assert core.state.clock == report().at
    assert halted(core) == {"symbol/AAPL": ["unknown_order"]}


def test_a_report_that_could_not_be_booked_stops_its_symbol(core: Core) -> None:
    effects = engine.refuse(core.state, core.inbox, 9, report())
    assert [type(effect) for effect in effects] == [fx.FillRefused, fx.RestrictionChanged]
    assert list(core.state.restrictions) == ["symbol/AAPL"]


def test_a_replacement_waits_for_the_venue_and_both_are_reserved(core: Core) -> None:
    command = ReplaceOrder(
        account="sample", request_id="new", client_order_id="mine", quantity=Decimal(5)
    )
    core.send(command)
    assert core.all(fx.CommandRefused)[-1].code == "REPLACE_NOT_POSSIBLE"  # not answered yet
    core.send(report("4"), msgspec.structs.replace(command, request_id="newer"))
    statuses = {o.client_order_id: o.status for o in core.state.orders.values()}
    assert statuses == {"mine": Status.PENDING_REPLACE, "newer": Status.PENDING_NEW}
    core.send(report("6", "e2"), report("5", "e3", client_order_id="newer"))
    assert held(core) == 15
    assert not core.state.restrictions
    laws.check_all(core)


def test_a_cancellation_is_asked_for_once(core: Core) -> None:
    cancel(core)
    core.send(CancelOrder(account="sample", request_id="c2", client_order_id="mine"))
    assert core.all(fx.CommandRefused)[-1].code == "ORDER_NOT_WORKING"
    core.send(report())
    core.send(CancelOrder(account="sample", request_id="c3", client_order_id="mine"))
    refused = core.all(fx.CommandRefused)[-1]
    assert (refused.code, "filled" in refused.message) == ("ORDER_NOT_WORKING", True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "0"),
        ("quantity", "1.0000000001"),
        ("price", "-1"),
        ("price", "1.000000001"),
        ("price", "NaN"),
        ("commission", "0.001"),
        ("commission", "Infinity"),
        ("quantity", "99999999999999"),  # worth more than a column holds
    ],
)
def test_a_report_with_figures_that_cannot_be_booked_is_no_input(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=field if field != "quantity" else "quantity|value"):
        msgspec.structs.replace(report(), **{field: Decimal(value)})


def test_stop_orders_are_the_venues_to_elect(core: Core) -> None:
    core.send(order("IBM", "5", request_id="s", type=OrderType.STOP, stop_price=Decimal(101)))
    core.send(*quiet(D2, bar("IBM", "120"), previous=D1))
    assert not any(o.triggered for o in core.state.orders.values())
