"""What an agent shows over HTTP: /metrics for Prometheus, /health/live and /health/ready.

Belongs here: the counts, and whether the agent lives and is ready. Keep out: deciding what counts.

live: the event loop still turns; otherwise restart it. ready: the model is loaded and NATS is
there; otherwise send it nothing.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from pipelines.errors import AgentPortError

LIVE_S = 5.0

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class State:
    """What an agent has done and whether it can do more."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.registry = CollectorRegistry()
        self.takes_requests: Callable[[], bool] = lambda: False
        self._loop = loop
        requests = Counter(
            "agent_requests", "Requests by code of the answer.", ["agent", "code"],
            registry=self.registry,
        )  # fmt: skip
        self._requests = requests
        self._name = name
        self._seconds = Histogram(
            "agent_request_seconds", "Time that an answer took.", ["agent"],
            registry=self.registry,
        ).labels(name)  # fmt: skip
        self._working = Gauge(
            "agent_requests_in_flight", "Requests that are worked on.", ["agent"],
            registry=self.registry,
        ).labels(name)  # fmt: skip
        Gauge("agent_ready", "1 where requests are taken.", registry=self.registry).set_function(
            lambda: float(self.ready())
        )

    def count(self, code: str) -> None:
        """One more request was answered with that code."""
        self._requests.labels(self._name, code).inc()

    @contextmanager
    def working(self) -> Iterator[None]:
        """For as long as a request is worked on."""
        with self._working.track_inprogress(), self._seconds.time():
            yield

    def ready(self) -> bool:
        """Whether requests are taken now."""
        return self.takes_requests()

    def live(self) -> bool:
        """Whether the event loop comes round within LIVE_S seconds; ask from another thread."""
        turned = threading.Event()
        try:
            self._loop.call_soon_threadsafe(turned.set)
        except RuntimeError:  # the loop is closed
            return False
        return turned.wait(LIVE_S)


class _Silent(WSGIRequestHandler):
    """Probes come every few seconds; they are not logged."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def served(state: State, host: str, port: int) -> Iterator[None]:
    """Answer on `host`:`port` while the block runs; AgentPortError if that cannot be had."""
    try:
        server = make_server(host, port, application(state), ThreadingWSGIServer, _Silent)
    except OSError as error:
        raise AgentPortError(f"{host}:{port} cannot be listened on: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="agent-http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def application(state: State) -> Application:
    """The WSGI application of an agent."""
    metrics = make_wsgi_app(state.registry)
    checks = {
        "/health/live": (state.live, "live"),
        "/health/ready": (state.ready, "ready"),
        "/health": (state.ready, "ready"),
    }

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            page: Iterable[bytes] = metrics(environ, start)
            return page
        if path not in checks:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"no such page\n"]
        check, word = checks[path]
        well = check()
        status = "200 OK" if well else "503 Service Unavailable"
        start(status, [("Content-Type", "application/json")])
        return [json.dumps({"status": word if well else f"not {word}"}).encode()]

    return answer
