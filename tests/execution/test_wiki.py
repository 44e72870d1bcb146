"""Positions held through decades of real splits and dividends, raw prices beside adjusted ones."""

import csv
import gzip
import os
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from execution.domain import effects as fx
from router.messages import Action, Dividend, Split
from tests.execution import laws
from tests.execution.factories import CONFIG
from tests.execution.ledgers import Ledger

FOLDER = os.environ.get("TRADING_TEST_DATA")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="TRADING_TEST_DATA does not name the folder of test data"
)
SHARES = 100
DEFECTS = {
    "AAPL": [date(2016, 8, 2)],  # adjusted for a dividend that is in no row
    "KO": [date(2001, 9, 17)],  # not adjusted for the dividend of 2001-09-12
    "AMZN": [],
}
"""Where the file's adjusted prices disagree with its own dividends."""


class Day(NamedTuple):
    session: date
    open: Decimal
    close: Decimal
    adjusted: float
    dividend: Decimal
    ratio: int


@cache
def history(symbol: str) -> tuple[Day, ...]:
    return tuple(_days(symbol))


def _days(symbol: str) -> Iterator[Day]:
    """A dividend of a day without trading (2001-09-12) is of the next session."""
    waiting = Decimal(0)
    path = Path(FOLDER or "") / f"prices/wiki_eod/WIKI-{symbol}.csv.gz"
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            waiting += Decimal(row["Ex-Dividend"] or 0)
            if not row["Close"]:
                continue
            yield Day(
                date.fromisoformat(row["Date"]),
                Decimal(row["Open"] or row["Close"]),
                Decimal(row["Close"]),
                float(row["Adj. Close"]),
                waiting,
                int(float(row["Split Ratio"] or 1)),
            )
            waiting = Decimal(0)


def actions(symbol: str, day: Day, pay_after: int | None) -> Iterator[Action]:
    if day.ratio != 1:
        yield Split(symbol=symbol, new_shares=day.ratio, old_shares=1)
    if day.dividend:
        pay_date = None if pay_after is None else day.session + timedelta(days=pay_after)
        yield Dividend(symbol=symbol, amount=day.dividend, pay_date=pay_date)


def held(symbol: str, pay_after: int | None = None, *, hedged: bool = False) -> Ledger:
    """100 shares bought at the first close, and held to the last; hedged: as many sold short."""
    core = Ledger(CONFIG)
    first, *later = history(symbol)
    core.session(first.session, {symbol: (first.open, first.close)})
    core.trade(symbol, SHARES, first.close)
    if hedged:
        core.trade(symbol, -SHARES, first.close, sleeve="technical")
    for day in later:
        prices = {symbol: (day.open, day.close)}
        core.session(day.session, prices, *actions(symbol, day, pay_after))
    return core


@pytest.mark.parametrize(
    ("symbol", "shares", "sessions"),
    [
        ("AAPL", 100 * 2 * 2 * 2 * 7, 8_993),
        ("KO", 100 * 2 * 3 * 2 * 2 * 2 * 2, 13_746),
        ("AMZN", 100 * 2 * 3 * 2, 4_830),
        ("FB", 100, 1_052),
        ("GOOG", 100, 589),
    ],
)
def test_every_session_is_worth_its_raw_prices_and_the_dividends_so_far(
    symbol: str, shares: int, sessions: int
) -> None:
    core = held(symbol)
    days, valued = history(symbol), core.all(fx.SessionValued)
    assert len(days) == len(valued) == sessions
    count, received = SHARES, Fraction(0)
    cash = 100_000 - SHARES * Fraction(days[0].close)
    for day, found in zip(days[1:], valued[1:], strict=True):
        received += Fraction(round(count * day.dividend, 2))  # of the shares before a split
        count *= day.ratio
        assert Fraction(found.equity) == cash + received + count * Fraction(day.close)
    position = core.state.positions["manual"][symbol]
    assert (position.quantity, position.cost) == (shares, SHARES * days[0].close)
    laws.check_accounts(core)
    laws.check_folding(core)


@pytest.mark.parametrize("symbol", ["AAPL", "KO", "AMZN"])
def test_each_days_return_is_that_of_the_adjusted_prices(symbol: str) -> None:
    valued = held(symbol).all(fx.SessionValued)
    days = history(symbol)
    differ = []
    for n in range(2, len(days)):
        paid = valued[n].cash - valued[n - 1].cash
        ours = float((valued[n].exposure + paid) / valued[n - 1].exposure)
        if abs(ours - days[n].adjusted / days[n - 1].adjusted) > 1e-5:  # dividends are in cents
            differ.append(days[n].session)
    assert differ == DEFECTS[symbol]


def test_a_pay_date_changes_when_cash_comes_and_nothing_else() -> None:
    at_once, later = held("AAPL"), held("AAPL", pay_after=21)
    found = [[v.equity for v in core.all(fx.SessionValued)] for core in (at_once, later)]
    assert found[0] == found[1]
    assert max(v.receivable for v in later.all(fx.SessionValued)) > 0
    laws.check_positions(later)
    laws.check_accounts(later)


@pytest.mark.parametrize("symbol", ["AAPL", "KO"])
def test_a_long_and_a_short_position_together_earn_nothing(symbol: str) -> None:
    core = held(symbol, pay_after=14, hedged=True)
    assert {v.equity for v in core.all(fx.SessionValued)} == {100_000}
