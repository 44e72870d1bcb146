"""Transactions sum to zero, or there are none."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain import ledger
from execution.domain.ledger import Account, Line, Transaction, UnbalancedError

NOON = datetime(2012, 1, 3, 12, tzinfo=UTC)
_money = st.integers(0, 10**12).map(lambda cents: Decimal(cents) / 100)


def a_transaction(*lines: Line) -> Transaction:
    return Transaction("t", "fill", "technical", "USD", NOON, lines)


@given(_money, _money, _money)
def test_every_kind_of_posting_balances(first: Decimal, second: Decimal, third: Decimal) -> None:
    for lines in (
        ledger.deposit(first),
        ledger.opening("AAPL", first, second),
        ledger.closing("AAPL", first, second, third),
        ledger.dividend("AAPL", first),
        ledger.payment("AAPL", first),
        ledger.interest(first),
        ledger.suspense("AAPL", first, second),
        ledger.rename("OLD", "NEW", first, second, third),
    ):
        assert sum(line.amount for line in a_transaction(*lines).lines) == 0


def test_a_transaction_that_is_off_does_not_exist() -> None:
    with pytest.raises(UnbalancedError, match=r"fill t is off by 0\.01"):
        a_transaction(Line(Account.CASH, Decimal("1.01")), Line(Account.CAPITAL, Decimal(-1)))


def test_an_unbalanced_transaction_cannot_be_read_back() -> None:
    payload = msgspec.json.encode(a_transaction(*ledger.deposit(Decimal(5))))
    with pytest.raises((msgspec.ValidationError, UnbalancedError)):
        msgspec.json.decode(payload.replace(b'"-5"', b'"-4"'), type=Transaction)


def test_a_sale_realises_what_exceeds_the_cost() -> None:
    lines = {
        line.account: line.amount for line in ledger.closing("AAPL", *map(Decimal, (150, 100, 1)))
    }
    # 150 for shares that cost 100, less a commission of 1: profit 50 (income is negative), cash 149
    assert lines == {
        Account.CASH: 149,
        Account.FEES: 1,
        Account.POSITIONS: -100,
        Account.REALISED: -50,
    }


def test_cash_is_what_the_cash_lines_say() -> None:
    assert a_transaction(*ledger.opening("AAPL", Decimal(100), Decimal(1))).cash == -101


def test_what_no_order_asked_for_is_kept_apart() -> None:
    lines = {
        line.account: line.amount for line in ledger.suspense("AAPL", Decimal(-500), Decimal(1))
    }
    # a sale brings 500 in less a commission of 1; nobody knows yet whose it is
    assert lines == {Account.SUSPENSE: -500, Account.FEES: 1, Account.CASH: 499}
