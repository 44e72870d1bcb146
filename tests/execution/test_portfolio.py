"""FIFO lots: nothing is sold twice, no cent of cost is lost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.portfolio import Lot, OversoldError, Position, bought, sold, split
from tests.execution.factories import DAYS

CENT = Decimal("0.01")
_lots = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 10_000_000)), min_size=1, max_size=6)


def a_position(*lots: tuple[int | str, int | str]) -> Position:
    position = Position()
    for day, (quantity, cost) in zip(DAYS, lots, strict=False):
        position = bought(position, day, Decimal(quantity), Decimal(cost))
    return position


def test_the_oldest_lot_is_sold_first() -> None:
    position, cost = sold(a_position((10, 1000), (10, 1200)), Decimal(15))
    # all of the first lot's 1,000 and half of the second's 1,200
    assert cost == 1600
    assert position == Position(Decimal(5), (Lot(DAYS[1], Decimal(5), Decimal(600)),))


def test_a_part_of_a_lot_takes_its_share_in_cents() -> None:
    position, cost = sold(a_position((3, 100)), Decimal(1))
    # 100 / 3 = 33.33, and 66.67 stay
    assert (cost, position.cost) == (Decimal("33.33"), Decimal("66.67"))


def test_more_than_is_held_cannot_be_sold() -> None:
    with pytest.raises(OversoldError, match="11 shares to sell, 10 held"):
        sold(a_position((10, 1000)), Decimal(11))


@given(_lots, st.data())
def test_realised_and_remaining_cost_are_the_whole_cost(
    lots: list[tuple[int, int]], data: st.DataObject
) -> None:
    position = a_position(*((q, str(Decimal(c) * CENT)) for q, c in lots))
    total, gone = position.cost, Decimal(0)
    while position.quantity:
        quantity = data.draw(st.integers(1, int(position.quantity)))
        position, cost = sold(position, Decimal(quantity))
        gone += cost
        assert cost == cost.quantize(CENT)
        assert position.cost + gone == total
        assert position.quantity == sum(lot.quantity for lot in position.lots)
    assert position == Position()


@given(_lots, st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_a_split_keeps_the_cost_and_pays_out_less_than_a_share(
    lots: list[tuple[int, int]], new: int, old: int, fractional: bool
) -> None:
    before = a_position(*lots)
    after, fraction = split(before, new, old, fractional=fractional)
    assert after.cost == before.cost
    assert after.quantity == sum(lot.quantity for lot in after.lots)
    exact = Fraction(before.quantity) * new / old
    assert 0 <= exact - Fraction(after.quantity) < Fraction(1, 10**9)  # rounded down, if at all
    assert 0 <= fraction < 1
    assert fractional is False or fraction == 0
    assert (after.quantity - fraction) % 1 == 0 or fractional


@given(_lots, st.integers(1, 20))
def test_a_split_and_its_inverse_are_nothing(lots: list[tuple[int, int]], new: int) -> None:
    before = a_position(*lots)
    there, _ = split(before, new, 1, fractional=False)
    back, fraction = split(there, 1, new, fractional=False)
    assert (back, fraction) == (before, 0)


def test_rounding_of_single_lots_leaves_the_position_whole() -> None:
    before = a_position(("0.5", 10), ("0.5", 10))
    after, _ = split(before, 1, 3, fractional=True)
    # of 0.1666666665 each, the first keeps 0.166666666 and the newest gets what is left
    assert after.quantity == Decimal("0.333333333")
    assert [lot.quantity for lot in after.lots] == [Decimal("0.166666666"), Decimal("0.166666667")]
