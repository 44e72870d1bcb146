"""Routes of the books: ledger, balances, deposits and withdrawals, and facts of instruments.

Keep out: what is posted when (domain/books.py, domain/cash.py).
"""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from execution.api import bodies, queries
from execution.api.access import Read, Use
from execution.api.answers import Answer
from execution.api.commands import Key, chosen_id, what_changed
from execution.api.lookups import Name, existing, page_of, state_of
from execution.api.strict_json import StrictRoute
from execution.domain.effects import CapitalMoved, InstrumentsDescribed, Posted

router = APIRouter(route_class=StrictRoute)


@router.get("/api/v1/ledger")
async def list_transactions(connection: Read, page: Annotated[bodies.Page, Query()]) -> Answer:
    """Transactions of the double-entry ledger with their lines, oldest first."""
    await existing(connection, page.account)
    rows = await queries.transactions(connection, **page.bounds())
    return page_of(rows, "txn_id", page.limit)


@router.get("/api/v1/balances")
async def list_balances(connection: Read, account: Name = "sample") -> Answer:
    """The balance of every ledger account by sleeve; capital and income are negative."""
    await existing(connection, account)
    return Answer(await queries.balances(connection, account))


@router.post("/api/v1/cash")
async def move_cash(body: bodies.CashRequest, services: Use, key: Key = None) -> Answer:
    """Deposit into a sleeve, or withdraw from it."""
    chosen = chosen_id(body.given_id, key)
    return await what_changed(
        services,
        body.account,
        lambda at: body.command(chosen, at),
        CapitalMoved,
        Posted,
        needs_session=True,
    )


@router.get("/api/v1/instruments")
async def list_instruments(connection: Read, account: Name = "sample") -> Answer:
    """What was described of symbols, and which of them trade no more."""
    state = await state_of(connection, account)
    return Answer(
        [
            {**msgspec.structs.asdict(each), "delisted": state.delisted.get(symbol)}
            for symbol, each in sorted(state.instruments.items())
        ]
    )


@router.put("/api/v1/instruments")
async def describe_instruments(
    body: bodies.InstrumentsRequest, services: Use, key: Key = None
) -> Answer:
    """Facts of these symbols from now on; other symbols keep theirs."""
    chosen = chosen_id(body.given_id, key)
    return await what_changed(
        services, body.account, lambda at: body.command(chosen, at), InstrumentsDescribed
    )
