"""News as of a session: what came later changes nothing; decay, copies and groups."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import calendar, news_lake
from pipelines.analyses.news.daily import daily_news
from pipelines.analyses.news.impact import impacts
from pipelines.analyses.news.near_copies import group
from pipelines.assets import news_impact, sentiment
from pipelines.assets.resources import News
from pipelines.lake import Lake, open_lake
from pipelines.models.lexicon import Lexicon
from pipelines.sources.news.base import Article, Memory, article, frame_of
from pipelines.sources.news.companies import linker
from pipelines.sources.news.sample import SampleNews
from tests.pipelines.news_runs import tables

NEWS = News(sentiment="lexicon")
SESSIONS = calendar.sessions_between(date(2012, 4, 16), date(2012, 6, 29))
START = datetime(2012, 4, 13, 12, tzinfo=UTC)
WORDS = ["profit", "loss", "guidance", "merger", "recall", "beats", "misses", "lawsuit", "Apple"]
LEXICON = Lexicon()


def stories(seed: int) -> list[Article]:
    """Short, alike and repeated texts at random moments, so that copies chain over weeks."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, 12)) for _ in range(2)]
    hours = np.sort(rng.uniform(0, 24 * 70, 40))
    return [
        article(
            "wire",
            url=f"https://wire.example/{n}",
            published=START + timedelta(hours=float(hour)),
            seen=START + timedelta(hours=float(hour)),
            title=f"{rng.choice(['Apple', 'Google', 'IBM'])} news {rng.integers(3)}",
            text=texts[rng.integers(2)],
        )
        for n, hour in enumerate(hours)
    ]


def analysed(folder: str, articles: list[Article], sessions: list[date]) -> list[pd.DataFrame]:
    """The tables of those sessions, computed from those articles."""
    lake = open_lake(folder)
    new = news_lake.add(lake, NEWS.dataset, frame_of(articles))
    first, last = new["session"].min().date(), new["session"].max().date()
    news_lake.link_again(lake, NEWS.dataset, linker(), first, last)
    window = news_lake.read_window(lake, NEWS.dataset, sessions)
    scores, _ = sentiment.score(lake, NEWS.opinions, LEXICON, window)
    daily = sentiment.of_sessions(lake, NEWS.dataset, window, scores, sessions)
    usable = scores[["article_id", "symbol", "score"]]
    judged = news_impact.judge(impacts, window, usable)
    return [scores, daily, judged, news_impact.of_sessions(judged, sessions)]


def until(frames: list[pd.DataFrame], last: date, first: date) -> list[pd.DataFrame]:
    span = (pd.Timestamp(first), pd.Timestamp(last))
    return [f[f["session"].between(*span)].reset_index(drop=True) for f in frames]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(5, len(SESSIONS) - 1), width=st.integers(0, 8))
def test_articles_cut_at_a_session_give_what_all_articles_give(
    seed: int, cut: int, width: int
) -> None:
    """Whatever comes after, and wherever the range begins and ends, the sample included."""
    sample = SampleNews().harvest(Memory(), START).articles
    everything = [*stories(seed), *sample]
    last, first = SESSIONS[cut], SESSIONS[max(0, cut - width)]
    decided = news_lake.decided(pd.Series([pd.Timestamp(last)])).iloc[0]
    known = [one for one in everything if one.known_at <= decided]
    with TemporaryDirectory() as whole, TemporaryDirectory() as part:
        of_all = until(analysed(whole, everything, SESSIONS), last, first)
        of_cut = until(analysed(part, known, SESSIONS[max(0, cut - width) : cut + 1]), last, first)
    for left, right in zip(of_all, of_cut, strict=True):
        keys = [k for k in ("session", "symbol", "article_id") if k in left]
        pd.testing.assert_frame_equal(
            left.sort_values(keys, ignore_index=True),
            right.sort_values(keys, ignore_index=True),
            check_exact=True,
        )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), cuts=st.sets(st.integers(1, 39), max_size=6))
def test_groups_are_the_same_however_the_articles_arrive(seed: int, cuts: set[int]) -> None:
    found = stories(seed)
    whole = group(frame_of(found)).set_index("article_id")["group_id"]
    with TemporaryDirectory() as folder:
        lake = open_lake(folder)
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 40], strict=True):
            news_lake.add(lake, "wire", frame_of(found[start:end]))
        held = lake.read("articles", "wire", date(2012, 1, 1), date(2012, 12, 31))
    held = held.set_index("article_id")
    assert held["group_id"].to_dict() == whole.to_dict()
    first = held["known_at"].loc[held["group_id"]].tolist()
    assert held["group_known_at"].tolist() == first


