"""A paper account from day to day: a provider, the job after the close, NATS, router and core.

Everything is real but the provider, which answers on the loopback, and the time: the runs' clock
and the database's name the same moment.
"""

import asyncio
import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from execution import accounts
from execution.domain.config import AccountConfig
from pipelines import calendar
from pipelines.assets import bars as bars_asset
from pipelines.assets import live
from pipelines.assets.automation import publish_after_close
from pipelines.definitions import defs
from pipelines.lake import open_lake
from pipelines.restated import read_version
from pipelines.settings import read_settings
from pipelines.sources.news import fetch
from tests.execution.running import RunningCore, running
from tests.execution.world_time import WorldTime
from tests.pipelines.dagster_runs import failure, in_memory, metadata, run
from tests.pipelines.news.site import Site
from tests.pipelines.news.site import serving as serving_pages
from tests.pipelines.news.test_rss import item, rss
from tests.pipelines.sources.loopback import Market, Yahoo, serving
from tests.pipelines.sources.opened import KEYS, write_market_file
from tests.router.support import RouterProcess
from tests.servers import Database

BEGAN = date(2012, 5, 1)
DAYS = [date(2012, 7, 9), date(2012, 7, 10), date(2012, 7, 11), date(2012, 7, 12)]
SYMBOLS = ("AAPL", "MSFT")
LIVE = '[live]\nsource = "yfinance"\n\n'


def after_close(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 20, 30, tzinfo=UTC)


def falling(market: Market, symbol: str, last: date) -> None:
    """A price that fell for a month and turned: an RSI of 0 first, and a buy while it rises."""
    days = calendar.sessions_between(BEGAN, last)
    for number, day in enumerate(days):
        close = 400.0 - 2 * number if number < len(days) - 8 else 304.0 + number
        market.bars.setdefault(symbol, {})[day] = (close - 1, close + 2, close - 2, close, 1e6)


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yahoo]:
    market = Market(after_close(DAYS[0]))
    for symbol in SYMBOLS:
        falling(market, symbol, date(2012, 7, 31))
    yahoo = Yahoo(market)
    with serving(yahoo) as url:
        write_market_file(tmp_path, "yfinance", url, SYMBOLS, extra=LIVE)
        monkeypatch.setenv("TRADING_HOME", str(tmp_path))
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        yield yahoo


@pytest.fixture
def world(database: Database) -> WorldTime:
    """What the database says the time is."""
    return WorldTime(database)


@pytest.fixture
def strategy() -> str:
    """The one that the paper account trades; a test may name another."""
    return "technical"


@pytest.fixture
def core(
    strategy: str,
    database: Database,
    world: WorldTime,
    nats_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RunningCore]:
    """A core with one paper account, and the router that feeds it."""
    fields = {
        "account": "paper",
        "mode": "paper",
        "strategies": [strategy],
        "sources": ["yfinance"],
        "capital": {strategy: "90000", "manual": "10000"},
    }
    asyncio.run(_open(database, fields))
    folder = tmp_path / "core"
    folder.mkdir()
    router = RouterProcess(nats_url, tmp_path)
    with running(RunningCore(database, nats_url, folder)) as started:
        router.start()
        monkeypatch.setenv("NATS_URL", nats_url)
        monkeypatch.setenv("TRADING_CORE_URL", str(started.http.base_url))
        monkeypatch.setenv("TRADING_TOKEN_FILE", str(folder / "token"))
        yield started
        router.terminate()


async def _open(database: Database, fields: dict[str, Any]) -> None:
    import msgspec

    async with await psycopg.AsyncConnection.connect(database.app_url, autocommit=True) as at:
        await accounts.open_account(at, msgspec.convert(fields, AccountConfig))


def live_run(provider: Yahoo, day: date, seconds: int = 0) -> dg.ExecuteInProcessResult:
    """What the schedule asks for half an hour after the close of `day`, done so much later."""
    provider.market.now = after_close(day)
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(
            instance, scheduled_execution_time=provider.market.now
        ) as context,
    ):
        request = publish_after_close(context)
    assert isinstance(request, dg.RunRequest)
    config = dict(request.run_config)
    now = provider.market.now + timedelta(seconds=seconds)
    config["resources"]["clock"] = {"config": {"fixed": now.isoformat()}}
    with in_memory() as instance:
        return defs.resolve_job_def("live_job").execute_in_process(
            run_config=config,
            instance=instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            asset_selection=request.asset_selection,
        )


