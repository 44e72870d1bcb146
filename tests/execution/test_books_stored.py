"""The books as PostgreSQL holds them after every kind of corporate action."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from execution.api import queries
from execution.domain.inputs import MoveCash
from execution.domain.orders import Side
from router.messages import Delisting, Dividend, Rename, Split
from tests.execution import books, laws
from tests.execution.factories import DAYS, Core, bar, order, quiet
from tests.servers import Database


def eventful() -> Core:
    """Two positions that are split with an odd share, renamed, paid on, and delisted."""
    core = Core()
    core.send(
        *quiet(DAYS[0], bar("AAPL"), bar("IBM")),
        order("AAPL", "5", request_id="first"),
        order("IBM", "3", request_id="second"),
        MoveCash(
            account="sample",
            request_id="deposit",
            sleeve="manual",
            amount=Decimal("12.34"),
            reason="more",
        ),
        *quiet(DAYS[1], bar("AAPL"), bar("IBM"), previous=DAYS[0]),
    )
    three_for_two = Split(symbol="AAPL", new_shares=3, old_shares=2)
    owed = Dividend(symbol="IBM", amount=Decimal(1), pay_date=DAYS[5])
    core.send(
        *quiet(
            DAYS[2],
            bar("AAPL", "60"),
            bar("IBM"),
            previous=DAYS[1],
            actions=(three_for_two, owed),
        ),
        *quiet(
            DAYS[3],
            bar("APPL", "60"),
            previous=DAYS[2],
            actions=(
                Rename(symbol="AAPL", new_symbol="APPL"),
                Delisting(symbol="IBM", price=Decimal(90)),
            ),
        ),
        order("APPL", "2", request_id="third", side=Side.SELL),
        *quiet(DAYS[4], bar("APPL", "80"), previous=DAYS[3]),
    )
    laws.check_all(core)
    return core


@pytest.fixture
async def connection(database: Database) -> Any:
    await books.write(database, eventful())
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        yield connection


async def test_profits_of_corporate_actions_are_found_where_those_of_trades_are(
    connection: Any,
) -> None:
    # bought at 100.05: half a share of 7.5 left for 30.00 and had cost 33.35; three shares were
    # paid out at 90; two were sold at 79.96 that had cost 66.70 each
    assert await queries.realised(connection, "sample") == {
        ("manual", "AAPL"): Decimal("-3.35"),
        ("manual", "IBM"): Decimal("-30.15"),
        ("manual", "APPL"): 2 * (Decimal("79.96") - Decimal("66.70")),
    }


async def test_average_cost_is_a_view_of_the_lots(connection: Any) -> None:
    found = await connection.execute(
        "SELECT symbol, quantity, cost, average_cost FROM average_costs"
    )
    assert await found.fetchall() == [("APPL", 5, Decimal("333.50"), Decimal("66.7"))]


async def test_every_account_of_the_ledger_is_where_it_should_be(connection: Any) -> None:
    found = await connection.execute(
        "SELECT ledger_account, sum(amount) FROM ledger GROUP BY 1 HAVING sum(amount) <> 0"
    )
    balances = dict(await found.fetchall())
    assert sum(balances.values()) == 0
    assert balances["receivable"] == 3
    assert balances["dividends"] == -3
    assert balances["capital"] == Decimal("-100012.34")
    assert balances["positions"] == Decimal("333.50")
    last = await connection.execute("SELECT equity, receivable FROM equity ORDER BY session DESC")
    equity, receivable = await last.fetchone()
    assert receivable == 3
    assert equity == balances["cash"] + 5 * 80 + 3


async def test_a_transaction_that_does_not_balance_is_not_committed(connection: Any) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
        async with connection.transaction():
            await connection.execute(
                """INSERT INTO ledger (account, txn_id, line, kind, sleeve, ledger_account,
                    currency, amount, at, seq)
                VALUES ('sample', 'mine', 0, 'fill', 'manual', 'cash', 'USD', 1, now(), 1)"""
            )
