"""A Dagster webserver and a trading core on the loopback, as small as the tests need.

Belongs here: real HTTP with answers that a test prepares, and what was asked.
Keep out: assertions.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CODE_SERVER_SILENT = {
    "__typename": "PythonError",
    "message": "dagster._core.errors.DagsterUserCodeUnreachableError: Could not reach it",
}
STEP = {"stepKey": "bars", "status": "SUCCESS", "startTime": 1.0, "endTime": 2.5}
ACCOUNT: dict[str, Any] = {
    "account": "sample",
    "mode": "replay",
    "currency": "USD",
    "capital": "100000",
    "equity": "100000",
    "session": None,
    "first_session": None,
    "closed_session": None,
    "orders": {},
    "fills": {},
    "kill_switch": False,
    "restrictions": [],
}
SIZING = {"entry_score": "0.15", "exit_score": "0.00", "full_score": "0.50", "short": False}
KNOWN: dict[str, Any] = {
    "account": "sample",
    "mode": "replay",
    "strategies": ["technical"],
    "sources": ["sample"],
    "sizing": {"technical": SIZING},
}


@dataclass
class FakeDagster:
    """Plays one run; each list is used from its start, and its last entry again and again."""

    launches: list[dict[str, Any]] = field(default_factory=lambda: [launched("run-1")])
    states: list[str] = field(default_factory=lambda: ["SUCCESS"])
    events: list[dict[str, Any]] = field(default_factory=list)
    cancels: list[str] = field(default_factory=lambda: ["TerminateRunSuccess"])
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, mutation: str) -> list[dict[str, Any]]:
        """The variables of every query of that name."""
        return [variables for name, variables in self.asked if name == mutation]

    def answer(self, _method: str, _path: str, body: Any) -> tuple[int, Any]:
        name = body["query"].split("(")[0].split()[1]
        self.asked.append((name, body["variables"]))
        return 200, {"data": getattr(self, f"_{name.lower()}")()}

    def _launch(self) -> dict[str, Any]:
        return {"launchRun": _next(self.launches)}

    def _run(self) -> dict[str, Any]:
        run = {"status": _next(self.states), "startTime": 1.0, "endTime": 3.0}
        return {"runOrError": {"__typename": "Run", **run, "stepStats": [STEP]}}

    def _events(self) -> dict[str, Any]:
        page = {"cursor": "1", "hasMore": False, "events": self.events}
        return {"runOrError": {"__typename": "Run", "eventConnection": page}}

    def _cancel(self) -> dict[str, Any]:
        each = {"__typename": _next(self.cancels), "message": "it is over"}
        return {
            "terminateRuns": {"__typename": "TerminateRunsResult", "terminateRunResults": [each]}
        }


@dataclass
class FakeCore:
    """Answers by method and path; what it does not know is 404 with a sentence."""

    answers: dict[str, Any] = field(
        default_factory=lambda: {
            "GET /health/ready": {},
            "GET /api/v1/accounts": [KNOWN],
            "POST /api/v1/accounts": {},
            "GET /api/v1/account": ACCOUNT,
            "GET /api/v1/sessions": [],
            "GET /api/v1/equity": [],
            "GET /api/v1/positions": [],
            "GET /api/v1/fills": [],
            "GET /api/v1/fills/signals": [],
        }
    )
    status: int = 200
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        parts = urlsplit(path)
        self.asked.append((f"{method} {parts.path}", body or dict(parse_qsl(parts.query))))
        found = self.answers.get(f"{method} {parts.path}")
        if found is None:
            return 404, {"error": "UNKNOWN", "message": f"there is nothing at {parts.path}"}
        return self.status, found


def launched(run_id: str) -> dict[str, Any]:
    return {"__typename": "LaunchRunSuccess", "run": {"runId": run_id}}


@contextmanager
def served(fake: FakeDagster | FakeCore) -> Iterator[str]:
    """The URL of a fake while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", None)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer("POST", json.loads(self.rfile.read(length)))

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, method: str, body: Any) -> None:
            status, found = fake.answer(method, self.path, body)
            raw = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _next(prepared: list[Any]) -> Any:
    return prepared.pop(0) if len(prepared) > 1 else prepared[0]