def test_a_paper_account_goes_on_from_day_to_day(
    provider: Yahoo, core: RunningCore, world: WorldTime
) -> None:
    for day in DAYS[:3]:
        world.set(after_close(day))
        result = live_run(provider, day)
        assert metadata(result, "published_signals")[day.isoformat()]["sessions"] == 1
        core.wait_until_closed(day, "paper")
    account = core.account("paper")
    assert (account["mode"], account["first_session"]) == ("paper", DAYS[0].isoformat())
    fills = core.get("/api/v1/fills", account="paper")
    assert {(fill["symbol"], fill["session"]) for fill in fills} >= {
        (symbol, DAYS[1].isoformat()) for symbol in SYMBOLS
    }
    opening = provider.market.bars["AAPL"][DAYS[1]][0]
    first = next(fill for fill in fills if fill["symbol"] == "AAPL")
    assert float(first["price"]) == pytest.approx(opening * 1.0005, abs=0.01)
    assert all(fill["session"] != DAYS[0].isoformat() for fill in fills)


def test_missed_days_are_booked_and_nothing_is_decided_late(
    provider: Yahoo, core: RunningCore, world: WorldTime
) -> None:
    world.set(after_close(DAYS[0]))
    live_run(provider, DAYS[0])
    core.wait_until_closed(DAYS[0], "paper")
    provider.market.now = after_close(DAYS[1])
    by_hand = {"clock": provider.market.now.isoformat(), "source": "yfinance"}
    run(DAYS[1].isoformat(), None, ["bars", "technical", "signals"], **by_hand)
    world.set(after_close(DAYS[3]))
    result = live_run(provider, DAYS[3])
    assert metadata(result, "published_signals")[DAYS[3].isoformat()]["sessions"] == 3
    core.wait_until_closed(DAYS[3], "paper")
    fills = core.get("/api/v1/fills", account="paper")
    assert {fill["session"] for fill in fills} == {DAYS[1].isoformat()}
    books = {each["session"]: each for each in core.get("/api/v1/sessions", account="paper")}
    decided = {day: sum(books[day]["dispositions"].values()) for day in sorted(books)}
    assert decided == dict(zip([d.isoformat() for d in DAYS], [2, 0, 0, 2], strict=True))


def test_signals_that_lay_until_the_next_open_are_not_traded(
    provider: Yahoo, core: RunningCore, world: WorldTime
) -> None:
    world.set(calendar.open_of(DAYS[1]))
    live_run(provider, DAYS[0])
    core.wait_until_closed(DAYS[0], "paper")
    (session,) = core.get("/api/v1/sessions", account="paper")
    assert session["dispositions"] == {"expired": len(SYMBOLS)}
    orders = core.get("/api/v1/orders", account="paper")
    assert {(each["status"], each["code"]) for each in orders} == {("refused", "SIGNAL_EXPIRED")}


