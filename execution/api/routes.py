"""The routes, each one a few lines over a query or a command.

Keep out: SQL (queries.py), the shape of answers (answers.py), who may ask (access.py), decisions.
"""

from datetime import date
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from execution import accounts
from execution.api import commands, queries
from execution.api.access import Read, Use
from execution.api.answers import Answer, RefusalError
from execution.domain import desk
from execution.domain.config import AccountConfig
from execution.domain.inputs import PlaceOrder
from execution.domain.money import ZERO, cents
from execution.domain.state import State
from execution.errors import AccountConflictError, CommandConflictError, UnknownAccountError
from execution.writer import Writer

router = APIRouter()

Name = Annotated[commands.AccountName, Query()]
From = Annotated[date | None, Query(alias="from")]
To = Annotated[date | None, Query(alias="to")]


async def _existing(connection: queries.Connection, account: str) -> AccountConfig:
    try:
        return await accounts.find(connection, account)
    except UnknownAccountError as error:
        raise RefusalError(HTTPStatus.NOT_FOUND, "ACCOUNT_UNKNOWN", str(error)) from error


def _page(rows: list[queries.Row], key: str, limit: int) -> Answer:
    """The rows, with the header Next-Cursor where there may be more."""
    answer = Answer(rows)
    if len(rows) == limit:
        answer.headers["Next-Cursor"] = f"{rows[-1]['seq']}:{rows[-1][key]}"
    return answer


@router.get("/health/live")
async def live() -> Answer:
    """The process answers; nothing outside it counts."""
    return Answer({"status": "live"})


@router.get("/health")
@router.get("/health/ready")
async def ready(services: Use) -> Answer:
    """Whether orders and signals are being worked on, and what is in the way where not."""
    problems = services.problems()
    if problems:
        return Answer({"status": "not ready", "problems": problems}, HTTPStatus.SERVICE_UNAVAILABLE)
    return Answer({"status": "ready"})


@router.get("/metrics")
async def show_metrics() -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/v1/accounts")
async def list_accounts(connection: Read) -> Answer:
    """Every account."""
    found = await accounts.stored(connection)
    return Answer(
        [
            {"account": c.account, "mode": c.mode, "strategies": c.strategies, "sources": c.sources}
            for c in found
        ]
    )


@router.post("/api/v1/accounts")
async def open_account(body: commands.AccountRequest, services: Use) -> Answer:
    """Open a replay account with the default capital; the same again changes nothing."""
    try:
        config = accounts.replay(body.account, body.strategies, body.sources)
        new = await services.open_account(config)
    except AccountConflictError as error:
        raise RefusalError(HTTPStatus.CONFLICT, "ACCOUNT_CONFLICT", str(error)) from error
    except (msgspec.ValidationError, ValueError) as error:
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "SCHEMA_INVALID", str(error)) from error
    return Answer({"account": body.account}, HTTPStatus.CREATED if new else HTTPStatus.OK)


@router.get("/api/v1/account")
async def show_account(connection: Read, account: Name = "sample") -> Answer:
    """The account now: money, clock, journal head, and counts of everything it did."""
    config = await _existing(connection, account)
    found = await queries.state_of(connection, account)
    state, head = found or (State(), {"seq": 0, "chain_hash": "", "decision_hash": ""})
    counts = {
        "orders": await queries.orders_by_status(connection, account),
        "dispositions": await queries.dispositions(connection, account),
        "refusals": await queries.refusals(connection, account),
        "fills": await queries.fills_by_symbol(connection, account),
        "first_session": await queries.first_session(connection, account),
        "pending": await queries.pending(connection, account, list(state.pending.values())),
    }
    return Answer({"account": account} | _money(config, state) | head | counts)


def _money(config: AccountConfig, state: State) -> queries.Row:
    """Before the first session an account is worth its capital."""
    begun = state.session is not None
    equity = desk.sleeve_equity(state) if begun else config.capital
    cash = state.cash if begun else config.capital
    return {
        "mode": config.mode,
        "currency": config.currency,
        "capital": cents(sum(config.capital.values(), ZERO)),
        "cash": cents(sum(cash.values(), ZERO)),
        "equity": cents(sum(equity.values(), ZERO)),
        "session": state.session,
        "closed_session": state.closed_session,
        "clock": state.clock,
        "kill_switch": state.kill_switch,
        "sleeves": [
            {"sleeve": name, "capital": amount, "cash": cash[name], "equity": cents(equity[name])}
            for name, amount in config.capital.items()
        ],
    }


@router.get("/api/v1/equity")
async def list_equity(
    connection: Read,
    account: Name = "sample",
    start: From = None,
    end: To = None,
) -> Answer:
    """Equity, cash and exposure at each session's closes."""
    await _existing(connection, account)
    return Answer(await queries.equity(connection, account, start, end))


