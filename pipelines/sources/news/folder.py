"""A folder of your own articles: JSON lines, or HTML pages that carry their date and address.

Belongs here: the forms of those files, and what a person may leave out in them.
Keep out: fetching anything.

JSON lines (*.jsonl): published (ISO 8601 with offset) and title are needed; url, text, source,
language and known_at (when your own recorder first saw it) may follow. Any other field, a list of
symbols too, is left unread. HTML (*.html, *.htm): a date among its meta tags or <time> elements,
and a canonical address.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipelines.errors import SourceError
from pipelines.sources.news.base import Article, ArticleError, Harvest, Memory, Notice, article
from pipelines.sources.news.extract import LARGEST_PAGE, extract, moment_of

LONGEST_LINE = 5 * 1024 * 1024
HTML = {".html", ".htm"}
RESERVED = {"edgar", "summary"}
"""Sources whose addresses are trusted; a file cannot claim to be one."""


class FolderSource:
    """Every *.jsonl, *.html and *.htm of a folder, in the order of their names."""

    name = "folder"

    def __init__(self, path: str) -> None:
        self._folder = Path(path).expanduser().absolute()

    def harvest(self, memory: Memory, now: datetime) -> Harvest:  # noqa: ARG002 - an archive
        """Every article that `memory` does not know; what is broken is a notice, by its line."""
        if not self._folder.is_dir():
            raise SourceError(str(self._folder), "there is no such folder")
        articles: list[Article] = []
        notices: list[Notice] = []
        for found in self._each():
            if isinstance(found, Notice):
                notices.append(found)
            elif found.article_id not in memory.articles:
                articles.append(found)
        return Harvest(articles, notices, memory.with_articles(articles))

    def _each(self) -> Iterator[Article | Notice]:
        for file in sorted(self._folder.iterdir()):
            if file.suffix.lower() == ".jsonl":
                yield from read_lines(file)
            elif file.suffix.lower() in HTML:
                yield _checked(file)


def read_lines(file: Path, source: str = FolderSource.name) -> Iterator[Article | Notice]:
    """Each line of a file as an article, or as the notice that says what is wrong with it."""
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(LONGEST_LINE + 1):
            number += 1
            place = f"{file}, line {number}"
            if len(line) > LONGEST_LINE:
                yield Notice(place, f"is longer than {LONGEST_LINE:,} bytes; the file ends here")
                return
            if not line.strip():
                continue
            try:
                yield _from_line(line, place, source)
            except SourceError as error:
                yield Notice(place, error.problem)


def _from_line(line: bytes, place: str, source: str) -> Article:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ArticleError(place, f"is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise ArticleError(place, "is no JSON object")
    texts = {name: row.get(name, "") for name in ("source", "url", "title", "text", "language")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise ArticleError(place, f"{name} is no text")
    if texts["source"] in RESERVED:
        raise ArticleError(place, f"the source {texts['source']!r} is only given by its own feed")
    return article(
        texts["source"] or source,
        url=texts["url"],
        published=_moment(row.get("published"), "published", place),
        seen=_moment(row.get("known_at"), "known_at", place),
        title=texts["title"],
        text=texts["text"],
        language=texts["language"],
    )


def _moment(value: object, name: str, place: str) -> datetime | None:
    if value is None or value == "":
        return None
    found = moment_of(value) if isinstance(value, str) else None
    if found is None:
        raise ArticleError(place, f"{name} {value!r} is no moment such as 2012-05-18T15:00:00Z")
    return found


def _checked(file: Path) -> Article | Notice:
    try:
        return _from_page(file)
    except SourceError as error:
        return Notice(str(file), error.problem)


def _from_page(file: Path) -> Article:
    if file.stat().st_size > LARGEST_PAGE:
        raise ArticleError(str(file), f"is larger than {LARGEST_PAGE:,} bytes")
    page = extract(file.read_bytes(), str(file))
    return article(
        FolderSource.name,
        url=page.url,
        published=page.published,
        seen=None,
        title=page.title,
        text=page.text,
        language=page.language,
    )
