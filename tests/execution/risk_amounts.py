"""Reason codes at their limits: how large orders are, how many, and what they add up to.

Keep out: who may trade what (risk_permissions.py).
"""

from datetime import timedelta
from decimal import Decimal

import msgspec

from execution.domain.config import Limits
from execution.domain.orders import Order, Side
from execution.domain.risk import Book, Code
from tests.execution.risk_cases import (
    AT,
    BEYOND,
    PRICES,
    SECOND,
    SWITCH,
    a_book,
    a_signal,
    an_order,
    boundary,
    described,
    filled,
    limits,
    money,
    of_signal,
    placed,
)
from tests.execution.risk_permissions import MINE, NO_DATA

SELL = Side.SELL


@boundary(Code.MAX_ORDER_QTY, BEYOND)
def shares_of_an_order(tick: int) -> tuple[Order, Book]:
    book = a_book(narrow=limits(max_order_quantity="1000"), volumes={})
    return an_order(quantity=1_000 + tick), book


@boundary(Code.MAX_ORDER_QTY, BEYOND, Code.ADV_PARTICIPATION)
def shares_of_an_order_by_volume(tick: int) -> tuple[Order, Book]:
    volumes = {"AAPL": Decimal(200_000)}
    book = a_book(narrow=limits(max_order_quantity="1000"), volumes=volumes)
    return an_order(quantity=2_000 + tick), book


@boundary(Code.MAX_ORDER_NOTIONAL, BEYOND)
def worth_of_an_order(tick: int) -> tuple[Order, Book]:
    # 10 % of 100,000 is 10,000: 100 shares at 100.00
    return worth(tick), a_book(narrow=limits(max_order_notional="0.10"))


def worth(tick: int, side: Side = Side.BUY) -> Order:
    """10,000 and so many units at its limit."""
    return an_order(side, 100, limit=money(tick, 100))


@boundary(Code.MAX_ORDER_NOTIONAL, BEYOND)
def worth_of_an_order_at_market(tick: int) -> tuple[Order, Book]:
    # 3 % above its reference: 10 x 103 is 1,030
    book = a_book(narrow=limits(max_order_notional="0.0103"), equity=Decimal(100_000 - tick))
    return an_order(), book


@boundary(Code.MIN_ORDER_NOTIONAL, BEYOND)
def worth_at_least(tick: int) -> tuple[Order, Book]:
    order = an_order(quantity=1, limit=money(-tick, 1), reference_price=Decimal(1))
    return order, a_book(narrow=limits(min_order_notional="1"), prices={"AAPL": "1"})


@boundary(Code.MIN_ORDER_NOTIONAL, BEYOND)
def worth_at_least_at_market(tick: int) -> tuple[Order, Book]:
    order = an_order(quantity=1, reference_price=money(-tick, 1))
    return order, a_book(narrow=limits(min_order_notional="1"), prices={"AAPL": "1"})


@boundary(Code.PRICE_COLLAR, BEYOND)
def a_limit_above(tick: int) -> tuple[Order, Book]:
    return an_order(limit=money(tick, 105)), a_book(narrow=limits(price_collar="0.05"))


@boundary(Code.PRICE_COLLAR, BEYOND)
def a_limit_below(tick: int) -> tuple[Order, Book]:
    return an_order(limit=money(-tick, 95)), a_book(narrow=limits(price_collar="0.05"))


@boundary(Code.PRICE_COLLAR, BEYOND)
def a_stop_above(tick: int) -> tuple[Order, Book]:
    return an_order(stop=money(tick, 105)), a_book(narrow=limits(price_collar="0.05"))


@boundary(Code.PRICE_COLLAR, BEYOND)
def a_stop_with_a_limit_near(tick: int) -> tuple[Order, Book]:
    order = an_order(stop=money(tick, 105), limit="101")
    return order, a_book(narrow=limits(price_collar="0.05"))