@router.get("/api/v1/sessions")
async def list_sessions(
    connection: Read,
    account: Name = "sample",
    start: From = None,
    end: To = None,
) -> Answer:
    """What happened in each session of a range, and how its signals ended."""
    await _existing(connection, account)
    return Answer(await queries.sessions(connection, account, start, end))


@router.get("/api/v1/sessions/{session}")
async def show_session(connection: Read, session: date, account: Name = "sample") -> Answer:
    """What happened in one session, and how its signals ended."""
    await _existing(connection, account)
    found = await queries.sessions(connection, account, session, session)
    if not found:
        message = f"account {account} has not seen session {session}"
        raise RefusalError(HTTPStatus.NOT_FOUND, "SESSION_UNKNOWN", message)
    return Answer(found[0])


@router.get("/api/v1/positions")
async def list_positions(connection: Read, account: Name = "sample") -> Answer:
    """What is held, at the last marks."""
    await _existing(connection, account)
    found = await queries.state_of(connection, account)
    profits = await queries.realised(connection, account)
    return Answer(queries.positions(found[0], profits) if found else [])


@router.get("/api/v1/quotes/{symbol}")
async def show_quote(
    connection: Read,
    services: Use,
    symbol: Annotated[commands.Ticker, Path()],
    account: Name = "sample",
) -> Answer:
    """The latest close: from the cache, or from the account's marks where that has none."""
    await _existing(connection, account)
    cached = await services.quotes.get(account, symbol)
    found = None if cached else await queries.state_of(connection, account)
    mark = cached or (found and found[0].marks.get(symbol))
    if not mark:
        message = f"account {account} has no price of {symbol}"
        raise RefusalError(HTTPStatus.NOT_FOUND, "SYMBOL_UNKNOWN", message)
    answer = {"symbol": symbol, "price": mark.price, "session": mark.session}
    return Answer(answer | {"cached": cached is not None})


@router.get("/api/v1/orders")
async def list_orders(connection: Read, page: Annotated[commands.OrderPage, Query()]) -> Answer:
    """Orders, oldest first."""
    await _existing(connection, page.account)
    rows = await queries.orders(connection, status=page.status, **page.bounds())
    return _page(rows, "order_id", page.limit)


@router.get("/api/v1/fills")
async def list_fills(connection: Read, page: Annotated[commands.Page, Query()]) -> Answer:
    """Fills, oldest first."""
    await _existing(connection, page.account)
    rows = await queries.fills(connection, **page.bounds())
    return _page(rows, "fill_id", page.limit)


@router.get("/api/v1/signals")
async def list_signals(connection: Read, page: Annotated[commands.SignalPage, Query()]) -> Answer:
    """Signals and how each ended, oldest first."""
    await _existing(connection, page.account)
    rows = await queries.signals(
        connection, session=page.session, symbol=page.symbol, **page.bounds()
    )
    return _page(rows, "signal_id", page.limit)


@router.get("/api/v1/why/{fill_id}")
async def show_why(
    connection: Read, fill_id: Annotated[str, Path(pattern="^[0-9a-f]{6,32}$")]
) -> Answer:
    """Everything that led to a fill; the first characters of its id are enough."""
    found = await queries.fills_by_prefix(connection, fill_id)
    if len(found) != 1:
        fault = "there is no fill" if not found else "there is more than one fill"
        raise RefusalError(
            HTTPStatus.NOT_FOUND, "FILL_UNKNOWN", f"{fault} whose id begins {fill_id}"
        )
    return Answer(await queries.why(connection, found[0]))


@router.post("/api/v1/orders")
async def place_order(body: commands.OrderRequest, services: Use) -> Answer:
    """Place an order by hand: 201 accepted, 403 refused by a risk check, 202 not decided yet."""
    command = body.command()
    writer = await _submit(services, command)
    writer.wake()
    order = await commands.answer(services.pool, command, writer)
    if order is None:
        pending = {"client_order_id": body.client_order_id, "status": "pending"}
        return Answer(pending, HTTPStatus.ACCEPTED)
    if order["code"]:
        raise RefusalError(
            HTTPStatus.FORBIDDEN, order["code"], commands.reason(order), {"order": order}
        )
    return Answer(order, HTTPStatus.CREATED)


async def _submit(services: Use, command: PlaceOrder) -> Writer:
    """Write the command down and say who will decide on it."""
    async with services.pool.connection() as connection:
        await _existing(connection, command.account)
        writer = services.writers.get(command.account)
        found = await queries.state_of(connection, command.account)
        if writer is None or found is None or found[0].session is None:
            message = f"account {command.account} has seen no session yet: run the pipeline first"
            raise RefusalError(HTTPStatus.CONFLICT, "NO_SESSION", message)
        try:
            await commands.submit(connection, command)
        except CommandConflictError as error:
            raise RefusalError(HTTPStatus.CONFLICT, "CLIENT_ORDER_ID_USED", str(error)) from error
        return writer
