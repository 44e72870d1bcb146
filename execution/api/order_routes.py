"""Routes of orders: look at them, place, replace and cancel them, and close everything.

Keep out: the path of a command (commands.py), and judging an order (domain/risk).
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from execution.api import bodies, queries
from execution.api.access import Read, Services, Use
from execution.api.answers import Answer, RefusalError
from execution.api.commands import Decision, Key, chosen_id, decide, refuse
from execution.api.lookups import Name, existing, page_of
from execution.api.strict_json import StrictRoute
from execution.domain.effects import OrderChanged, OrderCreated
from execution.domain.inputs import CancelOrder, Command
from execution.domain.manual import ORDER_NOT_WORKING, ORDER_UNKNOWN
from execution.domain.money import plain
from execution.domain.orders import Outcome, Status

router = APIRouter(route_class=StrictRoute)

OrderId = Annotated[bodies.ClientOrderId, Path()]


@router.get("/api/v1/orders")
async def list_orders(connection: Read, page: Annotated[bodies.OrderPage, Query()]) -> Answer:
    """Orders, oldest first."""
    await existing(connection, page.account)
    rows = await queries.orders(connection, status=page.status, **page.bounds())
    return page_of(rows, "order_id", page.limit)


@router.get("/api/v1/orders/{client_order_id}")
async def show_order(
    connection: Read, client_order_id: OrderId, account: Name = "sample"
) -> Answer:
    """One order with every check and what sizing worked with."""
    await existing(connection, account)
    found = await queries.order(connection, account, client_order_id)
    if found is None:
        raise refuse(ORDER_UNKNOWN, f"account {account} has no order {client_order_id}")
    return Answer(found)


@router.post("/api/v1/orders")
async def place_order(body: bodies.OrderRequest, services: Use, key: Key = None) -> Answer:
    """Place an order by hand: 201 accepted, 202 not decided yet, 4xx refused with its numbers."""
    chosen = chosen_id(body.given_id, key)
    command, decision = await decide(services, body.account, lambda at: body.command(chosen, at))
    return await _told(services, command, decision, chosen, HTTPStatus.CREATED)


@router.patch("/api/v1/orders/{client_order_id}")
async def replace_order(
    body: bodies.ReplaceRequest, services: Use, client_order_id: OrderId, key: Key = None
) -> Answer:
    """Put a new order in this one's place: 201; where it is refused, the old one keeps working."""
    chosen = chosen_id(body.given_id, key)
    command, decision = await _on_order(
        services,
        body.account,
        client_order_id,
        lambda at: body.command(chosen, at, client_order_id),
    )
    return await _told(services, command, decision, chosen, HTTPStatus.CREATED)


@router.delete("/api/v1/orders/{client_order_id}")
async def cancel_order(
    services: Use, client_order_id: OrderId, account: Name = "sample", key: Key = None
) -> Answer:
    """End a working order: 200 and the order as it is then."""
    chosen = chosen_id(None, key)
    command, decision = await _on_order(
        services,
        account,
        client_order_id,
        lambda at: CancelOrder(
            account=account, request_id=chosen, at=at, client_order_id=client_order_id
        ),
    )
    return await _told(services, command, decision, client_order_id, HTTPStatus.OK)


@router.post("/api/v1/flatten")
async def flatten(body: bodies.FlattenRequest, services: Use, key: Key = None) -> Answer:
    """Cancel every order, close every position at market, and only reduce from then on."""
    if body.confirm != body.expected:
        message = f"this closes every position: confirm it with the text {body.expected!r}"
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "CONFIRMATION_REQUIRED", message)
    chosen = chosen_id(body.given_id, key)
    command, decision = await decide(services, body.account, lambda at: body.command(chosen, at))
    answer: dict[str, Any] = {"account": body.account, "request_id": command.request_id}
    if decision is None:
        return Answer(answer | {"status": "pending"}, HTTPStatus.ACCEPTED)
    return Answer(answer | {"status": "done", "journal_row": decision.seq} | _closing(decision))


def _closing(decision: Decision) -> queries.Row:
    """What a flatten cancelled and sent, and what it could not send."""
    effects = decision.effects or ()
    orders = [each.order for each in effects if isinstance(each, OrderCreated)]
    made = {order.order_id for order in orders}
    return {
        "cancelled": [
            each.order_id
            for each in effects
            if isinstance(each, OrderChanged)
            and each.status in {Status.CANCELLED, Status.PENDING_CANCEL}
            and each.order_id not in made
        ],
        "closing": [
            {
                "client_order_id": order.client_order_id,
                "sleeve": order.sleeve,
                "symbol": order.symbol,
                "side": order.side,
                "quantity": plain(order.quantity),
                "status": order.status,
                "code": order.code,
            }
            for order in orders
        ],
    }


async def _on_order(
    services: Services,
    account: str,
    client_order_id: str,
    make: Callable[[datetime | None], Command],
) -> tuple[Command, Decision | None]:
    """A command on an order; the engine knows those that work, the table those that ended too."""
    try:
        return await decide(services, account, make)
    except RefusalError as refusal:
        if refusal.code != ORDER_UNKNOWN:
            raise
        async with services.pool.connection() as connection:
            found = await queries.order(connection, account, client_order_id)
        if found is None:
            raise
        raise refuse(ORDER_NOT_WORKING, f"{client_order_id} is {found['status']}") from refusal


async def _told(
    services: Services,
    command: Command,
    decision: Decision | None,
    client_order_id: str,
    status: HTTPStatus,
) -> Answer:
    """The order that a command was about, or why it was refused."""
    if decision is None:
        pending = {"client_order_id": client_order_id, "status": "pending"}
        return Answer(pending, HTTPStatus.ACCEPTED)
    async with services.pool.connection() as connection:
        order = await queries.order(connection, command.account, client_order_id)
    if order is None:
        message = f"journal row {decision.seq} decided this request; it is in the archive"
        raise RefusalError(HTTPStatus.GONE, "ANSWER_ARCHIVED", message)
    if order["code"] and not isinstance(command, CancelOrder):
        raise refuse(order["code"], _reason(order), {"order": order})
    return Answer(order, status)


def _reason(order: queries.Row) -> str:
    """Why an order was refused, with the numbers of the check that refused it."""
    for check in order["checks"]:
        if check["code"] == order["code"] and check["outcome"] == Outcome.FAILED:
            numbers = ", ".join(f"{name} {value}" for name, value in check["numbers"].items())
            return f"{order['code']}: {numbers}" if numbers else f"{order['code']}"
    return str(order["code"])
