"""Orders among others: alike, too fast, run wild, against our own."""

from decimal import Decimal
from typing import Any

import pytest

from execution.domain.orders import Order, Side
from execution.domain.risk import Book, Code, evaluate
from tests.execution.risk_cases import (
    SECOND,
    a_book,
    a_signal,
    an_order,
    failed,
    filled,
    limits,
    of_signal,
    placed,
)

SELL = Side.SELL


@pytest.mark.parametrize(
    "other",
    [
        {"sleeve": "technical"},
        {"symbol": "IBM"},
        {"side": Side.SELL},
        {"quantity": Decimal(11)},
        {"price": Decimal(100)},
    ],
)
def test_an_order_with_other_terms_is_no_duplicate(other: dict[str, Any]) -> None:
    book = a_book()
    book.remember(placed(SECOND, **other))
    assert failed(an_order(), book) == []
    assert failed(an_order(order_id="b"), accepted(book, an_order())) == [Code.DUPLICATE_ORDER]


def accepted(book: Book, order: Order) -> Book:
    book.accept(order)
    return book


@pytest.mark.parametrize("price", [{"limit": "100"}, {"stop": "100"}, {}])
def test_what_was_accepted_a_moment_ago_is_a_duplicate(price: dict[str, str]) -> None:
    book = accepted(a_book(), an_order(**price))
    assert failed(an_order(order_id="b", **price), book) == [Code.DUPLICATE_ORDER]
    assert failed(an_order(order_id="b", replaces="the order", **price), book) == []


def test_the_last_of_several_alike_counts() -> None:
    book = a_book()
    for age in (60, 1, 30):
        book.remember(placed(age * SECOND))
    assert failed(an_order(), book) == [Code.DUPLICATE_ORDER]


def test_an_accepted_order_counts_for_the_rate() -> None:
    book = a_book(narrow=limits(orders_per_minute=1))
    assert failed(an_order(symbol="IBM"), accepted(book, an_order())) == [Code.ORDER_RATE]
    book = a_book(narrow=limits(orders_per_second=1))
    assert failed(an_order(symbol="IBM"), accepted(book, an_order())) == [Code.ORDER_RATE]


def test_the_numbers_say_which_window_was_full() -> None:
    book = accepted(a_book(narrow=limits(orders_per_second=1)), an_order(symbol="IBM"))
    found = next(c for c in evaluate(an_order(), book) if c.code == Code.ORDER_RATE)
    assert found.numbers == {"found": "2", "limit": "1", "window_seconds": "1"}


@pytest.mark.parametrize("other", [{"sleeve": "other"}, {"symbol": "IBM"}, {"side": Side.SELL}])
def test_fills_of_another_kind_are_no_repetition(other: dict[str, Any]) -> None:
    order, book = of_signal(a_signal(), limits(repeated_executions=1))
    book.traded(filled(SECOND, **other))
    assert failed(order, book) == []
    book.traded(filled(SECOND))
    assert failed(order, book) == [Code.REPEATED_EXECUTION]


def test_fills_by_hand_are_no_repetition() -> None:
    book = a_book(narrow=limits(repeated_executions=1))
    book.traded(filled(SECOND, sleeve="manual"))
    assert failed(an_order(), book) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "crosses"),
    [
        ({"stop": "101", "limit": "102"}, {"limit": "102"}, True),
        ({"stop": "101", "limit": "102"}, {"limit": "102.01"}, False),
        ({"limit": "95"}, {"stop": "97", "limit": "96"}, False),
        ({"limit": "95"}, {"stop": "97", "limit": "95"}, True),
        ({}, {}, True),
    ],
)
def test_stop_limit_orders_cross_at_their_limits(
    mine: dict[str, str], theirs: dict[str, str], crosses: bool
) -> None:
    other = an_order(SELL, order_id="other", **theirs)
    found = failed(an_order(**mine), a_book(working=(other,), narrow=limits(shorting=True)))
    assert found == ([Code.SELF_TRADE] if crosses else [])


def test_a_working_order_of_the_same_side_is_no_self_trade() -> None:
    assert failed(an_order(), a_book(working=(an_order(order_id="a"),))) == []


@pytest.mark.parametrize("window", ["orders_per_second", "orders_per_minute"])
def test_an_accepted_order_counts_once_for_the_rate(window: str) -> None:
    book = a_book(narrow=limits(**{window: 2}))
    book.accept(an_order(symbol="IBM"))
    assert failed(an_order(), book) == []
    book.accept(an_order())
    assert failed(an_order(quantity=11), book) == [Code.ORDER_RATE]


def test_an_order_at_a_limit_and_one_at_market_are_not_alike() -> None:
    book = a_book()
    book.accept(an_order(limit="100"))
    assert failed(an_order(order_id="b"), book) == []
    book = a_book()
    book.remember(placed(SECOND, price=Decimal(99)))
    assert failed(an_order(stop="99", limit="100"), book) == []
    assert failed(an_order(limit="99"), book) == [Code.DUPLICATE_ORDER]


def test_a_strategy_that_filled_nothing_has_no_fills() -> None:
    order = an_order(sleeve="technical")
    found = next(c for c in evaluate(order, a_book()) if c.code == Code.REPEATED_EXECUTION)
    assert found.numbers == {"found": "0", "limit": "20", "window_seconds": "600"}
