"""What executions do to the books: both signs, flips through zero, and every law at once."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain import effects as fx
from execution.domain.ledger import Account
from execution.domain.orders import IllegalTransitionError, Side, Status
from execution.domain.portfolio import Position
from tests.execution import laws
from tests.execution.factories import DAYS
from tests.execution.ledgers import check, flat, opened, posted
from tests.execution.machines_books import BooksMachine, FractionalBooksMachine

D2 = DAYS[1]

TestBooks = BooksMachine.TestCase
TestFractionalBooks = FractionalBooksMachine.TestCase


def test_a_short_sale_brings_in_cash_and_a_negative_cost() -> None:
    core = opened(AAPL=100)
    (lines,) = posted(core.trade("AAPL", -10, 100, fee=1))
    assert lines == {Account.POSITIONS: -1000, Account.FEES: 1, Account.CASH: 999}
    position = core.state.positions["manual"]["AAPL"]
    assert (position.quantity, position.cost) == (-10, -1000)
    core.session(D2, {"AAPL": flat(90)})
    # sold at 100 and worth 90: 10 shares have earned 100, less the commission of 1
    assert core.all(fx.SessionValued)[-1].equity == 100_000 + 100 - 1
    check(core)


def test_buying_back_realises_what_the_sale_brought_more() -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", -10, 100)
    core.trade("AAPL", -10, 120)
    bought = core.trade("AAPL", 15, 110, fee=2)
    # oldest first: 10 sold at 100 lose 100, 5 sold at 120 win 50
    (filled,) = [e.fill for e in bought if isinstance(e, fx.Filled)]
    assert filled.realised == -50
    assert posted(bought) == [
        {
            Account.CASH: -1652,
            Account.FEES: 2,
            Account.POSITIONS: 1600,
            Account.REALISED: 50,
        }
    ]
    position = core.state.positions["manual"]["AAPL"]
    assert (position.quantity, position.cost) == (-5, -600)
    check(core)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_flip_through_zero_is_a_close_and_an_open(sign: int) -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", 10 * sign, 100)
    effects = core.trade("AAPL", -30 * sign, 110, fee=3)
    (filled,) = [e.fill for e in effects if isinstance(e, fx.Filled)]
    # 10 of 30 shares close, with a third of the commission; the profit is the long one's
    assert filled.realised == 100 * sign
    assert posted(effects) == [
        {
            Account.CASH: 1100 * sign - 1,
            Account.FEES: 1,
            Account.POSITIONS: -1000 * sign,
            Account.REALISED: -100 * sign,
        },
        {Account.POSITIONS: -2200 * sign, Account.FEES: 2, Account.CASH: 2200 * sign - 2},
    ]
    kinds = [type(effect).__name__ for effect in effects]
    assert kinds == ["Filled", "Posted", "Posted", "PositionChanged", "OrderChanged"]
    position = core.state.positions["manual"]["AAPL"]
    assert (position.quantity, position.cost) == (-20 * sign, -2200 * sign)
    check(core)


def test_a_flip_loses_no_cent_of_value_or_commission() -> None:
    core = opened(AAPL=1)
    core.trade("AAPL", 1, 1)
    effects = core.trade("AAPL", -3, "0.335", fee="1.00")
    first, second = posted(effects)
    # 3 at 0.335 are 1.005, to even 1.00: 0.34 to even for one, and the rest; a third of 1.00
    assert first[Account.CASH] == Decimal("0.34") - Decimal("0.33")
    assert second[Account.CASH] == Decimal("0.66") - Decimal("0.67")
    check(core)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.ACCEPTED, Status.PARTIALLY_FILLED),
        (Status.UNKNOWN, Status.PARTIALLY_FILLED),
        (Status.PENDING_CANCEL, Status.PENDING_CANCEL),
        (Status.PENDING_REPLACE, Status.PENDING_REPLACE),
    ],
)
def test_a_partial_fill_leaves_what_was_asked_for(before: Status, after: Status) -> None:
    core = opened(AAPL=100)
    made = core.work("manual", "AAPL", Side.BUY, Decimal(10))
    made = msgspec.structs.replace(made, status=before)
    core.fill(made, Decimal(4), Decimal(100))
    assert core.all(fx.OrderChanged)[-1].status == after
    rest = core.state.orders[made.order_id]
    core.fill(rest, Decimal(6), Decimal(100))
    assert core.all(fx.OrderChanged)[-1].status == Status.FILLED
    assert core.state.positions["manual"]["AAPL"].quantity == 10


def test_more_than_is_left_of_an_order_is_not_booked() -> None:
    core = opened(AAPL=100)
    made = core.work("manual", "AAPL", Side.BUY, Decimal(10))
    with pytest.raises(IllegalTransitionError, match="11 filled, 10 left"):
        core.fill(made, Decimal(11), Decimal(100))
    assert core.all(fx.Filled) == []


_trades = st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 20_000))


@given(st.lists(_trades, max_size=6), st.lists(_trades, max_size=6), st.data())
def test_the_order_of_independent_symbols_trades_changes_nothing(
    first: list[tuple[int, int]], second: list[tuple[int, int]], data: st.DataObject
) -> None:
    turns = ["AAPL"] * len(first) + ["IBM"] * len(second)
    ends = []
    for _ in range(2):
        queues = {"AAPL": iter(first), "IBM": iter(second)}
        core = opened(AAPL=100, IBM=100)
        for symbol in data.draw(st.permutations(turns)):
            quantity, price = next(queues[symbol])
            core.trade(symbol, quantity, Decimal(price) / 100, fee=1)
        ends.append((core.state.positions, core.state.cash, laws.replayed(core).gains))
    assert ends[0] == ends[1]


@given(st.lists(_trades, min_size=1, max_size=12))
def test_what_was_bought_and_sold_is_realised_or_still_in_the_cost(
    trades: list[tuple[int, int]],
) -> None:
    core = opened(AAPL=100)
    for quantity, price in trades:
        core.trade("AAPL", quantity, Decimal(price) / 100)
    spent = sum((quantity * Decimal(price) / 100 for quantity, price in trades), Decimal(0))
    position = core.state.positions["manual"].get("AAPL", Position())
    realised = -laws.balance(core, Account.REALISED)
    assert position.cost - realised == spent
    assert position.quantity == sum(quantity for quantity, _ in trades)
    check(core)
