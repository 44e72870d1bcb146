"""Sensors: what starts runs when something new is there. A person turns them on.

Belongs here: noticing new articles and data that changed, and the cursors between two looks.
Keep out: reading a source (the assets do), and anything that could trade: no sensor starts an asset
that sends.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import dagster as dg
import msgspec
import pandas as pd

from pipelines import news_lake
from pipelines.assets.automation import UNFINISHED, news_job
from pipelines.assets.live import LiveRun, config_of, live_news, live_run, news_of
from pipelines.assets.partitions import RANGE_END, RANGE_START, SESSIONS, TIME_ZONE
from pipelines.assets.resources import NEWS_TAG, Clock, News
from pipelines.assets.show import REVISED
from pipelines.assets.technical import table_of
from pipelines.core import day_of, open_core
from pipelines.errors import CoreError, UnconfiguredError
from pipelines.lake import Lake, open_lake
from pipelines.settings import Settings, read_settings
from pipelines.sources.market_file import LiveNews
from router.messages import digest

T = TypeVar("T")
MOST_EVENTS = 500
"""Materializations that one look reads; the next look goes on from there."""

QUIET_BEFORE, QUIET_AFTER = timedelta(minutes=5), timedelta(minutes=15)
"""Around 16:30 in New York no news is read but by the live run itself."""

ALWAYS = date(2200, 1, 1)
"""After every session."""

REVISED_BY = {"bars": ("technical",), "articles": ("sentiment", "news_impact")}
"""By the asset whose rows changed, what is computed from them before signals."""

revision_job = dg.define_asset_job(
    "revision_job",
    selection=["technical", "sentiment", "news_impact", "signals"],
    description="Compute sessions again whose data changed. Nothing is sent to any account.",
    executor_def=dg.in_process_executor,
)


class Looked(msgspec.Struct, frozen=True):
    """When a source of news was last asked for, and which files it had then."""

    asked: datetime
    files: str = ""


@dg.sensor(
    job=news_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    required_resource_keys={"clock"},
)
def new_articles(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Read the news of [live.news] in market.toml when there is some, or it is time.

    A folder is read when its files change, feeds every `every_minutes` minutes. One run reads all
    feeds, and a feed that is broken is a notice of that run which stops no other. A run that failed
    is asked for again after `every_minutes`. What is read by 16:30 in New York counts in that day's
    session, the rest in the next. From 16:25 to 16:45 it waits for the live run.
    """
    clock: Clock = context.resources.clock
    try:
        table = live_news(read_settings())
    except UnconfiguredError as error:
        return dg.SkipReason(str(error))
    news, now = news_of(table), clock.now()
    looks = _cursor(context.cursor, dict[str, Looked]) or {}
    files = _files(table)
    last = looks.get(news.dataset)
    if _is_quiet(now):
        return dg.SkipReason("the session is being decided: articles are read again afterwards")
    if _latest(context.instance, news, UNFINISHED):
        return dg.SkipReason(f"a run that reads {news.dataset} is not finished")
    failed = _latest(context.instance, news, [dg.DagsterRunStatus.FAILURE])
    if last is not None and not _is_due(table, last, now, files, failed=failed):
        return dg.SkipReason(f"nothing new: {news.dataset} was read at {last.asked:%Y-%m-%d %H:%M}")
    looks[news.dataset] = Looked(now, files)
    return dg.SensorResult([_reading(news, now)], cursor=msgspec.json.encode(looks).decode())


def _is_quiet(now: datetime) -> bool:
    """Whether the live run begins soon or goes on: what it has judged must not change under it."""
    decided = news_lake.decided(pd.Series([pd.Timestamp(now).tz_convert(TIME_ZONE).date()]).astype(
        "datetime64[us]")).iloc[0]  # fmt: skip
    return bool(decided - QUIET_BEFORE <= pd.Timestamp(now) <= decided + QUIET_AFTER)


def _is_due(table: LiveNews, last: Looked, now: datetime, files: str, *, failed: bool) -> bool:
    waited = now - last.asked >= timedelta(minutes=table.every_minutes)
    return files != last.files or (waited and (failed or table.source != "folder"))


def _reading(news: News, now: datetime) -> dg.RunRequest:
    """A run for the session that is open or comes next."""
    with dg.partition_loading_context(effective_dt=now):
        session = SESSIONS.get_last_partition_key()
    return dg.RunRequest(
        run_key=f"{news.dataset} {now.isoformat()}",
        run_config=config_of(news=news),
        partition_key=session,
        tags={NEWS_TAG: news.dataset},
    )


def _latest(instance: dg.DagsterInstance, news: News, statuses: list[dg.DagsterRunStatus]) -> bool:
    """Whether the last run that the sensor asked for is in one of these states."""
    wanted = dg.RunsFilter(job_name=news_job.name, tags={NEWS_TAG: news.dataset})
    runs = instance.get_runs(wanted, limit=1)
    return bool(runs) and runs[0].status in statuses


def _files(table: LiveNews) -> str:
    """What the folder's files are; changes whenever one comes, goes, or is written to."""
    folder = Path(table.path).expanduser()
    if table.source != "folder" or not folder.is_dir():
        return ""
    entries = ((file.name, file.stat()) for file in sorted(folder.iterdir()) if file.is_file())
    return digest(*(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in entries))


