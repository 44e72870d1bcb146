"""The assets of news, run by Dagster on the sample, on folders and on a feed on loopback."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipelines import news_lake
from pipelines.assets import show
from pipelines.assets.resources import News
from pipelines.definitions import defs
from pipelines.lake import Lake, open_lake
from pipelines.models.lexicon import Lexicon
from pipelines.sources.news import fetch
from tests.pipelines.dagster_runs import failure, metadata
from tests.pipelines.news.site import Site, serving
from tests.pipelines.news.test_rss import item, rss
from tests.pipelines.news_runs import (
    ALL,
    ASSETS,
    checks_of,
    run_news,
    story,
    tables,
    write_folder,
)

SAMPLE = News(sentiment="lexicon")
AGENT = "trading-tests (mailto:tests@example.com)"


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TRADING_LAKE_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serving() as found:
        monkeypatch.setattr(fetch, "Fetcher", lambda *_, **__: found.fetcher())
        yield found


def same(one: list[pd.DataFrame], other: list[pd.DataFrame]) -> None:
    for left, right in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def stored(lake: Lake, news: News = SAMPLE) -> pd.DataFrame:
    return lake.read("articles", news.dataset, *ALL, empty=news_lake.no_articles())


def files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*.parquet"))}


def test_an_article_counts_in_the_first_session_decided_after_it_was_known(
    lake: Lake, tmp_path: Path
) -> None:
    """16:30 in New York is 20:30 UTC in summer; Friday evening is Monday's."""
    moments = {
        "2012-05-18T20:30:00+00:00": date(2012, 5, 18),
        "2012-05-18T20:30:00.000001+00:00": date(2012, 5, 21),
        "2012-05-19T12:00:00+00:00": date(2012, 5, 21),
        "2012-01-03T21:30:00+00:00": date(2012, 1, 3),
    }
    rows = [story(moment, f"Apple number {n}") for n, moment in enumerate(moments)]
    news = write_folder(tmp_path / "own", *rows)
    run_news("2012-05-18", None, ["articles"], source="folder", path=news.path)
    found = stored(lake, news).sort_values("title")
    assert found["session"].dt.date.tolist() == list(moments.values())
    assert set(found["known_by"]) == {"observed"}


def test_one_session_gives_what_a_range_gives(lake: Lake, tmp_path: Path) -> None:
    day = date(2012, 7, 19)
    run_news("2012-07-13", "2012-07-20")
    of_range = tables(lake, SAMPLE, day, day)
    for file in (tmp_path / "lake").rglob("*.parquet"):
        file.unlink()
    run_news(day.isoformat())
    alone = tables(lake, SAMPLE, day, day)
    same(of_range, alone)
    assert set(alone[3]["symbol"]) >= {"GOOG", "MSFT", "IBM"}


def test_the_same_run_again_changes_nothing_and_scores_nothing(tmp_path: Path) -> None:
    first = run_news("2012-07-18", "2012-07-20")
    before = files(tmp_path / "lake")
    again = run_news("2012-07-18", "2012-07-20")
    assert files(tmp_path / "lake") == before
    counts = [metadata(r, "sentiment")["2012-07-20"]["newly_scored"] for r in (first, again)]
    assert counts[0] > 0
    assert counts[1] == 0
    of_articles = metadata(again, "articles")
    assert of_articles["2012-07-20"]["new_articles"] == 0
    for asset in ASSETS:
        versions = [metadata(r, asset)["2012-07-19"]["version"] for r in (first, again)]
        assert versions[0] == versions[1]


def test_another_model_of_the_same_name_scores_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_news("2012-07-19")
    monkeypatch.setattr(Lexicon, "model_hash", "0" * 64)
    again = run_news("2012-07-19")
    counts = [metadata(r, "sentiment")["2012-07-19"]["newly_scored"] for r in (first, again)]
    assert counts[0] == counts[1] > 0
    scores, daily, *_ = tables(lake, SAMPLE)
    assert set(scores["model_hash"]) == set(daily["model_hash"]) == {"0" * 64}


