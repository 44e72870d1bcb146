"""Who may ask, how much, and what a route gets to work with.

The gate stands before the whole application: a path that it does not know is closed.
Keep out: routes, and what a request means.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from execution.api.answers import Answer
from execution.paper_venue.answers import error_answer
from execution.paper_venue.errors import UNAUTHORIZED
from execution.paper_venue.faults import STREAM, Faults
from execution.paper_venue.keys import Keys
from execution.paper_venue.stream import Hub
from execution.paper_venue.venue import Venue
from execution.serving import MAX_BODY_BYTES, bearer, fits

MAX_BARS_BYTES = 8 * 1024 * 1024
BARS = "/sim/v1/bars"
OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""For probes, which carry no secret; they tell nothing of an account."""
TOO_LARGE = 41310000


@dataclass
class Services:
    """What the routes need of the running process."""

    venue: Venue
    hub: Hub
    faults: Faults
    keys: Keys
    stopping: bool = False


class Gate:
    """Refuses requests without a key and bodies that are too large, before they are read."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, or let the request through with its account."""
        if scope["type"] == "websocket":
            await (self._app if scope["path"] == STREAM else _turned_away)(scope, receive, send)
        elif scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._judge(scope, headers) or _judge_size(scope["path"], headers)
            await (refusal or self._app)(scope, receive, send)

    def _judge(self, scope: Scope, headers: Headers) -> Answer | None:
        """None where the request may pass; the stream's own path asks in its first message."""
        path = scope["path"]
        if path in OPEN_PATHS:
            return None
        if path.startswith("/sim/"):
            if self._keys.is_admin(bearer(headers)):
                return None
            return _unauthorized("send the header Authorization: Bearer <admin_key>")
        account = self._keys.account_of(
            headers.get("apca-api-key-id", ""), headers.get("apca-api-secret-key", "")
        )
        if account is None:
            return _unauthorized("request is not authorized")
        scope["state"]["account"] = account
        return None


def _unauthorized(message: str) -> Answer:
    return error_answer(HTTPStatus.UNAUTHORIZED, UNAUTHORIZED, message)


def _judge_size(path: str, headers: Headers) -> Answer | None:
    most = MAX_BARS_BYTES if path == BARS else MAX_BODY_BYTES
    if fits(headers, most):
        return None
    message = f"a body needs a Content-Length of at most {most} bytes"
    return error_answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, message)


async def _turned_away(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


async def _services(request: Request) -> Services:
    """A coroutine, although it waits for nothing: FastAPI calls a function on another thread."""
    services: Services = request.app.state.services
    return services


async def _account(request: Request) -> str:
    """The account whose keys the request carries."""
    name: str = request.state.account
    return name


Use = Annotated[Services, Depends(_services)]
Account = Annotated[str, Depends(_account)]
