"""Fetching refuses what could reach inside, harm or hang us, and is polite to those it asks."""

import gzip
import threading
import tracemalloc
import zlib
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler

import pytest

from pipelines.errors import RequestError
from pipelines.sources.news.base import FeedState
from pipelines.sources.news.fetch import BODY_BYTES, Fetcher
from pipelines.sources.news.network import FetchError, bounded, resolve
from tests.pipelines.news.site import AGENT, Site, answer

INSIDE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "169.254.169.254",
    "100.64.0.1",
    "10.0.0.8",
    "192.168.1.1",
    "224.0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[2002:7f00:1::]",
    "[64:ff9b::a9fe:a9fe]",
    "localhost",
]


def permissive(*, hosts: Sequence[str], **settings: object) -> Fetcher:
    """One whose list of hosts allows the address, so that only the address itself is judged."""
    return Fetcher(AGENT, hosts, plain_hosts=hosts, pause=0.0, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_an_inner_address_is_asked(host: str, scheme: str) -> None:
    fetcher = permissive(hosts=[host.strip("[]")], seconds=3.0)
    with pytest.raises(FetchError, match=r"no public address|has no address|is no address"):
        fetcher.get(f"{scheme}://{host}/latest/meta-data/", robots=False)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "names no host"),
        ("file://localhost/etc/passwd", "scheme 'file'"),
        ("gopher://news.example.com/1", "scheme 'gopher'"),
        ("ftp://news.example.com/feed", "scheme 'ftp'"),
        ("http://news.example.com/feed", "scheme 'http'"),
        ("https://user@news.example.com/", "user name"),
        ("https://user:secret@news.example.com/", "user name"),
        ("https://news.example.com@169.254.169.254/", "user name"),
        ("https://@news.example.com/", "user name"),
        ("https://other.example.org/", "not one of those"),
        ("https://news.example.com.evil.org/", "not one of those"),
        ("https://evilnews.example.com/", "not one of those"),
        ("https://news.example.com:8443/", "port 8443"),
        ("https://news.example.com\\@evil.org/", "characters"),
        ("https://news.example.com/a b", "characters"),
        ("https://news.example.com/\r\nHost: evil.org", "characters"),
        ("https:///feed", "names no host"),
        ("//news.example.com/feed", "scheme"),
        ("news.example.com/feed", "names no host"),
    ],
)
def test_only_named_hosts_over_https_without_users(url: str, problem: str) -> None:
    fetcher = Fetcher(AGENT, ["news.example.com"], resolver=lambda *_: ["127.0.0.1"])
    with pytest.raises(FetchError, match=problem):
        fetcher.get(url, robots=False)


def test_a_host_below_a_named_one_may_be_asked() -> None:
    fetcher = Fetcher(AGENT, ["example.com"], resolver=lambda *_: ["10.0.0.1"])
    with pytest.raises(FetchError, match=r"10\.0\.0\.1"):
        fetcher.get("https://feeds.example.com/", robots=False)


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    fetcher = Fetcher(AGENT, ["example.com"], resolver=lambda *_: ["93.184.215.14", "10.0.0.1"])
    with pytest.raises(FetchError, match=r"10\.0\.0\.1"):
        fetcher.get("https://example.com/", robots=False)


def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(site: Site) -> None:
    """A name server that answers differently the second time gets no second question."""
    answers = [["127.0.0.1"], ["10.9.9.9"]]
    site.page("/feed", b"fine")
    fetcher = Fetcher(
        AGENT,
        [],
        permitted={("feeds.test", site.port)},
        pause=0.0,
        resolver=lambda *_: answers.pop(0),
    )
    page = fetcher.get(f"http://feeds.test:{site.port}/feed", robots=False)
    assert page.body == b"fine"
    assert answers == [["10.9.9.9"]]
    assert site.asked[0][1]["Host"] == f"feeds.test:{site.port}"


