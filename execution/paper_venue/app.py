"""The HTTP application: assembled over the running venue.

Keep out: routes, keys and faults, each in its own module.
"""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from execution.api.answers import Answer
from execution.paper_venue import account_routes, order_routes, simulation_routes, stream
from execution.paper_venue.access import Gate, Services
from execution.paper_venue.answers import crashed, failed, malformed, refused
from execution.paper_venue.errors import RefusalError
from execution.paper_venue.fault_gate import FaultGate
from execution.paper_venue.faults import STREAM


def create(services: Services) -> FastAPI:
    """The application over a venue."""
    app = FastAPI(
        title="paper-venue",
        version="1",
        docs_url=None,  # its page loads scripts from a foreign host
        redoc_url=None,
        default_response_class=Answer,
        redirect_slashes=False,
    )
    app.state.services = services
    app.add_exception_handler(RefusalError, refused)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(Exception, crashed)
    for each in (order_routes, account_routes, simulation_routes):
        app.include_router(each.router)

    async def updates(socket: WebSocket) -> None:
        await stream.serve(socket, services.hub, services.keys)

    app.add_api_websocket_route(STREAM, updates)
    app.add_middleware(FaultGate, faults=services.faults)
    app.add_middleware(Gate, keys=services.keys)
    return app
