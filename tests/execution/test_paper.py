"""Whether, at what price and for how many shares a bar fills an order."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.config import PaperCosts
from execution.domain.orders import LIMITED, STOPPED, Order, OrderType, Side, Status, TimeInForce
from execution.domain.paper import Met, capacity, commission, meet
from router.messages import Bar
from tests.execution.factories import bar
from tests.execution.feeds import bars_of

COSTS = PaperCosts()
DAY = bar(open="100", high="105", low="95", close="102")
BUY, SELL = Side
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType
DAY_ORDER, GTC, IOC, FOK = TimeInForce
PLENTY = Decimal(1_000)


def an_order(
    side: Side = Side.BUY,
    limit: str | None = None,
    quantity: str = "10",
    stop: str | None = None,
    **fields: Any,
) -> Order:
    types = {(False, False): MARKET, (True, False): LIMIT, (False, True): STOP}
    values: dict[str, Any] = {
        "order_id": "o",
        "client_order_id": "c",
        "sleeve": "manual",
        "symbol": "AAPL",
        "side": side,
        "quantity": Decimal(quantity),
        "type": types.get((limit is not None, stop is not None), STOP_LIMIT),
        "limit_price": Decimal(limit) if limit else None,
        "stop_price": Decimal(stop) if stop else None,
        "time_in_force": TimeInForce.DAY,
        "status": Status.ACCEPTED,
        "reference_price": Decimal(100),
        "session": date(2012, 1, 2),
        "accepted_at": datetime(2012, 1, 2, tzinfo=UTC),
    }
    return Order(**values | fields)


def met(order: Order, day: Bar = DAY, available: Decimal = PLENTY) -> Met:
    return meet(order, day, COSTS, available)


def price_of(order: Order, day: Bar = DAY) -> Decimal | None:
    execution = met(order, day).execution
    return execution and execution.price


# The day opens at 100, falls to 95, rises to 105; slippage is 0.05 %.
# side, limit, stop, price of a day or gtc order, price of an ioc or fok order, triggered by either
SHAPES = [
    (BUY, None, None, "100.05", "100.05"),
    (SELL, None, None, "99.95", "99.95"),
    (BUY, "94.99", None, None, None),  # the low of 95 does not reach it
    (BUY, "95", None, "95", None),  # touched, but not at the open
    (BUY, "99.99", None, "99.99", None),
    (BUY, "100", None, "100", "100"),
    (BUY, "101", None, "100", "100"),  # the open is better already
    (SELL, "105.01", None, None, None),
    (SELL, "105", None, "105", None),
    (SELL, "100", None, "100", "100"),
    (SELL, "99", None, "100", "100"),
    (BUY, None, "105.01", None, None),  # the high of 105 does not reach it
    (BUY, None, "105", "105.0525", None),  # 105 x 1.0005
    (BUY, None, "100.01", "100.060005", None),  # 100.01 x 1.0005
    (BUY, None, "100", "100.05", "100.05"),
    (BUY, None, "98", "100.05", "100.05"),  # it opened beyond the stop: 100 x 1.0005
    (SELL, None, "94.99", None, None),
    (SELL, None, "95", "94.9525", None),  # 95 x 0.9995
    (SELL, None, "100", "99.95", "99.95"),
    (SELL, None, "103", "99.95", "99.95"),
    (BUY, "106", "105.01", None, None),
    (BUY, "105", "105", "105", None),  # elected at 105, which is within the limit
    (BUY, "103", "102", "102", None),
    (BUY, "101.99", "102", None, None),  # elected at 102, beyond the limit: from the next bar on
    (BUY, "101", "98", "100", "100"),  # gapped over the stop to 100
    (BUY, "99", "98", None, None),  # gapped over the stop and the limit
    (SELL, "94", "94.99", None, None),
    (SELL, "95", "95", "95", None),
    (SELL, "97", "98", "98", None),
    (SELL, "98.01", "98", None, None),
    (SELL, "99", "102", "100", "100"),
    (SELL, "101", "102", None, None),
]


@pytest.mark.parametrize("time_in_force", TimeInForce)
@pytest.mark.parametrize(("side", "limit", "stop", "working", "at_once"), SHAPES)
def test_price(
    time_in_force: TimeInForce,
    side: Side,
    limit: str | None,
    stop: str | None,
    working: str | None,
    at_once: str | None,
) -> None:
    expected = at_once if time_in_force in (IOC, FOK) else working
    found = price_of(an_order(side, limit, stop=stop, time_in_force=time_in_force))
    assert found == (expected and Decimal(expected))


@pytest.mark.parametrize(
    ("side", "stop", "working", "at_once"),
    [
        (BUY, "105", True, False),
        (BUY, "105.01", False, False),
        (BUY, "100", True, True),
        (BUY, "100.01", True, False),
        (SELL, "95", True, False),
        (SELL, "94.99", False, False),
        (SELL, "100", True, True),
        (SELL, "99.99", True, False),
    ],
)
@pytest.mark.parametrize("limit", [None, "1", "200"])
def test_a_stop_is_elected_where_the_range_reaches_it(
    limit: str | None, side: Side, stop: str, working: bool, at_once: bool
) -> None:
    assert met(an_order(side, limit, stop=stop)).triggered is working
    assert met(an_order(side, limit, stop=stop, time_in_force=IOC)).triggered is at_once


def test_what_was_elected_before_is_a_market_or_limit_order() -> None:
    stop = an_order(stop="150", triggered=True)  # the high of 105 is far below
    assert price_of(stop) == Decimal("100.05")
    assert price_of(an_order(limit="97", stop="150", triggered=True)) == 97
    assert price_of(an_order(limit="94", stop="150", triggered=True)) is None
    assert met(stop).triggered


def test_what_is_elected_without_volume_keeps_it() -> None:
    assert met(an_order(stop="101"), available=Decimal(0)) == Met(triggered=True, execution=None)


@pytest.mark.parametrize(
    ("volume", "whole", "parts"),
    [("0", 0, "0"), ("9", 0, "0.9"), ("19", 1, "1.9"), ("1e6", 1e5, 1e5)],
)
def test_orders_may_take_a_tenth_of_the_volume(volume: str, whole: int, parts: Any) -> None:
    assert capacity(bar(volume=volume), COSTS, fractional=False) == whole
    assert capacity(bar(volume=volume), COSTS, fractional=True) == Decimal(parts)


@pytest.mark.parametrize("time_in_force", TimeInForce)
@pytest.mark.parametrize(("available", "taken"), [("0", 0), ("0.9", "0.9"), ("9", 9), ("10", 10)])
def test_no_more_than_what_is_left(time_in_force: TimeInForce, available: str, taken: Any) -> None:
    order = an_order(time_in_force=time_in_force)
    execution = met(order, available=Decimal(available)).execution
    expected = Decimal(taken)
    if time_in_force == FOK and expected < 10:
        expected = Decimal(0)
    assert (execution.quantity if execution else 0) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("1", "1.00"), ("200", "1.00"), ("201", "1.00"), ("203", "1.02"), ("1000", "5.00")],
)
def test_commission_per_share_with_a_minimum(quantity: str, expected: str) -> None:
    # 201 x 0.005 = 1.005, half to even: 1.00; 203 x 0.005 = 1.015: 1.02
    assert commission(Decimal(quantity), COSTS) == Decimal(expected)
    execution = met(an_order(quantity=quantity)).execution
    assert execution is not None
    assert execution.commission == Decimal(expected)


def test_a_price_that_rounds_to_nothing_fills_nothing() -> None:
    assert price_of(an_order(Side.SELL), bar(price="0.000000001")) is None


def test_what_was_filled_before_counts() -> None:
    execution = met(an_order(filled_quantity=Decimal(7))).execution
    assert execution is not None
    assert execution.quantity == 3


@st.composite
def orders(draw: st.DrawFn) -> Order:
    kind = draw(st.sampled_from(OrderType))
    cents = st.integers(2_000, 20_000).map(lambda n: str(Decimal(n) / 100))
    return an_order(
        draw(st.sampled_from(Side)),
        draw(cents) if kind in LIMITED else None,
        stop=draw(cents) if kind in STOPPED else None,
        time_in_force=draw(st.sampled_from(TimeInForce)),
    )


@given(bars_of("AAPL"), orders())
def test_a_limit_is_never_broken_and_no_price_is_better_than_the_bar(
    day: Bar, order: Order
) -> None:
    triggered, execution = met(order, day)
    if execution is None:
        return
    assert 0 < execution.quantity <= 10
    assert triggered == (order.type in STOPPED)
    sign = order.side.sign
    if order.limit_price is not None:
        assert sign * execution.price <= sign * order.limit_price
        assert day.low <= execution.price <= day.high
    else:  # slippage only ever costs, and a stop never gains on its stop price
        start = (
            day.open
            if order.stop_price is None
            else max(sign * day.open, sign * order.stop_price) * sign
        )
        assert sign * execution.price > sign * start


@given(bars_of("AAPL"), orders())
def test_what_fills_at_the_open_alone_would_fill_in_the_whole_bar(day: Bar, order: Order) -> None:
    at_once = msgspec.structs.replace(order, time_in_force=IOC)
    working = msgspec.structs.replace(order, time_in_force=DAY_ORDER)
    if met(at_once, day).execution is not None:
        assert met(at_once, day) == met(working, day)