class Seen(msgspec.Struct, frozen=True):
    """The last event of each asset that was looked at, by its number in Dagster's storage."""

    bars: int
    articles: int


class Change(msgspec.Struct, frozen=True):
    """What a run says of sessions that it changed besides its own, which are `start` to `end`."""

    dataset: str
    first: date
    start: date
    end: date


@dg.sensor(
    job=revision_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def late_data(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Compute again what rests on a restated bar, or on an article that came late.

    Late is what counts in a session that was decided before. It goes for the source, strategy and
    news of [live] in market.toml. Every decision is computed on what was known then, so most come
    out as they were. Sessions that an account has booked keep the signals that were sent; only
    their tables of indicators and news get a new version. Nothing is ever sent again. It begins
    with what comes after it is turned on.
    """
    settings = read_settings()
    try:
        live = live_run(settings)
    except UnconfiguredError as error:
        return dg.SkipReason(str(error))
    seen = _cursor(context.cursor, Seen)
    if seen is None:
        begun = Seen(*(_newest(context.instance, asset) for asset in REVISED_BY))
        return dg.SensorResult(skip_reason="it watches from now on", cursor=_written(begun))
    found = {asset: _changes(context.instance, asset, seen) for asset in REVISED_BY}
    cursor = _written(Seen(*(last for last, _ in found.values())))
    lake = open_lake(settings.lake_url)
    wanted = {asset: _sessions(lake, live, asset, told) for asset, (_, told) in found.items()}
    if not any(wanted.values()):
        return dg.SensorResult(skip_reason="no session that was computed changed", cursor=cursor)
    try:
        booked = _booked_until(settings, live.feed.source)
    except CoreError as error:
        return dg.SkipReason(f"which sessions are booked is not known: {error}")
    requests = [
        _revision(live, asset, part, cursor, signals=signals)
        for asset, sessions in wanted.items()
        for part, signals in _parts(sessions, booked)
    ]
    return dg.SensorResult(requests, cursor=cursor)


def _newest(instance: dg.DagsterInstance, asset: str) -> int:
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    return records[0].storage_id if records else 0


def _changes(instance: dg.DagsterInstance, asset: str, seen: Seen) -> tuple[int, list[Change]]:
    """The number of the last event that was looked at, and what changed up to it."""
    after: int = getattr(seen, asset)
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), after_storage_id=after)
    records = instance.fetch_materializations(wanted, limit=MOST_EVENTS, ascending=True).records
    events = [record.asset_materialization for record in records]
    told = [
        event.metadata[REVISED].value for event in events if event and REVISED in event.metadata
    ]
    changes = [msgspec.convert(each, Change) for each in told]
    return max((record.storage_id for record in records), default=after), changes


def _sessions(lake: Lake, live: LiveRun, asset: str, changes: Iterable[Change]) -> list[date]:
    """The computed sessions of the live tables that rest on what changed, sorted."""
    own = live.feed.dataset if asset == "bars" else live.news.dataset if live.news else ""
    relevant = [change for change in changes if change.dataset == own]
    if not relevant:
        return []
    indicators = live.feed.open_strategy().indicators
    computed = lake.sessions("technical", table_of(live.feed.dataset, indicators), ALWAYS)
    return [
        day
        for day in computed
        if any(day >= each.first and not each.start <= day <= each.end for each in relevant)
    ]


def _booked_until(settings: Settings, source: str) -> date:
    """The last session that any account of this source has booked."""
    with open_core(settings) as core:
        states = [core.account(str(each["account"])) for each in core.accounts()
                  if source in each["sources"]]  # fmt: skip
    return max((day for state in states if (day := day_of(state, "session"))), default=date.min)


def _parts(sessions: list[date], booked: date) -> Iterator[tuple[list[date], bool]]:
    """The sessions that an account has booked, without signals, and the others, with them."""
    for part, signals in (
        ([day for day in sessions if day <= booked], False),
        ([day for day in sessions if day > booked], True),
    ):
        if part:
            yield part, signals


def _revision(
    live: LiveRun, asset: str, sessions: list[date], cursor: str, *, signals: bool
) -> dg.RunRequest:
    """One run over the sessions; a range of them never passes the locks of publishing."""
    assets = (*REVISED_BY[asset], *(["signals"] if signals else []))
    first, last = sessions[0].isoformat(), sessions[-1].isoformat()
    return dg.RunRequest(
        run_key=f"{asset} {first} {last} {cursor}",
        run_config=live.config,
        tags={**live.tags, RANGE_START: first, RANGE_END: last},
        asset_selection=[dg.AssetKey(name) for name in assets],
    )


def _cursor(text: str | None, kind: type[T]) -> T | None:
    """What the sensor kept; None at the first look, or where another version kept it."""
    try:
        return msgspec.json.decode(text, type=kind) if text else None
    except msgspec.MsgspecError:
        return None


def _written(cursor: msgspec.Struct) -> str:
    return msgspec.json.encode(cursor).decode()
