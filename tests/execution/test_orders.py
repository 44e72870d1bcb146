"""Which change of an order is legal."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from execution.domain.orders import (
    WORKING,
    Fill,
    IllegalTransitionError,
    Side,
    Status,
    moved,
)
from tests.execution.test_paper import an_order

LEGAL = set(product(WORKING, set(Status) - {Status.ACCEPTED, Status.REFUSED}))


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


@pytest.mark.parametrize(("before", "after"), sorted(product(Status, Status)))
def test_every_change_of_status_is_legal_or_raises(before: Status, after: Status) -> None:
    order = msgspec.structs.replace(an_order(), status=before)
    if (before, after) in LEGAL:
        assert moved(order, after).status == after
        return
    with pytest.raises(IllegalTransitionError, match=f"order o: {before} to {after}"):
        moved(order, after)


def test_a_fill_counts_shares_and_value() -> None:
    order = moved(an_order(), Status.PARTIALLY_FILLED, a_fill("4", "100.5"))
    order = moved(order, Status.PARTIALLY_FILLED, a_fill("5", "100"))
    # 4 x 100.5 + 5 x 100 = 902
    assert (order.filled_quantity, order.filled_value, order.leaves) == (9, 902, 1)


def test_more_than_is_left_cannot_fill() -> None:
    with pytest.raises(IllegalTransitionError, match="order o: 11 filled, 10 left"):
        moved(an_order(), Status.FILLED, a_fill("11"))


class OrderLife(RuleBasedStateMachine):
    """Fills and ends in any order that is legal."""

    def __init__(self) -> None:
        super().__init__()
        self.order = an_order(quantity="100")
        self.filled = 0

    def working(self) -> bool:
        return self.order.status in WORKING

    @precondition(working)
    @rule(quantity=st.integers(1, 60))
    def fills(self, quantity: int) -> None:
        if quantity > self.order.leaves:
            with pytest.raises(IllegalTransitionError):
                moved(self.order, Status.FILLED, a_fill(str(quantity)))
            return
        done = quantity == self.order.leaves
        status = Status.FILLED if done else Status.PARTIALLY_FILLED
        self.order = moved(self.order, status, a_fill(str(quantity)))
        self.filled += quantity

    @precondition(working)
    @rule(status=st.sampled_from([Status.CANCELLED, Status.EXPIRED]))
    def ends(self, status: Status) -> None:
        self.order = moved(self.order, status)

    @precondition(lambda self: not self.working())
    @rule(status=st.sampled_from(Status))
    def stays_ended(self, status: Status) -> None:
        with pytest.raises(IllegalTransitionError):
            moved(self.order, status)

    @invariant()
    def counts(self) -> None:
        assert self.order.filled_quantity == self.filled
        assert 0 <= self.order.leaves <= self.order.quantity
        assert (self.order.leaves == 0) == (self.order.status == Status.FILLED)


TestOrderLife = OrderLife.TestCase