def test_each_company_is_scored_by_the_name_that_the_article_writes(lake: Lake) -> None:
    run_news("2012-05-18")
    mentions = lake.read("mentions", "sample", *ALL)
    names = mentions.groupby("symbol")["name"].agg(set)
    assert names["FB"] == names["META"] == {"Facebook"}
    assert names["GOOGL"] == {"Google"}
    scores = tables(lake, SAMPLE)[0]
    assert set(scores["name"]) >= {"Facebook", "Apple"}


def test_a_person_sees_counts_a_table_a_plot_and_the_model() -> None:
    result = run_news("2012-07-19", "2012-07-20")
    found = {asset: metadata(result, asset) for asset in ASSETS}
    rows = {asset: of["2012-07-19"]["dagster/partition_row_count"] for asset, of in found.items()}
    assert rows["articles"] == 2
    assert rows["sentiment"] == 3
    assert found["sentiment"]["2012-07-19"]["provider"] == "lexicon"
    assert found["sentiment"]["2012-07-19"]["trained_until"] == "2014-12-31"
    assert found["sentiment"]["2012-07-19"]["contaminated"] is True
    assert (
        "Microsoft reports its first quarterly loss" in found["articles"]["2012-07-20"]["preview"]
    )
    assert found["news_impact"]["2012-07-20"]["scores"].startswith("![scores](data:image/png")
    assert '"Microsoft reports' in found["news_impact"]["2012-07-20"]["preview"]
    assert checks_of(result) == dict.fromkeys(ASSETS, True)


def test_only_sessions_after_the_cut_off_of_the_model_are_clean(lake: Lake, tmp_path: Path) -> None:
    rows = [story(f"20{year}-12-30T15:00:00Z", f"Apple rises in {year}") for year in (14, 15)]
    news = write_folder(tmp_path / "own", *rows)
    for day in ("2014-12-30", "2015-12-30"):
        run_news(day, source="folder", path=news.path)
    daily = tables(lake, news)[1]
    assert daily["contaminated"].tolist() == [True, False]


def test_the_daily_score_names_its_articles_and_their_hashes(lake: Lake) -> None:
    run_news("2012-07-20")
    articles = stored(lake).set_index("article_id")
    daily = lake.read("news", SAMPLE.judged, date(2012, 7, 20), date(2012, 7, 20))
    row = daily.set_index("symbol").loc["MSFT"]
    ids = row["article_ids"].split()
    assert len(ids) == row["count"]
    assert row["content_hashes"].split() == articles.loc[ids, "content_hash"].tolist()
    assert row["known_at"] == articles.loc[ids, "known_at"].max()
    assert 'summary "Microsoft reports its first quarterly loss"' in row["reasons"]
    assert -1 <= row["score"] < 0


def test_an_article_from_the_future_moves_nothing_and_fails_the_checks(lake: Lake) -> None:
    day = date(2012, 7, 19)
    run_news("2012-07-19", "2012-07-20")
    before = tables(lake, SAMPLE)
    held = lake.read("articles", "sample", day, day)
    known = pd.Timestamp("2012-07-20T13:00:00Z").as_unit("us")
    planted = held.iloc[:1].assign(
        article_id="f" * 32,
        group_id="f" * 32,
        title="Microsoft profit plunges, shares crash",
        known_at=known,
        group_known_at=known,
    )
    lake.write("articles", "sample", pd.concat([held, planted]), day, day)
    result = run_news("2012-07-19", "2012-07-20", raises=False)
    assert checks_of(result) == {"articles": False}
    assert not result.asset_materializations_for_node("sentiment")
    for asset in ("sentiment", "news_impact"):
        alone = run_news("2012-07-19", "2012-07-20", [asset], raises=False)
        assert checks_of(alone) == {asset: False}
        [evaluation] = alone.get_asset_check_evaluations()
        assert evaluation.metadata["where"].value == f"{'f' * 32} of 2012-07-19"
    same(before, tables(lake, SAMPLE))


