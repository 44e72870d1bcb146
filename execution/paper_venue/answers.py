"""How refusals look: Alpaca's code and message, never a text of the framework's.

Keep out: the shape of what is asked for (wire.py).
"""

from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from execution.api.answers import MOST_NAMED, Answer
from execution.paper_venue.errors import BAD_REQUEST, INTERNAL, NOT_FOUND, RefusalError


def error_answer(status: HTTPStatus, code: int, message: str) -> Answer:
    """A refusal as Alpaca's clients read it."""
    return Answer({"code": code, "message": message}, status)


async def refused(_request: Request, refusal: Exception) -> Answer:
    """Answer a RefusalError."""
    if not isinstance(refusal, RefusalError):
        raise refusal
    return error_answer(refusal.status, refusal.code, str(refusal))


async def malformed(_request: Request, error: Exception) -> Answer:
    """Answer a request whose body or query is not what the route takes: the first fault."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part)[:MOST_NAMED] for part in first["loc"][1:]) or "body"
    message = f"{place}: {first['msg']}"
    return error_answer(HTTPStatus.UNPROCESSABLE_ENTITY, BAD_REQUEST, message)


async def failed(_request: Request, error: Exception) -> Answer:
    """Answer what the framework refuses: unknown paths, wrong methods, bodies that are no JSON."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND:
        return error_answer(status, NOT_FOUND, "endpoint not found")
    return error_answer(status, int(status) * 100_000, str(error.detail))


async def crashed(_request: Request, _error: Exception) -> Answer:
    """A defect; the server logs its traceback."""
    message = "the venue could not answer; its log says why"
    return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, message)
