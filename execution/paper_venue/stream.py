"""The stream of trade updates: who listens, what they are told, and what a fault makes of it.

Frames are JSON in binary, as Alpaca's paper stream sends them; text and binary are read. A reader
that falls behind is disconnected, and catches up from the orders and activities.
Keep out: what happened (venue.py) and how it is written (wire.py).
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from execution.paper_venue import lies, wire
from execution.paper_venue.faults import (
    OF_FILLS,
    OF_THE_STREAM,
    STREAM,
    Fault,
    Faults,
    Kind,
)
from execution.paper_venue.keys import Keys
from execution.paper_venue.venue import Event

MOST_WAITING = 10_000
"""Events that a reader may be behind."""

AUTHENTICATION_S = 10
"""How long a socket may stay silent before it says who it is."""

UPDATES = "trade_updates"
Document = dict[str, Any]


class Listener:
    """One socket's queue; the account's events go into it without waiting."""

    def __init__(self, abort: Callable[[], None]) -> None:
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self.listening = False
        self._abort = abort

    def offer(self, frame: bytes) -> None:
        """Queue a frame, or end a reader that does not read."""
        try:
            self.waiting.put_nowait(frame)
        except asyncio.QueueFull:
            self.cut()

    def cut(self) -> None:
        """Close the socket without a word."""
        self._abort()


class Hub:
    """Carries events to the listeners of their account."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._held: dict[str, Document] = {}
        """By account: an event that goes out after the next one."""

    def join(self, account: str, listener: Listener) -> None:
        """Tell it everything from now on, once it listens."""
        self._listeners[account].add(listener)

    def leave(self, account: str, listener: Listener) -> None:
        """Tell it nothing more."""
        self._listeners[account].discard(listener)

    def tell(self, events: list[Event]) -> None:
        """Carry events, in their order unless a fault says otherwise."""
        for event in events:
            account = event.order.account
            if any(each.listening for each in self._listeners[account]):
                self._carry(account, wire.update(event))

    def _carry(self, account: str, document: Document) -> None:
        kinds = OF_THE_STREAM if "execution_id" in document else OF_THE_STREAM - OF_FILLS
        fault = self._faults.strike(kinds, account, "*", STREAM, document["event"])
        held = self._held.pop(account, None)
        for each in self._made(account, fault, document):
            self._send(account, each)
        if held is not None:
            self._send(account, held)

    def _made(self, account: str, fault: Fault | None, document: Document) -> list[Document]:
        """What goes out for an event."""
        kind = fault.kind if fault else None
        if fault is None:
            return [document]
        if kind is Kind.DROP_EVENT:
            return []
        if kind is Kind.CLOSE_STREAM:
            for each in list(self._listeners[account]):
                each.cut()
            return []
        if kind is Kind.OUT_OF_ORDER:
            self._held[account] = document
            return []
        if kind is Kind.DUPLICATE_FILL:
            return [document, document]
        if kind is Kind.EXECUTION_CONFLICT:
            return [document, lies.contradicted(document)]
        return [lies.told(fault, document)]

    def _send(self, account: str, document: Document) -> None:
        frame = _frame(UPDATES, document)
        for each in self._listeners[account]:
            if each.listening:
                each.offer(frame)


async def serve(socket: WebSocket, hub: Hub, keys: Keys) -> None:
    """One socket from its first message to its end."""
    await socket.accept()
    try:
        async with asyncio.timeout(AUTHENTICATION_S):
            account = await _authenticated(socket, keys)
    except (TimeoutError, WebSocketDisconnect):
        account = None
    if account is None:
        return
    listener = Listener(socket.scope["state"]["transport"].abort)
    hub.join(account, listener)
    writer = asyncio.create_task(_write(socket, listener))
    try:
        await _read(socket, listener)
    except WebSocketDisconnect:
        pass
    finally:
        hub.leave(account, listener)
        writer.cancel()
        await asyncio.wait([writer])


async def _authenticated(socket: WebSocket, keys: Keys) -> str | None:
    """The account that the first message proves to be of; None where it proves none."""
    message = await _message(socket)
    data = message.get("data")
    named = data if isinstance(data, dict) else {}
    key_id, secret = named.get("key_id", message.get("key")), named.get("secret_key")
    secret = message.get("secret") if secret is None else secret
    account = None
    if message.get("action") in ("authenticate", "auth"):
        account = keys.account_of(str(key_id), str(secret))
    said = {"action": "authenticate", "status": "authorized" if account else "unauthorized"}
    await socket.send_bytes(_frame("authorization", said))
    return account


async def _read(socket: WebSocket, listener: Listener) -> None:
    """Obey until the other side leaves."""
    while True:
        message = await _message(socket)
        if message.get("action") == "listen":
            data = message.get("data")
            asked = data.get("streams") if isinstance(data, dict) else None
            listener.listening = isinstance(asked, list) and UPDATES in asked
            streams = [UPDATES] if listener.listening else []
            listener.offer(_frame("listening", {"streams": streams}))


async def _write(socket: WebSocket, listener: Listener) -> None:
    try:
        while True:
            await socket.send_bytes(await listener.waiting.get())
    except (WebSocketDisconnect, RuntimeError):  # it left; the reader sees it too
        return


async def _message(socket: WebSocket) -> Document:
    """The next message as an object, empty where it is none."""
    raw = await socket.receive()
    if raw["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(raw.get("code", 1005))
    try:
        found = json.loads(raw.get("text") or raw.get("bytes") or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _frame(stream: str, data: Document) -> bytes:
    return msgspec.json.encode({"stream": stream, "data": data})
