"""Deposits, withdrawals and interest: cash that comes and goes without a trade."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain.inputs import MoveCash
from execution.domain.ledger import Account
from execution.domain.orders import OrderType, Side
from tests.execution import laws
from tests.execution.factories import CONFIG, DAYS, Core, quiet
from tests.execution.ledgers import Ledger, check, flat, opened, posted

LENDING = msgspec.structs.replace(
    CONFIG,
    capital={"technical": Decimal(0), "manual": Decimal(10_000)},
    interest_rate=Decimal("0.05"),
)


def refusals(effects: tuple[fx.Effect, ...]) -> list[str]:
    return [effect.code for effect in effects if isinstance(effect, fx.CommandRefused)]


def test_a_deposit_is_capital_and_no_profit() -> None:
    core = opened(AAPL=100)
    effects = core.move_cash("manual", Decimal(500))
    assert posted(effects) == [{Account.CASH: 500, Account.CAPITAL: -500}]
    assert core.state.cash["manual"] == 10_500
    # the measures of loss move along: a deposit hides no loss, a withdrawal is none
    assert (core.state.equity, core.state.peak_equity) == (100_500, 100_500)
    core.move_cash("manual", Decimal("-1500.01"))
    assert (core.state.equity, core.state.peak_equity) == (
        Decimal("98999.99"),
        Decimal("98999.99"),
    )
    core.session(DAYS[2], {"AAPL": flat(100)})
    assert core.all(fx.SessionValued)[-1].equity == Decimal("98999.99")
    check(core)


def test_no_more_can_be_withdrawn_than_working_orders_leave() -> None:
    core = opened(AAPL=100)
    limit = {"type": OrderType.LIMIT, "limit_price": Decimal(90)}
    core.work("manual", "AAPL", Side.BUY, Decimal(100), **limit)
    # 10,000 less 100 at 90 and a commission of 1.00
    assert refusals(core.move_cash("manual", Decimal("-999.01"))) == ["INSUFFICIENT_CASH"]
    assert core.state.cash["manual"] == 10_000
    assert refusals(core.move_cash("manual", Decimal(-999))) == []
    assert core.state.cash["manual"] == 9_001
    check(core)


def test_the_proceeds_of_a_short_sale_cannot_be_withdrawn() -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", -50, 100)
    # 15,000 in cash, of which 5,000 came in for shares that are owed
    assert refusals(core.move_cash("manual", Decimal(-14_000))) == ["INSUFFICIENT_CASH"]


def test_a_refusal_says_what_there_is() -> None:
    core = opened(AAPL=100)
    (refused,) = core.move_cash("manual", Decimal(-10_001))
    assert isinstance(refused, fx.CommandRefused)
    assert refused.message == "manual has 10000.00 that no working order may need"
    (refused,) = core.move_cash("nobody", Decimal(1))
    assert isinstance(refused, fx.CommandRefused)
    assert refused.code == "SLEEVE_UNKNOWN"
    assert "manual, technical" in refused.message


def test_before_its_first_session_an_account_has_no_books() -> None:
    assert refusals(Ledger(CONFIG).move_cash("manual", Decimal(1))) == ["NO_SESSION"]


def test_a_deposit_goes_through_the_engine() -> None:
    core = Core()
    core.send(*quiet(DAYS[0]))
    item = MoveCash(
        account="sample", request_id="mine", sleeve="manual", amount=Decimal(7), reason="rent"
    )
    (moved,) = [e for e in core.send(item) if isinstance(e, fx.CapitalMoved)]
    assert (moved.sleeve, moved.amount, moved.reason) == ("manual", 7, "rent")
    assert core.state.cash["manual"] == 10_007
    laws.check_all(core)


def lent(*days: date, config: object = LENDING) -> Ledger:
    core = Ledger(config)  # type: ignore[arg-type]
    for day in days:
        core.session(day, {"AAPL": flat(100)})
    return core


def test_interest_accrues_by_the_day_and_is_paid_with_the_first_session_of_a_month() -> None:
    core = lent(date(2012, 1, 27), date(2012, 1, 30))
    # three days over a weekend: 10,000 x 0.05 x 3 / 365 = 4.109589041...
    assert core.state.accrued == {"manual": Decimal("4.109589041")}
    assert core.state.cash["manual"] == 10_000
    paid = core.session(date(2012, 2, 1), {"AAPL": flat(100)})
    # two days more: 2.739726027; 6.84 of 6.849315068 are paid, the rest goes on
    assert posted(paid) == [{Account.CASH: Decimal("6.84"), Account.INTEREST: Decimal("-6.84")}]
    assert core.state.accrued == {"manual": Decimal("0.009315068")}
    assert core.all(fx.SessionValued)[-1].equity == Decimal("10006.84")
    check(core)


def test_a_leap_day_earns_like_another() -> None:
    core = lent(date(2012, 2, 28), date(2012, 2, 29))
    assert core.state.accrued == {"manual": Decimal("1.369863014")}


def test_interest_is_of_the_cash_before_the_session_moves_any() -> None:
    core = lent(date(2012, 1, 27))
    core.trade("AAPL", 100, 100)
    core.session(date(2012, 1, 30), {"AAPL": flat(100)})
    assert core.state.accrued == {}
    core.trade("AAPL", -50, 100)
    core.trade("AAPL", 100, 101)  # overdrawn: nothing is earned, and nothing is owed
    core.session(date(2012, 1, 31), {"AAPL": flat(100)})
    assert core.state.accrued == {}


def test_an_account_without_a_rate_earns_nothing() -> None:
    core = lent(date(2012, 1, 27), date(2012, 2, 1), config=CONFIG)
    assert core.all(fx.InterestAccrued) == []


@pytest.mark.parametrize("days", [1, 3])
def test_a_year_of_daily_accruals_is_a_year_of_interest_but_for_the_last_cents(days: int) -> None:
    sessions = [
        date.fromordinal(n)
        for n in range(date(2013, 1, 1).toordinal(), date(2014, 1, 2).toordinal(), days)
    ]
    core = lent(*sessions)
    earned = core.state.cash["manual"] + core.state.accrued["manual"] - 10_000
    # 5 %, and what the payments of the months before earned themselves: below 5.12 %
    assert Decimal(490) < earned < Decimal(512)
    check(core)
