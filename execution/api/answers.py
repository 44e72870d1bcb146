"""How answers look: JSON with numbers as text, and errors as a code and a sentence.

Keep out: routes and queries.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from execution import metrics

MOST_NAMED = 64
"""Characters of a field's name that an answer repeats."""

_encoder = msgspec.json.Encoder(order="deterministic")


class Answer(Response):
    """Decimals as strings, times in ISO 8601."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - whatever a route returns
        """Encode once."""
        return _encoder.encode(content)


class RefusalError(Exception):
    """A request that is not carried out: a code for programs, a sentence for people."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.details = status, code, details or {}


async def refused(_request: Request, refusal: Exception) -> Answer:
    """Answer a RefusalError."""
    if not isinstance(refusal, RefusalError):
        raise refusal
    return error_answer(refusal.status, refusal.code, str(refusal), refusal.details)


async def malformed(_request: Request, error: Exception) -> Answer:
    """Answer a request whose body or query is not what the route takes: the first fault."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part)[:MOST_NAMED] for part in first["loc"])
    return error_answer(
        HTTPStatus.UNPROCESSABLE_ENTITY, "SCHEMA_INVALID", f"{place}: {first['msg']}"
    )


async def failed(_request: Request, error: Exception) -> Answer:
    """Answer what the framework refuses: unknown paths, wrong methods."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.BAD_REQUEST:  # a body that is no JSON at all
        return error_answer(HTTPStatus.UNPROCESSABLE_ENTITY, "SCHEMA_INVALID", str(error.detail))
    return error_answer(status, status.name, str(error.detail))


def error_answer(
    status: HTTPStatus, code: str, message: str, details: dict[str, Any] | None = None
) -> Answer:
    """A refusal's answer, counted."""
    metrics.REQUESTS_REFUSED.labels(str(int(status))).inc()
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    content = {"error": code, "message": message} | (details or {})
    return Answer(content, status, headers)
