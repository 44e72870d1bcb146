"""Reading a JSON body without guessing: what JSON allows and programs disagree on is refused.

Keep out: what a body means (bodies.py).
"""

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from router.messages import RepeatedKeyError, members


class StrictRoute(APIRoute):
    """A route whose JSON body names every field once and holds only numbers that JSON has."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler over a stricter request."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The body; numbers with a point are decimals, never floats."""
        if not hasattr(self, "_parsed"):
            self._parsed = parse(await self.body())
        return self._parsed


def parse(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value; raises HTTPException with the fault."""
    try:
        value = json.loads(
            body, object_pairs_hook=members, parse_float=Decimal, parse_constant=_refuse_constant
        )
        if b"\\u" in body:  # only an escape can smuggle half a character in
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except RepeatedKeyError as error:
        raise _refusal(f"body.{error.key[:40]}: the field is given twice") from None
    except UnicodeEncodeError:
        raise _refusal("body: a text holds half a character, a lone surrogate") from None
    except RecursionError:
        raise _refusal("body: it is nested too deeply") from None
    except ValueError as error:  # also bytes that are no UTF-8, and integers of 5,000 digits
        raise _refusal(f"body: it is no JSON: {str(error)[:100]}") from error
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise _refusal(f"body: {text} is no number")


def _refusal(sentence: str) -> HTTPException:
    """Answered as SCHEMA_INVALID."""
    return HTTPException(HTTPStatus.BAD_REQUEST, sentence)
