"""What the checks let pass and why: reducing, flattening, working orders, missing data."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.config import Limits
from execution.domain.inputs import Scope, TradingState
from execution.domain.orders import Order, OrderType, Outcome, Side
from execution.domain.risk import Book, Code, evaluate, evaluation, reached, refusal, worst_price
from tests.execution.factories import DAYS
from tests.execution.risk_cases import (
    NOW,
    PRICES,
    SECOND,
    WIDE,
    a_book,
    a_signal,
    an_order,
    described,
    failed,
    filled,
    limits,
    of_signal,
    placed,
    restricted,
)
from tests.execution.risk_permissions import MINE, NO_DATA

SELL = Side.SELL

EXEMPT = [
    Code.TRADING_REDUCING,
    Code.RESTRICTED_LIST,
    Code.PRICE_JUMP_UNEXPLAINED,
    Code.QUOTE_STALE,
    Code.MAX_ORDER_QTY,
    Code.MAX_ORDER_NOTIONAL,
    Code.ADV_PARTICIPATION,
    Code.OPEN_ORDER_NOTIONAL,
    Code.POSITION_LIMIT,
    Code.CONCENTRATION,
    Code.GROSS_EXPOSURE,
    Code.NET_EXPOSURE,
    Code.BUYING_POWER,
    Code.DAILY_LOSS,
    Code.DRAWDOWN,
    Code.STRATEGY_CAPITAL,
]
"""What never keeps anybody from getting out."""

TO_FLATTEN = [
    Code.KILL_SWITCH,
    Code.TRADING_HALTED,
    Code.PRICE_COLLAR,
    Code.DUPLICATE_ORDER,
    Code.ORDER_RATE,
    Code.REPEATED_EXECUTION,
    Code.MAX_OPEN_ORDERS,
    Code.SELF_TRADE,
]
"""What reducing orders must pass, but not the exits that somebody confirmed."""


def all_used_up(quantity: int) -> Book:
    """A book in which everything is forbidden that reducing may do all the same."""
    nothing = dict.fromkeys(
        (
            "max_order_quantity",
            "max_order_notional",
            "adv_participation",
            "open_order_notional",
            "position_limit",
            "concentration",
            "gross_exposure",
            "net_exposure",
            "daily_loss",
            "drawdown",
        ),
        "0",
    )
    return a_book(
        {MINE: quantity},
        narrow=limits(restricted=("AAPL",), shorting=True, **nothing),
        restrictions=restricted(Scope.ACCOUNT, "", TradingState.REDUCING),
        suspects=frozenset({"AAPL"}),
        recent=(DAYS[3],),
        instruments=described(sector="tech"),
        cash={"manual": Decimal(0)},
        sleeve_equity={"manual": Decimal(0)},
        valued=Decimal(50_000),
    )


@pytest.mark.parametrize(("quantity", "opening"), [(10, Side.BUY), (-10, Side.SELL)])
def test_what_reduces_skips_what_limits_exposure(quantity: int, opening: Side) -> None:
    reducing = SELL if opening == Side.BUY else Side.BUY
    assert failed(an_order(opening), all_used_up(quantity)) == EXEMPT
    assert failed(an_order(reducing), all_used_up(quantity)) == []
    assert failed(an_order(reducing, 11), all_used_up(quantity)) == EXEMPT


def everything_at_once() -> tuple[Order, Book]:
    """A strategy's sale of what it holds, against everything that also reducing must pass."""
    against = an_order(order_id="working", sleeve="technical", limit="90")
    order, book = of_signal(
        a_signal(),
        limits(collar_market_orders=True, orders_per_minute=1, max_open_orders=1),
        held={("technical", "AAPL"): 10},
        working=(against,),
        kill_switch=True,
        restrictions=restricted(Scope.STRATEGY, "technical", TradingState.HALTED),
    )
    book.remember(placed(SECOND, sleeve="technical", side=SELL))
    for _ in range(20):
        book.traded(filled(SECOND, side=SELL))
    return msgspec.structs.replace(order, side=SELL), book