def test_a_redirect_to_the_metadata_address_is_refused(site: Site) -> None:
    site.status("/go", 302, Location="http://169.254.169.254/latest/meta-data/")
    fetcher = site.fetcher(plain_hosts={"169.254.169.254"})
    with pytest.raises(FetchError, match=r"169\.254\.169\.254"):
        fetcher.get(f"{site.root}/go", robots=False)
    named = Fetcher(
        AGENT,
        ["169.254.169.254"],
        plain_hosts={"169.254.169.254"},
        permitted={("127.0.0.1", site.port)},
        pause=0.0,
    )
    with pytest.raises(FetchError, match="no public address"):
        named.get(f"{site.root}/go", robots=False)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "//evil.org/", "http://x@127.0.0.1/", "http://[::1", "\\\\e"]
)
def test_every_redirect_is_checked_like_the_first_address(site: Site, location: str) -> None:
    site.status("/go", 301, Location=location)
    with pytest.raises(FetchError):
        site.fetcher().get(f"{site.root}/go", robots=False)
    assert len(site.asked) == 1 or site.asked[-1][0] != "/etc/passwd"


def test_three_redirects_are_followed_and_a_fourth_is_not(site: Site) -> None:
    for step in range(4):
        site.status(f"/{step}", 302, Location=f"/{step + 1}")
    site.page("/4", b"end")
    assert site.fetcher().get(f"{site.root}/1", robots=False).body == b"end"
    with pytest.raises(FetchError, match="more than 3"):
        site.fetcher().get(f"{site.root}/0", robots=False)


def bomb(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1024 * 1024)
    return b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush()


def test_a_bomb_of_300_mebibytes_is_refused_in_little_memory(site: Site) -> None:
    site.page("/bomb", bomb(300), Content_Encoding="gzip")
    tracemalloc.start()
    with pytest.raises(FetchError, match="larger than"):
        site.fetcher().get(f"{site.root}/bomb", robots=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 1024 * 1024


def test_a_bomb_inside_a_bomb_stays_packed(site: Site) -> None:
    site.page("/bomb", gzip.compress(bomb(20)), Content_Encoding="gzip, gzip")
    with pytest.raises(FetchError, match="packed as 'gzip, gzip'"):
        site.fetcher().get(f"{site.root}/bomb", robots=False)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "x" * 500])
def test_what_cannot_be_bounded_is_not_unpacked(site: Site, encoding: str) -> None:
    site.page("/a", b"....", Content_Encoding=encoding)
    with pytest.raises(FetchError, match="only gzip"):
        site.fetcher().get(f"{site.root}/a", robots=False)
    assert site.asked[0][1]["Accept-Encoding"] == "gzip"


def test_gzip_deflate_and_members_in_a_row_are_read(site: Site) -> None:
    site.page("/gzip", gzip.compress(b"one ") + gzip.compress(b"two"), Content_Encoding="gzip")
    site.page("/zlib", zlib.compress(b"three"), Content_Encoding="deflate")
    assert site.fetcher().get(f"{site.root}/gzip", robots=False).body == b"one two"
    assert site.fetcher().get(f"{site.root}/zlib", robots=False).body == b"three"


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 9999, mtime=0)[:40]])
def test_broken_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(FetchError, match="gzip"):
        bounded("https://example.com", [body], "gzip", 100_000)


def test_an_article_of_50_megabytes_is_refused_by_its_declared_length(site: Site) -> None:
    def huge(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(50_000_000))
        request.end_headers()
        request.wfile.write(b"x" * 1000)

    site.routes["/a"] = huge
    with pytest.raises(FetchError, match="larger than"):
        site.fetcher().get(f"{site.root}/a", robots=False)


def test_an_endless_article_without_a_length_is_cut_off_at_the_cap(site: Site) -> None:
    sent = 0

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x" * 65536)
            sent += 65536

    site.routes["/a"] = endless
    with pytest.raises(FetchError, match="larger than"):
        site.fetcher().get(f"{site.root}/a", robots=False)
    assert sent < 10 * BODY_BYTES


