"""The HTTP application: assembled over the running venue.

Keep out: routes, keys and faults, each in its own module.
"""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from execution.paper_venue import account_routes, order_routes, simulation_routes, stream
from execution.paper_venue.access import Gate, Services
from execution.paper_venue.answers import crashed, failed, malformed, refused
from execution.paper_venue.errors import RefusalError
from execution.paper_venue.fault_gate import FaultGate
from execution.paper_venue.faults import STREAM
from execution.serving import application


def create(services: Services) -> FastAPI:
    """The application over a venue."""
    handlers = {
        RefusalError: refused,
        RequestValidationError: malformed,
        HTTPException: failed,
        Exception: crashed,
    }
    modules = (order_routes, account_routes, simulation_routes)
    app = application("paper-venue", services, (each.router for each in modules), handlers)

    async def updates(socket: WebSocket) -> None:
        await stream.serve(socket, services.hub, services.keys)

    app.add_api_websocket_route(STREAM, updates)
    app.add_middleware(FaultGate, faults=services.faults)
    app.add_middleware(Gate, keys=services.keys)
    return app
