"""Routes that read an account, and the one that opens it; each a few lines over a query.

Keep out: orders, controls and books (order_routes.py, control_routes.py, book_routes.py), SQL
(queries.py), the shape of answers (answers.py), who may ask (access.py), decisions.
"""

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from execution import accounts, kill_switch
from execution.api import bodies, queries
from execution.api.access import Read, Use
from execution.api.answers import Answer, RefusalError
from execution.api.lookups import Name, existing, page_of
from execution.api.strict_json import StrictRoute
from execution.domain import desk
from execution.domain.config import PROFILES, AccountConfig
from execution.domain.money import ZERO, cents
from execution.domain.state import State
from execution.errors import AccountConflictError, UnknownMethodError

router = APIRouter(route_class=StrictRoute)

From = Annotated[date | None, Query(alias="from")]
To = Annotated[date | None, Query(alias="to")]


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
    return Answer([_account(config) for config in found])


def _account(config: AccountConfig) -> queries.Row:
    return {
        "account": config.account,
        "mode": config.mode,
        "strategies": config.strategies,
        "sources": config.sources,
        "sizing": {strategy: config.sizing_of(strategy) for strategy in config.strategies},
    }


@router.post("/api/v1/accounts")
async def open_account(body: bodies.AccountRequest, services: Use) -> Answer:
    """Open a replay or paper account with the default capital; the same again changes nothing."""
    try:
        config = accounts.opening(
            body.account,
            body.strategies,
            body.sources,
            body.sizing,
            mode=body.mode,
            fractional=body.fractional,
            limits=PROFILES[body.profile],
        )
        new = await services.open_account(config)
    except AccountConflictError as error:
        raise RefusalError(HTTPStatus.CONFLICT, "ACCOUNT_CONFLICT", str(error)) from error
    except UnknownMethodError as error:
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "SIZING_UNKNOWN", str(error)) from error
    except (msgspec.ValidationError, ValueError) as error:
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "SCHEMA_INVALID", str(error)) from error
    return Answer({"account": body.account}, HTTPStatus.CREATED if new else HTTPStatus.OK)


@router.get("/api/v1/account")
async def show_account(connection: Read, account: Name = "sample") -> Answer:
    """The account now: money, clock, what holds it back, journal head, and counts of it all."""
    config = await existing(connection, account)
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
    switches = await kill_switch.switches(connection)
    held_back = {
        "kill_switch": kill_switch.engaged(switches, account),
        "restrictions": queries.restrictions(state),
        "limits_version": (state.limits if state.config else config.limits).version,
    }
    money = _money(config, state, await queries.capital(connection, account))
    return Answer({"account": account} | money | held_back | head | counts)


def _money(config: AccountConfig, state: State, paid_in: dict[str, Decimal]) -> queries.Row:
    """Before the first session an account is worth its capital."""
    capital = config.capital | paid_in
    begun = state.session is not None
    equity = desk.sleeve_equity(state) if begun else config.capital
    cash = state.cash if begun else config.capital
    return {
        "mode": config.mode,
        "currency": config.currency,
        "capital": cents(sum(capital.values(), ZERO)),
        "cash": cents(sum(cash.values(), ZERO)),
        "receivable": cents(sum((each.amount for each in state.receivables.values()), ZERO)),
        "accrued_interest": cents(sum(state.accrued.values(), ZERO)),
        "equity": cents(sum(equity.values(), ZERO)),
        "session": state.session,
        "closed_session": state.closed_session,
        "clock": state.clock,
        "sleeves": [
            {"sleeve": name, "capital": amount, "cash": cash[name], "equity": cents(equity[name])}
            for name, amount in capital.items()
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
    await existing(connection, account)
    return Answer(await queries.equity(connection, account, start, end))


@router.get("/api/v1/sessions")
async def list_sessions(
    connection: Read,
    account: Name = "sample",
    start: From = None,
    end: To = None,
) -> Answer:
    """What happened in each session of a range, and how its signals ended."""
    await existing(connection, account)
    return Answer(await queries.sessions(connection, account, start, end))


@router.get("/api/v1/sessions/{session}")
async def show_session(connection: Read, session: date, account: Name = "sample") -> Answer:
    """What happened in one session, and how its signals ended."""
    await existing(connection, account)
    found = await queries.sessions(connection, account, session, session)
    if not found:
        message = f"account {account} has not seen session {session}"
        raise RefusalError(HTTPStatus.NOT_FOUND, "SESSION_UNKNOWN", message)
    return Answer(found[0])


@router.get("/api/v1/positions")
async def list_positions(connection: Read, account: Name = "sample") -> Answer:
    """What is held, at the last marks."""
    await existing(connection, account)
    found = await queries.state_of(connection, account)
    profits = await queries.realised(connection, account)
    return Answer(queries.positions(found[0], profits) if found else [])


@router.get("/api/v1/quotes/{symbol}")
async def show_quote(
    connection: Read,
    services: Use,
    symbol: Annotated[bodies.Ticker, Path()],
    account: Name = "sample",
) -> Answer:
    """The latest close: from the cache, or from the account's marks where that has none."""
    await existing(connection, account)
    cached = await services.quotes.get(account, symbol)
    found = None if cached else await queries.state_of(connection, account)
    mark = cached or (found and found[0].marks.get(symbol))
    if not mark:
        message = f"account {account} has no price of {symbol}"
        raise RefusalError(HTTPStatus.NOT_FOUND, "SYMBOL_UNKNOWN", message)
    answer = {"symbol": symbol, "price": mark.price, "session": mark.session}
    return Answer(answer | {"cached": cached is not None})


@router.get("/api/v1/fills")
async def list_fills(connection: Read, page: Annotated[bodies.Page, Query()]) -> Answer:
    """Fills, oldest first."""
    await existing(connection, page.account)
    rows = await queries.fills(connection, **page.bounds())
    return page_of(rows, "fill_id", page.limit)


@router.get("/api/v1/signals")
async def list_signals(connection: Read, page: Annotated[bodies.SignalPage, Query()]) -> Answer:
    """Signals and how each ended, oldest first."""
    await existing(connection, page.account)
    rows = await queries.signals(
        connection, session=page.session, symbol=page.symbol, **page.bounds()
    )
    return page_of(rows, "signal_id", page.limit)


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
