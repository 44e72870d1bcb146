"""What a fault does to a request: before it is done, instead of it, or to its answer.

Keep out: which faults are on (faults.py), and who may ask (access.py).
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from execution.api.answers import Answer
from execution.paper_venue import lies
from execution.paper_venue.answers import error_answer
from execution.paper_venue.errors import TOO_MANY
from execution.paper_venue.faults import BEFORE, OF_REQUESTS, Fault, Faults, Kind

CHUNK = 1 << 20
SIMULATED = "/v2/"
"""Only the paths that Alpaca has are faulty."""


class FaultGate:
    """Stands between the keys and the routes."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or do what the fault says."""
        fault = None
        if scope["type"] == "http" and scope["path"].startswith(SIMULATED):
            account = scope["state"].get("account")
            fault = self._faults.strike(OF_REQUESTS, account, scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind in BEFORE:
            await _refuse(fault, scope, receive, send)
        elif fault.kind is Kind.SLOW:
            body = await _read(receive)
            await asyncio.sleep(_seconds(fault))
            await self._app(scope, _again(body, receive), send)
        else:
            answer = _Caught()
            await self._app(scope, receive, answer)
            await _spoil(fault, answer, scope, receive, send)


async def _read(receive: Receive) -> list[Message]:
    """The whole request, so that it is done even if its client gives up meanwhile."""
    found = [await receive()]
    while found[-1].get("more_body"):
        found.append(await receive())
    return found


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Give what was read, and then go on."""
    waiting = iter(messages)

    async def replay() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replay


class _Caught:
    """An answer that was given and not sent."""

    def __init__(self) -> None:
        self.status, self.body = 0, b""

    async def __call__(self, message: Message) -> None:
        """Keep a part of it."""
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


async def _refuse(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind is Kind.HOLD:
        await asyncio.sleep(_seconds(fault))
        await _hang_up(scope, receive)
    elif fault.kind is Kind.RATE_LIMIT:
        answer = error_answer(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY, "rate limit exceeded")
        answer.headers["Retry-After"] = str(-(-(fault.milliseconds or 0) // 1000))
        await answer(scope, receive, send)
    else:
        status = HTTPStatus(fault.status or 500)
        await error_answer(status, int(status) * 100_000, "not now")(scope, receive, send)


async def _spoil(fault: Fault, answer: _Caught, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind is Kind.DROP_ANSWER:
        await _hang_up(scope, receive)
    elif fault.kind is Kind.GATEWAY_TIMEOUT:
        status = HTTPStatus.GATEWAY_TIMEOUT
        await error_answer(status, int(status) * 100_000, "gateway timeout")(scope, receive, send)
    elif fault.kind is Kind.HUGE_ANSWER:
        await _flood(fault.bytes or 0, send)
    else:
        await _answer(answer.status, _lied(fault, answer.body), scope, receive, send)


async def _answer(status: int, body: Any, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ANN401
    answer = Answer(body, status) if body is not None else Answer(None, HTTPStatus.NO_CONTENT)
    if body is None:
        answer.body = b""
        answer.init_headers()
    await answer(scope, receive, send)


def _lied(fault: Fault, body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    return lies.told(fault, json.loads(body)) if body else None


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection at once; the server then has nobody to answer."""
    scope["state"]["transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _flood(size: int, send: Send) -> None:
    """A JSON text of this many bytes, in pieces: the venue does not hold it."""
    start, end = b'{"padding":"', b'"}'
    length = max(size, len(start) + len(end))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": start, "more_body": True})
    left = length - len(start) - len(end)
    while left:
        piece = min(left, CHUNK)
        await send({"type": "http.response.body", "body": b"x" * piece, "more_body": True})
        left -= piece
    await send({"type": "http.response.body", "body": end})


def _seconds(fault: Fault) -> float:
    return (fault.milliseconds or 0) / 1000