@pytest.fixture
def site(provider: Yahoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Two feeds, one of them broken, for a strategy that weighs news."""
    blend = (files("pipelines.strategies") / "blend.toml").read_text()
    (tmp_path / "blend.toml").write_text(blend)
    market = (tmp_path / "market.toml").read_text()
    with serving_pages() as found:
        monkeypatch.setattr(fetch, "Fetcher", lambda *_, **__: found.fetcher())
        found.page("/broken", b"<html>out of order</html>")
        table = f"""[live]
source = "yfinance"
strategy = "{tmp_path}/blend.toml"

[live.news]
source = "rss"
sentiment = "lexicon"
agent = "trading-tests (mailto:tests@example.com)"
feeds = ["{found.root}/broken", "{found.root}/feed"]
hosts = ["127.0.0.1"]
pages = false
"""
        (tmp_path / "market.toml").write_text(market.replace(LIVE, table))
        yield found


def read_news(site: Site, at: datetime, *titles: str) -> None:
    """What the sensor has run during the day, where the feed has these titles."""
    dated = f"<pubDate>{format_datetime(at - timedelta(minutes=1))}</pubDate>"
    items = [item(site, f"/{number}", title, dated) for number, title in enumerate(titles)]
    site.page("/feed", rss(*items))
    news = live.news_of(live.live_news(read_settings()))
    config = live.config_of(news=news)
    config["resources"]["clock"] = {"config": {"fixed": at.isoformat()}}
    with in_memory() as instance:
        defs.resolve_job_def("news_job").execute_in_process(
            run_config=config, instance=instance, partition_key=at.date().isoformat()
        )


@pytest.mark.parametrize("strategy", ["blend"])
def test_a_live_strategy_weighs_what_was_read_by_half_past_four(
    provider: Yahoo, site: Site, core: RunningCore, world: WorldTime, tmp_path: Path
) -> None:
    day, next_day = DAYS[:2]
    read_news(site, after_close(day) - timedelta(hours=2), "Apple profit beats estimates")
    dated = f"<pubDate>{format_datetime(after_close(day) - timedelta(minutes=1))}</pubDate>"
    titles = ("Apple profit beats estimates", "Microsoft plunges on fraud probe")
    site.page("/feed", rss(*(item(site, f"/{n}", title, dated) for n, title in enumerate(titles))))
    world.set(after_close(day))
    result = live_run(provider, day, seconds=5)
    assert metadata(result, "published_signals")[day.isoformat()]["sessions"] == 1
    core.wait_until_closed(day, "paper")
    lake = open_lake(str(tmp_path / "lake"))
    placed = lake.read("articles", "rss", day, next_day).set_index("title")["session"].dt.date
    assert placed.to_dict() == dict(zip(titles, (day, next_day), strict=True))
    dataset = next((tmp_path / "lake/signals").iterdir()).name
    reasons = lake.read("signals", dataset, day, day).set_index("symbol")["news_reasons"]
    assert "Apple profit beats" in reasons["AAPL"]
    assert reasons["MSFT"] == ""
    world.set(after_close(next_day))
    live_run(provider, next_day)
    reasons = lake.read("signals", dataset, next_day, next_day).set_index("symbol")["news_reasons"]
    assert "Microsoft plunges" in reasons["MSFT"]


@pytest.mark.parametrize("strategy", ["blend"])
def test_a_live_run_goes_on_where_no_article_was_ever_read(
    provider: Yahoo, site: Site, core: RunningCore, world: WorldTime
) -> None:
    world.set(after_close(DAYS[0]))
    result = live_run(provider, DAYS[0])
    told = metadata(result, "articles")[DAYS[0].isoformat()]
    assert (told["new_articles"], told["notices_count"]) == (0, 2)
    assert metadata(result, "signals")[DAYS[0].isoformat()]["dagster/partition_row_count"] == 2
    core.wait_until_closed(DAYS[0], "paper")
    (session,) = core.get("/api/v1/sessions", account="paper")
    assert sum(session["dispositions"].values()) == 2


def test_a_restated_bar_leaves_old_signals_on_the_old_version(
    provider: Yahoo, tmp_path: Path
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    names = ["bars", "technical", "signals"]
    provider.market.now = after_close(DAYS[0])
    clock = provider.market.now.isoformat()
    run(DAYS[0].isoformat(), None, names, clock=clock, source="yfinance")
    dataset = next((tmp_path / "lake/signals").iterdir()).name
    before = lake.read("signals", dataset, DAYS[0], DAYS[0])
    opening, high, low, close, volume = provider.market.bars["AAPL"][DAYS[0]]
    provider.market.bars["AAPL"][DAYS[0]] = (opening, high, low, close - 0.5, volume)
    provider.market.now = after_close(DAYS[1])
    clock = provider.market.now.isoformat()
    result = run(DAYS[1].isoformat(), None, names, clock=clock, source="yfinance")
    told = metadata(result, "bars")[DAYS[1].isoformat()]["notices"]
    assert f"1 stored sessions changed ({DAYS[0]}): the versions before are kept" in told
    assert lake.read("signals", dataset, DAYS[0], DAYS[0]).equals(before)
    bars = dataset.removesuffix("-technical")
    pointed = read_version(lake, bars, DAYS[0], before["bars_version"].iloc[0]).bars
    assert pointed.loc[pointed["symbol"] == "AAPL", "close"].item() == close
    present = lake.read("bars", bars, DAYS[0], DAYS[0])
    assert present.loc[present["symbol"] == "AAPL", "close"].item() == close - 0.5
    assert present.loc[present["symbol"] == "AAPL", "known_at"].item() == after_close(DAYS[1])
    assert present["known_by"].tolist() == ["observed", "observed"]


def test_a_late_bar_is_waited_for_and_then_done_without(
    provider: Yahoo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bars_asset, "PASSING_PAUSE_S", 0.01)
    monkeypatch.setattr(bars_asset, "PASSING_RETRIES", 2)
    del provider.market.bars["MSFT"][DAYS[0]]
    clock = after_close(DAYS[0]).isoformat()
    names = ["bars", "technical", "signals"]
    result = run(DAYS[0].isoformat(), None, names, clock=clock, source="yfinance")
    assert result.success
    asked = [path for path, _ in provider.charts]
    assert (asked.count("/v8/finance/chart/AAPL"), asked.count("/v8/finance/chart/MSFT")) == (1, 3)
    told = metadata(result, "bars")[DAYS[0].isoformat()]["notices"]
    assert told == f"MSFT: no bar of {DAYS[0]} yet"
    del provider.market.bars["AAPL"][DAYS[1]]
    del provider.market.bars["MSFT"][DAYS[1]]
    provider.market = dataclasses.replace(provider.market, now=after_close(DAYS[1]))
    clock = provider.market.now.isoformat()
    result = run(DAYS[1].isoformat(), None, names, raises=False, clock=clock, source="yfinance")
    assert f"ends on {DAYS[1]}, but the data on {DAYS[0]}" in failure(result, "bars")
