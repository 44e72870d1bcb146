"""FIFO lots: nothing is sold twice, no cent of cost is lost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.portfolio import (
    Lot,
    OversoldError,
    Position,
    closing,
    enlarged,
    merged,
    reduced,
    split,
)
from tests.execution.factories import DAYS

CENT = Decimal("0.01")
_lots = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 10_000_000)), min_size=1, max_size=6)


def a_position(*lots: tuple[int | str, int | str]) -> Position:
    position = Position()
    for day, (quantity, cost) in zip(DAYS, lots, strict=False):
        position = enlarged(position, day, Decimal(quantity), Decimal(cost))
    return position


def test_the_oldest_lot_is_sold_first() -> None:
    position, cost = reduced(a_position((10, 1000), (10, 1200)), Decimal(15))
    # all of the first lot's 1,000 and half of the second's 1,200
    assert cost == 1600
    assert position == Position(Decimal(5), (Lot(DAYS[1], Decimal(5), Decimal(600)),))


def test_a_part_of_a_lot_takes_its_share_in_cents() -> None:
    position, cost = reduced(a_position((3, 100)), Decimal(1))
    # 100 / 3 = 33.33, and 66.67 stay
    assert (cost, position.cost) == (Decimal("33.33"), Decimal("66.67"))


def test_more_than_is_held_cannot_be_sold() -> None:
    with pytest.raises(OversoldError, match="11 shares to close, 10 held"):
        reduced(a_position((10, 1000)), Decimal(11))


@given(_lots, st.data())
def test_realised_and_remaining_cost_are_the_whole_cost(
    lots: list[tuple[int, int]], data: st.DataObject
) -> None:
    position = a_position(*((q, str(Decimal(c) * CENT)) for q, c in lots))
    total, gone = position.cost, Decimal(0)
    while position.quantity:
        quantity = data.draw(st.integers(1, int(position.quantity)))
        position, cost = reduced(position, Decimal(quantity))
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


def short(*lots: tuple[int | str, int | str]) -> Position:
    return a_position(*((-Decimal(quantity), -Decimal(cost)) for quantity, cost in lots))


def test_the_oldest_short_lot_is_bought_back_first() -> None:
    position, cost = reduced(short((10, 1000), (10, 1200)), Decimal(15))
    # all of what the first 10 brought in and half of the next 1,200
    assert cost == -1600
    assert position == Position(Decimal(-5), (Lot(DAYS[1], Decimal(-5), Decimal(-600)),))


@given(_lots, st.integers(1, 20), st.integers(1, 20), st.booleans(), st.data())
def test_a_short_position_is_the_mirror_image_of_a_long_one(
    lots: list[tuple[int, int]], new: int, old: int, fractional: bool, data: st.DataObject
) -> None:
    ratio = Fraction(new, old)
    long_one, odd = split(a_position(*lots), new, old, fractional=fractional)
    short_one, short_odd = split(short(*lots), new, old, fractional=fractional)
    assert (short_one.quantity, short_odd) == (-long_one.quantity, -odd)
    quantity = Decimal(data.draw(st.integers(0, int(sum(n for n, _ in lots) * ratio))))
    left, cost = reduced(long_one, quantity)
    short_left, short_cost = reduced(short_one, quantity)
    assert short_cost == -cost
    assert [(-lot.quantity, -lot.cost) for lot in short_left.lots] == [
        (lot.quantity, lot.cost) for lot in left.lots
    ]


def test_selling_a_whole_position_takes_every_cent_with_it() -> None:
    # a 1:3 split leaves 0.000000001 of three shares, and nothing of the newest two
    before = a_position(*[("0.000000001", 7)] * 3)
    after, _ = split(before, 1, 3, fractional=True)
    assert [lot.quantity for lot in after.lots] == [0, 0, Decimal("1E-9")]
    assert reduced(after, after.quantity) == (Position(), 21)


@pytest.mark.parametrize(
    ("held", "traded", "closes"),
    [(10, 5, 0), (10, -5, 5), (10, -15, 10), (-10, 15, 10), (-10, -5, 0), (0, 5, 0)],
)
def test_only_what_is_held_the_other_way_is_closed(held: int, traded: int, closes: int) -> None:
    assert closing(Position(Decimal(held)), Decimal(traded)) == closes


def test_merged_lots_are_in_the_order_in_which_they_were_opened() -> None:
    older, newer = Position(), Position()
    older = enlarged(older, DAYS[0], Decimal(1), Decimal(10))
    newer = enlarged(newer, DAYS[1], Decimal(2), Decimal(30))
    position, loss = merged(newer, older)
    assert (position.quantity, position.lots, loss) == (3, (*older.lots, *newer.lots), 0)


@given(_lots, _lots)
def test_opposite_positions_close_each_other_and_no_cent_is_lost(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    one, other = a_position(*first), short(*second)
    position, loss = merged(one, other)
    assert position.quantity == one.quantity + other.quantity
    assert position.cost + loss == one.cost + other.cost
    assert len({lot.quantity > 0 for lot in position.lots}) <= 1
