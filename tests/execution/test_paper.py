"""Whether, at what price and for how many shares a bar fills an order."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.config import PaperCosts
from execution.domain.orders import Order, OrderType, Side, Status, TimeInForce
from execution.domain.paper import Execution, commission, execute
from router.messages import Bar
from tests.execution.factories import bar
from tests.execution.feeds import bars_of

COSTS = PaperCosts()
DAY = bar(open="100", high="105", low="95", close="102")


def an_order(side: Side = Side.BUY, limit: str | None = None, quantity: str = "10") -> Order:
    return Order(
        order_id="o",
        client_order_id="c",
        sleeve="manual",
        symbol="AAPL",
        side=side,
        quantity=Decimal(quantity),
        type=OrderType.LIMIT if limit else OrderType.MARKET,
        limit_price=Decimal(limit) if limit else None,
        time_in_force=TimeInForce.DAY,
        status=Status.ACCEPTED,
        reference_price=Decimal(100),
        session=date(2012, 1, 2),
        accepted_at=datetime(2012, 1, 2, tzinfo=UTC),
    )


def filled(order: Order, day: Bar = DAY, **costs: Any) -> Execution | None:
    return execute(order, day, msgspec.structs.replace(COSTS, **costs), fractional=False)


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (Side.BUY, None, "100.05"),  # the open of 100 and 0.05 % of slippage
        (Side.SELL, None, "99.95"),
        (Side.BUY, "94.99", None),  # the low of 95 does not reach it
        (Side.BUY, "95", "95"),  # touched
        (Side.BUY, "99", "99"),
        (Side.BUY, "101", "100"),  # the open is better already
        (Side.SELL, "105.01", None),
        (Side.SELL, "105", "105"),
        (Side.SELL, "99", "100"),
    ],
)
def test_price(side: Side, limit: str | None, price: str | None) -> None:
    execution = filled(an_order(side, limit))
    assert (execution and execution.price) == (price and Decimal(price))


@pytest.mark.parametrize(
    ("volume", "quantity"),
    [("0", None), ("9", None), ("10", 1), ("99", 9), ("100", 10), ("1e6", 10)],
)
def test_no_more_than_a_tenth_of_the_volume(volume: str, quantity: int | None) -> None:
    execution = filled(an_order(), bar(volume=volume))
    assert (execution and execution.quantity) == quantity


def test_a_fractional_account_may_take_a_part_of_a_share() -> None:
    execution = execute(an_order(), bar(volume="9"), COSTS, fractional=True)
    assert execution is not None
    assert execution.quantity == Decimal("0.9")


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("1", "1.00"), ("200", "1.00"), ("201", "1.00"), ("203", "1.02"), ("1000", "5.00")],
)
def test_commission_per_share_with_a_minimum(quantity: str, expected: str) -> None:
    # 201 x 0.005 = 1.005, half to even: 1.00; 203 x 0.005 = 1.015: 1.02
    assert commission(Decimal(quantity), COSTS) == Decimal(expected)


def test_a_price_that_rounds_to_nothing_fills_nothing() -> None:
    assert filled(an_order(Side.SELL), bar(price="0.000000001")) is None


def test_what_was_filled_before_counts() -> None:
    order = msgspec.structs.replace(an_order(), filled_quantity=Decimal(7))
    execution = filled(order)
    assert execution is not None
    assert execution.quantity == 3


@given(bars_of("AAPL"), st.sampled_from(Side), st.integers(2_000, 20_000))
def test_a_limit_is_never_worse_and_always_within_the_bar(day: Bar, side: Side, cents: int) -> None:
    limit = Decimal(cents) / 100
    execution = filled(an_order(side, str(limit)), day)
    if execution is None:
        return
    assert day.low <= execution.price <= day.high
    assert execution.price <= limit if side == Side.BUY else execution.price >= limit
    assert 0 < execution.quantity <= 10


@given(bars_of("AAPL"), st.sampled_from(Side))
def test_a_market_order_never_gains_from_slippage(day: Bar, side: Side) -> None:
    execution = filled(an_order(side), day)
    if execution is not None:
        assert (execution.price > day.open) == (side == Side.BUY)
