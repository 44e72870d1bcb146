"""A trading core that answers from a script, over real HTTP on the loopback.

Belongs here: the few answers that the pipelines read. Keep out: any trading.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret-of-the-test"


@dataclass
class FakeCore:
    """`closed` gives the account's closed session at each look, None while it has none."""

    closed: Callable[[int], str | None]
    looks: int = 0
    url: str = ""
    seen: list[str] = field(default_factory=list)
    known: bool = True
    first: str = "2012-01-03"
    accounts: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        self.seen.append(path)
        if path == "/api/v1/accounts":
            return 200, self.accounts
        if not self.known:
            message = f"no account {query['account'][0]}"
            return 404, {"error": "ACCOUNT_UNKNOWN", "message": message}
        if path == "/api/v1/account":
            self.looks += 1
            return 200, self._account(query["account"][0])
        if path == "/api/v1/positions":
            return 200, [{"symbol": "IBM", "quantity": "5", "average_price": "180.1"}]
        book = {
            "equity": "100100.50",
            "fills": 2,
            "dispositions": {"executed": 2},
            "refusals": {"POSITION_LIMIT": 1},
        }
        days = ("2012-01-03", "2012-01-04")  # 2012-01-05 is not booked
        return 200, [{"session": day} | book for day in days]

    def _account(self, account: str) -> dict[str, Any]:
        closed = self.closed(self.looks)
        return {
            "account": account,
            "equity": "100100.50",
            "cash": "90000",
            "first_session": self.first if closed else None,
            "session": closed,
            "closed_session": closed,
            "clock": None,
            "seq": 0,
            "pending": {"bars": 1},
            "fills": {"IBM": 3},
        }


@contextmanager
def serving(core: FakeCore) -> Iterator[FakeCore]:
    """The core on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; two would wait for each other

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
            status, body = (
                core.answer(url.path, parse_qs(url.query))
                if allowed
                else (401, {"error": "UNAUTHORIZED", "message": "wrong token"})
            )
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    core.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield core
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
