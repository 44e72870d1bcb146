"""One connection to an address that was checked: resolved once, pinned, timed and bounded.

Belongs here: which network addresses may be connected to, one deadline over every step of a
request, and reading a body without ever holding more than its limit.
Keep out: which URLs are asked for, robots and redirects (fetch.py).
"""

import ipaddress
import queue
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import httpcore

from pipelines.errors import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

GZIP_OR_ZLIB = 47
"""zlib's window bits for either header, found out by itself."""

PIECE = 64 * 1024
HEADER_BYTES = 100 * 1024
"""httpcore refuses a longer block of headers."""


class FetchError(SourceError):
    """An address that was refused or did not answer; `passing`: asking later may help."""

    def __init__(self, place: str, problem: str, *, passing: bool = False) -> None:
        super().__init__(place, problem)
        self.passing = passing


class Deadline:
    """A moment on the monotonic clock by which a whole request is over."""

    def __init__(self, place: str, seconds: float) -> None:
        self._place = place
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, always above 0; FetchError once there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> FetchError:
        """The error that says how long was waited."""
        return FetchError(self._place, f"took longer than {self._seconds:g} s", passing=True)


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as the system resolves it (odd spellings of numbers too)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_global(place: str, host: str, addresses: Sequence[str]) -> None:
    """Raise FetchError unless every address is a public one (v4 inside v6 counts as v4)."""
    if not addresses:
        raise FetchError(place, f"{host} has no address", passing=True)
    for text in addresses:
        address = _unwrapped(ipaddress.ip_address(text.split("%")[0]))
        if not address.is_global or address.is_multicast:
            raise FetchError(place, f"{host} is {text}, which is no public address")


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


class Pinned(httpcore.NetworkBackend):
    """Connects to one host, at an address that was checked when the request began.

    The name is resolved once and every address checked; the connection goes to the first of
    them, so a second answer of the name server changes nothing. TLS still names the host.
    """

    def __init__(
        self, place: str, deadline: Deadline, resolver: Resolver, *, trusted: bool
    ) -> None:
        self._place = place
        self._deadline = deadline
        self._resolver = resolver
        self._trusted = trusted
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A stream to the checked address, or FetchError."""
        addresses = self._resolved(host, port)
        if not self._trusted:
            check_global(self._place, host, addresses)
        stream = self._real.connect_tcp(
            addresses[0], port, self._deadline.left(), local_address, socket_options
        )
        return _Timed(stream, self._deadline)

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """The name's addresses; a name server that hangs is left behind at the deadline."""
        answers: queue.Queue[Sequence[str] | Exception] = queue.Queue()

        def ask() -> None:
            try:
                answers.put(self._resolver(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self._deadline.left())
        except queue.Empty:
            raise self._deadline.passed() from None
        if isinstance(answer, Exception):
            raise FetchError(self._place, f"{host} has no address: {answer}", passing=True)
        return answer

    def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - httpcore's own signature
        timeout: float | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Never: news comes over the network."""
        raise FetchError(self._place, "a local socket is no address")

    def sleep(self, seconds: float) -> None:
        """Between two attempts to connect."""
        self._real.sleep(min(seconds, self._deadline.left()))


class _Timed(httpcore.NetworkStream):
    """A stream whose every step ends at the deadline, however slowly the bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,  # noqa: ANN401 - httpcore's own signature
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._stream.get_extra_info(info)


def bounded(place: str, pieces: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """The whole decoded body; FetchError beyond `limit` bytes, whatever it was packed as.

    Knows no encoding, and gzip or deflate once; anything else is refused, since its unpacked
    size could not be bounded.
    """
    if encoding in {"", "identity"}:
        decoded: Iterator[bytes] = iter(pieces)
    elif encoding in {"gzip", "x-gzip", "deflate"}:
        decoded = _inflated(place, pieces)
    else:
        raise FetchError(place, f"is packed as {encoding[:40]!r}; only gzip is asked for")
    body = bytearray()
    for piece in decoded:
        body += piece
        if len(body) > limit:
            raise FetchError(place, f"is larger than {limit:,} bytes")
    return bytes(body)


def _inflated(place: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if unpacker.eof:  # gzip allows several members in a row
                    unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
                yield unpacker.decompress(rest, PIECE)
                rest = unpacker.unused_data or unpacker.unconsumed_tail
    except zlib.error as error:
        raise FetchError(place, f"is no gzip: {error}") from error
    if not unpacker.eof:
        raise FetchError(place, "ends in the middle of its gzip", passing=True)
