"""Corporate actions, fills, expiry and valuation, on real prices where there are some."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain.ledger import Account
from execution.domain.orders import OrderType, Side, Status, TimeInForce
from router.messages import Bar, Dividend, Split
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, bars, order, signal_set

D1, D2, D3 = DAYS[:3]
LIMIT: dict[str, Any] = {"type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}


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


def quiet(day: date, *rows: Bar, previous: date | None = None, actions: tuple = ()) -> list:
    """A session without signals."""
    return [bars(day, *rows, previous=previous, actions=actions), signal_set(day, [])]


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
    core.send(
        order("AAPL", "4", client_order_id="s", side=Side.SELL, limit_price=Decimal(105), **LIMIT)
    )
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
    core.send(
        order("AAPL", "3", client_order_id="s", side=Side.SELL, limit_price=Decimal(105), **LIMIT)
    )
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
    core.send(order("AAPL", "70", client_order_id="more"))
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
    core.send(order("AAPL", "5", client_order_id="too late"))
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


def test_a_partial_fill_of_a_day_order_expires_and_of_a_gtc_order_goes_on() -> None:
    core = feeds.run(quiet(D1, bar("AAPL", "100")))
    core.send(
        order("AAPL", "10", client_order_id="day"),
        order("AAPL", "10", client_order_id="gtc", time_in_force=TimeInForce.GTC),
    )
    # a tenth of 60 shares of volume: 6 of each order's 10
    core.send(*quiet(D2, bar("AAPL", volume="60"), previous=D1))
    last = {c.order_id: (c.status, c.filled_quantity) for c in core.all(fx.OrderChanged)}
    assert sorted(last.values()) == [(Status.EXPIRED, 6), (Status.PARTIALLY_FILLED, 6)]
    core.send(*quiet(D3, bar("AAPL"), previous=D2))
    assert not core.state.orders
    assert core.state.positions["manual"]["AAPL"].quantity == 16
    laws.check_all(core)


def test_a_day_order_whose_symbol_has_no_bar_expires() -> None:
    core = feeds.run([*quiet(D1, bar("AAPL")), order("AAPL", "1")])
    core.send(*quiet(D2, bar("IBM"), previous=D1))
    assert [c.status for c in core.all(fx.OrderChanged)] == [Status.EXPIRED]


def test_capital_is_posted_with_the_first_session_and_never_again() -> None:
    core = feeds.run([*quiet(D1), *quiet(D2, previous=D1)])
    assert core.state.cash == {"technical": 90_000, "manual": 10_000}
    assert [v.equity for v in core.all(fx.SessionValued)] == [100_000, 100_000]


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
