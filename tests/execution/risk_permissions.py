"""Reason codes at their limits: who may trade what, and how an order is written.

Keep out: how large orders are and what they add up to (risk_amounts.py).
"""

from decimal import Decimal

from execution.domain.inputs import Scope, TradingState
from execution.domain.orders import Order, Side, TimeInForce
from execution.domain.risk import Book, Code
from execution.domain.state import Mark
from tests.execution.factories import DAYS
from tests.execution.risk_cases import (
    AT,
    BEYOND,
    NOW,
    PRICES,
    SECOND,
    SWITCH,
    a_book,
    a_signal,
    an_order,
    boundary,
    described,
    limits,
    of_signal,
    restricted,
)

NO_DATA = (
    Code.RECONCILING,
    Code.MARKET_CLOSED,
    Code.SYMBOL_HALTED,
    Code.SPREAD_TOO_WIDE,
    Code.LEVERAGE,
    Code.LOCATE_REQUIRED,
    Code.CLOCK_UNTRUSTED,
    Code.BROKER_UNAVAILABLE,
)
SELL = Side.SELL
MINE = ("manual", "AAPL")


@boundary(Code.SCHEMA_INVALID, BEYOND)
def decimals_of_a_quantity(tick: int) -> tuple[Order, Book]:
    return an_order(quantity=1 + Decimal(1).scaleb(-9 - tick)), a_book(fractional=True)


@boundary(Code.SCHEMA_INVALID, AT)
def digits_of_a_quantity(tick: int) -> tuple[Order, Book]:
    narrow = limits(**dict.fromkeys(WORTH, str(10**16)))
    rich = dict.fromkeys(("manual",), Decimal(10**20))
    book = a_book(narrow=narrow, cash=dict(rich), sleeve_equity=rich, volumes={})
    return an_order(quantity=10**15 + tick), book


WORTH = (
    "max_order_quantity",
    "max_order_notional",
    "open_order_notional",
    "position_limit",
    "gross_exposure",
    "net_exposure",
)


@boundary(Code.SCHEMA_INVALID, SWITCH)
def a_market_order_with_a_limit(tick: int) -> tuple[Order, Book]:
    return an_order(limit_price=Decimal(100) if tick else None), a_book()


@boundary(Code.SCHEMA_INVALID, SWITCH)
def a_market_order_with_a_stop(tick: int) -> tuple[Order, Book]:
    return an_order(stop_price=Decimal(100) if tick else None), a_book()


@boundary(Code.UNAUTHORIZED_SOURCE, SWITCH)
def a_signal_of_another_strategy(tick: int) -> tuple[Order, Book]:
    return of_signal(a_signal(strategy="other" if tick else "technical"))


@boundary(Code.UNAUTHORIZED_SOURCE, SWITCH, Code.BUYING_POWER, Code.STRATEGY_CAPITAL)
def a_sleeve_of_nobody(tick: int) -> tuple[Order, Book]:
    return an_order(sleeve="other" if tick else "manual"), a_book()


@boundary(Code.SIGNAL_DUPLICATE, SWITCH)
def a_signal_again(tick: int) -> tuple[Order, Book]:
    found = a_signal()
    return of_signal(found, watermarks={"AAPL": found.as_of - (1 - tick) * SECOND})


@boundary(Code.SIGNAL_EXPIRED, AT)
def the_end_of_a_signal(tick: int) -> tuple[Order, Book]:
    found = a_signal()
    return of_signal(found, now=found.valid_until + tick * SECOND)


@boundary(Code.SIGNAL_EXPIRED, AT)
def the_end_of_a_signal_before_its_age(tick: int) -> tuple[Order, Book]:
    found = a_signal()
    narrow = limits(signal_max_age_seconds=10**6)
    return of_signal(found, narrow, now=found.valid_until + tick * SECOND)


