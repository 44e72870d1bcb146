"""A folder of one's own articles, and the packaged sample."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import calendar
from pipelines.errors import SourceError
from pipelines.sources.news.base import ASSUMED_LAG, Harvest, Memory, frame_of
from pipelines.sources.news.folder import FolderSource
from pipelines.sources.news.sample import SampleNews
from tests.pipelines.news.test_extract import NEWS

NOW = datetime(2026, 1, 5, tzinfo=UTC)
GOOD = {"published": "2012-05-18T20:15:00Z", "title": "Acme rises", "text": "Acme rose.", "url": ""}


def harvest(folder: Path, memory: Memory | None = None) -> Harvest:
    return FolderSource(str(folder)).harvest(memory or Memory(), NOW)


def write(folder: Path, *rows: object) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "news.jsonl").write_text("\n".join(lines))


def test_lines_and_pages_are_articles_known_a_lag_after_publication(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "page.html").write_bytes(NEWS)
    found = harvest(tmp_path).articles
    assert [article.title for article in found] == ["Acme rises", "Acme"]
    for article in found:
        assert article.known_by == "assumed"
        assert article.known_at == article.published + ASSUMED_LAG


def test_a_recorded_moment_counts_as_observed(tmp_path: Path) -> None:
    write(tmp_path, GOOD | {"known_at": "2012-05-18T21:00:00+00:00"})
    [article] = harvest(tmp_path).articles
    assert article.known_by == "observed"
    assert article.known_at == datetime(2012, 5, 18, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"published": None}, "no date"),
        ({"published": ""}, "no date"),
        ({"published": "yesterday"}, "no moment"),
        ({"published": "2012-05-18T20:15:00"}, "no moment"),
        ({"published": 1337000000}, "no moment"),
        ({"title": ""}, "no title"),
        ({"title": "\u200b\u202e"}, "no title"),
        ({"title": 7}, "title is no text"),
        ({"known_at": "2012-05-01T00:00:00Z"}, "after it was seen"),
        ({"source": "edgar"}, "only given by its own feed"),
    ],
)
def test_a_broken_line_is_named_and_the_next_is_read(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    write(tmp_path, GOOD | change, GOOD)
    found = harvest(tmp_path)
    assert len(found.articles) == 1
    assert found.notices[0].place == f"{tmp_path / 'news.jsonl'}, line 1"
    assert reason in found.notices[0].reason


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "[" * 100_000,
        '"text"',
        "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_a_line_that_is_no_object_is_a_notice(tmp_path: Path, line: str) -> None:
    write(tmp_path, line)
    found = harvest(tmp_path)
    assert (len(found.articles), len(found.notices)) == (0, 1)


def test_a_page_without_a_date_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "page.htm").write_bytes(NEWS.replace(b"published_time", b"other"))
    found = harvest(tmp_path)
    assert not found.articles
    assert "no date" in found.notices[0].reason


def test_what_was_seen_is_not_told_twice(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    memory = harvest(tmp_path).memory
    assert not harvest(tmp_path, memory).articles


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        harvest(tmp_path / "none")


def test_the_sample_is_about_a_hundred_marked_summaries_of_two_years() -> None:
    articles = SampleNews().harvest(Memory(), NOW).articles
    frame = frame_of(articles)
    assert 90 <= len(frame) == len(articles) <= 140
    assert set(frame["source"]) == {"summary"}
    assert frame["text"].str.startswith("Summary: ").all()
    assert frame["published"].dt.year.isin([2011, 2012]).all()
    assert set(frame["language"]) == {"en"}
    assert (frame["known_at"] - frame["published"] == ASSUMED_LAG).all()


@pytest.mark.parametrize(
    ("title", "session"),
    [
        ("Steve Jobs resigns as Apple chief executive", date(2011, 8, 25)),
        ("Microsoft to buy Skype for $8.5 billion", date(2011, 5, 10)),
        ("Google to buy Motorola Mobility for $12.5 billion", date(2011, 8, 15)),
        ("Facebook prices its offering at $38 a share", date(2012, 5, 18)),
        ("Apple to pay a dividend and buy back $10 billion of shares", date(2012, 3, 19)),
        ("IBM third-quarter revenue misses estimates", date(2012, 10, 16)),
    ],
)
def test_an_event_is_known_at_the_session_it_moved(title: str, session: date) -> None:
    """A decision at 16:30 New York knows what was published by then."""
    found = {a.title: a for a in SampleNews().harvest(Memory(), NOW).articles}[title]
    days = calendar.sessions_between(date(2011, 1, 3), date(2012, 12, 31))
    decisions = (datetime(d.year, d.month, d.day, 20, 30, tzinfo=UTC) for d in days)
    first = next(moment for moment in decisions if moment >= found.known_at)
    assert first.date() == session
    assert found.known_at - found.published < timedelta(hours=1)
