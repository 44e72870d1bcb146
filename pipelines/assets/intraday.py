"""The assets `intraday_bars` and `intraday_scores`: minute bars of an hour, and scores at its end.

Keep out: which bars count and what an hour is made of (analyses/hourly.py), scores (strategies/),
and when runs start (intraday_job.py).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.analyses import hourly
from pipelines.analyses import technical as analysis
from pipelines.assets import show
from pipelines.assets.bars import ASSUMED_LAG
from pipelines.assets.partitions import LAKE_POOL, NTH_WEEKDAYS, TIME_ZONE, YEARLY, Result
from pipelines.assets.resources import Clock, Feed
from pipelines.errors import LateDataError, PassingError, RequestError
from pipelines.lake import Lake, open_lake, versions
from pipelines.settings import read_settings
from pipelines.sources.base import PRICES, no_actions
from pipelines.sources.provider import MINUTE, in_hours
from pipelines.sources.remote import SETTLES, RemoteSource
from pipelines.strategies.opened import OF_NEWS, Opened
from pipelines.strategies.strategy import KEYS, REASONS

CODE_VERSION = "1"
POINT_IN_TIME = "point_in_time"
KEY_FORMAT = "%Y-%m-%d-%H:%M"
FIRST_HOUR = "2024-01-02-09:00"
ONE_HOUR = timedelta(hours=1)

DECIDED = timedelta(minutes=30)
"""So long after its end an hour is decided: what arrives later counts in later hours only."""

PASSING_RETRIES = 3
PASSING_PAUSE_S = 180.0
"""A provider that is away or late is asked again until shortly before the hour is decided."""

SESSIONS_BACK = 20
"""Sessions that indicators run over, the present one included: what a first fetch brings."""

HOURS = dg.TimeWindowPartitionsDefinition(
    start=FIRST_HOUR,
    fmt=KEY_FORMAT,
    timezone=TIME_ZONE,
    cron_schedule="0 9-15 * * 1-5",
    # The last hour of a session is over long before the window that Dagster gives it.
    end_offset=1,
    exclusions=[
        *(f"0 * {day} {month} *" for month, day in YEARLY),
        *(f"0 * * {month} {weekday}#{nth}" for month, weekday, nth in NTH_WEEKDAYS),
    ],
)


@dataclass(frozen=True)
class Hour:
    """An hour of a session: when it began, ended and was decided, aware and UTC."""

    session: date
    start: datetime
    as_of: datetime

    @property
    def decided_at(self) -> datetime:
        """What is known later moves nothing of this hour."""
        return self.as_of + DECIDED


def hour_of(start: datetime) -> Hour:
    """The hour that begins then (aware), or RequestError where the exchange is closed."""
    day = start.astimezone(ZoneInfo(TIME_ZONE)).date()
    begins = start.astimezone(UTC)
    if calendar.is_session(day):
        opens, closes = calendar.open_of(day), calendar.close_of(day)
        if opens < begins + ONE_HOUR and begins < closes:
            return Hour(day, begins, min(begins + ONE_HOUR, closes))
    raise RequestError(f"the exchange is closed in the hour from {start:%Y-%m-%d %H:%M %Z}")


def _check(asset: str, description: str) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(POINT_IN_TIME, asset=asset, blocking=True, description=description)]


@dg.asset(
    partitions_def=HOURS,
    check_specs=_check("intraday_bars", "No bar says that it was known before it was over."),
    pool=LAKE_POOL,
    group_name="intraday",
    kinds={"parquet"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        minute="timestamp: when the minute begins, UTC",
        **dict.fromkeys(PRICES, "double: dollars per share, as the provider gave it"),
        volume="double: shares",
        event_time="timestamp: when the minute was over, UTC",
        known_at="timestamp: when it could be known, UTC",
        known_by="string: observed, or assumed (end and 15 minutes)",
        hour="timestamp: when the hour begins, UTC",
    ),
)
def intraday_bars(context: dg.AssetExecutionContext, feed: Feed, clock: Clock) -> Result:
    """Minute bars of one hour of a session, as they were known half an hour after its end.

    The source is `yfinance`, `alpaca` or `ccxt`; it is asked for what is missing, at most four
    weeks back. Rows that cannot be true are in `intraday_bars_rejected`. An hour in which the
    exchange is closed is refused, and so is one that has not been over for 15 minutes.
    """
    hour, source = hour_of(context.partition_time_window.start), _source(feed, clock)
    context.instance.add_run_tags(context.run.run_id, feed.tags)
    _fetch(context, source, feed, clock, hour)
    lake = open_lake(read_settings().lake_url)
    every = all_versions(source, feed, hour.session, hour.session)
    good, rejected = hourly.split_minutes(_of_hour(every, hour))
    for table, rows in (("intraday_bars", good), ("intraday_bars_rejected", rejected)):
        put(lake, table, feed.dataset, rows, hour)
    impossible = hourly.from_the_future(every)
    silent = sorted({*(feed.wanted or source.symbols)} - {*good["symbol"]})
    context.add_asset_metadata(
        {
            "dagster/partition_row_count": len(good),
            "rejected": len(rejected),
            "without_bars": ", ".join(silent),
            "version": versions(good, [*KEYS[:1], MINUTE, *PRICES, "volume"]).get(
                hour.session, "no rows"
            ),
            "preview": _table(good),
            "rejected_rows": _table(rejected),
        },
        partition_key=context.partition_key,
    )
    return Result(check_results=[_result(impossible, len(every))])


@dg.asset(
    deps=[intraday_bars],
    partitions_def=HOURS,
    check_specs=_check(
        "intraday_scores",
        "Every bar behind a score was over at the end of its hour, and known half an hour later.",
    ),
    pool=LAKE_POOL,
    group_name="intraday",
    kinds={"pandas"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        hour="timestamp: when the hour begins, UTC",
        close="double: dollars per share, the last price of the hour",
        score="double: -1 (sell) to 1 (buy), 0 for no opinion",
        confidence="double: how sure the strategy is, 0 to 1",
        technical_reasons="string: why, for people",
        content="string: hash of the inputs",
        as_of="timestamp: end of the hour, UTC",
        decided_at="timestamp: what was known later moved nothing, UTC",
    ),
)
def intraday_scores(context: dg.AssetExecutionContext, feed: Feed, clock: Clock) -> Result:
    """The strategy's scores of prices at the end of each hour, over hourly bars.

    They end in the lake: nothing is published or traded, for the trading core decides once a
    session. Indicators count hourly bars of the last 20 sessions, made of the minute bars that were
    known half an hour after the hour; what came later counts in later hours. News has no say.
    """
    hour, source = hour_of(context.partition_time_window.start), _source(feed, clock)
    lake, strategy = open_lake(read_settings().lake_url), feed.open_strategy()
    before = calendar.sessions_between(calendar.FIRST_DAY, hour.session)
    every = all_versions(source, feed, before[-SESSIONS_BACK], hour.session)
    frame = scored(every, hour, strategy).assign(
        strategy=strategy.name,
        strategy_version=strategy.wire_version,
        run_id=context.run.run_id,
        code_version=CODE_VERSION,
    )
    put(lake, "intraday_scores", feed.opinions, frame, hour)
    texts = [str(name) for name in frame if str(name).endswith(REASONS)]
    shown = show.plain(frame[["symbol", "close", "score", "confidence", *texts]], texts)
    context.add_asset_metadata(
        {"dagster/partition_row_count": len(frame), "preview": show.table(shown)},
        partition_key=context.partition_key,
    )
    late = (frame["event_time"] > frame["as_of"]) | (frame["known_at"] > frame["decided_at"])
    return Result(check_results=[_result(frame[late], len(frame))])


def scored(every: pd.DataFrame, hour: Hour, strategy: Opened) -> pd.DataFrame:
    """The strategy's rows of an hour, one per symbol that has a bar in it and has warmed up.

    Input: all versions of minute bars with their times, of which later ones are left alone.
    """
    known = hourly.known_then(every, hour.as_of, hour.decided_at)
    good, _ = hourly.split_minutes(in_hours(known))
    hours = hourly.since_jump(hourly.hourly_bars(good))
    table = analysis.technical(hours, no_actions(), hourly.HOUR, strategy.indicators)
    times = ["event_time", "known_at"]
    table[times] = hours.groupby("symbol")[times].cummax()
    now = table[table[hourly.HOUR] == hour.start].reset_index(drop=True)
    unsaid = {name: "" if name.endswith(REASONS) else np.nan for name in OF_NEWS}
    found = strategy.signals(now.assign(**unsaid))
    found = found.merge(now[[*KEYS, hourly.HOUR, "close", *times]], on=KEYS, how="left")
    moments = {"as_of": hour.as_of, "decided_at": hour.decided_at}
    return found.assign(**{name: pd.Timestamp(each) for name, each in moments.items()})


def all_versions(source: RemoteSource, feed: Feed, first: date, last: date) -> pd.DataFrame:
    """Every stored version of these sessions' minute bars, with its times."""
    return hourly.with_times(source.minute_versions(first, last, feed.wanted), ASSUMED_LAG)


