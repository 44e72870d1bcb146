"""A web site on loopback that answers as real ones do, good and bad."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipelines.sources.news.fetch import Fetcher

AGENT = "trading-tests (mailto:tests@example.com)"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """Routes by path; `asked` holds every request's path and headers."""

    def __init__(self) -> None:
        self.routes: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, path: str, body: bytes, **headers: str) -> None:
        """A path that answers 200 with that body."""
        self.routes[path] = lambda request: answer(request, 200, body, headers)

    def status(self, path: str, status: int, **headers: str) -> None:
        self.routes[path] = lambda request: answer(request, status, b"", headers)

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def fetcher(self, **settings: object) -> Fetcher:
        """One that may ask this site, and nobody else."""
        defaults: dict[str, object] = {"permitted": {("127.0.0.1", self.port)}, "pause": 0.0}
        return Fetcher(AGENT, ["127.0.0.1"], **(defaults | settings))  # type: ignore[arg-type]


def answer(
    request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            route = site.routes.get(self.path)
            try:
                if route is None:
                    answer(self, 404, b"", {})
                else:
                    route(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