def test_what_reduces_does_not_skip_the_rest() -> None:
    assert failed(*everything_at_once()) == TO_FLATTEN


def test_the_exits_that_somebody_confirmed_pass() -> None:
    order, book = everything_at_once()
    assert failed(msgspec.structs.replace(order, flatten=True), book) == []


def test_flattening_needs_a_price_and_a_symbol_that_trades() -> None:
    order = an_order(SELL, flatten=True, reference_price=None)
    book = a_book({MINE: 10}, instruments=described(tradable=False))
    assert failed(order, book) == [Code.NOT_TRADABLE, Code.QUOTE_MISSING]


def test_a_restriction_names_its_scope_cause_and_reason() -> None:
    found = restricted(Scope.SYMBOL, "AAPL", TradingState.HALTED, "overfill")
    found |= restricted(Scope.ACCOUNT, "", TradingState.REDUCING, "drawdown")
    checks = {check.code: check for check in evaluate(an_order(), a_book(restrictions=found))}
    assert checks[Code.TRADING_HALTED].numbers == {
        "scope": "symbol/AAPL",
        "cause": "overfill",
        "reason": "because",
    }
    assert checks[Code.TRADING_REDUCING].numbers["scope"] == "account"


@pytest.mark.parametrize("shares", [1, 150])
@pytest.mark.parametrize("side", Side)
def test_what_closes_a_position_may_be_an_odd_lot_and_dust(shares: int, side: Side) -> None:
    narrow = limits(min_order_notional="100000", shorting=True)
    known = described(lot_size=100)
    held = shares if side == SELL else -shares
    closing = failed(an_order(side, shares), a_book({MINE: held}, (), narrow, instruments=known))
    part = failed(an_order(side, shares), a_book({MINE: held * 2}, (), narrow, instruments=known))
    assert closing == []
    assert part == [Code.LOT_SIZE, Code.MIN_ORDER_NOTIONAL]


@pytest.mark.parametrize(("code", "data"), [(code, {"data": "none"}) for code in NO_DATA])
def test_a_check_without_data_fails_only_outside(code: Code, data: dict[str, str]) -> None:
    inside = {check.code: check for check in evaluate(an_order(), a_book())}
    outside = {check.code: check for check in evaluate(an_order(), a_book(external=True))}
    assert inside[code].outcome == Outcome.NOT_APPLICABLE
    assert outside[code].numbers == data


@pytest.mark.parametrize("volumes", [{}, {"AAPL": Decimal(10**9)}])
def test_a_volume_that_nobody_knows_has_no_meaning_on_paper(volumes: dict[str, Decimal]) -> None:
    checks = {check.code: check for check in evaluate(an_order(), a_book(volumes=volumes))}
    known = Outcome.PASSED if volumes else Outcome.NOT_APPLICABLE
    assert checks[Code.ADV_PARTICIPATION].outcome == known


APPLY_TO_SIGNALS = [
    Code.SIGNAL_DUPLICATE,
    Code.SIGNAL_EXPIRED,
    Code.SIGNAL_FROM_FUTURE,
    Code.SIGNAL_SUPERSEDED,
    Code.REPEATED_EXECUTION,
    Code.MODEL_UNAPPROVED,
    Code.CONFIDENCE_BOUNDS,
]


def not_applicable(order: Order, book: Book) -> set[str]:
    checks = evaluate(order, book)
    return {check.code for check in checks if check.outcome == Outcome.NOT_APPLICABLE}


def test_checks_of_signals_do_not_apply_to_orders_by_hand() -> None:
    by_hand = not_applicable(an_order(), a_book())
    order, book = of_signal(a_signal(), limits(approved_versions={"technical": ("1",)}))
    book.watermarks = {"AAPL": NOW - SECOND}
    assert by_hand - not_applicable(order, book) == set(APPLY_TO_SIGNALS)


def test_a_strategy_without_named_versions_needs_no_approval() -> None:
    narrow = limits(approved_versions={"other": ("1",)})
    assert Code.MODEL_UNAPPROVED in not_applicable(*of_signal(a_signal(), narrow))


