"""Orders from people: by shares or money, cancelled, replaced, and named once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain import engine
from execution.domain.config import AccountConfig, Limits, intraday
from execution.domain.inputs import CancelOrder, PlaceOrder, ReplaceOrder
from execution.domain.orders import Order, OrderType, Side, Status, TimeInForce
from execution.domain.state import State
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, close_of, order, quiet, session
from tests.execution.test_corporate import holding

D1, D2, D3 = DAYS[:3]
ROOMY = Limits(
    max_order_notional=Decimal(1),
    position_limit=Decimal(1),
    price_collar=Decimal(1),
    duplicate_window_seconds=0,
)
FREE = msgspec.structs.replace(CONFIG, limits=ROOMY)
GTC: dict[str, Any] = {"time_in_force": TimeInForce.GTC}
LIMIT: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(90), **GTC}
STOP: dict[str, Any] = {"type": OrderType.STOP, "stop_price": Decimal(110), **GTC}
BOTH: dict[str, Any] = LIMIT | STOP | {"type": OrderType.STOP_LIMIT}


def opened(config: AccountConfig = FREE, price: str = "100") -> Core:
    return feeds.run(quiet(D1, bar("AAPL", price)), config)


def created(core: Core) -> Order:
    found: Order = core.all(fx.OrderCreated)[-1].order
    return found


def refused(core: Core) -> fx.CommandRefused:
    found: fx.CommandRefused = core.all(fx.CommandRefused)[-1]
    return found


def cancel(target: str = "mine", request: str = "c") -> CancelOrder:
    return CancelOrder(account="sample", request_id=request, client_order_id=target)


def replace(target: str = "mine", request: str = "new", **changes: Any) -> ReplaceOrder:
    return ReplaceOrder(account="sample", request_id=request, client_order_id=target, **changes)


def for_money(notional: str, **fields: Any) -> PlaceOrder:
    return msgspec.structs.replace(order(**fields), quantity=None, notional=Decimal(notional))


@pytest.mark.parametrize(
    ("fields", "shares"),
    [
        ({}, 9),  # a share may cost 100 x 1.03: 1,000 / 103 = 9.7
        ({"side": Side.SELL}, 10),  # 1,000 / 100
        (LIMIT, 11),  # 1,000 / 90 = 11.1
        (LIMIT | {"side": Side.SELL}, 11),
        (STOP, 8),  # 1,000 / (110 x 1.03) = 8.8
        (STOP | {"stop_price": Decimal(99), "side": Side.SELL}, 10),  # 1,000 / 99 = 10.1
        (BOTH | {"limit_price": Decimal(125)}, 8),  # 1,000 / 125
    ],
)
def test_money_becomes_as_many_whole_shares_as_it_pays_for_at_worst(
    fields: dict[str, Any], shares: int
) -> None:
    core = holding("AAPL", "20", config=FREE)
    core.send(for_money("1000", request_id="money", **fields))
    assert (created(core).quantity, created(core).notional) == (shares, 1_000)
    assert created(core).status == Status.ACCEPTED


@pytest.mark.parametrize(
    ("fields", "shares"),
    [
        ({}, "9.708737864"),
        (LIMIT, "11"),
        (LIMIT | {"time_in_force": TimeInForce.DAY}, "11"),
        ({"time_in_force": TimeInForce.IOC}, "9"),
    ],
)
def test_a_fractional_account_buys_parts_at_market_for_a_day(
    fields: dict[str, Any], shares: str
) -> None:
    core = opened(msgspec.structs.replace(FREE, fractional=True))
    core.send(for_money("1000", **fields))
    # 1,000 / 103 = 9.70873786407...
    assert created(core).quantity == Decimal(shares)
    assert created(core).status == Status.ACCEPTED


@pytest.mark.parametrize(
    ("symbol", "notional", "code"),
    [
        ("AAPL", "102.99", "QUANTITY_INVALID"),
        ("AAPL", "103", None),
        ("NONE", "1000", "SYMBOL_UNKNOWN"),
        ("AAPL", "100.001", "SCHEMA_INVALID"),
        ("AAPL", "999999999999999", "MAX_ORDER_QTY"),
    ],
)
def test_money_that_buys_nothing_is_refused(symbol: str, notional: str, code: str | None) -> None:
    core = opened()
    core.send(for_money(notional, symbol=symbol))
    assert created(core).code == code
    laws.check_orders(core)


def test_described_without_a_price_money_buys_nothing_either() -> None:
    core = opened()
    core.send(for_money("1000", symbol="IBM"))
    codes = [check.code for check in created(core).checks if check.outcome == "failed"]
    assert "QUOTE_MISSING" in codes
    assert created(core).quantity == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "1.0000000001"),
        ("quantity", "1e-30"),
        ("limit_price", "90.000000001"),
        ("limit_price", "90." + "0" * 39 + "1"),
    ],
)
def test_a_figure_with_more_decimals_than_are_kept_is_refused_and_not_rounded(
    field: str, value: str
) -> None:
    core = opened()
    core.send(msgspec.structs.replace(order(**LIMIT), **{field: Decimal(value)}))
    assert (created(core).status, created(core).code) == (Status.REFUSED, "SCHEMA_INVALID")
    assert created(core).checks[0].numbers == {field: str(Decimal(value))}


def test_an_order_keeps_the_version_of_the_limits_that_judged_it() -> None:
    core = opened(msgspec.structs.replace(FREE, limits=msgspec.structs.replace(ROOMY, version=7)))
    core.send(order())
    assert created(core).limits_version == 7


@pytest.mark.parametrize(
    ("side", "price", "limit"),
    [
        (Side.BUY, "100", "105.00"),
        (Side.BUY, "100.10", "105.10"),  # 105.105, towards the reference
        (Side.SELL, "100", "95.00"),
        (Side.SELL, "100.10", "95.10"),  # 95.095
        (Side.BUY, "0.5001", "0.5251"),  # 0.525105: four decimals below 1
        (Side.SELL, "0.5001", "0.4751"),  # 0.475095
    ],
)
def test_where_the_limits_say_so_a_market_order_stops_at_the_collar(
    side: Side, price: str, limit: str
) -> None:
    strict = msgspec.structs.replace(ROOMY, collar_market_orders=True, price_collar=Decimal("0.05"))
    core = holding("AAPL", "20", price, msgspec.structs.replace(FREE, limits=strict))
    core.send(order(request_id="collared", side=side))
    made = created(core)
    assert (made.type, made.limit_price) == (OrderType.LIMIT, Decimal(limit))
    assert made.sizing == {"collared": limit}
    assert made.status == Status.ACCEPTED


def test_the_strict_profile_collars_and_the_daily_one_does_not() -> None:
    strict = msgspec.structs.replace(CONFIG, limits=intraday())
    for config, kind in ((CONFIG, OrderType.MARKET), (strict, OrderType.LIMIT)):
        core = opened(config)
        core.send(order(quantity="1"))
        assert created(core).type == kind


def test_before_the_first_session_there_is_nothing_to_judge_by() -> None:
    core = Core()
    core.send(order(), cancel(), replace(quantity=Decimal(1)))
    assert [r.code for r in core.all(fx.CommandRefused)] == [
        "NO_SESSION",
        "ORDER_UNKNOWN",
        "ORDER_UNKNOWN",
    ]
    assert not core.all(fx.OrderCreated)


def test_a_cancelled_order_works_no_more_and_gives_back_what_it_reserved() -> None:
    core = opened()
    core.send(order(quantity="90", **LIMIT), order(request_id="second", quantity="90", **LIMIT))
    assert created(core).code == "BUYING_POWER"  # 10,000 in cash, 8,100 reserved
    core.send(cancel())
    assert core.all(fx.OrderChanged)[-1].status == Status.CANCELLED
    core.send(order(request_id="third", quantity="91", **LIMIT))
    assert created(core).status == Status.ACCEPTED
    core.send(*quiet(D2, bar("AAPL", "80"), previous=D1))
    assert core.state.positions["manual"]["AAPL"].quantity == 91
    laws.check_all(core)


def test_what_was_filled_before_a_cancel_stays() -> None:
    core = opened()
    core.send(order(quantity="10", **GTC), *quiet(D2, bar("AAPL", volume="40"), previous=D1))
    core.send(cancel())
    change = core.all(fx.OrderChanged)[-1]
    assert (change.status, change.filled_quantity, change.quantity) == (Status.CANCELLED, 4, 10)
    assert core.state.positions["manual"]["AAPL"].quantity == 4
    laws.check_all(core)


@pytest.mark.parametrize("again", [cancel("mine", "c2"), replace(quantity=Decimal(1))])
def test_only_a_working_order_is_cancelled_or_replaced(again: Any) -> None:
    core = opened()
    core.send(order(**LIMIT), cancel(), again)
    assert refused(core).code == "ORDER_UNKNOWN"
    assert refused(core).command_id == again.command_id
    core.send(cancel("never", "c3"))
    assert refused(core).code == "ORDER_UNKNOWN"
    assert len(core.all(fx.OrderChanged)) == 1


def test_a_persons_cancel_reaches_a_strategys_order() -> None:
    core = feeds.run(session(D1, {"AAPL": "0.5"}))
    (working,) = core.state.orders.values()
    core.send(cancel(working.client_order_id))
    assert not core.state.orders
    laws.check_all(core)


@pytest.mark.parametrize(
    ("fields", "changes", "expected"),
    [
        (LIMIT, {"quantity": Decimal(3)}, {"quantity": 3, "limit_price": 90}),
        (LIMIT, {"limit_price": Decimal(91)}, {"quantity": 10, "limit_price": 91}),
        (STOP, {"stop_price": Decimal(120)}, {"stop_price": 120, "limit_price": None}),
        (BOTH, {"stop_price": Decimal(89)}, {"stop_price": 89, "limit_price": 90}),
        (LIMIT, {"time_in_force": TimeInForce.DAY}, {"time_in_force": TimeInForce.DAY}),
    ],
)
def test_a_replacement_is_the_old_order_with_what_changes(
    fields: dict[str, Any], changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    core = opened()
    core.send(order(**fields))
    old = created(core)
    core.send(replace(**changes))
    new = created(core)
    same = ("sleeve", "symbol", "side", "type")
    assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
    assert {name: getattr(new, name) for name in expected} == expected
    assert (new.client_order_id, new.replaces) == ("new", old.order_id)
    last = core.all(fx.OrderChanged)[-1]
    assert (last.order_id, last.status) == (old.order_id, Status.REPLACED)
    assert set(core.state.orders) == {new.order_id}
    laws.check_orders(core)


def test_a_replacement_is_of_the_shares_still_to_trade() -> None:
    core = opened()
    core.send(order(quantity="10", **GTC), *quiet(D2, bar("AAPL", volume="40"), previous=D1))
    core.send(replace(time_in_force=TimeInForce.DAY))
    assert (created(core).quantity, created(core).filled_quantity) == (6, 0)
    core.send(*quiet(D3, bar("AAPL"), previous=D2))
    assert core.state.positions["manual"]["AAPL"].quantity == 10
    laws.check_all(core)


def test_a_replacement_is_judged_without_what_it_replaces() -> None:
    core = opened()
    core.send(order(quantity="100", **LIMIT))  # reserves 9,000 of 10,000
    core.send(replace(quantity=Decimal(105)))
    assert created(core).status == Status.ACCEPTED


def test_where_the_replacement_is_refused_the_old_order_works_on() -> None:
    core = opened()
    core.send(order(quantity="100", **LIMIT))
    old = created(core)
    core.send(replace(quantity=Decimal(120)))  # 10,800 with 10,000 in cash
    assert (created(core).status, created(core).code) == (Status.REFUSED, "BUYING_POWER")
    assert created(core).replaces == old.order_id
    assert core.state.orders[old.order_id].status == Status.ACCEPTED
    assert not core.all(fx.OrderChanged)
    laws.check_orders(core)


@pytest.mark.parametrize(
    ("placed", "changes", "code"),
    [
        (order(**GTC), {"limit_price": Decimal(90)}, "SCHEMA_INVALID"),
        (order(**GTC), {"stop_price": Decimal(90)}, "SCHEMA_INVALID"),
        (order(**LIMIT), {"stop_price": Decimal(90)}, "SCHEMA_INVALID"),
        (order(**STOP), {"limit_price": Decimal(90)}, "SCHEMA_INVALID"),
        (order(**LIMIT), {"quantity": Decimal("1.0000000001")}, "SCHEMA_INVALID"),
        (for_money("1000", **GTC), {"quantity": Decimal(1)}, "REPLACE_NOT_POSSIBLE"),
    ],
)
def test_a_replacement_that_makes_no_sense_changes_nothing(
    placed: PlaceOrder, changes: dict[str, Any], code: str
) -> None:
    core = opened()
    core.send(placed)
    before = len(core.effects)
    core.send(replace(**changes))
    assert refused(core).code == code
    assert len(core.effects) == before + 1


def test_a_stop_price_that_traded_cannot_be_moved_any_more() -> None:
    core = opened()
    core.send(order(**BOTH), *quiet(D2, bar("AAPL", "111"), previous=D1))
    (working,) = core.state.orders.values()
    assert working.triggered
    core.send(replace(stop_price=Decimal(120)))
    assert refused(core).code == "SCHEMA_INVALID"
    core.send(replace(request="again", limit_price=Decimal(112)))
    assert created(core).triggered
    core.send(*quiet(D3, bar("AAPL", "105"), previous=D2))  # below the stop, within the limit
    assert core.state.positions["manual"]["AAPL"].quantity == 10


def test_an_id_that_works_is_not_given_twice() -> None:
    core = opened()
    core.send(order(**LIMIT), order(request_id="other", **LIMIT))
    core.send(order(quantity="5"), replace("other", "mine", quantity=Decimal(5)))
    assert [r.code for r in core.all(fx.CommandRefused)] == ["CLIENT_ORDER_ID_USED"] * 2
    assert len(core.state.orders) == 2


def test_placing_and_replacing_share_their_ids() -> None:
    """The journal drops the second of two inputs with one id, the command table refuses it."""
    placed, replaced = order(request_id="x"), replace(request="x", quantity=Decimal(1))
    assert (placed.input_id, placed.command_id) == (replaced.input_id, replaced.command_id)
    assert order(request_id="y").input_id != placed.input_id
    assert cancel(request="x").command_id != placed.command_id


def test_a_command_of_the_night_before_does_not_make_the_sessions_bars_old() -> None:
    """On an account with a clock of its own, bars become known after their end."""
    core = opened()
    late = close_of(D2) + timedelta(minutes=5)
    core.send(msgspec.structs.replace(order(), at=late))
    assert core.state.clock == late
    core.send(*quiet(D2, bar("AAPL"), previous=D1))
    assert core.state.session == D2
    assert core.state.clock == late
    assert not core.all(fx.Filled)  # it came after that session's close
    core.send(*quiet(D3, bar("AAPL"), previous=D2))
    assert [f.fill.session for f in core.all(fx.Filled)] == [D3]
    laws.check_all(core)


@pytest.mark.parametrize(("hour", "day"), [(1, D2), (9, D2), (10, D3), (15, D3), (20, D3)])
def test_a_bar_never_fills_what_may_have_been_ordered_after_its_open(hour: int, day: Any) -> None:
    """The bar ends at 21:00; its open is at most 12 hours earlier."""
    core = opened()
    at = close_of(D2).replace(hour=hour)
    core.send(msgspec.structs.replace(order(), at=at))
    core.send(*quiet(D2, bar("AAPL"), previous=D1), *quiet(D3, bar("AAPL"), previous=D2))
    assert [f.fill.session for f in core.all(fx.Filled)] == [day]


def test_an_order_that_could_not_be_judged_is_recorded_whatever_it_asked_for() -> None:
    core = opened()
    for number, item in enumerate(
        [
            for_money("1000", request_id="a"),
            order("AAPL", "1e-40", request_id="b"),
            order("NONE", "999999999999999", request_id="c", **BOTH),
        ]
    ):
        (effect,) = engine.refuse(core.state, core.inbox, 10 + number, item)
        assert isinstance(effect, fx.OrderCreated)
        assert effect.order.code == "INTERNAL_ERROR"
    (effect,) = engine.refuse(core.state, core.inbox, 20, replace(quantity=Decimal(1)))
    assert isinstance(effect, fx.CommandRefused)
    (effect,) = engine.refuse(State(config=CONFIG), core.inbox, 20, order())
    assert isinstance(effect, fx.CommandRefused)