@boundary(Code.SIGNAL_EXPIRED, BEYOND)
def the_age_of_a_signal(tick: int) -> tuple[Order, Book]:
    found = a_signal()
    narrow = limits(signal_max_age_seconds=120)
    return of_signal(found, narrow, now=found.as_of + (120 + tick) * SECOND)


@boundary(Code.SIGNAL_FROM_FUTURE, BEYOND)
def a_signal_ahead(tick: int) -> tuple[Order, Book]:
    found = a_signal()
    return of_signal(found, now=found.as_of - (5 + tick) * SECOND)


@boundary(Code.SIGNAL_SUPERSEDED, SWITCH)
def a_newer_signal_executed(tick: int) -> tuple[Order, Book]:
    found = a_signal()
    return of_signal(found, watermarks={"AAPL": found.as_of + (2 * tick - 1) * SECOND})


@boundary(Code.KILL_SWITCH, SWITCH)
def the_switch(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(kill_switch=bool(tick))


SCOPES = ((Scope.ACCOUNT, ""), (Scope.STRATEGY, "manual"), (Scope.SYMBOL, "AAPL"))


@boundary(Code.TRADING_HALTED, SWITCH)
def an_account_halted(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.ACCOUNT, "", TradingState.HALTED)
    return an_order(), a_book(restrictions=found if tick else {})


@boundary(Code.TRADING_HALTED, SWITCH)
def a_strategy_halted(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.STRATEGY, ("technical", "manual")[tick], TradingState.HALTED)
    return an_order(), a_book(restrictions=found)


@boundary(Code.TRADING_HALTED, SWITCH)
def a_symbol_halted(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.SYMBOL, ("IBM", "AAPL")[tick], TradingState.HALTED)
    return an_order(), a_book(restrictions=found)


@boundary(Code.TRADING_REDUCING, SWITCH)
def an_account_reducing(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.ACCOUNT, "", TradingState.REDUCING)
    return an_order(), a_book(restrictions=found if tick else {})


@boundary(Code.TRADING_REDUCING, SWITCH)
def a_strategy_reducing(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.STRATEGY, ("technical", "manual")[tick], TradingState.REDUCING)
    return an_order(), a_book(restrictions=found)


@boundary(Code.TRADING_REDUCING, BEYOND)
def a_sale_of_all_that_is_held(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.SYMBOL, "AAPL", TradingState.REDUCING)
    book = a_book({MINE: 10}, restrictions=found, narrow=limits(shorting=True))
    return an_order(SELL, 10 + tick), book


@boundary(Code.TRADING_REDUCING, BEYOND)
def a_purchase_of_all_that_is_short(tick: int) -> tuple[Order, Book]:
    found = restricted(Scope.SYMBOL, "AAPL", TradingState.REDUCING)
    book = a_book({MINE: -10}, restrictions=found, narrow=limits(shorting=True))
    return an_order(quantity=10 + tick), book


@boundary(Code.TRADING_REDUCING, BEYOND)
def a_sale_beside_a_working_one(tick: int) -> tuple[Order, Book]:
    working = an_order(SELL, 4, order_id="working")
    found = restricted(Scope.SYMBOL, "AAPL", TradingState.REDUCING)
    book = a_book({MINE: 10}, (working,), limits(shorting=True), restrictions=found)
    return an_order(SELL, 6 + tick), book


def outside(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(external=bool(tick))


for _code in NO_DATA:
    boundary(_code, SWITCH, *NO_DATA)(outside)


@boundary(Code.SYMBOL_UNKNOWN, SWITCH)
def a_symbol_never_seen(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(prices={"IBM": "100"} if tick else PRICES, volumes={})


@boundary(Code.NOT_TRADABLE, SWITCH)
def an_instrument_that_does_not_trade(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(instruments=described(tradable=not tick))


@boundary(Code.NOT_TRADABLE, SWITCH)
def a_symbol_delisted(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(delisted={("IBM", "AAPL")[tick]: DAYS[1]})


@boundary(Code.RESTRICTED_LIST, SWITCH)
def a_restricted_symbol(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(narrow=limits(restricted=("AAPL",) if tick else ("IBM",)))


@boundary(Code.RESTRICTED_LIST, SWITCH)
def a_symbol_not_allowed(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(narrow=limits(allowed=() if tick else ("AAPL",)))


@boundary(Code.PRICE_JUMP_UNEXPLAINED, SWITCH)
def a_jump(tick: int) -> tuple[Order, Book]:
    return an_order(), a_book(suspects=frozenset({("IBM", "AAPL")[tick]}))


@boundary(Code.QUOTE_MISSING, SWITCH)
def no_reference_price(tick: int) -> tuple[Order, Book]:
    order = an_order(SELL, reference_price=None if tick else Decimal(100))
    return order, a_book({MINE: 10})


@boundary(Code.QUOTE_STALE, BEYOND)
def sessions_of_a_quote(tick: int) -> tuple[Order, Book]:
    marks = {"AAPL": Mark(Decimal(100), DAYS[1 - tick])}
    return an_order(), a_book(narrow=limits(quote_max_age_sessions=2), marks=marks)


@boundary(Code.QUOTE_STALE, BEYOND)
def seconds_of_a_quote(tick: int) -> tuple[Order, Book]:
    narrow = limits(quote_max_age_seconds=15)
    return an_order(), a_book(narrow=narrow, marked_at=NOW - (15 + tick) * SECOND)


@boundary(Code.QUOTE_STALE, SWITCH)
def a_quote_of_the_session_before(tick: int) -> tuple[Order, Book]:
    narrow = limits(quote_max_age_seconds=15, quote_max_age_sessions=2)
    marks = {"AAPL": Mark(Decimal(100), DAYS[2 - tick])}
    return an_order(), a_book(narrow=narrow, marks=marks)


@boundary(Code.QUANTITY_INVALID, BEYOND)
def no_shares(tick: int) -> tuple[Order, Book]:
    return an_order(quantity=1 - tick), a_book()


@boundary(Code.QUANTITY_INVALID, SWITCH)
def half_a_share(tick: int) -> tuple[Order, Book]:
    return an_order(quantity="0.5"), a_book(fractional=not tick)


@boundary(Code.LOT_SIZE, SWITCH)
def an_odd_lot(tick: int) -> tuple[Order, Book]:
    return an_order(quantity=100 + tick), a_book(instruments=described(lot_size=100))


@boundary(Code.LOT_SIZE, SWITCH)
def a_fraction_for_longer(tick: int) -> tuple[Order, Book]:
    force = (TimeInForce.DAY, TimeInForce.GTC)[tick]
    return an_order(quantity="0.5", time_in_force=force), a_book(fractional=True)


@boundary(Code.LOT_SIZE, SWITCH)
def a_fraction_at_a_limit(tick: int) -> tuple[Order, Book]:
    return an_order(quantity="0.5", limit="100" if tick else None), a_book(fractional=True)


@boundary(Code.PRICE_TICK, SWITCH)
def decimals_of_a_limit(tick: int) -> tuple[Order, Book]:
    return an_order(limit=("99.99", "99.999")[tick]), a_book()


@boundary(Code.PRICE_TICK, SWITCH)
def decimals_of_a_stop(tick: int) -> tuple[Order, Book]:
    return an_order(stop=("100.01", "100.001")[tick]), a_book()


@boundary(Code.PRICE_TICK, SWITCH)
def decimals_at_one(tick: int) -> tuple[Order, Book]:
    order = an_order(limit=("0.9999", "1.0001")[tick], reference_price=Decimal(1))
    return order, a_book(prices={"AAPL": "1"})


@boundary(Code.PRICE_TICK, SWITCH)
def decimals_below_one(tick: int) -> tuple[Order, Book]:
    order = an_order(limit=("0.9999", "0.99999")[tick], reference_price=Decimal(1))
    return order, a_book(prices={"AAPL": "1"})
