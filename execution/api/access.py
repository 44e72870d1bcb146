"""Who may ask, how much, and what a route gets to work with.

The gate stands before the whole application: a new route is closed until it is named here.
Keep out: routes, SQL.
"""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from execution.api.answers import error_answer
from execution.domain.config import AccountConfig
from execution.quotes import QuoteCache
from execution.serving import MAX_BODY_BYTES, bearer, fits
from execution.writer import Writer

OPEN_PATHS = frozenset({"/health", "/health/live", "/health/ready"})
"""For probes, which carry no secret; they tell nothing of an account."""


@dataclass
class Services:
    """What the routes need of the running process."""

    pool: AsyncConnectionPool[Any]
    token: str
    quotes: QuoteCache
    writers: Mapping[str, Writer]
    open_account: Callable[[AccountConfig], Awaitable[bool]]
    problems: Callable[[], list[str]]
    """Why the process is not ready, in words; empty where it is."""


class Gate:
    """Refuses requests without the token and bodies that are too large, before they are read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, or let the request through."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        refusal = None
        if scope["path"] not in OPEN_PATHS and not self._knows(bearer(headers)):
            message = "send the header Authorization: Bearer <token>; `trading token` prints it"
            refusal = error_answer(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", message)
        elif not fits(headers):
            message = f"a body needs a Content-Length of at most {MAX_BODY_BYTES} bytes"
            refusal = error_answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BODY_TOO_LARGE", message)
        await (refusal or self._app)(scope, receive, send)

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(errors="replace"), self._token)


async def _services(request: Request) -> Services:
    """A coroutine, although it waits for nothing: FastAPI calls a function on another thread."""
    services: Services = request.app.state.services
    return services


async def _connection(
    services: Annotated[Services, Depends(_services)],
) -> AsyncIterator[AsyncConnection[Any]]:
    async with services.pool.connection() as connection:
        yield connection


Use = Annotated[Services, Depends(_services)]
Read = Annotated[AsyncConnection[Any], Depends(_connection)]
