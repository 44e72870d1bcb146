"""The asset `bars`: a source's rows into the lake, with what cannot be true set aside by name.

Keep out: the rules (analyses/bars.py) and what the checks say (bar_checks.py).
"""

from datetime import date, timedelta

import dagster as dg
import pandas as pd

from pipelines import calendar
from pipelines.analyses import bars as quality
from pipelines.assets import bar_checks, show
from pipelines.assets.partitions import LAKE_POOL, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import Feed
from pipelines.feed import bars_versions
from pipelines.lake import Lake, open_lake
from pipelines.request import require_covered
from pipelines.settings import read_settings
from pipelines.sources.base import History

CODE_VERSION = "1"

ASSUMED_LAG = timedelta(minutes=15)
"""A bar whose arrival nobody saw is taken to be known this long after the close of its session:
the consolidated tape of US shares is free of charge after 15 minutes."""

BEGINNING = date(1800, 1, 1)
"""Before every source's first row."""


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=bar_checks.SPECS,
    pool=LAKE_POOL,
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
def bars(context: dg.AssetExecutionContext, feed: Feed) -> Result:
    """Daily prices of all symbols, checked; rows that cannot be true are in `bars_rejected`.

    The source's whole history up to the last session of the run is stored each time, so that
    indicators begin at its first bar whichever sessions are asked for.

    The source `sample` covers the sessions from 2000-03-01 to 2013-03-01: Materialize of a later
    partition fails, and says so.
    """
    sessions = sessions_of(context)
    history = feed.open().history(feed.wanted)
    require_covered(history, sessions)
    parts = judge(history, sessions[-1])
    _store(open_lake(read_settings().lake_url), feed.dataset, parts, sessions[-1])
    asked = parts.within(sessions[0], sessions[-1])
    _show(context, asked, sessions, history.notices)
    return Result(check_results=bar_checks.results(asked, sessions))


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
    observed = "known_at" in good
    known_at = good["known_at"] if observed else event_time + ASSUMED_LAG
    return good.assign(
        event_time=event_time, known_at=known_at, known_by="observed" if observed else "assumed"
    )


def _store(lake: Lake, dataset: str, parts: bar_checks.Judged, last: date) -> None:
    tables = {"bars": parts.good, "bars_rejected": parts.rejected, "actions": parts.actions}
    for table, frame in tables.items():
        lake.write(table, dataset, frame, BEGINNING, last)


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