def test_what_a_purchase_needs_no_answer_to() -> None:
    found = not_applicable(an_order(), a_book())
    assert {Code.PRICE_TICK, Code.PRICE_COLLAR, Code.CONCENTRATION} <= found
    assert {Code.INSUFFICIENT_QTY, Code.SHORT_NOT_ALLOWED, Code.REDUCE_ONLY_INCREASE} <= found
    assert Code.CONCENTRATION in not_applicable(an_order(), a_book(instruments=described()))


@pytest.mark.parametrize("name", ["valued", "opening", "peak"])
def test_a_loss_needs_something_to_be_measured_from(name: str) -> None:
    book = a_book(narrow=limits(daily_loss="0", drawdown="0"), **{"valued": Decimal(1), name: None})
    expected = {
        "valued": set(),
        "opening": {Code.DRAWDOWN},
        "peak": {Code.DAILY_LOSS},
    }
    assert set(failed(an_order(), book)) == expected[name]


@pytest.mark.parametrize(
    ("before", "now", "fraction", "lost"),
    [
        ("100", "98", "0.02", True),
        ("100", "98.01", "0.02", False),
        ("0", "0", "0.02", False),
        ("100", "100", "0", False),
        ("100", "99.99", "0", True),
        ("-5", "-6", "0.02", True),
    ],
)
def test_a_loss_is_one_from_its_limit_on(before: str, now: str, fraction: str, lost: bool) -> None:
    assert reached(Decimal(before), Decimal(now), Decimal(fraction)) is lost


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("reference", [None, "0", "-1", "NaN", "sNaN", "Infinity"])
def test_without_a_reference_price_nothing_is_sent(reference: str | None, side: Side) -> None:
    price = None if reference is None else Decimal(reference)
    order = an_order(side, reference_price=price)
    assert refusal(evaluate(order, a_book({MINE: 10}))) == Code.QUOTE_MISSING


def test_a_worth_that_nobody_knows_passes_no_limit() -> None:
    book = a_book(instruments=described(sector="tech"))
    assert failed(an_order(reference_price=None), book) == [
        Code.QUOTE_MISSING,
        Code.MAX_ORDER_NOTIONAL,
        Code.MIN_ORDER_NOTIONAL,
        Code.OPEN_ORDER_NOTIONAL,
        Code.POSITION_LIMIT,
        Code.CONCENTRATION,
        Code.GROSS_EXPOSURE,
        Code.NET_EXPOSURE,
        Code.BUYING_POWER,
        Code.STRATEGY_CAPITAL,
    ]
    collared = failed(an_order(limit="100", reference_price=None), book)
    assert collared == [Code.QUOTE_MISSING, Code.PRICE_COLLAR]


@given(
    st.sampled_from(["NaN", "sNaN", "Infinity", "-Infinity", "1e400", "0.0000000001"]),
    st.sampled_from(["quantity", "limit_price", "stop_price", "notional"]),
    st.sampled_from(Side),
)
def test_a_figure_that_is_none_is_the_only_finding(value: str, name: str, side: Side) -> None:
    order = an_order(side, limit="100", stop="100", **{"notional": None} | {})
    order = msgspec.structs.replace(order, **{name: Decimal(value)})
    (found,) = evaluate(order, a_book({MINE: 10}))
    assert (found.code, found.outcome) == (Code.SCHEMA_INVALID, Outcome.FAILED)
    assert found.numbers == {name: str(Decimal(value))}


@pytest.mark.parametrize("name", ["side", "type", "time_in_force"])
def test_a_word_that_is_no_choice_is_refused(name: str) -> None:
    (found,) = evaluate(
        an_order(**{name: "sideways"}) if name != "side" else an_order("up"), a_book()
    )  # type: ignore[arg-type]
    assert found.code == Code.SCHEMA_INVALID
    assert name in found.numbers