def test_the_random_stories_have_copies_that_chain() -> None:
    """Else the two laws above would say little."""
    grouped = group(frame_of(stories(1)))
    sizes = grouped.groupby("group_id").size()
    spans = grouped.groupby("group_id")["known_at"].agg(lambda at: at.max() - at.min())
    assert sizes.max() > 3
    assert spans.max() > timedelta(days=10)


def row(day: str, score: float, novelty: float = 1.0, title: str = "t", **more: object) -> dict:
    number = more.pop("number", 0)
    return {
        "article_id": f"{number:032x}",
        "symbol": "A",
        "event_type": "earnings",
        "novelty": novelty,
        "half_life": 2.0,
        "score": score,
        "session": pd.Timestamp(day),
        "known_at": pd.Timestamp(f"{day}T12:00Z"),
        "source": "wire",
        "title": title,
        "content_hash": "c" * 32,
    }


def daily(*rows: dict, first: str = "2012-05-01") -> pd.DataFrame:
    sessions = calendar.session_index(date(2012, 5, 1), date(2012, 5, 31))
    frame = pd.DataFrame(list(rows), columns=list(row("2012-05-01", 0.0)))
    types = {"session": "datetime64[us]", "known_at": "datetime64[us, UTC]"}
    return daily_news(frame.astype(types), sessions, pd.Timestamp(first))


def test_an_impact_halves_every_half_life_and_counts_for_five() -> None:
    scores = daily(row("2012-05-01", 0.8))["score"]
    assert scores[[0, 2, 4]].tolist() == [0.8, 0.4, 0.2]
    assert len(scores) == 11


def test_impacts_add_up_and_stop_at_one() -> None:
    found = daily(row("2012-05-01", 0.8), row("2012-05-03", 0.5, number=1))
    assert found["score"][2] == 0.9
    assert found["count"][2] == 2
    assert found["fresh"].tolist()[:3] == [1, 0, 1]
    both = daily(row("2012-05-01", -0.8), row("2012-05-01", -0.5, number=1))
    assert both["score"][0] == -1.0


def test_a_copy_counts_for_nothing_and_an_empty_frame_for_no_row() -> None:
    assert daily(row("2012-05-01", 0.8, novelty=0.0)).empty
    empty = daily()
    assert empty["session"].dtype == "datetime64[us]"


def test_reasons_name_the_articles_that_count_most() -> None:
    rows = [
        row("2012-05-01", score, number=n, title=f"{n} {'x' * 80}")
        for n, score in enumerate((0.1, -0.4, 0.2, 0.05))
    ]
    reasons = daily(*rows)["reasons"]
    named = [part[:5] for part in reasons[0].split("; ")]
    assert named == ["-0.40", "+0.20", "+0.10", "1 mor"]
    assert f'wire "1 {"x" * 57}…"' in reasons[0]
    assert "earnings, new" in reasons[0]
    assert "the session before" in reasons[1]
    assert "2 sessions ago" in reasons[2]


@pytest.mark.parametrize("day", ["2012-11-23", "2012-07-03"])
def test_an_early_close_is_decided_at_the_same_hour(day: str) -> None:
    decided = news_lake.decided(pd.Series([pd.Timestamp(day)])).iloc[0]
    assert decided.tz_convert("America/New_York").strftime("%H:%M") == "16:30"
    assert decided > calendar.close_of(date.fromisoformat(day))


def test_the_lookback_covers_the_longest_impact_and_the_novelty_before_it() -> None:
    from pipelines.analyses.news.daily import COUNTED_HALF_LIVES
    from pipelines.analyses.news.impact import HALF_LIVES, REPEAT

    longest = int(COUNTED_HALF_LIVES * max(HALF_LIVES.values()))
    assert longest + REPEAT.days <= news_lake.LOOKBACK


def test_a_lake_without_articles_reads_as_empty_tables(tmp_path: Path) -> None:
    lake: Lake = open_lake(str(tmp_path))
    window = news_lake.read_window(lake, "none", SESSIONS)
    assert window.articles.empty
    assert window.mentions.empty
    assert window.too_soon.empty
    assert tables(lake, NEWS)[0].empty
