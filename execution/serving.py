"""What the two HTTP services, the trading core and the external venue, have in common.

Belongs here: the bare application, and what a request's headers say before its body is read.
Keep out: routes, keys, and how a refusal looks (each service's own answers.py and access.py).
"""

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers

from execution.api.answers import Answer

MAX_BODY_BYTES = 64 * 1024


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


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGINT and SIGTERM, from the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
