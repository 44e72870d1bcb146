"""What the two HTTP services, the trading core and the external venue, have in common.

Belongs here: the bare application, and what a request's headers say before its body is read.
Keep out: routes, keys, and how a refusal looks (each service's own answers.py and access.py).
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from execution.api.answers import Answer

MAX_BODY_BYTES = 64 * 1024

QUIET_S = 0.25
"""Without a request for so long, nobody sends any more to a service that is leaving."""

LONGEST_DRAIN_S = 3.0
"""How long it answers those who go on."""


def application(
    title: str,
    services: object,
    routers: Iterable[APIRouter],
    handlers: Mapping[type[Exception], Callable[..., Any]],
) -> FastAPI:
    """An application over running services; `handlers` answer what routes raise."""
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,  # its page loads scripts from a foreign host
        redoc_url=None,
        default_response_class=Answer,
        redirect_slashes=False,
    )
    app.state.services = services
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    for each in routers:
        app.include_router(each)
    return app


def fits(headers: Headers, most: int = MAX_BODY_BYTES) -> bool:
    """Whether the body says beforehand that it has at most so many bytes."""
    size = headers.get("content-length", "0")
    whole = "transfer-encoding" not in headers and size.isdecimal() and len(size) < 10
    return whole and int(size) <= most


def bearer(headers: Headers) -> str:
    """The token of the header Authorization; nothing where it carries none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class Draining:
    """A service that can leave without breaking off a request.

    A server that just closes takes idle connections with it, and a request that was sent on one at
    that moment. So every answer of a leaving service ends its connection, and it goes on to answer
    until whoever sends has gone elsewhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.leaving = False
        self._app = app
        self._asked_at = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on; once leaving, ask for the connection's end with the answer."""
        self._asked_at = time.monotonic()
        await self._app(scope, receive, _ending(send) if self.leaving else send)

    async def drain(self) -> None:
        """Begin to leave; returns when nobody asks any more."""
        self.leaving = True
        began = self._asked_at = time.monotonic()
        ends = began + LONGEST_DRAIN_S
        while (left := min(self._asked_at + QUIET_S, ends) - time.monotonic()) > 0:  # noqa: ASYNC110 - until it is quiet, which no event says
            await asyncio.sleep(left)


def _ending(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["connection"] = "close"
        await send(message)

    return closing


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGINT and SIGTERM, from the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
