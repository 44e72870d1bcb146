"""Every check at its limit, one tick before it and one tick after it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain import risk
from execution.domain.config import Limits, PaperCosts
from execution.domain.orders import Order, Outcome, Side
from execution.domain.risk import Book, Code, evaluate, refusal
from router.messages import Signal
from tests.execution.factories import DAYS, close_of, signal
from tests.execution.test_paper import an_order

NOW = close_of(DAYS[0])
SECOND = timedelta(seconds=1)


def a_book(**changes: Any) -> Book:
    """100,000 of equity, half of it in cash, nothing of AAPL; no limit but the wide ones."""
    values: dict[str, Any] = {
        "limits": Limits(),
        "costs": PaperCosts(),
        "now": NOW,
        "kill_switch": False,
        "fractional": False,
        "equity": Decimal(100_000),
        "gross": Decimal(50_000),
        "cash": {"manual": Decimal(50_000)},
        "exposure": {},
        "available": {},
        "suspects": frozenset(),
        "stale": frozenset(),
    }
    return Book(**values | changes)


def failed(order: Order, book: Book) -> list[str]:
    return [check.code for check in evaluate(order, book) if check.outcome == Outcome.FAILED]


def limited(quantity: str, price: str) -> Order:
    """A purchase at a limit, so that its worst value is plain: quantity x price."""
    order = an_order(limit=price, quantity=quantity)
    return msgspec.structs.replace(order, reference_price=Decimal(price))


def of_signal(found: Signal, **changes: Any) -> tuple[Order, Book]:
    order = msgspec.structs.replace(an_order(), signal_id=found.input_id)
    return order, a_book(signals={found.input_id: found}, **changes)


def test_an_order_within_every_limit_passes() -> None:
    checks = evaluate(an_order(), a_book())
    assert refusal(checks) is None
    assert [check.code for check in checks] == sorted(
        (check.code for check in checks), key=list(Code).index
    )


def order_notional(tick: Decimal) -> tuple[Order, Book]:
    # 10 % of 100,000 is 10,000: 100 shares at 100.00
    return limited("100", str(100 + tick / 100)), a_book()


def position_limit(tick: Decimal) -> tuple[Order, Book]:
    # 9,000 held already leave 1,000: 10 shares at 100.00
    return limited("10", "100"), a_book(exposure={"AAPL": 9_000 + tick})


def gross_exposure(tick: Decimal) -> tuple[Order, Book]:
    return limited("10", "100"), a_book(gross=99_000 + tick)


def buying_power(tick: Decimal) -> tuple[Order, Book]:
    # 10 x 100 and the least commission of 1.00
    return limited("10", "100"), a_book(cash={"manual": 1_001 - tick})


def market_buying_power(tick: Decimal) -> tuple[Order, Book]:
    # a market order is valued 3 % above its reference: 10 x 103 and 1.00
    return an_order(), a_book(cash={"manual": 1_031 - tick})


def collar_above(tick: Decimal) -> tuple[Order, Book]:
    return an_order(limit=str(105 + tick)), a_book()


def collar_below(tick: Decimal) -> tuple[Order, Book]:
    return an_order(limit=str(95 - tick)), a_book()


def insufficient(tick: Decimal) -> tuple[Order, Book]:
    order = an_order(Side.SELL)
    return order, a_book(available={("manual", "AAPL"): order.quantity - tick})


TICK = Decimal("0.01")
BOUNDARIES: list[tuple[Code, Callable[[Decimal], tuple[Order, Book]]]] = [
    (Code.MAX_ORDER_NOTIONAL, order_notional),
    (Code.POSITION_LIMIT, position_limit),
    (Code.GROSS_EXPOSURE, gross_exposure),
    (Code.BUYING_POWER, buying_power),
    (Code.BUYING_POWER, market_buying_power),
    (Code.PRICE_COLLAR, collar_above),
    (Code.PRICE_COLLAR, collar_below),
    (Code.INSUFFICIENT_QTY, insufficient),
]


@pytest.mark.parametrize(("code", "case"), BOUNDARIES)
def test_a_limit_fires_one_tick_beyond_it(
    code: Code, case: Callable[[Decimal], tuple[Order, Book]]
) -> None:
    assert failed(*case(-TICK)) == []
    assert failed(*case(Decimal(0))) == []
    assert code in failed(*case(TICK))


@pytest.mark.parametrize(
    ("late", "codes"),
    [(-SECOND, []), (timedelta(), ["SIGNAL_EXPIRED"]), (SECOND, ["SIGNAL_EXPIRED"])],
)
def test_a_signal_expires_at_its_moment(late: timedelta, codes: list[str]) -> None:
    found = signal(DAYS[0])
    assert failed(*of_signal(found, now=found.valid_until + late)) == codes


@pytest.mark.parametrize(
    ("ahead", "codes"),
    [(4 * SECOND, []), (5 * SECOND, []), (6 * SECOND, ["SIGNAL_FROM_FUTURE"])],
)
def test_a_signal_may_be_five_seconds_ahead(ahead: timedelta, codes: list[str]) -> None:
    found = signal(DAYS[0])
    assert failed(*of_signal(found, now=found.as_of - ahead)) == codes


@pytest.mark.parametrize(
    ("ahead", "codes"),
    [(SECOND, []), (timedelta(), ["SIGNAL_DUPLICATE"]), (-SECOND, ["SIGNAL_SUPERSEDED"])],
)
def test_a_signal_is_newer_than_the_last_that_was_executed(
    ahead: timedelta, codes: list[str]
) -> None:
    found = signal(DAYS[0])
    assert failed(*of_signal(found, watermarks={"AAPL": found.as_of - ahead})) == codes


@pytest.mark.parametrize(
    ("book", "buying", "selling"),
    [
        ({"kill_switch": True}, ["KILL_SWITCH"], ["KILL_SWITCH"]),
        ({"suspects": frozenset({"AAPL"})}, ["PRICE_JUMP_UNEXPLAINED"], []),
        ({"stale": frozenset({"AAPL"})}, ["QUOTE_STALE"], []),
        ({"equity": Decimal(0)}, ["MAX_ORDER_NOTIONAL", "POSITION_LIMIT", "GROSS_EXPOSURE"], []),
        ({"cash": {}}, ["BUYING_POWER"], []),
        ({"suspects": frozenset({"IBM"}), "stale": frozenset({"IBM"})}, [], []),
    ],
)
def test_sales_skip_exposure_but_not_the_kill_switch(
    book: dict[str, Any], buying: list[str], selling: list[str]
) -> None:
    held = a_book(available={("manual", "AAPL"): Decimal(10)}, **book)
    assert failed(an_order(), held) == buying
    assert failed(an_order(Side.SELL), held) == selling


@pytest.mark.parametrize(
    ("quantity", "fractional", "valid"),
    [
        ("1", False, True),
        ("0.5", False, False),
        ("0.5", True, True),
        ("0", True, False),
        ("-1", True, False),
    ],
)
def test_a_quantity_is_positive_and_whole_where_it_must_be(
    quantity: str, fractional: bool, valid: bool
) -> None:
    codes = failed(an_order(quantity=quantity), a_book(fractional=fractional))
    assert ("QUANTITY_INVALID" not in codes) == valid


@pytest.mark.parametrize("reference", [None, "0", "-1", "NaN", "Infinity"])
@pytest.mark.parametrize("side", Side)
def test_without_a_reference_price_nothing_is_sent(reference: str | None, side: Side) -> None:
    price = None if reference is None else Decimal(reference)
    order = msgspec.structs.replace(an_order(side), reference_price=price)
    book = a_book(available={("manual", "AAPL"): Decimal(10)})
    assert refusal(evaluate(order, book)) == Code.QUOTE_MISSING


@given(
    st.sampled_from(["NaN", "sNaN", "Infinity", "-Infinity", "1e400"]),
    st.sampled_from(["quantity", "limit_price", "reference_price"]),
    st.sampled_from(Side),
)
def test_a_figure_that_is_none_never_passes(value: str, name: str, side: Side) -> None:
    order = msgspec.structs.replace(an_order(side, limit="100"), **{name: Decimal(value)})
    book = a_book(available={("manual", "AAPL"): Decimal(10)})
    assert refusal(evaluate(order, book)) is not None


@pytest.mark.parametrize("name", ["max_order_notional", "position_limit", "gross_exposure"])
def test_an_unreadable_limit_is_no_limit_to_pass(name: str) -> None:
    limits = Limits()
    msgspec.structs.force_setattr(limits, name, Decimal("NaN"))
    assert refusal(evaluate(an_order(), a_book(limits=limits))) == Code.INTERNAL_ERROR


def test_a_rule_that_breaks_refuses_and_the_others_still_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(order: Order, book: Book) -> Any:
        raise ZeroDivisionError("no such thing")

    rules = [(code, broken if code == Code.PRICE_COLLAR else rule) for code, rule in risk._RULES]
    monkeypatch.setattr(risk, "_RULES", tuple(rules))
    checks = evaluate(an_order(), a_book())
    (found,) = [check for check in checks if check.outcome == Outcome.FAILED]
    assert found.code == refusal(checks) == Code.INTERNAL_ERROR
    assert found.numbers == {"check": "PRICE_COLLAR", "error": "ZeroDivisionError('no such thing')"}
    assert len(checks) == len(rules)


def test_all_failures_are_recorded_and_the_first_names_the_refusal() -> None:
    book = a_book(
        kill_switch=True, suspects=frozenset({"AAPL"}), cash={}, stale=frozenset({"AAPL"})
    )
    codes = failed(an_order(quantity="1000.5"), book)
    assert codes == [
        "KILL_SWITCH",
        "PRICE_JUMP_UNEXPLAINED",
        "QUOTE_STALE",
        "QUANTITY_INVALID",
        "MAX_ORDER_NOTIONAL",
        "POSITION_LIMIT",
        "GROSS_EXPOSURE",
        "BUYING_POWER",
    ]
    assert refusal(evaluate(an_order(quantity="1000.5"), book)) == codes[0]


def test_a_failure_carries_the_numbers_that_were_compared() -> None:
    checks = {check.code: check.numbers for check in evaluate(limited("101", "100"), a_book())}
    assert checks[Code.MAX_ORDER_NOTIONAL] == {"found": "10100.00", "limit": "10000.00"}


@pytest.mark.parametrize(
    ("tight", "code"),
    [
        ({}, Code.POSITION_LIMIT),
        ({"gross": Decimal(90_000)}, Code.GROSS_EXPOSURE),
        ({"cash": {"manual": Decimal(10_000)}}, Code.BUYING_POWER),
    ],
)
def test_two_orders_that_fit_alone_do_not_fit_together(tight: dict[str, Any], code: Code) -> None:
    order, book = limited("60", "100"), a_book(**tight)
    assert failed(order, book) == []
    book.reserve(order)
    assert code in failed(order, book)


def test_two_sales_that_fit_alone_do_not_fit_together() -> None:
    order = an_order(Side.SELL, quantity="6")
    book = a_book(available={("manual", "AAPL"): Decimal(10)})
    assert failed(order, book) == []
    book.reserve(order)
    assert failed(order, book) == ["INSUFFICIENT_QTY"]


def test_shares_of_another_sleeve_are_not_for_sale() -> None:
    book = a_book(available={("technical", "AAPL"): Decimal(10)})
    assert failed(an_order(Side.SELL), book) == ["INSUFFICIENT_QTY"]


def test_every_code_that_a_rule_answers_with_is_tested_here() -> None:
    tested = {code for code, _ in BOUNDARIES} | {
        Code.SIGNAL_DUPLICATE,
        Code.SIGNAL_EXPIRED,
        Code.SIGNAL_FROM_FUTURE,
        Code.SIGNAL_SUPERSEDED,
        Code.KILL_SWITCH,
        Code.PRICE_JUMP_UNEXPLAINED,
        Code.QUOTE_MISSING,
        Code.QUOTE_STALE,
        Code.QUANTITY_INVALID,
    }
    assert {code for code, _ in risk._RULES} == tested
