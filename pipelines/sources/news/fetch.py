"""Fetches pages of the hosts that the configuration names: safely, and politely.

Belongs here: which addresses may be asked for, redirects, robots.txt, and the pace per host.
Keep out: connections and limits of size and time (network.py), and what a page says.

An address is refused unless its scheme is https (http for hosts named so), its host is one of the
named or below it, its port is the scheme's, and it carries no user or password. Redirects are
followed by hand, at most three, each checked like the first address.
"""

import re
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.robotparser import RobotFileParser

import httpcore
import httpx

from pipelines.errors import RequestError
from pipelines.sources.news.base import FeedState
from pipelines.sources.news.network import (
    HEADER_BYTES,
    Deadline,
    FetchError,
    Pinned,
    Resolver,
    bounded,
    resolve,
)

BODY_BYTES = 5 * 1024 * 1024
TOTAL_SECONDS = 10.0
REDIRECTS = 3
PAUSE_SECONDS = 1.0
"""Between two requests to one host."""

LONGEST_PAUSE = 60.0
"""A robots.txt that asks for a longer pause gets this one."""

ROBOTS_SECONDS = 24 * 3600.0
"""A robots.txt is asked for again after this time."""

MOVED = {301, 302, 303, 307, 308}
OK, NOT_MODIFIED = 200, 304
PORTS = {"https": 443, "http": 80}
TRY_LATER = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Page:
    """An answer: the address it came from in the end, its decoded bytes, and its state."""

    url: str
    body: bytes
    content_type: str
    state: FeedState
    modified: bool = True
    """False where the server says that nothing changed since the given state."""


@dataclass
class _Robots:
    rules: RobotFileParser
    until: float


