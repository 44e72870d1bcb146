"""Routes of what holds an account back: kill switch, trading states, limits.

Keep out: what each of them does to an order (domain/risk), and orders (order_routes.py).
"""

from http import HTTPStatus

from fastapi import APIRouter

from execution import kill_switch
from execution.api import bodies, queries
from execution.api.access import Read, Use
from execution.api.answers import Answer, RefusalError
from execution.api.commands import Key, chosen_id, refuse, what_changed
from execution.api.lookups import Name, existing, state_of
from execution.api.strict_json import StrictRoute
from execution.domain.effects import LimitsChanged, RestrictionChanged
from execution.errors import UnknownAccountError

router = APIRouter(route_class=StrictRoute)


@router.get("/api/v1/kill-switch")
async def show_kill_switch(connection: Read, account: Name = "sample") -> Answer:
    """Whether an account's orders are refused, and every switch with who turned it and why."""
    await existing(connection, account)
    found = await kill_switch.switches(connection)
    engaged = kill_switch.engaged(found, account)
    rows = [each._asdict() for each in found]
    return Answer({"account": account, "engaged": engaged, "switches": rows})


@router.post("/api/v1/kill-switch")
async def turn_kill_switch(body: bodies.SwitchRequest, services: Use) -> Answer:
    """Engage or release it; with the answer it is committed, and no order is decided without it."""
    try:
        async with services.pool.connection() as connection:
            turned = await kill_switch.turn(
                connection, body.account, engaged=body.engaged, reason=body.reason, by=body.by
            )
    except UnknownAccountError as error:
        raise RefusalError(HTTPStatus.NOT_FOUND, "ACCOUNT_UNKNOWN", str(error)) from error
    for writer in services.writers.values():
        writer.wake()
    return Answer(turned.switch._asdict() | {"waited_ms": turned.waited_ms})


@router.get("/api/v1/trading-state")
async def show_trading_state(connection: Read, account: Name = "sample") -> Answer:
    """What keeps the account, its strategies and symbols from trading freely, and why."""
    state = await state_of(connection, account)
    return Answer({"account": account, "restrictions": queries.restrictions(state)})


@router.post("/api/v1/trading-state")
async def set_trading_state(body: bodies.StateRequest, services: Use, key: Key = None) -> Answer:
    """A person's word on a scope; `active` lifts every restriction of it, the engine's own too."""
    chosen = chosen_id(body.given_id, key)
    return await what_changed(
        services, body.account, lambda at: body.command(chosen, at), RestrictionChanged
    )


@router.get("/api/v1/limits")
async def show_limits(connection: Read, account: Name = "sample") -> Answer:
    """The limits that orders are judged by, and every version before: who, when, why."""
    config = await existing(connection, account)
    history = await queries.limits(connection, account)
    present = history[0]["limits"] if history else config.limits
    return Answer({"account": account, "limits": present, "history": history})


@router.post("/api/v1/limits")
async def change_limits(body: bodies.LimitsRequest, services: Use, key: Key = None) -> Answer:
    """New limits from now on, as the version after the one that was looked at."""
    chosen = chosen_id(body.given_id, key)
    async with services.pool.connection() as connection:
        await existing(connection, body.account)
        base = await queries.limits_of(connection, body.account, body.version)
    if base is None:
        message = f"account {body.account} has no limits of version {body.version}"
        raise refuse("LIMITS_VERSION", message)
    try:
        body.changed(base)
    except ValueError as error:
        raise refuse("SCHEMA_INVALID", f"body.changes: {error}") from error
    return await what_changed(
        services, body.account, lambda at: body.command(chosen, at, base), LimitsChanged
    )
