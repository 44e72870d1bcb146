"""What live runs read and compute, as market.toml says: resources, assets and tags of their runs.

Belongs here: from the table [live] to the configuration of a run. Keep out: when one starts
(automation.py, sensors.py), and the file's form (sources/market_file.py).
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg
import msgspec

from pipelines import calendar
from pipelines.assets.resources import Feed, News
from pipelines.errors import UnconfiguredError
from pipelines.settings import Settings, read_settings
from pipelines.sources.market_file import Live, LiveNews, read_market_file

PRICED = ("bars", "technical", "signals", "published_signals")
JUDGED = ("articles", "sentiment", "news_impact")
NOT_OF_THE_RESOURCE = {"every_minutes"}

NO_LIVE = (
    '{file} has no table [live]: write "[live]" and below it source = "yfinance" (or "alpaca",'
    ' "ccxt"), and that source\'s own table, to say what to publish after the close'
)
NO_NEWS = (
    "the strategy {strategy} weighs news, and {file} does not say where from: write"
    ' "[live.news]" and below it source = "rss" with agent, feeds and hosts (or "edgar" with agent,'
    ' or "folder" with path)'
)
NO_ARTICLES = (
    '{file} has no table [live.news]: write "[live.news]" below [live], with source = "rss" and'
    ' agent, feeds and hosts (or "edgar" with agent, or "folder" with path)'
)


@dataclass(frozen=True)
class LiveRun:
    """The resources of a live run, and the assets that its strategy needs."""

    feed: Feed
    news: News | None

    @property
    def assets(self) -> tuple[str, ...]:
        """Names of assets; those of news where the strategy weighs any."""
        weighs = self.feed.open_strategy().weighs_news
        return (*(JUDGED if weighs else ()), *PRICED)

    @property
    def config(self) -> dict[str, Any]:
        """The run's configuration."""
        return config_of(feed=self.feed, news=self.news)

    @property
    def tags(self) -> dict[str, str]:
        """What a list of runs shows of it."""
        return self.feed.tags


def config_of(feed: Feed | None = None, news: News | None = None) -> dict[str, Any]:
    """The part of a run's configuration that sets these resources."""
    given = {"feed": feed, "news": news}
    found = {name: each.model_dump(exclude_defaults=True) for name, each in given.items() if each}
    return {"resources": {name: {"config": values} for name, values in found.items()}}


def live_run(settings: Settings) -> LiveRun:
    """What the schedule after the close starts.

    Raises UnconfiguredError where the file says too little, other PipelineErrors where it is wrong.
    """
    live = read_market_file(settings.market_file).live
    if live is None:
        raise UnconfiguredError(NO_LIVE.format(file=settings.market_file))
    feed = feed_of(live)
    strategy = feed.open_strategy()
    if strategy.weighs_news and live.news is None:
        raise UnconfiguredError(NO_NEWS.format(strategy=strategy.name, file=settings.market_file))
    return LiveRun(feed, news_of(live.news) if live.news else None)


def due_live(context: dg.ScheduleEvaluationContext) -> tuple[str, LiveRun] | dg.SkipReason:
    """The session of a tick after the close, as a partition, with its live run; or why none is."""
    session = context.scheduled_execution_time.date()
    if not calendar.is_session(session):
        return dg.SkipReason(f"{session} is no session of the exchange")
    try:
        return session.isoformat(), live_run(read_settings())
    except UnconfiguredError as error:
        return dg.SkipReason(str(error))


def live_news(settings: Settings) -> LiveNews:
    """The table [live.news]; raises UnconfiguredError where there is none."""
    live = read_market_file(settings.market_file).live
    if live is None or live.news is None:
        raise UnconfiguredError(NO_ARTICLES.format(file=settings.market_file))
    return live.news


def feed_of(live: Live) -> Feed:
    """The resource `feed` of a live run."""
    return Feed(source=live.source, strategy=live.strategy)


def news_of(table: LiveNews) -> News:
    """The resource `news` of a live run."""
    given = msgspec.to_builtins(table)
    until = given.pop("trained_until") or ""
    own = {name: value for name, value in given.items() if name not in NOT_OF_THE_RESOURCE}
    return News(**own, trained_until=until)
