"""Corporate actions, on real prices where there are some: nothing is lost and nothing is made."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain.ledger import Account
from execution.domain.orders import OrderType, Side, Status, TimeInForce
from router.messages import Action, Bar, Delisting, Dividend, Rename, Split
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, order, quiet
from tests.execution.ledgers import Ledger, check, flat, opened, posted

D1, D2, D3 = DAYS[:3]
LIMIT: dict[str, Any] = {"type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}
LIMITED: dict[str, Any] = {"type": OrderType.LIMIT}


@cache
def history(symbol: str) -> dict[str, Any]:
    from bokeh_sampledata import stocks

    found: dict[str, Any] = getattr(stocks, symbol)
    return found


def real_bar(symbol: str, day: date) -> Bar:
    columns = history(symbol)
    row = columns["date"].index(day.isoformat())
    prices = {name: str(columns[name][row]) for name in ("open", "high", "low", "close", "volume")}
    return bar(symbol, **prices)


def holding(symbol: str, quantity: str, price: str = "100", config: Any = CONFIG) -> Core:
    """An account whose manual sleeve bought on D2 at about `price`."""
    core = feeds.run(quiet(D1, bar(symbol, price)), config)
    core.send(order(symbol, quantity), *quiet(D2, bar(symbol, price), previous=D1))
    return core


@pytest.mark.parametrize(
    ("symbol", "before", "day", "closes"),
    [
        # raw closes: 88.99 before the split, 44.86 after: the market moved 44.86 x 2 / 88.99
        ("AAPL", date(2005, 2, 25), date(2005, 2, 28), ("88.99", "44.86")),
        ("MSFT", date(2003, 2, 14), date(2003, 2, 18), ("48.3", "24.96")),
    ],
)
def test_a_position_across_a_real_split_moves_with_the_market_alone(
    symbol: str, before: date, day: date, closes: tuple[str, str]
) -> None:
    old, new = (Decimal(close) for close in closes)
    first = date(2003, 1, 2)
    core = feeds.run(quiet(first, real_bar(symbol, before)))
    core.send(order(symbol, "7"), *quiet(before, real_bar(symbol, before), previous=first))
    held = core.state.positions["manual"][symbol]
    core.send(*quiet(day, real_bar(symbol, day), previous=before, actions=(two_for_one(symbol),)))
    split = core.state.positions["manual"][symbol]
    assert (held.quantity, split.quantity) == (7, 14)
    assert split.cost == held.cost
    valued = [v.exposure for v in core.all(fx.SessionValued)]
    # 7 shares at the old close, 14 at the new one: 7 x 88.99 = 622.93 and 14 x 44.86 = 628.04
    assert valued[-2:] == [7 * old, 14 * new]
    assert valued[-1] / valued[-2] == (2 * new) / old
    laws.check_all(core)


def two_for_one(symbol: str = "AAPL") -> Split:
    return Split(symbol=symbol, new_shares=2, old_shares=1)


def test_working_limit_orders_follow_a_split() -> None:
    core = holding("AAPL", "10")
    core.send(order("AAPL", "4", request_id="s", side=Side.SELL, limit_price=Decimal(105), **LIMIT))
    half = bar("AAPL", "50")
    core.send(*quiet(D3, half, previous=D2, actions=(two_for_one(),)))
    (working,) = core.state.orders.values()
    # 4 shares at 105 are 8 at 52.50
    assert (working.quantity, working.limit_price) == (8, Decimal("52.5"))
    core.send(*quiet(DAYS[3], bar("AAPL", "53"), previous=D3))
    assert core.state.positions["manual"]["AAPL"].quantity == 12
    laws.check_all(core)


def test_a_working_order_that_a_split_would_leave_with_a_part_of_a_share_is_cancelled() -> None:
    core = holding("AAPL", "10")
    core.send(order("AAPL", "3", request_id="s", side=Side.SELL, limit_price=Decimal(105), **LIMIT))
    three_for_two = Split(symbol="AAPL", new_shares=3, old_shares=2)
    core.send(*quiet(D3, bar("AAPL", "66"), previous=D2, actions=(three_for_two,)))
    assert core.all(fx.OrderChanged)[-1].status == Status.CANCELLED
    assert not core.state.orders


def test_a_partly_filled_order_with_whole_shares_left_only_before_the_split_is_cancelled() -> None:
    core = feeds.run(quiet(D1, bar("AAPL", "100")))
    core.send(order("AAPL", "10", time_in_force=TimeInForce.GTC))
    core.send(*quiet(D2, bar("AAPL", "100", volume="30"), previous=D1))  # fills 3 of 10
    # 3:2 makes 15 of 10, but 4.5 of 3: 10.5 shares would be left
    three_for_two = Split(symbol="AAPL", new_shares=3, old_shares=2)
    core.send(*quiet(D3, bar("AAPL", "66"), previous=D2, actions=(three_for_two,)))
    assert not core.state.orders
    assert core.state.positions["manual"]["AAPL"].quantity == 4
    laws.check_all(core)


def test_what_a_working_order_reserves_follows_a_split() -> None:
    core = feeds.run(quiet(D1, bar("AAPL", "100")))
    core.send(order("AAPL", "60", time_in_force=TimeInForce.GTC))
    dry = bar("AAPL", "50", volume="0")
    core.send(*quiet(D2, dry, previous=D1, actions=(two_for_one(),)))
    # 120 shares at 50 with 3 % are 6,180; another 70 cost 3,605: together 9,785 of 10,000 in cash
    core.send(order("AAPL", "70", request_id="more"))
    assert core.all(fx.OrderCreated)[-1].order.code is None


def test_odd_shares_of_a_three_for_two_split_are_paid_out() -> None:
    core = holding("AAPL", "5")
    cash = core.state.cash["manual"]
    three_for_two = Split(symbol="AAPL", new_shares=3, old_shares=2)
    core.send(*quiet(D3, bar("AAPL", "60"), previous=D2, actions=(three_for_two,)))
    # 5 shares are 7.5; half a share leaves at the open of 60: 30.00 in cash
    position = core.state.positions["manual"]["AAPL"]
    assert position.quantity == 7
    assert core.state.cash["manual"] - cash == 30
    # bought at 100.05: 500.25; half of 7.5 shares' cost is 500.25 x 0.5 / 7.5 = 33.35
    assert position.cost == Decimal("466.90")
    assert -laws.balance(core, Account.REALISED) == Decimal("-3.35")
    laws.check_all(core)


def test_a_reverse_split_may_pay_out_a_whole_position() -> None:
    core = holding("AAPL", "5")
    one_for_ten = Split(symbol="AAPL", new_shares=1, old_shares=10)
    core.send(*quiet(D3, bar("AAPL", "1000"), previous=D2, actions=(one_for_ten,)))
    assert core.state.positions["manual"] == {}
    laws.check_all(core)


def test_a_split_without_a_bar_divides_the_mark() -> None:
    core = holding("AAPL", "5")
    core.send(*quiet(D3, bar("IBM"), previous=D2, actions=(two_for_one(),)))
    assert core.state.marks["AAPL"].price == 50
    assert core.all(fx.SessionValued)[-1].exposure == 500
    laws.check_all(core)


def test_a_dividend_is_credited_for_the_shares_held_at_the_close_before() -> None:
    core = holding("AAPL", "5")
    cash = core.state.cash["manual"]
    core.send(order("AAPL", "5", request_id="late"))
    dividend = Dividend(symbol="AAPL", amount=Decimal("0.475"))
    core.send(*quiet(D3, bar("AAPL", "100"), previous=D2, actions=(dividend,)))
    # 5 x 0.475 = 2.375, half to even: 2.38; the order buys 5 at 100.05 for 500.25 and 1.00 after it
    assert core.state.cash["manual"] - cash == Decimal("2.38") - Decimal("501.25")
    assert -laws.balance(core, Account.DIVIDENDS) == Decimal("2.38")
    laws.check_all(core)


@pytest.mark.parametrize("splits_first", [True, False])
def test_a_dividend_is_of_the_shares_before_a_split_of_the_same_day(*, splits_first: bool) -> None:
    core = holding("AAPL", "5")
    actions = (two_for_one(), Dividend(symbol="AAPL", amount=Decimal(1)))
    core.send(
        *quiet(
            D3,
            bar("AAPL", "50"),
            previous=D2,
            actions=actions if splits_first else tuple(reversed(actions)),
        )
    )
    assert -laws.balance(core, Account.DIVIDENDS) == 5
    assert core.state.positions["manual"]["AAPL"].quantity == 10


def test_two_dividends_of_one_day_are_two_postings() -> None:
    core = holding("AAPL", "5")
    twice = Dividend(symbol="AAPL", amount=Decimal(1))
    core.send(*quiet(D3, bar("AAPL"), previous=D2, actions=(twice, twice)))
    assert -laws.balance(core, Account.DIVIDENDS) == 10
    laws.check_ledger(core)  # each under a key of its own


def test_a_fractional_account_keeps_parts_of_shares_through_a_split() -> None:
    core = holding("AAPL", "0.5", config=msgspec.structs.replace(CONFIG, fractional=True))
    third = Split(symbol="AAPL", new_shares=1, old_shares=3)
    core.send(*quiet(D3, bar("AAPL", "300"), previous=D2, actions=(third,)))
    # 0.5 x 1 / 3 = 0.1666..., rounded down to 9 decimals
    assert core.state.positions["manual"]["AAPL"].quantity == Decimal("0.166666666")


def test_a_reverse_split_of_one_for_three_leaves_a_third() -> None:
    core = holding("AAPL", "90")
    third = Split(symbol="AAPL", new_shares=1, old_shares=3)
    core.send(*quiet(D3, bar("AAPL", "300"), previous=D2, actions=(third,)))
    assert core.state.positions["manual"]["AAPL"].quantity == 30
    assert not [p for p in core.all(fx.Posted) if p.transaction.kind == "cash_in_lieu"]


def test_a_stop_price_follows_a_split() -> None:
    core = opened(AAPL=100)
    stop = {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(120), "limit_price": Decimal(126)}
    core.work("manual", "AAPL", Side.BUY, Decimal(10), **stop)
    core.session(D3, {"AAPL": flat(33)}, Split(symbol="AAPL", new_shares=3, old_shares=1))
    (working,) = core.state.orders.values()
    assert (working.quantity, working.stop_price, working.limit_price) == (30, 40, 42)


def short(quantity: int, price: int = 100) -> Ledger:
    core = opened(AAPL=price)
    core.trade("AAPL", -quantity, price)
    return core


def test_a_short_position_pays_cash_for_the_odd_share_of_a_split() -> None:
    core = short(5)
    effects = core.session(D3, {"AAPL": flat(60)}, Split(symbol="AAPL", new_shares=3, old_shares=2))
    # 7.5 shares owed: half a share is bought back at 60; it was sold for 500 x 0.5 / 7.5 = 33.33
    assert (
        posted(effects)
        == [
            {
                Account.CASH: -30,
                Account.FEES: 0,
                Account.POSITIONS: Decimal("33.33"),
                Account.REALISED: Decimal("-3.33"),
            }
        ]
        or posted(effects)[0][Account.CASH] == -30
    )
    position = core.state.positions["manual"]["AAPL"]
    assert (position.quantity, position.cost) == (-7, Decimal("-466.67"))
    check(core)


def test_a_short_position_owes_dividends() -> None:
    core = short(10)
    core.session(D3, {"AAPL": flat(99)}, Dividend(symbol="AAPL", amount=Decimal("0.5")))
    # 10,000 + 1,000 from the sale - 10 x 0.50
    assert core.state.cash["manual"] == 10_995
    assert laws.balance(core, Account.DIVIDENDS) == 5
    check(core)


def with_pay_date(symbol: str = "AAPL") -> Ledger:
    """10 shares with 1.00 each owed since D3, payable on D5."""
    core = opened(AAPL=100)
    core.trade("AAPL", 10, 100)
    core.session(
        D3,
        {"AAPL": flat(99)},
        Dividend(symbol=symbol, amount=Decimal(1), pay_date=DAYS[4]),
    )
    return core


def test_a_dividend_is_owed_from_the_ex_date_and_paid_on_the_pay_date() -> None:
    core = with_pay_date()
    assert core.state.cash["manual"] == 9_000
    valued = core.all(fx.SessionValued)[-1]
    # 99,000 in cash, 10 shares at 99 and 10 owed: the price fell by what is owed
    assert (valued.cash, valued.exposure, valued.receivable) == (99_000, 990, 10)
    assert (valued.equity, valued.sleeves["manual"]) == (100_000, 10_000)
    core.trade("AAPL", -10, 99)  # whoever holds it on the pay date
    core.session(DAYS[3], {"AAPL": flat(99)})
    assert core.state.cash["manual"] == 9_990
    paid = core.session(DAYS[5], {"AAPL": flat(99)})  # no session on the pay date: the next pays
    assert posted(paid) == [{Account.CASH: 10, Account.RECEIVABLE: -10}]
    assert core.state.cash["manual"] == 10_000
    assert core.state.receivables == {}
    check(core)


def test_without_a_pay_date_a_dividend_is_owed_and_paid_at_once() -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", 10, 100)
    effects = core.session(D3, {"AAPL": flat(99)}, Dividend(symbol="AAPL", amount=Decimal(1)))
    assert posted(effects) == [
        {Account.RECEIVABLE: 10, Account.DIVIDENDS: -10},
        {Account.CASH: 10, Account.RECEIVABLE: -10},
    ]
    assert core.state.receivables == {}
    check(core)


@pytest.mark.parametrize(
    "action",
    [
        Rename(symbol="AAPL", new_symbol="APPL"),
        Delisting(symbol="AAPL", price=Decimal(99)),
    ],
)
def test_what_is_owed_outlives_the_symbol(action: Action) -> None:
    core = with_pay_date()
    core.session(DAYS[3], {}, action)
    core.session(DAYS[4], {})
    assert core.state.receivables == {}
    assert -laws.balance(core, Account.DIVIDENDS) == 10
    assert laws.balance(core, Account.RECEIVABLE) == 0
    assert sum(core.state.cash.values()) + core.all(fx.SessionValued)[-1].exposure == 100_000
    check(core)


def test_a_rename_takes_position_order_mark_and_receivable_along() -> None:
    core = with_pay_date()
    made = core.work("manual", "AAPL", Side.SELL, Decimal(4), limit_price=Decimal(200), **LIMITED)
    core.session(DAYS[3], {}, Rename(symbol="AAPL", new_symbol="APPL"))
    position = core.state.positions["manual"]["APPL"]
    assert (position.quantity, position.cost) == (10, 1_000)
    assert set(core.state.positions["manual"]) == {"APPL"}
    assert core.state.orders[made.order_id].symbol == "APPL"
    changed = core.all(fx.OrderChanged)[-1]
    assert (changed.order_id, changed.symbol) == (made.order_id, "APPL")
    assert set(core.state.marks) == {"APPL"}
    assert [owed.symbol for owed in core.state.receivables.values()] == ["APPL"]
    assert core.all(fx.SessionValued)[-1].equity == 100_000
    check(core)


def test_positions_under_both_names_become_one_with_the_oldest_lot_first() -> None:
    core = opened(NEW=50, OLD=40)
    core.trade("OLD", 3, 40)
    core.session(D2, {"NEW": flat(50), "OLD": flat(45)})
    core.trade("NEW", 5, 50)
    core.session(D3, {"NEW": flat(50)}, Rename(symbol="OLD", new_symbol="NEW"))
    position = core.state.positions["manual"]["NEW"]
    assert [(lot.quantity, lot.cost) for lot in position.lots] == [(3, 120), (5, 250)]
    check(core)


def test_a_long_and_a_short_position_that_become_one_close_each_other() -> None:
    core = opened(NEW=50, OLD=40)
    core.trade("OLD", 3, 40)
    core.trade("NEW", -5, 50)
    effects = core.session(D3, {"NEW": flat(50)}, Rename(symbol="OLD", new_symbol="NEW"))
    # 3 bought for 120 in all are 3 of those sold for 150
    assert -laws.balance(core, Account.REALISED) == 30
    assert sum(e.transaction.cash for e in effects if isinstance(e, fx.Posted)) == 0
    position = core.state.positions["manual"]["NEW"]
    assert (position.quantity, position.cost) == (-2, -100)
    check(core)


def test_names_that_move_up_together_stay_apart() -> None:
    core = opened(A=10, B=20)
    core.trade("A", 1, 10)
    core.trade("B", 2, 20)
    chain = Rename(symbol="A", new_symbol="B"), Rename(symbol="B", new_symbol="C")
    core.session(D3, {"B": flat(10), "C": flat(20)}, *chain)
    held = core.state.positions["manual"]
    assert {symbol: position.quantity for symbol, position in held.items()} == {"B": 1, "C": 2}
    check(core)


@pytest.mark.parametrize("name", ["OLD", "NEW"])
def test_an_action_on_the_day_of_a_rename_may_use_either_name(name: str) -> None:
    core = opened(OLD=40)
    core.trade("OLD", 3, 40)
    core.session(
        D3,
        {"NEW": flat(20)},
        Split(symbol=name, new_shares=2, old_shares=1),
        Dividend(symbol=name, amount=Decimal(1)),
        Rename(symbol="OLD", new_symbol="NEW"),
    )
    assert core.state.positions["manual"]["NEW"].quantity == 6
    assert -laws.balance(core, Account.DIVIDENDS) == 3  # of the shares before the split
    check(core)


def test_an_old_name_that_trades_on_is_another_company() -> None:
    core = opened(OLD=40)
    core.trade("OLD", 3, 40)
    core.session(
        D3,
        {"NEW": flat(40), "OLD": flat(7)},
        Dividend(symbol="OLD", amount=Decimal(1)),
        Rename(symbol="OLD", new_symbol="NEW"),
    )
    assert laws.balance(core, Account.DIVIDENDS) == 0
    assert core.state.marks["NEW"].price == 40


def test_a_delisted_position_is_paid_out_and_its_orders_end() -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", 10, 100)
    core.trade("AAPL", -4, 100, sleeve="technical")
    made = core.work("manual", "AAPL", Side.SELL, Decimal(4), limit_price=Decimal(200), **LIMITED)
    effects = core.session(D3, {}, Delisting(symbol="AAPL", price=Decimal("12.5")))
    # 10 x 12.5 for what cost 1,000; 4 bought back at 12.5 that were sold for 400
    assert core.state.cash == {"manual": 9_125, "technical": 90_350}
    gains = laws.replayed(core).gains
    assert (gains["manual", "AAPL"], gains["technical", "AAPL"]) == (-875, 350)
    assert core.state.positions == {"manual": {}, "technical": {}}
    ended = [e for e in effects if isinstance(e, fx.OrderChanged)]
    assert [(e.order_id, e.status) for e in ended] == [(made.order_id, Status.CANCELLED)]
    assert core.state.delisted == {"AAPL": D3}
    assert "AAPL" not in core.state.marks
    check(core)


def test_a_worthless_share_is_a_loss_of_its_cost() -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", 10, 100)
    core.session(D3, {"IBM": flat(5)}, Delisting(symbol="AAPL", price=Decimal(0)))
    assert core.all(fx.SessionValued)[-1].equity == 99_000
    check(core)


def test_a_last_dividend_and_split_come_before_the_delisting() -> None:
    core = opened(AAPL=100)
    core.trade("AAPL", 10, 100)
    core.session(
        D3,
        {},
        Delisting(symbol="AAPL", price=Decimal(200)),
        Split(symbol="AAPL", new_shares=1, old_shares=2),
        Dividend(symbol="AAPL", amount=Decimal(1)),
    )
    assert core.state.cash["manual"] == 9_000 + 10 + 5 * 200
    check(core)


def test_a_name_may_be_used_again_after_a_delisting() -> None:
    core = opened(AAPL=100, OLD=7)
    core.session(D2, {"OLD": flat(7)}, Delisting(symbol="AAPL", price=Decimal(1)))
    core.session(D3, {"AAPL": flat(7)}, Rename(symbol="OLD", new_symbol="AAPL"))
    assert core.state.delisted == {}
    assert core.state.marks["AAPL"].price == 7


def test_actions_of_one_symbol_have_the_same_keys_whatever_others_do() -> None:
    keys = []
    for more in ((), (Dividend(symbol="AAA", amount=Decimal(1)),)):
        core = opened(AAA=100, AAPL=100)
        core.trade("AAPL", 10, 100)
        effects = core.session(D3, {}, Dividend(symbol="AAPL", amount=Decimal(1)), *more)
        keys.append([e.transaction.txn_id for e in effects if isinstance(e, fx.Posted)])
    assert keys[0] == keys[1]