@pytest.mark.parametrize("kind", OrderType)
def test_prices_belong_to_their_types(kind: OrderType) -> None:
    (found,) = evaluate(
        msgspec.structs.replace(an_order(limit="1", stop="1"), type=kind), a_book()
    )[:1]
    passes = kind == OrderType.STOP_LIMIT
    assert (found.outcome == Outcome.PASSED) is passes
    (found,) = evaluate(msgspec.structs.replace(an_order(), type=kind), a_book())[:1]
    assert (found.outcome == Outcome.PASSED) is (kind == OrderType.MARKET)


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_price_is_above_zero(price: str) -> None:
    assert Code.PRICE_TICK in failed(an_order(limit=price), a_book())
    assert Code.PRICE_TICK in failed(an_order(stop=price), a_book())


LIMITS = [name for name in WIDE.__struct_fields__ if isinstance(getattr(WIDE, name), Decimal)]


@pytest.mark.parametrize("name", LIMITS)
def test_an_unreadable_limit_is_no_limit_to_pass(name: str) -> None:
    narrow = Limits()
    msgspec.structs.force_setattr(narrow, name, Decimal("NaN"))
    book = a_book(narrow=narrow, instruments=described(sector="tech"))
    order = an_order(limit="100") if name == "price_collar" else an_order()
    assert refusal(evaluate(order, book)) == Code.INTERNAL_ERROR


def test_a_rule_that_breaks_refuses_and_the_others_still_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(case: Any) -> Any:
        raise ZeroDivisionError("no such thing")

    rules = tuple((c, broken if c == Code.PRICE_COLLAR else r) for c, r in evaluation.RULES)
    monkeypatch.setattr(evaluation, "RULES", rules)
    checks = evaluate(an_order(), a_book())
    (found,) = [check for check in checks if check.outcome == Outcome.FAILED]
    assert found.code == refusal(checks) == Code.INTERNAL_ERROR
    assert found.numbers == {"check": "PRICE_COLLAR", "error": "ZeroDivisionError('no such thing')"}
    assert len(checks) == len(rules) + 1


def test_all_failures_are_recorded_and_the_first_names_the_refusal() -> None:
    narrow = limits(max_order_notional="0", position_limit="0", gross_exposure="0")
    book = a_book(kill_switch=True, suspects=frozenset({"AAPL"}), cash={}, narrow=narrow)
    order = an_order(quantity="1000.5")
    assert failed(order, book) == [
        Code.KILL_SWITCH,
        Code.PRICE_JUMP_UNEXPLAINED,
        Code.QUANTITY_INVALID,
        Code.MAX_ORDER_NOTIONAL,
        Code.POSITION_LIMIT,
        Code.GROSS_EXPOSURE,
        Code.BUYING_POWER,
    ]
    assert refusal(evaluate(order, book)) == Code.KILL_SWITCH


def test_a_failure_carries_the_numbers_that_were_compared() -> None:
    book = a_book(narrow=limits(max_order_notional="0.10"))
    checks = {c.code: c.numbers for c in evaluate(an_order(quantity=101, limit="100"), book)}
    assert checks[Code.MAX_ORDER_NOTIONAL] == {"found": "10100.00", "limit": "10000.00"}
    assert checks[Code.QUOTE_MISSING] == {"reference": "100"}
    assert checks[Code.BUYING_POWER] == {"found": "10101.00", "limit": "10000000.00"}
    assert checks[Code.ORDER_RATE] == {"found": "1", "limit": "2000", "window_seconds": "60"}


@pytest.mark.parametrize(
    ("tight", "code"),
    [
        ({"narrow": limits(position_limit="0.10")}, Code.POSITION_LIMIT),
        ({"narrow": limits(gross_exposure="0.10")}, Code.GROSS_EXPOSURE),
        ({"narrow": limits(net_exposure="0.10")}, Code.NET_EXPOSURE),
        ({"narrow": limits(open_order_notional="0.10")}, Code.OPEN_ORDER_NOTIONAL),
        ({"narrow": limits(max_open_orders=1)}, Code.MAX_OPEN_ORDERS),
        ({"cash": {"manual": Decimal(10_000)}}, Code.BUYING_POWER),
        ({"sleeve_equity": {"manual": Decimal(10_000)}}, Code.STRATEGY_CAPITAL),
    ],
)
def test_two_orders_that_fit_alone_do_not_fit_together(tight: dict[str, Any], code: Code) -> None:
    order, book = an_order(quantity=60, limit="100"), a_book(**tight)
    assert failed(order, book) == []
    book.reserve(order, order.reference_price)
    assert failed(an_order(quantity=59, limit="100"), book) == [code]


