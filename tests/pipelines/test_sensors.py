"""Sensors on a real instance: what a look asks for, that a second look skips, and what they run."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from pipelines.assets import live
from pipelines.assets.partitions import RANGE_END, RANGE_START
from pipelines.assets.resources import Clock
from pipelines.assets.sensors import late_data, new_articles
from pipelines.definitions import defs
from pipelines.lake import Lake, open_lake
from pipelines.settings import read_settings
from pipelines.sources.news import fetch
from tests.pipelines.fake_core import TOKEN, FakeCore
from tests.pipelines.fake_core import serving as serving_core
from tests.pipelines.news.site import Site
from tests.pipelines.news.site import serving as serving_pages
from tests.pipelines.news.test_rss import item, rss
from tests.pipelines.news_runs import story, write_folder
from tests.pipelines.sources.loopback import Market, Yahoo, serving
from tests.pipelines.sources.opened import write_market_file

NOON = datetime(2012, 7, 9, 16, 0, tzinfo=UTC)
DAYS = [date(2012, 7, 9), date(2012, 7, 10), date(2012, 7, 11)]
LIVE = '[live]\nsource = "yfinance"\n'


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as found:
        yield found


@pytest.fixture
def folder(home: Path) -> Path:
    """The folder of [live.news], with one article."""
    articles = home / "articles"
    write_folder(articles, story("2012-07-09T15:00:00+00:00"))
    news = f'[live.news]\nsource = "folder"\npath = "{articles}"\nsentiment = "lexicon"\n'
    (home / "market.toml").write_text(LIVE + news)
    return articles


@pytest.fixture
def site(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serving_pages() as found:
        monkeypatch.setattr(fetch, "Fetcher", lambda *_, **__: found.fetcher())
        found.page("/broken", b"<html>out of order</html>")
        found.page("/feed", rss(item(found)))
        feeds = f'feeds = ["{found.root}/broken", "{found.root}/away", "{found.root}/feed"]\n'
        news = f'[live.news]\nsource = "rss"\npages = false\nsentiment = "lexicon"\n{feeds}'
        (home / "market.toml").write_text(LIVE + news + "every_minutes = 10\n")
        yield found


class Watch:
    """A sensor on an instance, with the cursor that Dagster keeps for it."""

    def __init__(self, sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> None:
        self.sensor, self.instance, self.cursor = sensor, instance, None

    def look(self, now: datetime = NOON) -> list[dg.RunRequest] | str:
        """The runs that it asks for at that moment, or why it asks for none."""
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursor,
            repository_def=defs.get_repository_def(),
            resources={"clock": Clock(fixed=now.isoformat())},
        )
        with context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return found.run_requests or str(found.skip_message)

    def done(self, request: dg.RunRequest, now: datetime = NOON, **more: Any) -> Any:
        """The run that it asked for, done on the same instance."""
        config = dict(request.run_config)
        config["resources"]["clock"] = {"config": {"fixed": now.isoformat()}}
        return job_of(request).execute_in_process(
            run_config=config,
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            asset_selection=request.asset_selection,
            **more,
        )


def job_of(request: dg.RunRequest) -> dg.JobDefinition:
    return defs.resolve_job_def(request.job_name or "news_job")


def one(found: list[dg.RunRequest] | str) -> dg.RunRequest:
    assert isinstance(found, list), found
    (request,) = found
    return request


def test_new_files_of_a_folder_are_read_once(
    folder: Path, home: Path, instance: dg.DagsterInstance
) -> None:
    watch = Watch(new_articles, instance)
    request = one(watch.look())
    assert request.partition_key == "2012-07-09"
    assert watch.done(request).success
    assert "nothing new" in str(watch.look(NOON + timedelta(days=30)))
    later = "2012-07-09T16:30:00+00:00"
    write_folder(folder, story(later, "Microsoft profit falls"), name="more")
    again = one(watch.look(NOON + timedelta(minutes=40)))
    assert again.run_key != request.run_key
    assert watch.done(again, NOON + timedelta(minutes=40)).success
    assert "nothing new" in str(watch.look())
    stored = open_lake(str(home / "lake")).read("articles", request.tags["trading/news"], *DAYS[:2])
    assert len(stored) == 2


def test_feeds_are_read_at_their_interval_and_a_broken_one_stops_no_other(
    site: Site, home: Path, instance: dg.DagsterInstance
) -> None:
    watch = Watch(new_articles, instance)
    result = watch.done(one(watch.look()))
    assert result.success
    (event,) = result.asset_materializations_for_node("articles")
    assert event.metadata["notices_count"].value == 2
    assert event.metadata["new_articles"].value == 1
    assert "was read at 2012-07-09 16:00" in str(watch.look(NOON + timedelta(minutes=9)))
    assert one(watch.look(NOON + timedelta(minutes=10))).tags["trading/news"] == "rss"


def test_a_run_that_goes_on_is_waited_for_and_one_that_failed_is_asked_for_again(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    watch = Watch(new_articles, instance)
    request = one(watch.look())
    run = instance.create_run_for_job(job_of(request), tags=dict(request.tags))
    write_folder(folder, story("2012-07-09T15:10:00+00:00", "IBM rises"), name="more")
    assert "is not finished" in str(watch.look())
    instance.report_run_failed(run)
    assert isinstance(watch.look(), list)  # the folder changed
    assert "nothing new" in str(watch.look(NOON + timedelta(minutes=14)))
    assert isinstance(watch.look(NOON + timedelta(minutes=15)), list)


def test_no_news_is_read_while_the_session_is_decided(
    site: Site, instance: dg.DagsterInstance
) -> None:
    """16:30 in New York is 20:30 UTC in summer, and 21:30 in winter."""
    watch = Watch(new_articles, instance)
    half_past_four = datetime(2012, 7, 9, 20, 30, tzinfo=UTC)
    for minutes in (-5, 0, 15):
        told = str(watch.look(half_past_four + timedelta(minutes=minutes)))
        assert "the session is being decided" in told
    assert "is being decided" in str(watch.look(datetime(2012, 1, 3, 21, 30, tzinfo=UTC)))
    for minutes in (-6, 16):
        assert one(watch.look(half_past_four + timedelta(minutes=minutes)))


def test_after_the_close_and_on_a_weekend_a_session_to_come_is_read_for(
    site: Site, instance: dg.DagsterInstance
) -> None:
    saturday = datetime(2012, 7, 14, 16, 0, tzinfo=UTC)
    assert one(Watch(new_articles, instance).look(saturday)).partition_key == "2012-07-16"


def test_sensors_that_are_told_nothing_say_what_to_write(
    home: Path, instance: dg.DagsterInstance
) -> None:
    assert 'write "[live.news]"' in str(Watch(new_articles, instance).look())
    assert 'write "[live]"' in str(Watch(late_data, instance).look())


@pytest.fixture
def yahoo(folder: Path, home: Path) -> Iterator[Yahoo]:
    """A provider of two shares; the strategy weighs news."""
    market = Market(after_close(DAYS[0]))
    for symbol in ("AAPL", "MSFT"):
        market.trade(symbol, date(2012, 5, 1), DAYS[-1])
    table = (home / "market.toml").read_text()
    found = Yahoo(market)
    with serving(found) as url:
        write_market_file(home, "yfinance", url, ("AAPL", "MSFT"), extra=table)
        yield found


@pytest.fixture
def core(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCore]:
    """A core with one paper account, which has booked the first of the days."""
    (home / "api-token").write_text(TOKEN)
    with serving_core(FakeCore(lambda _: DAYS[0].isoformat())) as found:
        found.accounts = [{"account": "paper", "mode": "paper", "sources": ["yfinance"]}]
        monkeypatch.setenv("TRADING_CORE_URL", found.url)
        yield found


def after_close(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 20, 30, tzinfo=UTC)


def compute(instance: dg.DagsterInstance, yahoo: Yahoo, day: date, *assets: str) -> None:
    """The run of a session, without publishing."""
    yahoo.market.now = after_close(day)
    chosen = live.live_run(read_settings())
    config = chosen.config
    config["resources"]["clock"] = {"config": {"fixed": after_close(day).isoformat()}}
    result = defs.resolve_job_def("live_job").execute_in_process(
        run_config=config,
        instance=instance,
        partition_key=day.isoformat(),
        asset_selection=[dg.AssetKey(name) for name in assets],
    )
    assert result.success


PRICED = ("bars", "technical", "signals")


def table(lake: Lake, name: str, day: date) -> pd.DataFrame:
    (dataset,) = (Path(lake._root) / name).iterdir()
    return lake.read(name, dataset.name, day, day)


def test_a_restated_bar_has_its_sessions_computed_again_and_never_sent(
    yahoo: Yahoo, core: FakeCore, home: Path, instance: dg.DagsterInstance
) -> None:
    """The first day is booked, the second is not; on the third a bar of the first is restated."""
    watch = Watch(late_data, instance)
    assert "watches from now on" in str(watch.look())
    for day in DAYS[:2]:
        compute(instance, yahoo, day, *PRICED)
    assert "no session that was computed changed" in str(watch.look())
    lake = open_lake(str(home / "lake"))
    before = {day: table(lake, "signals", day) for day in DAYS[:2]}
    opening, high, low, close, volume = yahoo.market.bars["AAPL"][DAYS[0]]
    yahoo.market.bars["AAPL"][DAYS[0]] = (opening, high, low, close - 0.01, volume)
    compute(instance, yahoo, DAYS[2], *PRICED)
    core.known = False
    assert "which sessions are booked is not known" in str(watch.look())
    core.known = True
    requests = watch.look()
    assert isinstance(requests, list)
    spans = [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests]
    assert spans == [("2012-07-09", "2012-07-09"), ("2012-07-10", "2012-07-10")]
    names = [[key.to_user_string() for key in r.asset_selection or []] for r in requests]
    assert names == [["technical"], ["technical", "signals"]]
    assert "no session that was computed changed" in str(watch.look())
    for request in requests:
        named = dg.RunRequest(**{**request._asdict(), "job_name": "revision_job"})
        assert watch.done(named, after_close(DAYS[2])).success
    for day, frame in before.items():  # decided on what was known then
        again = table(lake, "signals", day)
        pd.testing.assert_frame_equal(
            again.drop(columns="run_id"), frame.drop(columns="run_id"), check_exact=True
        )
        assert again["run_id"].equals(frame["run_id"]) == (day == DAYS[0])


def test_a_late_article_has_the_sessions_after_it_judged_again(
    yahoo: Yahoo, core: FakeCore, folder: Path, home: Path, instance: dg.DagsterInstance
) -> None:
    judged = ("articles", "sentiment", "news_impact")
    watch = Watch(late_data, instance)
    watch.look()
    for day in DAYS[:2]:
        compute(instance, yahoo, day, *PRICED, *judged)
    watch.look()
    lake = open_lake(str(home / "lake"))
    assert "MSFT" not in table(lake, "news", DAYS[0])["symbol"].tolist()
    write_folder(folder, story("2012-07-09T15:10:00+00:00", "Microsoft plunges"), name="late")
    compute(instance, yahoo, DAYS[2], *judged)
    requests = watch.look()
    assert isinstance(requests, list)
    names = [[key.to_user_string() for key in r.asset_selection or []] for r in requests]
    assert names == [["sentiment", "news_impact"], ["sentiment", "news_impact", "signals"]]
    for request in requests:
        named = dg.RunRequest(**{**request._asdict(), "job_name": "revision_job"})
        assert watch.done(named, after_close(DAYS[2])).success
    for day in DAYS[:2]:
        assert "MSFT" in table(lake, "news", day)["symbol"].tolist()
    assert "no session that was computed changed" in str(watch.look())