@boundary(Code.PRICE_COLLAR, SWITCH)
def a_market_order_where_none_may_be(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(narrow=limits(collar_market_orders=bool(tick)))


@boundary(Code.ADV_PARTICIPATION, BEYOND)
def share_of_the_volume(tick: int) -> tuple[Order, Book]:
    return an_order(quantity=1_000 + tick), a_book(volumes={"AAPL": Decimal(100_000)})


@boundary(Code.ADV_PARTICIPATION, SWITCH, *NO_DATA)
def a_volume_unknown_outside(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(volumes={}, external=bool(tick))


@boundary(Code.DUPLICATE_ORDER, BEYOND)
def the_same_again(tick: int) -> tuple[Order, Book]:
    book = a_book()
    book.remember(placed((5 - tick) * SECOND))
    return an_order(), book


@boundary(Code.ORDER_RATE, BEYOND)
def orders_in_a_minute(tick: int) -> tuple[Order, Book]:
    return an_order(), crowded(4 + tick, 59 * SECOND, orders_per_minute=5)


@boundary(Code.ORDER_RATE, BEYOND)
def orders_in_a_second(tick: int) -> tuple[Order, Book]:
    return an_order(), crowded(4 + tick, SECOND / 2, orders_per_second=5)


@boundary(Code.ORDER_RATE, BEYOND)
def the_end_of_a_minute(tick: int) -> tuple[Order, Book]:
    return an_order(), crowded(5, (60 - tick) * SECOND, orders_per_minute=5)


@boundary(Code.ORDER_RATE, BEYOND)
def the_end_of_a_second(tick: int) -> tuple[Order, Book]:
    return an_order(), crowded(5, SECOND - tick * SECOND / 1000, orders_per_second=5)


def crowded(count: int, age: timedelta, **narrow: int) -> Book:
    """A book that remembers so many orders of that age."""
    book = a_book(narrow=limits(**narrow))
    for _ in range(count):
        book.remember(placed(age, symbol="IBM"))
    return book


@boundary(Code.REPEATED_EXECUTION, AT)
def fills_alike(tick: int) -> tuple[Order, Book]:
    return wild(20 + tick, SECOND)


@boundary(Code.REPEATED_EXECUTION, BEYOND)
def the_end_of_a_window_of_fills(tick: int) -> tuple[Order, Book]:
    return wild(20, (600 - tick) * SECOND)


def wild(count: int, age: timedelta) -> tuple[Order, Book]:
    order, book = of_signal(a_signal())
    for _ in range(count):
        book.traded(filled(age))
    return order, book


@boundary(Code.MAX_OPEN_ORDERS, BEYOND)
def orders_that_work(tick: int) -> tuple[Order, Book]:
    working = (an_order(order_id=str(n)) for n in range(4 + tick))
    return an_order(), a_book(working=tuple(working), narrow=limits(max_open_orders=5))


@boundary(Code.OPEN_ORDER_NOTIONAL, BEYOND)
def worth_of_what_works(tick: int) -> tuple[Order, Book]:
    buying = an_order(order_id="buy", symbol="IBM", quantity=50, limit="100")
    selling = an_order(SELL, 50, order_id="sell", symbol="IBM", limit="100")
    narrow = limits(open_order_notional="0.20", shorting=True)
    return worth(tick), a_book(working=(buying, selling), narrow=narrow)


@boundary(Code.SELF_TRADE, AT)
def a_purchase_against_a_sale(tick: int) -> tuple[Order, Book]:
    working = an_order(SELL, order_id="working", sleeve="technical", limit="101")
    return an_order(limit=money(tick, 101)), a_book({("technical", "AAPL"): 10}, (working,))


@boundary(Code.SELF_TRADE, AT)
def a_sale_against_a_purchase(tick: int) -> tuple[Order, Book]:
    working = an_order(order_id="working", limit="99")
    return an_order(SELL, limit=money(-tick, 99)), a_book({MINE: 10}, (working,))


@boundary(Code.SELF_TRADE, SWITCH)
def at_market_against_a_limit(tick: int) -> tuple[Order, Book]:
    working = an_order(SELL, order_id="working", symbol=("IBM", "AAPL")[tick], limit="109")
    return an_order(), a_book(working=(working,), narrow=limits(shorting=True))


@boundary(Code.SELF_TRADE, SWITCH)
def a_limit_against_a_stop(tick: int) -> tuple[Order, Book]:
    working = an_order(SELL, order_id="working", symbol=("IBM", "AAPL")[tick], stop="90")
    return an_order(limit="95"), a_book(working=(working,), narrow=limits(shorting=True))


@boundary(Code.POSITION_LIMIT, BEYOND)
def a_position(tick: int) -> tuple[Order, Book]:
    held = {("manual", "AAPL"): 30, ("technical", "AAPL"): -20}
    return worth(tick), a_book(held, narrow=limits(position_limit="0.15", shorting=True))


@boundary(Code.POSITION_LIMIT, BEYOND)
def a_short_position(tick: int) -> tuple[Order, Book]:
    book = a_book({MINE: -10}, narrow=limits(position_limit="0.11", shorting=True))
    return worth(tick, SELL), book


@boundary(Code.CONCENTRATION, BEYOND)
def a_sector(tick: int) -> tuple[Order, Book]:
    known = {s: msgspec.structs.replace(described(sector="tech")["AAPL"], symbol=s) for s in PRICES}
    narrow = limits(concentration="0.25")
    return worth(tick), a_book({("technical", "IBM"): 150}, narrow=narrow, instruments=known)


@boundary(Code.GROSS_EXPOSURE, BEYOND)
def gross(tick: int) -> tuple[Order, Book]:
    held = {("technical", "CENT"): 4_000_000, ("technical", "IBM"): -500}
    return worth(tick), a_book(held, narrow=limits(gross_exposure="1.00"))


@boundary(Code.NET_EXPOSURE, BEYOND)
def net_long(tick: int) -> tuple[Order, Book]:
    held = {("technical", "CENT"): 9_000_000, ("technical", "IBM"): -100}
    working = an_order(
        order_id="working", symbol="IBM", sleeve="technical", quantity=100, limit="100"
    )
    return worth(tick), a_book(held, (working,), limits(net_exposure="1.00"))


@boundary(Code.NET_EXPOSURE, BEYOND)
def net_short(tick: int) -> tuple[Order, Book]:
    held = {("technical", "CENT"): -9_000_000, ("technical", "IBM"): 100}
    working = an_order(SELL, 100, order_id="working", symbol="IBM", sleeve="technical", limit="100")
    narrow = limits(net_exposure="1.00", shorting=True)
    return worth(tick, SELL), a_book(held, (working,), narrow)


@boundary(Code.BUYING_POWER, BEYOND)
def cash_for_a_limit(tick: int) -> tuple[Order, Book]:
    # 10 x 100 and the least commission of 1.00
    return an_order(limit="100"), a_book(cash={"manual": money(-tick, 1_001)})


@boundary(Code.BUYING_POWER, BEYOND)
def cash_at_market(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(cash={"manual": money(-tick, 1_031)})


@boundary(Code.BUYING_POWER, BEYOND)
def cash_at_a_stop(tick: int) -> tuple[Order, Book]:
    return an_order(stop="110"), a_book(cash={"manual": money(-tick, 1_134)})


@boundary(Code.BUYING_POWER, BEYOND)
def cash_for_a_short_sale(tick: int) -> tuple[Order, Book]:
    book = a_book(cash={"manual": money(-tick, 1_031)}, narrow=limits(shorting=True))
    return an_order(SELL), book


@boundary(Code.BUYING_POWER, BEYOND)
def cash_for_the_part_that_is_sold_short(tick: int) -> tuple[Order, Book]:
    book = a_book({MINE: 10}, cash={"manual": money(-tick, 516)}, narrow=limits(shorting=True))
    return an_order(SELL, 15), book


@boundary(Code.BUYING_POWER, BEYOND)
def cash_beside_a_short_position(tick: int) -> tuple[Order, Book]:
    held = {("manual", "IBM"): -10}
    return an_order(limit="100"), a_book(held, cash={"manual": money(-tick, 3_001)})


@boundary(Code.BUYING_POWER, BEYOND)
def cash_beside_a_working_order(tick: int) -> tuple[Order, Book]:
    working = an_order(order_id="working", symbol="IBM")
    return an_order(limit="100"), a_book(working=(working,), cash={"manual": money(-tick, 2_032)})


@boundary(Code.INSUFFICIENT_QTY, BEYOND)
def shares_to_sell(tick: int) -> tuple[Order, Book]:
    working = an_order(SELL, 4, order_id="working", filled_quantity=Decimal(1))
    return an_order(SELL, 7 + tick), a_book({MINE: 10}, (working,))


@boundary(Code.SHORT_NOT_ALLOWED, SWITCH)
def a_short_sale(tick: int) -> tuple[Order, Book]:
    return an_order(SELL), a_book({("technical", "AAPL"): 10}, narrow=limits(shorting=not tick))


@boundary(Code.REDUCE_ONLY_INCREASE, BEYOND)
def a_sale_that_only_reduces(tick: int) -> tuple[Order, Book]:
    order = an_order(SELL, 10 + tick, reduce_only=True)
    return order, a_book({MINE: 10}, narrow=limits(shorting=True))


@boundary(Code.REDUCE_ONLY_INCREASE, SWITCH)
def a_purchase_that_only_reduces(tick: int) -> tuple[Order, Book]:
    held = {MINE: 10 if tick else -10}
    return an_order(reduce_only=True), a_book(held)


@boundary(Code.DAILY_LOSS, AT)
def a_day(tick: int) -> tuple[Order, Book]:
    narrow = limits(daily_loss="0.02")
    return an_order(), a_book(narrow=narrow, valued=money(-tick, 98_000))


@boundary(Code.DRAWDOWN, AT)
def a_fall(tick: int) -> tuple[Order, Book]:
    narrow, peak = limits(drawdown="0.10"), Decimal(120_000)
    return an_order(), a_book(narrow=narrow, valued=money(-tick, 108_000), peak=peak)


@boundary(Code.STRATEGY_CAPITAL, BEYOND)
def a_sleeve(tick: int) -> tuple[Order, Book]:
    held = {("manual", "IBM"): -50, ("technical", "IBM"): 900}
    return worth(tick), a_book(held, sleeve_equity={"manual": Decimal(15_000)})


@boundary(Code.MODEL_UNAPPROVED, SWITCH)
def a_version(tick: int) -> tuple[Order, Book]:
    narrow = limits(approved_versions={"technical": ("1", "2")})
    return of_signal(a_signal(strategy_version=("2", "3")[tick]), narrow)


@boundary(Code.CONFIDENCE_BOUNDS, BEYOND)
def a_score_above(tick: int) -> tuple[Order, Book]:
    return of_signal(a_signal(score=money(tick, 1)))


@boundary(Code.CONFIDENCE_BOUNDS, BEYOND)
def a_score_below(tick: int) -> tuple[Order, Book]:
    return of_signal(a_signal(score=money(-tick, -1)))


@boundary(Code.INTERNAL_ERROR, SWITCH)
def an_unreadable_limit(tick: int) -> tuple[Order, Book]:
    narrow = Limits(position_limit=Decimal("0.10"))
    if tick:
        msgspec.structs.force_setattr(narrow, "position_limit", Decimal("NaN"))
    return an_order(), a_book(narrow=narrow)
