"""Where news comes from: one file per provider, behind one interface, and a safe fetcher.

To add a provider, write a class with the members of base.NewsSource and name it here.
Keep out: what an article means (analyses/news/) and where articles are kept (the lake).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.errors import RequestError
from pipelines.sources.news.base import NewsSource

NAMES = ("sample", "folder", "rss", "edgar")

Impacts = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame | None], pd.DataFrame]
"""From articles, mentions and sentiment to impacts, as analyses.news.impact.impacts does it."""


@dataclass(frozen=True)
class NewsSettings:
    """What a person chooses about news; only `rss` and `edgar` ask other machines."""

    path: str = ""
    """The folder of the source `folder`."""
    agent: str = ""
    """The User-Agent, with an e-mail address or a page to complain to."""
    feeds: tuple[str, ...] = ()
    """The addresses of RSS and Atom feeds."""
    hosts: tuple[str, ...] = ()
    """Hosts, with all below them, that feeds and their articles may be read from."""
    pages: bool = True
    """Whether the page behind each entry of a feed is read."""
    ciks: tuple[str, ...] = ()
    """The companies whose reports EDGAR is asked for; none for all."""


@dataclass(frozen=True)
class Endpoint:
    """A language model behind OpenAI's chat API; `tokens` is what one run may spend."""

    base_url: str
    model: str
    key: str = ""
    tokens: int = 100_000


def open_impacts(endpoint: Endpoint, cache: Path) -> Impacts:
    """The rules of analyses/news with a language model's verdicts, which are kept in `cache`."""
    from pipelines.sources.news.llm import LanguageModelImpacts

    return LanguageModelImpacts(endpoint, cache).impacts


def open_news_source(name: str, settings: NewsSettings) -> NewsSource:
    """The source of that name, or RequestError where a setting of it is missing."""
    from pipelines.sources.news.sample import SampleNews

    if name == "sample":
        return SampleNews()
    if name == "folder":
        return _folder(settings)
    if name in {"rss", "edgar"}:
        return _fetched(name, settings)
    raise RequestError(f"there is no news source {name!r}; choose one of: {', '.join(NAMES)}")


def _folder(settings: NewsSettings) -> NewsSource:
    from pipelines.sources.news.folder import FolderSource

    if not settings.path:
        raise RequestError("the news source 'folder' needs the path of a folder")
    return FolderSource(settings.path)


def _fetched(name: str, settings: NewsSettings) -> NewsSource:
    from pipelines.sources.news import edgar
    from pipelines.sources.news.fetch import Fetcher
    from pipelines.sources.news.rss import RssSource

    if name == "edgar":
        fetcher = Fetcher(settings.agent, [edgar.HOST], pause=edgar.PAUSE_SECONDS)
        return edgar.EdgarSource(fetcher, settings.ciks or None)
    if not settings.feeds:
        raise RequestError("the news source 'rss' needs at least one address of a feed")
    return RssSource(settings.feeds, Fetcher(settings.agent, settings.hosts), pages=settings.pages)