def test_two_sales_that_fit_alone_do_not_fit_together() -> None:
    order, book = an_order(SELL, 6), a_book({MINE: 10})
    assert failed(order, book) == []
    book.reserve(order, order.reference_price)
    assert failed(order, book) == [Code.INSUFFICIENT_QTY]
    assert failed(an_order(SELL, 4), book) == []


def test_shares_of_another_sleeve_are_not_for_sale() -> None:
    assert failed(an_order(SELL), a_book({("technical", "AAPL"): 10})) == [Code.SHORT_NOT_ALLOWED]


def test_an_order_that_covers_a_short_position_spends_no_cash() -> None:
    narrow = limits(shorting=True)
    book = a_book({MINE: -10}, narrow=narrow, cash={"manual": Decimal(5_000)})
    assert book.cash["manual"] == 3_000
    book.reserve(an_order(quantity=10), Decimal(100))
    assert book.cash["manual"] == 3_000
    book.reserve(an_order(quantity=10, order_id="b"), Decimal(100))
    assert book.cash["manual"] == 3_000 - 1_030 - 1


BUFFER = Decimal("1.03")


@pytest.mark.parametrize(
    ("order", "price"),
    [
        (an_order(), 100 * BUFFER),
        (an_order(SELL), 100 * BUFFER),
        (an_order(limit="90"), Decimal(90)),
        (an_order(SELL, limit="90"), Decimal(100)),
        (an_order(SELL, limit="110"), Decimal(110)),
        (an_order(stop="110"), 110 * BUFFER),
        (an_order(stop="90"), 100 * BUFFER),
        (an_order(SELL, stop="90"), 100 * BUFFER),
        (an_order(stop="110", limit="112"), Decimal(112)),
        (an_order(SELL, stop="90", limit="89"), Decimal(100)),
    ],
)
def test_what_a_share_may_be_worth_at_worst(order: Order, price: Decimal) -> None:
    assert worst_price(order, Decimal(100), WIDE) == price


@pytest.mark.parametrize("order", [an_order(), an_order(SELL, limit="90"), an_order(stop="90")])
def test_without_a_reference_price_nobody_knows_the_worst(order: Order) -> None:
    assert worst_price(order, None, WIDE) is None


def test_a_position_without_a_mark_counts_as_nothing_and_a_sale_of_it_is_refused() -> None:
    book = a_book({MINE: 10}, prices={"IBM": "100"})
    assert book.gross == 0
    assert failed(an_order(SELL, reference_price=None), book) == [
        Code.SYMBOL_UNKNOWN,
        Code.QUOTE_MISSING,
    ]


@pytest.mark.parametrize("known", ["marks", "instruments", "delisted"])
def test_a_symbol_is_known_by_a_price_a_description_or_its_end(known: str) -> None:
    facts: dict[str, Any] = {
        "marks": {"prices": PRICES},
        "instruments": {"prices": {}, "instruments": described()},
        "delisted": {"prices": {}, "delisted": {"AAPL": DAYS[1]}},
    }
    assert Code.SYMBOL_UNKNOWN not in failed(an_order(), a_book(**facts[known]))


def test_a_quote_is_as_old_as_its_bars() -> None:
    narrow = limits(quote_max_age_seconds=15)
    book = a_book(narrow=narrow, marked_at=NOW - timedelta(seconds=12.5))
    found = next(c for c in evaluate(an_order(), book) if c.code == Code.QUOTE_STALE)
    assert found.numbers["age_seconds"] == "12.5"
    assert failed(an_order(), a_book(narrow=narrow, marked_at=None)) == [Code.QUOTE_STALE]
