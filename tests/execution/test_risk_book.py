"""What the book of risk counts: positions and working orders at their worst."""

from decimal import Decimal

import pytest

from execution.domain.config import PaperCosts
from execution.domain.orders import Side
from execution.domain.risk import Code, Holding
from tests.execution.risk_cases import a_book, an_order, failed, limits
from tests.execution.risk_permissions import MINE

BUY, SELL = Side
ROOM = limits(shorting=True)


def holding(value: int, purchases: int = 0, sales: int = 0) -> Holding:
    return Holding(value=Decimal(value), purchases=Decimal(purchases), sales=Decimal(sales))


@pytest.mark.parametrize(
    ("held", "worst"),
    [
        (holding(100), 100),
        (holding(-100), 100),
        (holding(100, purchases=30), 130),
        (holding(100, sales=30), 100),
        (holding(100, sales=230), 130),
        (holding(-100, purchases=30), 100),
        (holding(-100, purchases=230), 130),
        (holding(-100, sales=30), 130),
        (holding(0, purchases=20, sales=30), 30),
    ],
)
def test_the_worst_is_the_larger_of_all_bought_and_all_sold(held: Holding, worst: int) -> None:
    assert held.worst() == worst


@pytest.mark.parametrize(
    ("held", "side", "added"),
    [
        (holding(100), BUY, 50),
        (holding(100), SELL, 0),
        (holding(10), SELL, 30),
        (holding(-10), BUY, 30),
        (holding(-100), BUY, 0),
        (holding(-100), SELL, 50),
        (holding(0, purchases=20), BUY, 50),
        (holding(0, purchases=20), SELL, 30),
        (holding(0, sales=20), SELL, 50),
        (holding(100, sales=100), SELL, 0),
        (holding(100, sales=180), SELL, 30),
    ],
)
def test_one_more_order_adds_what_the_worst_grows_by(held: Holding, side: Side, added: int) -> None:
    assert held.added(side, Decimal(50)) == added


def test_two_short_sales_that_fit_alone_do_not_fit_together() -> None:
    book = a_book(narrow=limits(shorting=True, position_limit="0.10"))
    order = an_order(SELL, 60, limit="100")
    assert failed(order, book) == []
    book.reserve(order, Decimal(100))
    assert failed(an_order(SELL, 41, limit="100"), book) == [Code.POSITION_LIMIT]
    assert failed(an_order(SELL, 40, limit="100"), book) == []


def test_what_was_bought_and_sold_is_reserved_in_full() -> None:
    book = a_book({MINE: 10}, narrow=ROOM)
    book.reserve(an_order(SELL, 30, limit="100", order_id="a"), Decimal(100))
    book.reserve(an_order(SELL, 20, limit="100", order_id="b"), Decimal(100))
    book.reserve(an_order(BUY, 5, limit="90", order_id="c"), Decimal(100))
    found = book.holdings[MINE]
    assert (found.selling, found.sales, found.buying, found.purchases) == (50, 5_000, 5, 450)
    assert (book.sales, book.purchases, book.net) == (5_000, 450, 1_000)
    assert book.gross == book.exposure["AAPL"] == book.sleeve_gross["manual"] == 4_000


def test_only_what_is_left_of_an_order_is_reserved() -> None:
    book = a_book(cash={"manual": Decimal(1_000)})
    partly = an_order(quantity=10, limit="10", filled_quantity=Decimal(4))
    book.reserve(partly, Decimal(10))
    assert book.gross == 60
    assert book.cash["manual"] == 1_000 - 60 - PaperCosts().commission_minimum


@pytest.mark.parametrize(("shares", "locked"), [(50, 0), (-50, 1), (0, 0)])
def test_short_positions_lock_twice_their_value_however_small(shares: int, locked: int) -> None:
    book = a_book({("manual", "CENT"): shares}, cash={"manual": Decimal(100)})
    assert book.cash["manual"] == 100 - locked


def test_an_order_without_a_price_reserves_its_shares_but_no_money() -> None:
    book = a_book(cash={"manual": Decimal(100)})
    book.reserve(an_order(), None)
    assert book.gross == 0
    assert book.holdings[MINE].buying == 10
    assert book.cash["manual"] == 100 - PaperCosts().commission_minimum


def test_one_share_is_something_held() -> None:
    assert failed(an_order(SELL, 2), a_book({MINE: 1})) == [Code.INSUFFICIENT_QTY]
    assert failed(an_order(SELL, 1), a_book({MINE: 1})) == []


def test_a_symbol_that_nobody_described_trades_in_single_shares() -> None:
    assert failed(an_order(quantity=11), a_book()) == []