def put(lake: Lake, table: str, dataset: str, rows: pd.DataFrame, hour: Hour) -> None:
    """Make `rows` the hour's own; the other hours of its session stay."""
    rows = rows.assign(hour=pd.Timestamp(hour.start).as_unit("us"))
    held = lake.read(table, dataset, hour.session, hour.session, empty=rows.iloc[:0])
    kept = held[held[hourly.HOUR] != hour.start]
    parts = [part for part in (kept, rows) if len(part)] or [rows]
    frame = pd.concat(parts).sort_values([hourly.HOUR, "symbol"], kind="stable", ignore_index=True)
    lake.begin(table, dataset, frame.iloc[:0], hour.session)
    lake.write(table, dataset, frame, hour.session, hour.session)


def _source(feed: Feed, clock: Clock) -> RemoteSource:
    source = feed.open(clock.now)
    if not isinstance(source, RemoteSource):
        raise RequestError(
            f"the source {feed.source!r} has no minute bars: choose yfinance, alpaca or ccxt"
        )
    return source


def _fetch(
    context: dg.AssetExecutionContext, source: RemoteSource, feed: Feed, clock: Clock, hour: Hour
) -> None:
    """Ask the source for what is missing; raises RetryRequested while it may still come in time."""
    if clock.now() < hour.as_of + SETTLES:
        raise RequestError(f"the hour to {hour.as_of} is complete 15 minutes later: ask then")
    may_wait = context.retry_number < PASSING_RETRIES and clock.now() < hour.decided_at
    try:
        found = source.minutes(hour.session, hour.session, feed.wanted)
        if may_wait and not found[MINUTE].between(hour.start, hour.as_of, "left").any():
            raise LateDataError(source.name, f"no bar of the hour to {hour.as_of} yet")
    except PassingError as error:
        if not may_wait:
            raise
        context.log.warning("intraday_bars.retried reason=%s", error)
        raise dg.RetryRequested(PASSING_RETRIES, PASSING_PAUSE_S) from error


def _of_hour(every: pd.DataFrame, hour: Hour) -> pd.DataFrame:
    known = in_hours(hourly.known_then(every, hour.as_of, hour.decided_at))
    return known[known[MINUTE] >= hour.start].reset_index(drop=True)


def _result(wrong: pd.DataFrame, checked: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=POINT_IN_TIME,
        passed=wrong.empty,
        metadata={"rows": checked, "wrong": len(wrong), "where": _table(wrong)},
    )


def _table(rows: pd.DataFrame) -> dg.MetadataValue[str]:
    """Moments with their time of day."""
    moments = [str(name) for name in rows.select_dtypes("datetimetz")]
    return show.table(rows.assign(**{name: rows[name].astype("str") for name in moments}))
