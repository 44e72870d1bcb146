"""The HTTP application: assembled over running services.

Keep out: routes (routes.py) and who may use them (access.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.exceptions import HTTPException

from execution.api import book_routes, control_routes, order_routes, routes, signal_routes
from execution.api.access import Gate, Services
from execution.api.answers import Answer, RefusalError, error_answer, failed, malformed, refused
from execution.serving import application


def create(services: Services) -> FastAPI:
    """The application over running services."""
    handlers = {
        RefusalError: refused,
        RequestValidationError: malformed,
        HTTPException: failed,
        OperationalError: _unavailable,
        PoolTimeout: _unavailable,
        Exception: _crashed,
    }
    modules = (routes, order_routes, control_routes, book_routes, signal_routes)
    app = application("trading-core", services, (each.router for each in modules), handlers)
    app.add_middleware(Gate, token=services.token)
    return app


async def _unavailable(_request: Request, error: Exception) -> Answer:
    message = f"the database does not answer, try again: {type(error).__name__}"
    return Answer({"error": "UNAVAILABLE", "message": message}, HTTPStatus.SERVICE_UNAVAILABLE)


async def _crashed(_request: Request, _error: Exception) -> Answer:
    """A defect; the server logs its traceback."""
    message = "the trading core could not answer; its log says why"
    return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)


@asynccontextmanager
async def pool(url: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    """Connections for the API and the outbox, each statement its own transaction."""
    made: AsyncConnectionPool[Any] = AsyncConnectionPool(
        url, kwargs={"autocommit": True}, min_size=1, max_size=8, timeout=5, open=False
    )
    async with made:
        yield made