def test_an_article_first_seen_later_changes_only_later_sessions(
    lake: Lake, tmp_path: Path
) -> None:
    early = story("2012-07-17T15:00:00Z")
    news = write_folder(tmp_path / "own", early)
    span = ("2012-07-17", "2012-07-20")
    run_news(*span, source="folder", path=news.path)
    before = tables(lake, news)
    late = story("2012-07-16T15:00:00Z", "Apple recall", known_at="2012-07-19T08:00:00Z")
    write_folder(tmp_path / "own", late, name="late")
    run_news(*span, source="folder", path=news.path)
    last = date(2012, 7, 18)
    same([t[t["session"] <= pd.Timestamp(last)] for t in before], tables(lake, news, end=last))
    assert stored(lake, news)["session"].dt.day.tolist() == [17, 19]
    assert len(tables(lake, news)[2]) > len(before[2])


def test_near_copies_are_one_story_however_they_arrive(lake: Lake, tmp_path: Path) -> None:
    text = "Apple said that its quarterly profit beat what analysts had expected by a wide margin."
    hours = (10, 12, 14)
    rows = [
        story(f"2012-07-19T{h}:00:00Z", text=f"{text} {h}", url=f"https://w/{h}") for h in hours
    ]
    news = write_folder(tmp_path / "own", rows[0])
    run_news("2012-07-19", source="folder", path=news.path)
    first = tables(lake, news)
    write_folder(tmp_path / "own", *rows[1:], name="copies")
    result = run_news("2012-07-19", source="folder", path=news.path)
    assert metadata(result, "articles")["2012-07-19"]["near_copies"] == 2
    assert stored(lake, news)["group_id"].nunique() == 1
    same(first[3:], tables(lake, news)[3:])
    daily = tables(lake, news)[1]
    pd.testing.assert_frame_equal(first[1], daily)
    assert daily["count"].tolist() == [1]


def test_an_article_that_is_stored_keeps_its_text(lake: Lake, tmp_path: Path) -> None:
    first = story("2012-07-19T10:00:00Z", url="https://example.com/a")
    news = write_folder(tmp_path / "own", first)
    run_news("2012-07-19", None, ["articles"], source="folder", path=news.path)
    write_folder(tmp_path / "own", {**first, "title": "Apple profit falls"})
    run_news("2012-07-19", None, ["articles"], source="folder", path=news.path)
    assert stored(lake, news)["title"].tolist() == ["Apple profit beats estimates"]


