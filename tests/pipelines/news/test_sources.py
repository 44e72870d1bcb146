"""The one place that knows the news sources by name."""

import pytest

from pipelines.errors import RequestError
from pipelines.sources.news import NAMES, NewsSettings, open_news_source

AGENT = "trading-tests (mailto:tests@example.com)"
FULL = NewsSettings(path="news", agent=AGENT, feeds=("https://news.example.com/feed",))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_opens(name: str) -> None:
    opened = open_news_source(name, FULL)
    assert opened.name == {"sample": "summary"}.get(name, name)


@pytest.mark.parametrize(
    ("name", "missing", "problem"),
    [
        ("folder", NewsSettings(agent=AGENT), "path"),
        ("rss", NewsSettings(agent=AGENT), "address of a feed"),
        ("rss", NewsSettings(feeds=FULL.feeds), "contact"),
        ("edgar", NewsSettings(), "contact"),
        ("telegraph", FULL, "choose one of"),
    ],
)
def test_what_is_missing_is_named(name: str, missing: NewsSettings, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        open_news_source(name, missing)
