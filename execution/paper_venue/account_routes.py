"""Alpaca's routes that read: account, positions, activities, clock and assets.

Keep out: orders (order_routes.py), the shape of answers (wire.py).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from execution.api.answers import Answer
from execution.api.strict_json import StrictRoute
from execution.paper_venue import bodies, wire
from execution.paper_venue.access import Account, Services, Use
from execution.paper_venue.errors import not_found, unprocessable

router = APIRouter(route_class=StrictRoute)


@router.get("/v2/account")
async def show_account(account: Account, services: Use) -> Answer:
    """Cash, equity at the last closes, and buying power."""
    venue = services.venue
    store = venue.store
    held, free = store.holdings(account), venue.buying_power(account)
    return Answer(wire.account(venue.account(account), held, store.marks(account), free))


@router.get("/v2/positions")
async def list_positions(account: Account, services: Use) -> Answer:
    """Everything held, by symbol."""
    store = services.venue.store
    marks = store.marks(account)
    return Answer([wire.position(each, marks) for each in store.holdings(account)])


@router.get("/v2/positions/{symbol}")
async def show_position(symbol: str, account: Account, services: Use) -> Answer:
    """What is held of a symbol."""
    store = services.venue.store
    held = store.holding(account, symbol)
    if not held.quantity:
        raise not_found("position does not exist")
    return Answer(wire.position(held, store.marks(account)))


@router.get("/v2/account/activities")
async def list_activities(
    page: Annotated[bodies.ActivityPage, Query()], account: Account, services: Use
) -> Answer:
    """Executions, which are all the activities that there are."""
    if page.activity_types != "FILL":
        raise unprocessable("activity_types other than FILL are not supported here")
    return Answer(_activities(page, account, services))


@router.get("/v2/account/activities/FILL")
async def list_fills(
    page: Annotated[bodies.ActivityPage, Query()], account: Account, services: Use
) -> Answer:
    """Executions in the order in which they were booked: a page goes on after `page_token`."""
    return Answer(_activities(page, account, services))


def _activities(
    page: bodies.ActivityPage, account: str, services: Services
) -> list[dict[str, Any]]:
    fills = services.venue.store.fills(account, page.query())
    return [wire.activity(each, account) for each in fills]


@router.get("/v2/clock")
async def show_clock(services: Use) -> Answer:
    """The time; the market is closed but for the moment in which a session is traded."""
    venue = services.venue
    return Answer(wire.clock(venue.tick(), venue.store.session()))


@router.get("/v2/assets")
async def list_assets(services: Use) -> Answer:
    """Every symbol that had a bar."""
    return Answer([wire.asset(symbol) for symbol in services.venue.store.marks()])


@router.get("/v2/assets/{symbol}")
async def show_asset(symbol: str, services: Use) -> Answer:
    """A symbol that had a bar."""
    if services.venue.store.mark(symbol) is None:
        raise not_found(f"asset not found for {symbol[:64]}")
    return Answer(wire.asset(symbol))