@pytest.mark.parametrize("rows", [[], [story("2012-07-12T10:00:00Z", "Rain in the afternoon")]])
def test_nothing_to_say_is_no_failure(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    """A source without articles, and a session with one that names no company."""
    news = write_folder(tmp_path / "own", *rows)
    result = run_news("2012-07-12", "2012-07-13", source="folder", path=news.path)
    assert result.success
    for asset, of_first in (("articles", len(rows)), ("sentiment", 0), ("news_impact", 0)):
        counts = metadata(result, asset)
        assert counts["2012-07-12"]["dagster/partition_row_count"] == of_first
        assert counts["2012-07-13"]["dagster/partition_row_count"] == 0
    assert checks_of(result) == dict.fromkeys(ASSETS, True)


def test_what_is_refused_is_a_notice_by_its_line(tmp_path: Path) -> None:
    news = write_folder(tmp_path / "own", story("2012-07-19T10:00:00Z"), {"title": "Undated"})
    result = run_news("2012-07-19", None, ["articles"], source="folder", path=news.path)
    found = metadata(result, "articles")["2012-07-19"]
    assert found["notices_count"] == 1
    assert "line 2" in found["notices"]
    assert found["dagster/partition_row_count"] == 1


def test_impacts_without_a_sentiment_of_every_mention_say_what_to_do(lake: Lake) -> None:
    run_news("2012-07-19", None, ["articles"])
    result = run_news("2012-07-19", None, ["news_impact"], raises=False)
    assert "materialize `sentiment` of the same sessions" in failure(result, "news_impact")


def test_a_broken_feed_is_a_notice_and_the_others_are_stored(lake: Lake, site: Site) -> None:
    site.page("/bad", b"<html>down</html>")
    site.page("/good", rss(item(site)), ETag='"1"')
    feeds = [f"{site.root}{path}" for path in ("/bad", "/away", "/good")]
    choice = {"source": "rss", "feeds": feeds, "pages": False, "agent": AGENT}
    result = run_news("2012-05-18", clock="2012-05-18T20:25:00+00:00", **choice)
    found = metadata(result, "articles")["2012-05-18"]
    assert found["dagster/partition_row_count"] == 1
    assert [line.split(": ")[0] for line in found["notices"].splitlines()] == feeds[:2]
    run_news("2012-05-18", None, ["articles"], clock="2012-05-18T20:28:00+00:00", **choice)
    assert site.asked[-1][1]["If-None-Match"] == '"1"'
    assert stored(lake, News(source="rss"))["known_at"].tolist() == [
        pd.Timestamp("2012-05-18T20:25:00Z")
    ]


def test_an_entry_seen_after_the_decision_waits_for_the_next_session(
    lake: Lake, site: Site
) -> None:
    site.page("/feed", rss(item(site)))
    choice = {"source": "rss", "feeds": [f"{site.root}/feed"], "pages": False, "agent": AGENT}
    result = run_news("2012-05-18", clock="2012-05-18T20:31:00+00:00", **choice)
    found = metadata(result, "articles")["2012-05-18"]
    assert (found["dagster/partition_row_count"], found["for_later_sessions"]) == (0, 1)
    monday = run_news("2012-05-21", clock="2012-05-21T20:25:00+00:00", **choice)
    assert metadata(monday, "articles")["2012-05-21"]["dagster/partition_row_count"] == 1
    assert metadata(monday, "news_impact")["2012-05-21"]["dagster/partition_row_count"] == 1
    assert len(stored(lake, News(source="rss"))) == 1


@pytest.mark.parametrize("broken", ["add", "link_again"])
def test_what_was_not_stored_is_asked_for_again(
    lake: Lake, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    site.page("/feed", rss(item(site)), ETag='"1"')
    choice = {"source": "rss", "feeds": [f"{site.root}/feed"], "pages": False, "agent": AGENT}
    clock = "2012-05-18T20:25:00+00:00"

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(news_lake, broken, fail)
        run_news("2012-05-18", None, ["articles"], clock=clock, raises=False, **choice)
    assert not (tmp_path / "news").exists()
    run_news("2012-05-18", clock=clock, **choice)
    assert "If-None-Match" not in site.asked[-1][1]
    assert len(stored(lake, News(source="rss"))) == 1
    assert len(lake.read("mentions", "rss", *ALL)) == 1


def test_a_lake_that_lost_an_article_gets_it_again(lake: Lake, site: Site) -> None:
    site.page("/feed", rss(item(site)), ETag='"1"')
    choice = {"source": "rss", "feeds": [f"{site.root}/feed"], "pages": False, "agent": AGENT}
    clock = "2012-05-18T20:25:00+00:00"
    run_news("2012-05-18", None, ["articles"], clock=clock, **choice)
    lake.drop("articles", "rss")
    run_news("2012-05-18", None, ["articles"], clock=clock, **choice)
    assert "If-None-Match" not in site.asked[-1][1]
    assert len(stored(lake, News(source="rss"))) == 1


def test_a_source_over_the_network_needs_somebody_to_complain_to() -> None:
    result = run_news("2012-05-18", None, ["articles"], raises=False, source="edgar")
    assert "names no contact" in failure(result, "articles")


def test_a_title_is_shown_as_text_and_never_as_markup() -> None:
    title = "![x](http://evil/a.png) <img src=x> [a](b) `c` | d"
    shown = show.table(show.plain(pd.DataFrame({"title": [title]}), ["title"])).value
    row = str(shown).splitlines()[2]
    assert row == r"| \!\[x\](http: //evil/a.png) &lt;img src=x&gt; \[a\](b) \`c\` / d |"


def test_each_folder_model_and_endpoint_has_tables_of_its_own() -> None:
    names = {
        News(source="folder", path=path, sentiment=model, endpoint=endpoint).judged
        for path in ("/a", "/b")
        for model in ("lexicon", "ProsusAI/finbert")
        for endpoint in ("", "http://127.0.0.1:1")
    }
    assert len(names) == 8
    assert not any("/" in name for name in names)


def test_the_news_job_runs_the_three_assets() -> None:
    steps = {node.name for node in defs.resolve_job_def("news_job").nodes}
    assert steps == set(ASSETS)