def test_bytes_that_drip_end_at_the_deadline(site: Site) -> None:
    """Every single read is quick enough; only the whole takes too long."""
    pause = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not pause.wait(0.01):
            request.wfile.write(b"x")

    site.routes["/a"] = drip
    with pytest.raises(FetchError, match=r"longer than 0\.3 s") as caught:
        site.fetcher(seconds=0.3).get(f"{site.root}/a", robots=False)
    pause.set()
    assert caught.value.passing


def test_a_server_that_never_answers_ends_at_the_deadline(site: Site) -> None:
    released = []

    def wait(request: BaseHTTPRequestHandler) -> None:
        released.append(request.connection.recv(1))

    site.routes["/a"] = wait
    with pytest.raises(FetchError, match=r"longer than 0\.2 s") as caught:
        site.fetcher(seconds=0.2).get(f"{site.root}/a", robots=False)
    assert caught.value.passing


def test_headers_without_end_are_refused(site: Site) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            request.wfile.write(b"X-%d: %s\r\n" % (number, b"y" * 100))

    site.routes["/a"] = endless
    with pytest.raises(FetchError):
        site.fetcher().get(f"{site.root}/a", robots=False)


def test_robots_are_asked_once_and_obeyed(site: Site) -> None:
    site.page("/robots.txt", b"User-agent: *\nDisallow: /private/\n")
    site.page("/open", b"yes")
    site.page("/private/a", b"no")
    fetcher = site.fetcher()
    assert fetcher.get(f"{site.root}/open").body == b"yes"
    with pytest.raises(FetchError, match=r"robots\.txt"):
        fetcher.get(f"{site.root}/private/a")
    assert site.paths() == ["/robots.txt", "/open"]


def test_a_redirect_into_a_forbidden_folder_is_refused(site: Site) -> None:
    site.page("/robots.txt", b"User-agent: *\nDisallow: /private/\n")
    site.status("/go", 302, Location="/private/a")
    with pytest.raises(FetchError, match=r"robots\.txt"):
        site.fetcher().get(f"{site.root}/go")


def test_no_robots_allow_everything_and_broken_ones_nothing(site: Site) -> None:
    site.page("/a", b"yes")
    assert site.fetcher().get(f"{site.root}/a").body == b"yes"
    site.status("/robots.txt", 503)
    with pytest.raises(FetchError, match="503") as caught:
        site.fetcher().get(f"{site.root}/a")
    assert caught.value.passing


def test_a_page_that_did_not_change_is_not_sent_again(site: Site) -> None:
    def conditional(request: BaseHTTPRequestHandler) -> None:
        same = request.headers.get("If-None-Match") == '"v1"'
        answer(request, 304 if same else 200, b"" if same else b"news", {"ETag": '"v1"'})

    site.routes["/feed"] = conditional
    fetcher = site.fetcher()
    first = fetcher.get(f"{site.root}/feed", robots=False)
    assert (first.body, first.state) == (b"news", FeedState(etag='"v1"'))
    second = fetcher.get(f"{site.root}/feed", first.state, robots=False)
    assert not second.modified
    assert second.state == first.state


def test_a_host_is_asked_at_its_pace(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("pipelines.sources.news.fetch.time.sleep", slept.append)
    site.page("/robots.txt", b"User-agent: *\nCrawl-delay: 7\n")
    site.page("/a", b"yes")
    fetcher = site.fetcher(pause=1.0)
    for _ in range(3):
        fetcher.get(f"{site.root}/a")
    assert [round(pause) for pause in slept] == [0, 1, 8, 15]


@pytest.mark.parametrize("agent", ["", "trading/1.0", "Mozilla/5.0"])
def test_nobody_is_asked_without_a_contact(agent: str) -> None:
    with pytest.raises(RequestError, match="contact"):
        Fetcher(agent, ["example.com"])


def test_the_agent_is_sent(site: Site) -> None:
    site.page("/a", b"yes")
    site.fetcher().get(f"{site.root}/a", robots=False)
    assert site.asked[0][1]["User-Agent"] == AGENT


def test_odd_spellings_are_what_the_system_resolves() -> None:
    assert resolve("127.1", 443) == ["127.0.0.1"]
