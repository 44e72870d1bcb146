"""SEC EDGAR: the feed of current filings, and the 8-K reports of the companies that are asked for.

Belongs here: EDGAR's feed, headers and folders, and one article per report.
Keep out: what an item means for a share (analyses/news/events.py).

The SEC asks for at most ten requests a second and a User-Agent with a contact; its terms of access
allow programs to read the feed although robots.txt names /cgi-bin. A report counts as published at
its ACCEPTANCE-DATETIME, New York time. Its text begins with its items ("Item 2.02 Results of ...").
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
from lxml import html

from pipelines.errors import SourceError
from pipelines.sources.news.base import (
    Article,
    ArticleError,
    Harvest,
    Memory,
    Notice,
    article,
)
from pipelines.sources.news.extract import block_text, drop_hidden, parse
from pipelines.sources.news.fetch import Fetcher
from pipelines.sources.news.rss import Entry, read_feed
from router.messages import digest

FEED = (
    "https://www.sec.gov/cgi-bin/browse-edgar?action=getcurrent&type=8-K&company=&dateb="
    "&owner=include&start=0&count=100&output=atom"
)
HOST = "sec.gov"
PAUSE_SECONDS = 0.2
"""Half of what the SEC allows."""

FORMS = frozenset({"8-K", "8-K/A"})
MOST_FILINGS = 40
"""Reports read per harvest: four requests each."""

NEW_YORK = ZoneInfo("America/New_York")
TITLE = re.compile(r"^(?P<form>\S+) - (?P<company>.+) \((?P<cik>\d{10})\) \((?P<role>[\w ]+)\)$")
FIELD = re.compile(r"^\s*<?([A-Z][A-Z \-]+?)(?:>|:)\s*(.*?)\s*$", re.MULTILINE)
FIRST_ITEM = re.compile(r"^\s*item\s*\d\.\d\d", re.IGNORECASE | re.MULTILINE)
SIGNATURE = re.compile(r"^\s*signatures?\s*$", re.IGNORECASE | re.MULTILINE)
ITEM_LINE = re.compile(r"Item\s+\d\.\d\d:?\s+[^\n<]+")


@dataclass(frozen=True)
class Header:
    """The head of a filing as EDGAR keeps it."""

    accepted: datetime
    form: str
    company: str
    cik: str
    items: tuple[str, ...]


class EdgarSource:
    """Reports on form 8-K of companies by CIK (without leading zeros), or of all."""

    name = "edgar"

    def __init__(
        self, fetcher: Fetcher, ciks: Collection[str] | None = None, feed: str = FEED
    ) -> None:
        self._fetcher = fetcher
        self._ciks = None if ciks is None else {cik.lstrip("0") for cik in ciks}
        self._feed = feed

    def harvest(self, memory: Memory, now: datetime) -> Harvest:
        """Every wanted report of the feed that `memory` does not know."""
        try:
            page = self._fetcher.get(self._feed, memory.feeds.get(self._feed), robots=False)
            entries = read_feed(page.body, self._feed) if page.modified else []
        except SourceError as error:
            return Harvest([], [Notice(error.place, error.problem)], memory)
        fresh = [e for e in self._wanted(entries) if digest(e.url) not in memory.articles]
        articles: list[Article] = []
        notices: list[Notice] = []
        for entry in fresh[:MOST_FILINGS]:
            try:
                articles.append(self._article(entry, now))
            except SourceError as error:
                notices.append(Notice(error.place, error.problem))
        kept = memory.with_articles(articles)
        complete = len(articles) == len(fresh)  # else the same answer must be read again
        return Harvest(
            articles, notices, kept.with_feed(self._feed, page.state) if complete else kept
        )

    def _wanted(self, entries: Sequence[Entry]) -> list[Entry]:
        """One entry per report; the feed repeats it for every company it concerns."""
        wanted = []
        for entry in entries:
            found = TITLE.match(entry.title)
            if found is None or found["form"] not in FORMS or found["role"] == "Reporting":
                continue
            if self._ciks is None or found["cik"].lstrip("0") in self._ciks:
                wanted.append(entry)
        return wanted

    def _article(self, entry: Entry, now: datetime) -> Article:
        folder, number = _folder(entry.url)
        header = read_header(self._text(f"{folder}/{number}.hdr.sgml"), entry.url)
        index = self._fetcher.get(entry.url, robots=False)
        texts = [
            filing_text(self._fetcher.get(address, robots=False).body, address)
            for address in documents(index.body, entry.url)
        ]
        items = ITEM_LINE.findall(entry.summary)
        return filing_article(header, "\n".join([*items, *texts]), entry.url, now)

    def _text(self, address: str) -> str:
        return self._fetcher.get(address, robots=False).body.decode("latin-1")


def filing_article(header: Header, text: str, url: str, seen: datetime | None) -> Article:
    """A report as an article: the company and its items are the title."""
    items = "; ".join(header.items) or "current report"
    return article(
        EdgarSource.name,
        url=url,
        published=header.accepted,
        seen=seen,
        title=f"{header.company} {header.form}: {items}",
        text=text,
        language="en",
    )


def read_header(text: str, place: str) -> Header:
    """The fields of an EDGAR header; SourceError where one is missing or no time is right."""
    fields: dict[str, list[str]] = {}
    for name, value in FIELD.findall(text):
        fields.setdefault(name.strip(), []).append(value)
    try:
        stamp = fields["ACCEPTANCE-DATETIME"][0][:14]
        accepted = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=NEW_YORK)
        return Header(
            accepted=accepted,
            form=fields["CONFORMED SUBMISSION TYPE"][0],
            company=fields["COMPANY CONFORMED NAME"][0],
            cik=fields["CENTRAL INDEX KEY"][0].lstrip("0"),
            items=tuple(fields.get("ITEM INFORMATION", ())),
        )
    except (KeyError, ValueError) as error:
        raise ArticleError(place, f"its EDGAR header lacks or garbles {error}") from error


def filing_text(page: bytes, place: str) -> str:
    """The words of a filed document from its first item to its signature, hidden data dropped.

    Every visible block is kept: a filing has no menus, and extractors of news pages lose the
    items and read some exhibits as empty.
    """
    tree = parse(page, place)
    drop_hidden(tree)
    text = block_text(tree)
    first = FIRST_ITEM.search(text)
    body = text[first.start() :] if first else text
    last = SIGNATURE.search(body)
    return body[: last.start()].strip() if last else body


def documents(index: bytes, url: str) -> list[str]:
    """The addresses of a filing's report and press release, from its index page."""
    tree = html.document_fromstring(index)
    found = []
    for row in tree.iter("tr"):
        cells = [" ".join(cell.text_content().split()) for cell in row.iter("td")]
        links = [link.get("href", "") for link in row.iter("a")]
        wanted = any(cell in FORMS or cell.startswith("EX-99") for cell in cells)
        if wanted and links and links[0].lower().endswith((".htm", ".html")):
            found.append(str(httpx.URL(url).join(links[0].removeprefix("/ix?doc="))))
    if not found:
        raise ArticleError(url, "its index names no document to read")
    return found


def _folder(url: str) -> tuple[str, str]:
    """A filing's folder and accession number, from the address of its index page."""
    folder, _, name = url.rpartition("/")
    number = name.removesuffix("-index.htm").removesuffix("-index.html")
    if not re.fullmatch(r"\d{10}-\d{2}-\d{6}", number):
        raise ArticleError(url, "is no index page of an EDGAR filing")
    return folder, number
