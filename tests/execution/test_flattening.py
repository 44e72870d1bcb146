"""Closing everything: nothing stays, nothing is closed twice."""

from decimal import Decimal

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain.config import AccountConfig, Limits, intraday
from execution.domain.inputs import Flatten, TradingState
from execution.domain.orders import OrderType, Side, Status, TimeInForce
from router.messages import Bar
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, order, quiet, session
from tests.execution.machines import with_data

D1, D2, D3, D4 = DAYS[:4]
SYMBOLS = [f"S{number:02}" for number in range(15)]


def command(request: str = "f1") -> Flatten:
    return Flatten(account="sample", request_id=request, requested_by="me", reason="storm")


def rows(price: str = "100", **fields: str) -> list[Bar]:
    return [bar(symbol, price, **fields) for symbol in SYMBOLS]


def invested(config: AccountConfig = CONFIG) -> Core:
    """Positions in both sleeves, and a limit order that waits."""
    core = feeds.run(session(D1, dict.fromkeys(SYMBOLS, "0.3")), config)
    core.send(order("S01", "7", request_id="bought"))
    core.send(*quiet(D2, *rows(), previous=D1))
    waits = order(
        "S02",
        "5",
        request_id="waits",
        type=OrderType.LIMIT,
        limit_price=Decimal(99),
        time_in_force=TimeInForce.GTC,
    )
    core.send(waits)
    assert [o.client_order_id for o in core.state.orders.values()] == ["waits"]
    assert len(core.state.positions["technical"]) > 3
    assert core.state.positions["manual"]["S01"].quantity == 7
    return core


def positions(core: Core) -> dict[tuple[str, str], Decimal]:
    return {
        (sleeve, symbol): position.quantity
        for sleeve, held in core.state.positions.items()
        for symbol, position in held.items()
    }


def exits(core: Core) -> dict[tuple[str, str], Decimal]:
    return {
        (order.sleeve, order.symbol): order.leaves
        for order in core.state.orders.values()
        if order.flatten
    }


def test_every_order_is_cancelled_and_every_position_closed_at_the_next_open() -> None:
    core = invested()
    held = positions(core)
    core.send(command())
    assert exits(core) == held
    assert all(o.flatten and o.reduce_only for o in core.state.orders.values())
    restriction = core.state.restrictions["account"]["flatten"]
    assert restriction.state == TradingState.REDUCING
    assert "storm" in restriction.reason
    core.send(*quiet(D3, *rows(), previous=D2))
    assert not positions(core)
    assert not core.state.orders
    laws.check_all(core)


def test_a_second_one_leaves_the_exits_to_the_first() -> None:
    core = invested()
    core.send(command())
    before, made = exits(core), len(core.all(fx.OrderCreated))
    core.send(command("f2"))
    assert exits(core) == before
    assert len(core.all(fx.OrderCreated)) == made
    core.send(*quiet(D3, *rows(), previous=D2))
    assert not positions(core)
    laws.check_all(core)


def test_what_an_exit_could_not_close_another_one_closes() -> None:
    core = invested()
    core.send(command(), *quiet(D3, *rows(volume="20"), previous=D2))  # 2 shares of each bar
    left = positions(core)
    assert left
    assert not core.state.orders
    core.send(command("f2"))
    assert exits(core) == left
    core.send(*quiet(D4, *rows(), previous=D3))
    assert not positions(core)
    laws.check_all(core)


def test_the_same_request_is_the_same_input() -> None:
    assert command().input_id == command().input_id


def test_afterwards_only_what_reduces_is_allowed() -> None:
    core = invested()
    core.send(command(), order("S03", "1", request_id="more"))
    assert core.all(fx.OrderCreated)[-1].order.code == "TRADING_REDUCING"


@pytest.mark.parametrize(
    "strict",
    [
        Limits(),
        intraday(),
        msgspec.structs.replace(
            intraday(),
            max_open_orders=1,
            orders_per_minute=1,
            max_order_quantity=Decimal(1),
            max_order_notional=Decimal("0.0001"),
            min_order_notional=Decimal(1_000_000),
            adv_participation=Decimal("0.0000001"),
        ),
    ],
)
def test_no_limit_keeps_a_position_open(strict: Limits) -> None:
    core = invested()
    core.state.limits = strict
    held = positions(core)
    core.send(command())
    assert exits(core) == held
    assert {o.type for o in core.state.orders.values()} == {OrderType.MARKET}


def test_the_kill_switch_and_a_halt_let_exits_through() -> None:
    core = invested()
    core.state.kill_switch = True
    held = positions(core)
    core.send(command())
    assert exits(core) == held


def test_short_positions_are_bought_back() -> None:
    limits = Limits(shorting=True)
    core = feeds.run(quiet(D1, bar()), msgspec.structs.replace(CONFIG, limits=limits))
    core.send(order(side=Side.SELL), *quiet(D2, bar(), previous=D1))
    assert positions(core) == {("manual", "AAPL"): -10}
    core.send(command(), *quiet(D3, bar(), previous=D2))
    assert not positions(core)
    laws.check_all(core)


def test_an_account_that_holds_nothing_or_has_not_begun_is_restricted_alone() -> None:
    core = Core()
    (effect,) = core.send(command())
    assert isinstance(effect, fx.RestrictionChanged)


def test_on_a_venue_outside_only_what_nothing_works_on_is_closed() -> None:
    """A cancellation that is on its way may come too late: nothing is sold twice."""
    core = invested()
    assert core.state.config is not None
    core.send(order("S01", "3", request_id="sale", side=Side.SELL, time_in_force=TimeInForce.GTC))
    core.state.config = msgspec.structs.replace(CONFIG, mode="paper", venue="elsewhere")
    held = positions(core)
    with with_data():
        core.send(command())
    statuses = {o.client_order_id: o.status for o in core.state.orders.values() if not o.flatten}
    assert statuses == {"sale": Status.PENDING_CANCEL, "waits": Status.PENDING_CANCEL}
    assert exits(core) == held | {("manual", "S01"): 4}  # 7 held, 3 perhaps sold
