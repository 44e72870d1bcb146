"""A small HTTP client for load: one kept connection, one request at a time.

Keep out: what is asked.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

WHO = {"by": "proof", "reason": "proof"}


class Client:
    """A kept connection to a core's API; a fraction of a general client's work per request."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f"Host: core\r\nAuthorization: Bearer {token}\r\nContent-Length: "
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> tuple[int, Any]:
        """Status and answer; sent once more where the server had closed an idle connection."""
        content = msgspec.json.encode(body) if body else b""
        kind = "\r\nContent-Type: application/json\r\n\r\n"
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{len(content)}{kind}"
        try:
            return await self._ask(head.encode() + content)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return await self._ask(head.encode() + content)

    async def _ask(self, request: bytes) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answered.partition("content-length:")[2].split()[0])
        answer = await reader.readexactly(length)
        return int(answered.split()[1]), msgspec.json.decode(answer)

    async def ok(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The answer, which must not be a refusal."""
        status, answer = await self.ask(method, path, body)
        if status >= 300:
            raise AssertionError(f"{method} {path} was answered {status}: {answer}")
        return answer

    def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@asynccontextmanager
async def clients(port: int, token: str, count: int) -> AsyncIterator[list[Client]]:
    """So many connections to one core."""
    made = [Client(port, token) for _ in range(count)]
    try:
        yield made
    finally:
        for client in made:
            client.close()
