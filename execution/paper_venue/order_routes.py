"""Alpaca's order routes, each a few lines over the venue.

Every route is a coroutine that does not wait between reading and committing.
Keep out: accounts and positions (account_routes.py), rules of the market (venue.py).
"""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from execution.api.answers import Answer
from execution.api.strict_json import StrictRoute
from execution.paper_venue import bodies, wire
from execution.paper_venue.access import Account, Use
from execution.paper_venue.errors import not_found
from execution.paper_venue.faults import Kind

router = APIRouter(route_class=StrictRoute)


@router.post("/v2/orders")
async def submit(
    body: bodies.OrderBody, account: Account, services: Use, request: Request
) -> Answer:
    """Take an order."""
    wanted, (kind, exits) = body.request(), body.exits()
    path = request.url.path
    fault = services.faults.strike({Kind.REJECT_LATER}, account, request.method, path)
    order = services.venue.submit(account, wanted, kind, exits, reject=fault is not None)
    return Answer(wire.order(order, services.venue.store.legs(order.order.order_id)))


@router.get("/v2/orders")
async def list_orders(
    page: Annotated[bodies.OrderPage, Query()], account: Account, services: Use
) -> Answer:
    """Orders by when they were submitted."""
    store = services.venue.store
    found = store.orders(account, page.query())
    if not page.nested:
        return Answer([wire.order(each) for each in found])
    return Answer([wire.order(each, store.legs(each.order.order_id)) for each in found])


@router.delete("/v2/orders")
async def cancel_all(account: Account, services: Use) -> Answer:
    """End every working order."""
    ended = services.venue.cancel_all(account)
    found = [
        {"id": each.order.order_id, "status": HTTPStatus.OK, "body": wire.order(each)}
        for each in ended
    ]
    return Answer(found, HTTPStatus.MULTI_STATUS)


@router.get("/v2/orders:by_client_order_id")
async def find_by_client_id(client_order_id: str, account: Account, services: Use) -> Answer:
    """The order that a client gave this id, whatever became of it."""
    found = services.venue.store.order_by_client_id(account, client_order_id)
    if found is None:
        raise not_found(f"order not found for {client_order_id[:64]}")
    return Answer(wire.order(found))


@router.get("/v2/orders/{order_id}")
async def show(order_id: str, account: Account, services: Use, nested: bool = False) -> Answer:
    """One order, with its legs where they are asked for."""
    venue = services.venue
    found = venue.find(account, order_id)
    return Answer(wire.order(found, venue.store.legs(order_id) if nested else None))


@router.patch("/v2/orders/{order_id}")
async def replace(
    order_id: str, body: bodies.ReplaceBody, account: Account, services: Use
) -> Answer:
    """Put a new order in a working one's place; answers the new one."""
    return Answer(wire.order(services.venue.replace(account, order_id, body.change())))


@router.delete("/v2/orders/{order_id}")
async def cancel(order_id: str, account: Account, services: Use, request: Request) -> Response:
    """End a working order."""
    services.venue.cancel(account, order_id)
    fault = services.faults.strike(
        {Kind.FILL_AFTER_CANCEL}, account, request.method, request.url.path
    )
    if fault is not None:
        later = (fault.milliseconds or 0) / 1000
        loop = asyncio.get_running_loop()
        loop.call_later(later, services.venue.fill_late, account, order_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)
