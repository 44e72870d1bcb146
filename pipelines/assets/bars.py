"""The asset `bars`: a source's rows into the lake, with what cannot be true set aside by name.

Keep out: the rules (analyses/bars.py) and what the checks say (bar_checks.py).
"""

from datetime import date, timedelta

import dagster as dg
import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.analyses import bars as quality
from pipelines.assets import bar_checks, show
from pipelines.assets.partitions import (
    AFTER_SESSIONS,
    LAKE_POOL,
    ONE_RUN,
    SESSIONS,
    Result,
    sessions_of,
)
from pipelines.assets.resources import Clock, Feed
from pipelines.errors import LateDataError, PassingError
from pipelines.feed import bars_versions
from pipelines.lake import BEGINNING, Lake, open_lake
from pipelines.request import require_covered
from pipelines.restated import keep_superseded
from pipelines.settings import read_settings
from pipelines.sources.base import History

CODE_VERSION = "1"

PASSING_RETRIES = 6
PASSING_PAUSE_S = 300.0
"""How often, and after how long, a provider is asked again that is away or late: for half an hour.
After that the run fails, or goes on without the symbols that are late: a strategy withholds them.
"""

ASSUMED_LAG = timedelta(minutes=15)
"""A bar whose arrival nobody saw is taken to be known this long after the close of its session:
the consolidated tape of US shares is free of charge after 15 minutes."""


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=bar_checks.SPECS,
    pool=LAKE_POOL,
    freshness_policy=AFTER_SESSIONS,
    group_name="daily",
    kinds={"parquet"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        open="double: dollars per share, raw",
        high="double: dollars per share, raw",
        low="double: dollars per share, raw",
        close="double: dollars per share, raw",
        volume="double: shares",
        suspect="bool: an unexplained jump within 5 bars; no new entries",
        event_time="timestamp: close of the session, UTC",
        known_at="timestamp: when it could be known, UTC",
        known_by="string: observed, or assumed (close and 15 minutes)",
    ),
)
def bars(context: dg.AssetExecutionContext, feed: Feed, clock: Clock) -> Result:
    """Daily prices of all symbols, checked; rows that cannot be true are in `bars_rejected`.

    The source's whole history up to the last session of the run is stored each time, so that
    indicators begin at its first bar whichever sessions are asked for. Where that changes a session
    that was stored before, the version before is kept in `bars_superseded`.

    A source over the network is asked for what is missing. Where it is away, or has no bar yet of
    the session that just ended, it is asked again for half an hour.

    The source `sample` covers the sessions from 2000-03-01 to 2013-03-01: Materialize of a later
    partition fails, and says so.
    """
    sessions = sessions_of(context)
    context.instance.add_run_tags(context.run.run_id, feed.tags)
    history = _read(context, feed, clock, sessions)
    parts = judge(history, sessions[-1])
    lake, last = open_lake(read_settings().lake_url), sessions[-1]
    restated = keep_superseded(lake, feed.dataset, parts.good, parts.actions, last, clock.now())
    _store(lake, feed.dataset, parts, last)
    asked = parts.within(sessions[0], last)
    _show(context, asked, sessions, (*history.notices, *_told(restated)))
    _tell_of_others(context, feed, restated, sessions)
    return Result(check_results=bar_checks.results(asked, sessions))


def _read(
    context: dg.AssetExecutionContext, feed: Feed, clock: Clock, sessions: list[date]
) -> History:
    """The source's rows; raises RetryRequested while what is missing may still come."""
    may_wait = context.retry_number < PASSING_RETRIES
    try:
        history = feed.open(clock.now).history(feed.wanted)
        if may_wait and history.late and _is_current(sessions[-1], clock):
            late = ", ".join(history.late[:20])
            raise LateDataError(feed.source, f"no bar of {sessions[-1]} yet of {late}")
    except PassingError as error:
        if not may_wait:
            raise
        context.log.warning("bars.retried reason=%s", error)
        raise dg.RetryRequested(PASSING_RETRIES, PASSING_PAUSE_S) from error
    require_covered(history, sessions)
    return history


