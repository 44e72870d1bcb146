"""The text, title, date and address of an HTML page.

Belongs here: dropping what a reader never sees, and choosing an extractor: trafilatura, then
newspaper4k, then every visible block of the page.
Keep out: fetching, feeds, and cleaning of characters (analyses/news/cleaning.py).
"""

import re
import warnings
from dataclasses import dataclass, replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import trafilatura
from lxml import etree, html

from pipelines.analyses.news.cleaning import clean_text
from pipelines.sources.news.base import ArticleError

SHORTEST_TEXT = 80
"""Characters; an extractor that finds less has found nothing."""

MOST_ELEMENTS = 30_000
"""A page with more is read block by block: the extractors take minutes for such pages."""

LARGEST_PAGE = 5 * 1024 * 1024

NEW_YORK = ZoneInfo("America/New_York")
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
BLOCKS = re.compile(r"p|div|br|hr|tr|table|h[1-6]|li|[uo]l|section|article|header|footer|title")
UNREAD = re.compile(r"script|style|noscript|template|svg|head|object|iframe|nav|form")
DATE_NAMES = (
    "article:published_time",
    "datepublished",
    "date",
    "dc.date",
    "dcterms.created",
    "pubdate",
    "publish-date",
    "sailthru.date",
)


@dataclass(frozen=True)
class Extracted:
    """What a page says about itself; empty or None where it says nothing."""

    title: str
    text: str
    published: datetime | None
    url: str
    language: str


def extract(page: bytes, place: str) -> Extracted:
    """Read a page of news; ArticleError if there is nothing to read on it."""
    tree = parse(page, place)
    about = _about(tree)
    drop_hidden(tree)
    text = _article_text(tree)
    if len(text) < SHORTEST_TEXT:
        text = block_text(tree)
    if not clean_text(text):
        raise ArticleError(place, "there is no text on the page")
    return replace(about, text=text)


def parse(page: bytes, place: str) -> html.HtmlElement:
    """The page as a tree, comments dropped; ArticleError if it is too large or no HTML."""
    if len(page) > LARGEST_PAGE:
        raise ArticleError(place, f"is larger than {LARGEST_PAGE:,} bytes")
    parser = html.HTMLParser(encoding=_encoding(page), remove_comments=True, remove_pis=True)
    try:
        tree = html.document_fromstring(page, parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise ArticleError(place, f"is no HTML: {error}") from error
    return tree


def drop_hidden(tree: html.HtmlElement) -> None:
    """Take out what no reader sees: hidden blocks, and the data header of inline XBRL."""
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or element.getparent() is None:
            continue
        name = element.tag.rpartition(":")[2].lower()
        data = element.tag.lower().startswith("ix:") and name in {"header", "hidden", "resources"}
        if data or "hidden" in element.attrib or HIDDEN.search(element.get("style", "")):
            element.drop_tree()


def block_text(tree: html.HtmlElement) -> str:
    """Every visible word, one line per block: nothing is lost, and nothing is judged."""
    parts: list[str] = []
    unread = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        skipped = bool(UNREAD.fullmatch(tag))
        unread += skipped * (1 if event == "start" else -1)
        parts.append("\n" if BLOCKS.fullmatch(tag) else " " if tag == "td" else "")
        words = element.text if event == "start" else element.tail
        parts.append(words if words and not unread else "")
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def moment_of(text: str) -> datetime | None:
    """A date as pages write it; a day without a time ends in New York at midnight."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if len(text.strip()) <= len("2012-05-18"):
        return datetime.combine(found.date(), time(23, 59, 59), NEW_YORK)
    return found if found.tzinfo else None


def _article_text(tree: html.HtmlElement) -> str:
    """What trafilatura finds, else what newspaper4k finds, else nothing."""
    if sum(1 for _ in tree.iter()) > MOST_ELEMENTS:
        return ""
    found = trafilatura.extract(tree, include_comments=False, deduplicate=False) or ""
    return found if len(found) >= SHORTEST_TEXT else newspaper_text(html.tostring(tree))


def newspaper_text(page: bytes) -> str:
    """What newspaper4k finds on a page; it is given the page and fetches nothing."""
    with warnings.catch_warnings():  # it wants a package only for what is not used here
        warnings.filterwarnings("ignore", message="nltk is not installed")
        import newspaper

    page_text = page.decode("utf-8", "replace")
    try:
        article = newspaper.Article("https://localhost/", fetch_images=False)
        article.download(input_html=page_text)
        article.parse()
    except (newspaper.ArticleException, etree.LxmlError, ValueError, AttributeError):
        return ""
    return str(article.text)


def _about(tree: html.HtmlElement) -> Extracted:
    metas = {
        (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower(): value
        for meta in tree.iter("meta")
        if (value := meta.get("content"))
    }
    moments = [moment_of(metas[name]) for name in DATE_NAMES if name in metas]
    moments += [moment_of(element.get("datetime", "")) for element in tree.iter("time")]
    links = [link.get("href", "") for link in tree.iter("link") if link.get("rel") == "canonical"]
    return Extracted(
        title=metas.get("og:title") or (tree.findtext(".//title") or "").strip(),
        text="",
        published=next((moment for moment in moments if moment), None),
        url=next(iter(links), "") or metas.get("og:url", ""),
        language=tree.get("lang") or "",
    )


def _encoding(page: bytes) -> str | None:
    """UTF-8 where the page is that, whatever it claims; else its own claim decides."""
    try:
        page.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"