class Fetcher:
    """Fetches from named hosts under a name that says whom to write to."""

    def __init__(
        self,
        agent: str,
        hosts: Iterable[str],
        *,
        plain_hosts: Collection[str] = (),
        permitted: Collection[tuple[str, int]] = (),
        pause: float = PAUSE_SECONDS,
        seconds: float = TOTAL_SECONDS,
        resolver: Resolver = resolve,
    ) -> None:
        """Make a fetcher.

        Args:
            agent: the User-Agent; must hold an e-mail address or a web page to complain to.
            hosts: host names that may be asked, with all below them.
            plain_hosts: those of them that may be asked over http.
            permitted: (host, port) exempt from the checks of scheme, port and address.
            pause: seconds between two requests to one host.
            seconds: that a whole request may take.
            resolver: the addresses of a host.
        """
        if "@" not in agent and "http" not in agent:
            raise RequestError(
                f"the User-Agent {agent!r} names no contact: give an e-mail address or a page"
            )
        self._agent = agent
        self._hosts = tuple(host.lower().strip(".") for host in hosts)
        self._plain = {host.lower() for host in plain_hosts}
        self._permitted = set(permitted)
        self._pause = pause
        self._seconds = seconds
        self._resolver = resolver
        self._context = httpx.create_ssl_context(trust_env=False)
        self._robots: dict[str, _Robots] = {}
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, url: str, state: FeedState | None = None, *, robots: bool = True) -> Page:
        """The page at an address, or FetchError.

        `state`, from an earlier answer, asks only for what changed since. `robots=False` is for
        services whose published terms allow what their robots.txt does not.
        """
        address = url
        for _ in range(REDIRECTS + 1):
            target = self._checked(address)
            if robots and not self._allowed(target):
                raise FetchError(address, "its robots.txt does not allow it")
            answer = self._ask(target, state or FeedState())
            if isinstance(answer, Page):
                return answer
            address = answer
        raise FetchError(url, f"redirects more than {REDIRECTS} times")

    def _checked(self, url: str) -> httpx.URL:
        if any(ord(c) <= ord(" ") or c in '\\<>"' for c in url):
            raise FetchError(url, "holds characters that no address has")
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise FetchError(url, f"is no address: {error}") from error
        if target.userinfo or "@" in re.split(r"[/?#]", url.partition("//")[2])[0]:
            raise FetchError(url, "holds a user name")
        if not target.host:
            raise FetchError(url, "names no host")
        if not self._is_permitted(target):
            self._check_place(url, target)
        return target

    def _check_place(self, url: str, target: httpx.URL) -> None:
        host = target.host.rstrip(".")
        plain = target.scheme == "http" and host in self._plain
        if target.scheme != "https" and not plain:
            raise FetchError(url, f"its scheme {target.scheme!r} is not allowed, only https")
        if not any(host == name or host.endswith(f".{name}") for name in self._hosts):
            raise FetchError(url, f"the host {host!r} is not one of those that were named")
        if _port(target) != PORTS[target.scheme]:
            raise FetchError(url, f"the port {target.port} is not that of {target.scheme}")

    def _is_permitted(self, target: httpx.URL) -> bool:
        web = target.scheme in PORTS
        return web and (target.host, _port(target)) in self._permitted

    def _allowed(self, target: httpx.URL) -> bool:
        origin = f"{target.scheme}://{target.netloc.decode()}"
        held = self._robots.get(origin)
        if held is None or held.until < time.monotonic():
            held = _Robots(self._read_robots(origin), time.monotonic() + ROBOTS_SECONDS)
            self._robots[origin] = held
        return held.rules.can_fetch(self._agent, str(target))

    def _read_robots(self, origin: str) -> RobotFileParser:
        """The rules of a host: all is allowed where it has none, nothing while it fails."""
        rules = RobotFileParser()
        try:
            page = self.get(f"{origin}/robots.txt", robots=False)
            rules.parse(page.body.decode("utf-8", "replace").splitlines())
        except FetchError as error:
            if error.passing:
                raise
            rules.parse([])
        return rules

    def _ask(self, target: httpx.URL, state: FeedState) -> Page | str:
        """The page, or the address that it moved to."""
        self._wait_turn(target)
        place = str(target)
        deadline = Deadline(place, self._seconds)
        backend = Pinned(place, deadline, self._resolver, trusted=self._is_permitted(target))
        pool = httpcore.ConnectionPool(self._context, network_backend=backend, max_connections=1)
        try:
            request = self._headers(target, state)
            with pool, pool.stream("GET", _wire(target), headers=request) as answer:
                return self._read(target, answer, state)
        except (httpcore.TimeoutException, TimeoutError):
            raise deadline.passed() from None
        except httpcore.ProtocolError as error:
            problem = f"answers no HTTP with headers up to {HEADER_BYTES:,} bytes: {error}"
            raise FetchError(place, problem) from error
        except (httpcore.NetworkError, OSError) as error:
            raise FetchError(place, f"cannot be reached: {error}", passing=True) from error

    def _read(self, target: httpx.URL, answer: httpcore.Response, state: FeedState) -> Page | str:
        place = str(target)
        headers = httpx.Headers(answer.headers)
        if answer.status in MOVED and "location" in headers:
            return _joined(target, headers["location"])
        kind = headers.get("content-type", "")
        if answer.status == NOT_MODIFIED:
            return Page(place, b"", kind, state, modified=False)
        if answer.status != OK:
            passing = answer.status in TRY_LATER
            raise FetchError(place, f"answered {answer.status}", passing=passing)
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > BODY_BYTES:
            raise FetchError(place, f"is larger than {BODY_BYTES:,} bytes")
        encoding = headers.get("content-encoding", "").strip().lower()
        body = bounded(place, answer.iter_stream(), encoding, BODY_BYTES)
        found = FeedState(headers.get("etag", ""), headers.get("last-modified", ""))
        return Page(place, body, kind, found)

    def _headers(self, target: httpx.URL, state: FeedState) -> list[tuple[str, str]]:
        headers = [
            ("Host", target.netloc.decode()),
            ("User-Agent", self._agent),
            ("Accept-Encoding", "gzip"),
            ("Connection", "close"),
        ]
        if state.etag:
            headers.append(("If-None-Match", state.etag))
        if state.last_modified:
            headers.append(("If-Modified-Since", state.last_modified))
        return headers

    def _wait_turn(self, target: httpx.URL) -> None:
        """Sleep until this host's turn; a host's robots.txt may ask for a longer pause."""
        held = self._robots.get(f"{target.scheme}://{target.netloc.decode()}")
        asked = held.rules.crawl_delay(self._agent) if held else None
        pause = max(self._pause, min(float(asked or 0), LONGEST_PAUSE))
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(target.host, now))
            self._next[target.host] = turn + pause
        time.sleep(turn - now)


def _wire(target: httpx.URL) -> httpcore.URL:
    """The very parts that were checked, so that no second parser reads the address."""
    return httpcore.URL(
        scheme=target.raw_scheme,
        host=target.raw_host,
        port=target.port,
        target=target.raw_path,
    )


def _port(target: httpx.URL) -> int:
    return target.port or PORTS.get(target.scheme, 0)


def _joined(target: httpx.URL, location: str) -> str:
    try:
        return str(target.join(location))
    except httpx.InvalidURL as error:
        raise FetchError(str(target), f"redirects to what is no address: {error}") from error
