"""The operator's routes: bars that move the market, faults, and probes.

Keep out: everything that Alpaca has.
"""

from http import HTTPStatus

from fastapi import APIRouter, Response

from execution.api.answers import Answer
from execution.api.strict_json import StrictRoute
from execution.paper_venue import bodies
from execution.paper_venue.access import BARS, Use
from execution.paper_venue.faults import Fault

router = APIRouter(route_class=StrictRoute)


@router.get("/livez")
async def live() -> Answer:
    """The process answers; nothing else counts."""
    return Answer({"status": "live"})


@router.get("/readyz")
async def ready(services: Use) -> Answer:
    """Whether orders are taken: the store answers, and nobody said to stop."""
    if services.stopping:
        return Answer({"status": "stopping"}, HTTPStatus.SERVICE_UNAVAILABLE)
    services.venue.store.session()
    return Answer({"status": "ready"})


@router.post(BARS)
async def step(body: bodies.BarsBody, services: Use) -> Answer:
    """Trade one session; the same again changes nothing and answers the same."""
    return Answer(services.venue.step(body.session, body.taken()))


@router.get("/sim/v1/session")
async def show_session(services: Use) -> Answer:
    """The last session that was traded, null before the first."""
    return Answer({"session": services.venue.store.session()})


@router.post("/sim/v1/faults")
async def add_fault(body: Fault, services: Use) -> Answer:
    """Switch a fault on."""
    return Answer(services.faults.add(body), HTTPStatus.CREATED)


@router.get("/sim/v1/faults")
async def list_faults(services: Use) -> Answer:
    """The faults that are on, and how often each struck."""
    return Answer(services.faults.shown())


@router.delete("/sim/v1/faults")
async def clear_faults(services: Use) -> Response:
    """Switch every fault off."""
    services.faults.clear()
    return Response(status_code=HTTPStatus.NO_CONTENT)
