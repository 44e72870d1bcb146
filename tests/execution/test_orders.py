"""Which change of an order is legal."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from execution.domain.orders import (
    LATE_FILLS,
    WORKING,
    Fill,
    IllegalTransitionError,
    Order,
    Side,
    Status,
    moved,
)
from tests.execution.test_paper import an_order

S = Status
UNFILLED = {S.PENDING_NEW, S.ACCEPTED, S.REJECTED}
ENDS = {S.CANCELLED, S.REPLACED, S.EXPIRED}
ANSWERS = {S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.UNKNOWN}
NEXT = {
    S.PENDING_NEW: ANSWERS | ENDS | {S.REJECTED},
    S.ACCEPTED: (ANSWERS | ENDS) - {S.ACCEPTED},
    S.PARTIALLY_FILLED: (ANSWERS | ENDS) - {S.ACCEPTED, S.PARTIALLY_FILLED},
    S.PENDING_CANCEL: (ANSWERS | ENDS) - {S.PENDING_CANCEL, S.PENDING_REPLACE},
    S.PENDING_REPLACE: (ANSWERS | ENDS) - {S.PENDING_REPLACE},
    S.UNKNOWN: (ANSWERS | ENDS | {S.REJECTED}) - {S.UNKNOWN},
}
"""Without a fill; nothing is FILLED without one."""


def a_fill(quantity: str = "1", price: str = "100") -> Fill:
    return Fill(
        fill_id="f",
        order_id="o",
        sleeve="manual",
        symbol="AAPL",
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Decimal(1),
        session=date(2012, 1, 3),
        at=datetime(2012, 1, 3, tzinfo=UTC),
        realised=Decimal(0),
    )


def in_status(status: Status, filled: str = "0") -> Order:
    return an_order(status=status, filled_quantity=Decimal(filled))


@pytest.mark.parametrize("filled", ["0", "4"])
@pytest.mark.parametrize(("before", "after"), sorted(product(Status, Status)))
def test_every_change_of_status_is_legal_or_raises(
    before: Status, after: Status, filled: str
) -> None:
    order = in_status(before, filled)
    impossible = after in UNFILLED if filled != "0" else after == S.PARTIALLY_FILLED
    if after in NEXT.get(before, set()) and not impossible:
        assert moved(order, after).status == after
        return
    with pytest.raises(IllegalTransitionError, match=f"order o: .*{after}"):
        moved(order, after)


@pytest.mark.parametrize(("before", "after"), sorted(product(Status, Status)))
def test_a_fill_of_a_part_leaves_no_order_as_if_nothing_had_filled(
    before: Status, after: Status
) -> None:
    order = in_status(before)
    late = before in LATE_FILLS and after == before
    working = after in (NEXT.get(before, set()) | {before}) - UNFILLED and before in WORKING
    if late or working:
        found = moved(order, after, a_fill("4"))
        assert (found.status, found.filled_quantity, found.leaves) == (after, 4, 6)
        return
    with pytest.raises(IllegalTransitionError):
        moved(order, after, a_fill("4"))


@pytest.mark.parametrize("before", Status)
def test_what_fills_the_whole_order_fills_it(before: Status) -> None:
    if before not in WORKING | LATE_FILLS:
        with pytest.raises(IllegalTransitionError):
            moved(in_status(before), S.FILLED, a_fill("10"))
        return
    assert moved(in_status(before), S.FILLED, a_fill("10")).leaves == 0
    for other in set(Status) - {S.FILLED}:
        with pytest.raises(IllegalTransitionError):
            moved(in_status(before), other, a_fill("10"))


def test_a_fill_counts_shares_and_value() -> None:
    order = moved(an_order(), Status.PARTIALLY_FILLED, a_fill("4", "100.5"))
    order = moved(order, Status.PARTIALLY_FILLED, a_fill("5", "100"))
    # 4 x 100.5 + 5 x 100 = 902
    assert (order.filled_quantity, order.filled_value, order.leaves) == (9, 902, 1)


@pytest.mark.parametrize(
    ("quantity", "said"),
    [("11", "11 filled, 10 left"), ("0", "0 filled"), ("-1", "-1 filled")],
)
def test_more_than_is_left_and_nothing_at_all_cannot_fill(quantity: str, said: str) -> None:
    with pytest.raises(IllegalTransitionError, match=f"order o: {said}"):
        moved(an_order(), Status.PARTIALLY_FILLED, a_fill(quantity))


class OrderLife(RuleBasedStateMachine):
    """Fills and ends in any order, legal or not."""

    def __init__(self) -> None:
        super().__init__()
        self.order = an_order(quantity="100")
        self.filled = 0

    @rule(quantity=st.integers(1, 60), status=st.sampled_from(Status))
    def fills(self, quantity: int, status: Status) -> None:
        try:
            self.order = moved(self.order, status, a_fill(str(quantity)))
        except IllegalTransitionError:
            return
        self.filled += quantity

    @precondition(lambda self: self.order.status in WORKING)
    @rule(status=st.sampled_from(Status))
    def moves(self, status: Status) -> None:
        try:
            self.order = moved(self.order, status)
        except IllegalTransitionError:
            return

    @precondition(lambda self: self.order.status not in WORKING)
    @rule(status=st.sampled_from(Status))
    def stays_ended(self, status: Status) -> None:
        with pytest.raises(IllegalTransitionError):
            moved(self.order, status)

    @invariant()
    def counts(self) -> None:
        assert self.order.filled_quantity == self.filled
        assert self.order.quantity == self.order.filled_quantity + self.order.leaves
        assert 0 <= self.order.leaves <= self.order.quantity
        assert (self.order.leaves == 0) == (self.order.status == Status.FILLED)


TestOrderLife = OrderLife.TestCase