def _is_current(session: date, clock: Clock) -> bool:
    """Whether the session has ended and the next one has not begun."""
    opens = calendar.open_of(calendar.next_session(session))
    return calendar.close_of(session) <= clock.now() < opens


def judge(history: History, last: date) -> bar_checks.Judged:
    """A source's rows up to `last`, sorted into what may be used and what is set aside."""
    known = calendar.session_index(calendar.FIRST_DAY, calendar.LAST_DAY)
    end = pd.Timestamp(last)
    good, rejected = quality.split_rows(history.bars[history.bars["session"] <= end], known)
    actions = history.actions[history.actions["session"] <= end]
    actions, bad_actions = quality.split_actions(actions, good, known)
    actions = quality.taking_effect(actions, good)
    jumps = quality.jumps(good, actions)
    good = _with_times(good.assign(suspect=quality.suspects(good, jumps)))
    gaps = quality.gaps(good, known)
    return bar_checks.Judged(
        good, pd.concat([rejected, bad_actions], ignore_index=True), actions, jumps, gaps
    )


def _with_times(good: pd.DataFrame) -> pd.DataFrame:
    closes = calendar.closes(good["session"].drop_duplicates())
    event_time = pd.to_datetime(good["session"].map(closes), utc=True).astype("datetime64[us, UTC]")
    assumed = event_time + ASSUMED_LAG
    if "known_at" not in good:
        return good.assign(event_time=event_time, known_at=assumed, known_by="assumed")
    known_by = np.where(good["known_at"].isna(), "assumed", "observed")
    known_at = good["known_at"].fillna(assumed).astype("datetime64[us, UTC]")
    return good.assign(event_time=event_time, known_at=known_at, known_by=known_by)


def _told(restated: list[date]) -> tuple[str, ...]:
    if not restated:
        return ()
    named = ", ".join(day.isoformat() for day in restated[:10])
    return (f"{len(restated)} stored sessions changed ({named}): the versions before are kept",)


def _store(lake: Lake, dataset: str, parts: bar_checks.Judged, last: date) -> None:
    tables = {"bars": parts.good, "bars_rejected": parts.rejected, "actions": parts.actions}
    for table, frame in tables.items():
        lake.write(table, dataset, frame, BEGINNING, last)


def _tell_of_others(
    context: dg.AssetExecutionContext, feed: Feed, restated: list[date], sessions: list[date]
) -> None:
    """Which stored sessions changed that are not the run's own: others may rest on them."""
    others = [day for day in restated if not sessions[0] <= day <= sessions[-1]]
    if others:
        told = show.revised(feed.dataset, others[0], sessions)
        context.add_asset_metadata(told, partition_key=sessions[-1].isoformat())


def _show(
    context: dg.AssetExecutionContext,
    asked: bar_checks.Judged,
    sessions: list[date],
    notices: tuple[str, ...],
) -> None:
    good = show.rows_per_session(asked.good, sessions)
    rejected = show.rows_per_session(asked.rejected, sessions)
    versions = bars_versions(asked.good, asked.actions)
    show.per_session(
        context,
        {
            session: {
                "dagster/partition_row_count": good[session],
                "rejected": rejected[session],
                "version": versions.get(session, "no rows"),
            }
            for session in sessions
        },
    )
    summary = {
        "preview": show.table(asked.good[asked.good["session"] == asked.good["session"].max()]),
        "rejected_rows": show.table(asked.rejected),
        "symbols": asked.good["symbol"].nunique(),
        "zero_volume_rows": int((asked.good["volume"] == 0).sum()),
        **({"notices": "\n".join(notices)} if notices else {}),
    }
    context.add_asset_metadata(summary, partition_key=sessions[-1].isoformat())
