"""What every news source gives: dated articles, what was refused, and what it has seen.

Belongs here: the interface, one article, the frame of articles, and the memory between two runs.
Keep out: any provider, and any judgement on what an article says (analyses/news/).

articles: article_id (32 hex digits of its address, or of source,
title and publication where it has none), source, url,
published and known_at (aware, UTC, microseconds), known_by ("observed" where this process first
saw it, "assumed" where known_at is the publication plus ASSUMED_LAG), title, text, language,
content_hash (32 hex digits of title and text). analyses/news/near_copies.py adds group_id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import msgspec
import pandas as pd

from pipelines.analyses.news.cleaning import clean_text, clean_title, content_hash, language_of
from pipelines.errors import SourceError
from router.messages import digest

ARTICLE_COLUMNS = [
    "article_id",
    "source",
    "url",
    "published",
    "known_at",
    "known_by",
    "title",
    "text",
    "language",
    "content_hash",
]

OBSERVED = "observed"
ASSUMED = "assumed"
ASSUMED_LAG = timedelta(minutes=5)
"""From publication to the moment at which an article of an archive counts as known."""

FUTURE = timedelta(days=1)
"""A publication this far after the article was seen is a wrong date."""

REMEMBERED = 50_000
"""Articles that a source's memory holds; the oldest go first."""


class ArticleError(SourceError):
    """An article that must not be used: no date, no title, nothing to read."""


class UndatedError(ArticleError):
    """An article without a moment of publication: when it was known cannot be said."""

    def __init__(self, place: str) -> None:
        super().__init__(place, "it has no date of publication, so no trade may rest on it")


@dataclass(frozen=True)
class Article:
    """One dated article; make it with `article`, which cleans and checks."""

    source: str
    url: str
    published: datetime
    known_at: datetime
    known_by: str
    title: str
    text: str
    language: str

    @property
    def article_id(self) -> str:
        """The same for the same address, whatever stands there later."""
        return article_id(self.source, self.url, self.title, self.published)


@dataclass(frozen=True)
class Notice:
    """Something that was refused or failed: the address or file, and why."""

    place: str
    reason: str


class FeedState(msgspec.Struct, frozen=True):
    """What the last good answer of an address said about itself."""

    etag: str = ""
    last_modified: str = ""


class Memory(msgspec.Struct, frozen=True):
    """What a source has seen: the state of its feeds, and article ids with their first moment."""

    feeds: dict[str, FeedState] = {}
    articles: dict[str, datetime] = {}

    def with_articles(self, found: Sequence[Article]) -> "Memory":
        """Also those articles; the oldest beyond REMEMBERED are forgotten."""
        first = {item.article_id: item.known_at for item in found}
        merged = sorted((first | self.articles).items(), key=lambda entry: entry[1])
        return Memory(self.feeds, dict(merged[-REMEMBERED:]))

    def with_feed(self, address: str, state: FeedState) -> "Memory":
        """Also the state of that feed."""
        return Memory({**self.feeds, address: state}, self.articles)


@dataclass(frozen=True)
class Harvest:
    """New articles, what was refused, and the memory to keep once the articles are stored."""

    articles: list[Article] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)


class NewsSource(Protocol):
    """A provider of dated articles."""

    @property
    def name(self) -> str:
        """The name in the column `source`."""

    def harvest(self, memory: Memory, now: datetime) -> Harvest:
        """What is new since `memory`; `now` (aware) is the moment at which it is first seen.

        What cannot be fetched or read is a notice and stops nothing else.
        """


def article(
    source: str,
    *,
    url: str,
    published: datetime | None,
    seen: datetime | None,
    title: str,
    text: str,
    language: str = "",
) -> Article:
    """A clean article, or ArticleError. `seen` is None where nobody watched it appear."""
    place = url or f"{source}: {clean_title(title)[:80]!r}"
    if published is None or published.tzinfo is None:
        raise UndatedError(place)
    moment = published.astimezone(UTC)
    if seen is not None and moment > seen + FUTURE:
        raise ArticleError(place, f"it is dated {moment:%Y-%m-%d %H:%M}, after it was seen")
    headline = clean_title(title)
    if not headline:
        raise ArticleError(place, "it has no title")
    body = clean_text(text)
    return Article(
        source=source,
        url=url,
        published=moment,
        known_at=seen.astimezone(UTC) if seen else moment + ASSUMED_LAG,
        known_by=OBSERVED if seen else ASSUMED,
        title=headline,
        text=body,
        language=language_of(language, f"{headline}\n{body}"),
    )


def article_id(source: str, url: str, title: str, published: datetime) -> str:
    """32 hex digits of the address, or of source, title and publication where there is none."""
    return digest(url) if url else digest(source, title, published.astimezone(UTC).isoformat())


def frame_of(articles: Sequence[Article]) -> pd.DataFrame:
    """The articles as a frame, each id once (the first seen), sorted by known_at and id."""
    rows = [_row(item) for item in articles]
    frame = pd.DataFrame(rows, columns=ARTICLE_COLUMNS)
    for column in ARTICLE_COLUMNS:
        dated = column in {"published", "known_at"}
        frame[column] = frame[column].astype("datetime64[us, UTC]" if dated else "str")
    ordered = frame.sort_values(["known_at", "article_id"], kind="stable")
    return ordered.drop_duplicates("article_id").reset_index(drop=True)


def _row(item: Article) -> Mapping[str, object]:
    return {
        "article_id": item.article_id,
        "source": item.source,
        "url": item.url,
        "published": item.published,
        "known_at": item.known_at,
        "known_by": item.known_by,
        "title": item.title,
        "text": item.text,
        "language": item.language,
        "content_hash": content_hash(item.title, item.text),
    }


def load_memory(path: Path) -> Memory:
    """The memory kept at that path, empty where there is none; SourceError if it is broken."""
    if not path.exists():
        return Memory()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except msgspec.MsgspecError as error:
        raise SourceError(str(path), f"is no memory of a news source: {error}") from error


def save_memory(memory: Memory, path: Path) -> None:
    """Keep the memory there: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    draft.write_bytes(msgspec.json.encode(memory))
    draft.replace(path)
