"""RSS and Atom feeds, and the pages that their entries lead to.

Belongs here: reading a feed safely, and one article per entry.
Keep out: fetching (fetch.py), EDGAR's feed (edgar.py).

A feed is checked as XML first, without DTDs or entities and not too deep; only bytes that passed
reach feedparser. An article's source is the host of its feed, so that many feeds of one publisher
count as one. A feed that cannot be read is a notice and stops no other.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

import feedparser
import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
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
from pipelines.sources.news.extract import block_text, extract
from pipelines.sources.news.fetch import Fetcher

DEEPEST = 100
"""Elements inside each other; no feed comes near."""

MOST_ENTRIES = 500
MOST_PAGES = 50
"""Pages fetched per harvest; the other entries keep their summary."""


@dataclass(frozen=True)
class Entry:
    """What a feed says about one article."""

    url: str
    title: str
    summary: str
    published: datetime | None
    language: str
    fields: Any
    """feedparser's own entry, for what only some feeds have."""


class RssSource:
    """Feeds by address; with `pages`, also the page behind each entry."""

    name = "rss"

    def __init__(self, feeds: Sequence[str], fetcher: Fetcher, *, pages: bool = True) -> None:
        self._feeds = tuple(feeds)
        self._fetcher = fetcher
        self._pages = pages

    def harvest(self, memory: Memory, now: datetime) -> Harvest:
        """Every entry that `memory` does not know, of every feed that answers."""
        found = Harvest(memory=memory)
        budget = MOST_PAGES if self._pages else 0
        for address in self._feeds:
            articles, notices, memory = self._one(address, found.memory, now, budget)
            budget -= len(articles) if self._pages else 0
            found = Harvest([*found.articles, *articles], [*found.notices, *notices], memory)
        return found

    def _one(
        self, address: str, memory: Memory, now: datetime, budget: int
    ) -> tuple[list[Article], list[Notice], Memory]:
        try:
            page = self._fetcher.get(address, memory.feeds.get(address))
            entries = read_feed(page.body, address) if page.modified else []
        except SourceError as error:
            return [], [Notice(error.place, error.problem)], memory
        source = httpx.URL(address).host
        articles: list[Article] = []
        notices: list[Notice] = []
        for entry in entries:
            try:
                brief = _article(source, entry, entry.summary, now)
                if brief.article_id in memory.articles:
                    continue
                wanted = bool(entry.url) and len(articles) < budget
                text = self._page(entry, notices) if wanted else ""
                articles.append(_article(source, entry, text, now) if text else brief)
            except ArticleError as error:
                notices.append(Notice(error.place, error.problem))
        return articles, notices, memory.with_feed(address, page.state).with_articles(articles)

    def _page(self, entry: Entry, notices: list[Notice]) -> str:
        try:
            page = self._fetcher.get(entry.url)
            return extract(page.body, entry.url).text
        except SourceError as error:
            notices.append(Notice(error.place, error.problem))
            return ""


def read_feed(body: bytes, address: str) -> list[Entry]:
    """The entries of a feed in its order; SourceError if it is not one, or is unsafe."""
    check_xml(body, address)
    try:
        feed = feedparser.parse(BytesIO(body))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise SourceError(address, f"is a feed that cannot be read: {error}") from error
    if not feed.get("version"):
        raise SourceError(address, "is XML, but neither RSS nor Atom")
    language = str(feed.feed.get("language", ""))
    return [_entry(fields, language) for fields in feed.entries[:MOST_ENTRIES]]


def check_xml(body: bytes, address: str) -> None:
    """Raise SourceError unless the bytes are XML without DTD and entities, and not too deep."""
    depth = 0
    try:
        for event, element in iterparse(BytesIO(body), events=("start", "end"), forbid_dtd=True):
            depth += 1 if event == "start" else -1
            if depth > DEEPEST:
                raise SourceError(address, f"nests more than {DEEPEST} elements")
            if event == "end":
                element.clear()
    except DefusedXmlException as error:
        raise SourceError(address, f"holds a DTD or entities: {error}") from error
    except (ParseError, ValueError, LookupError) as error:
        raise SourceError(address, f"is no XML feed: {error}") from error


def _entry(fields: Any, language: str) -> Entry:  # noqa: ANN401 - feedparser has no types
    contents = [part.get("value", "") for part in fields.get("content", [])]
    summary = max([*contents, fields.get("summary", "")], key=len)
    moment = fields.get("published_parsed") or fields.get("updated_parsed")
    return Entry(
        url=str(fields.get("link", "")),
        title=plain(str(fields.get("title", ""))),
        summary=plain(str(summary)),
        published=datetime.fromtimestamp(calendar.timegm(moment), UTC) if moment else None,
        language=str(fields.get("language", language)),
        fields=fields,
    )


def plain(markup: str) -> str:
    """The visible text of a piece of HTML."""
    if not markup.strip() or "<" not in markup:
        return markup
    return block_text(html.fragment_fromstring(markup.replace("\0", ""), create_parent="div"))


def _article(source: str, entry: Entry, text: str, now: datetime) -> Article:
    return article(
        source,
        url=entry.url,
        published=entry.published,
        seen=now,
        title=entry.title,
        text=text,
        language=entry.language,
    )
