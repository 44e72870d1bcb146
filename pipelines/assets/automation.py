"""Jobs and schedules: what starts runs, by hand and by the clock.

Keep out: what an asset does. Schedules start STOPPED; a person turns them on.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from pipelines import calendar, standing
from pipelines.assets.partitions import TIME_ZONE
from pipelines.core import day_of, open_core
from pipelines.errors import CoreError
from pipelines.locks import LIVE, PUBLISH_TAG
from pipelines.request import good_sessions
from pipelines.settings import read_settings
from pipelines.sources import open_source
from pipelines.sources.market_file import read_market_file

SAMPLE = "sample"
"""The source that the replay schedule reads, and the account that it feeds."""

FIRST_REPLAYED = date(2012, 1, 3)
"""Where a fresh account begins: the first session of 2012, as `trading run` begins."""

PARTITION_TAG = "dagster/partition"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

REPLAYED = ["bars", "technical", "signals", "replayed_signals", "portfolio"]
JUDGED = ["articles", "sentiment", "news_impact"]

replay_job = dg.define_asset_job(
    "replay_job",
    selection=REPLAYED,
    description="Feed sessions to a replay account and read back what it made of them. The source"
    " sample covers the sessions from 2000-03-01 to 2013-03-01: Materialize of a later partition"
    " fails. An account is fed without gaps: a range may begin at the latest with the session after"
    " the one where the account stands.",
    executor_def=dg.in_process_executor,
)

replay_with_news_job = dg.define_asset_job(
    "replay_with_news_job",
    selection=[*JUDGED, *REPLAYED],
    description="The same for a strategy that weighs news: articles are judged first.",
    executor_def=dg.in_process_executor,
)

live_job = dg.define_asset_job(
    "live_job",
    selection=["bars", "technical", "signals", "published_signals"],
    description="Feed the current session to paper and live accounts; not for backfills.",
    executor_def=dg.in_process_executor,
)


news_job = dg.define_asset_job(
    "news_job",
    selection=JUDGED,
    description="Read the source of news and judge what is new. An article counts in the first"
    " session whose 16:30 in New York comes after it was first seen: run it before then.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=replay_job,
    cron_schedule="* * * * *",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def replay_next_session(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every minute the next session of the sample for the account `sample`.

    Next is what follows the last session that the account closed, by its own word; a fresh account
    begins with the first session of 2012. A session whose run failed is therefore asked for again,
    but not while a run of it, or another replay, is unfinished.
    """
    unfinished = context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    try:
        with open_core(read_settings()) as core:
            state = core.account(SAMPLE)
    except CoreError as error:
        return dg.SkipReason(str(error))
    session = due(state, good_sessions(open_source(SAMPLE).history()))
    if session is None:
        last = state["session"]
        return dg.SkipReason(f"account {SAMPLE} stands at {last}, where the sample ends")
    key = session.isoformat()
    if any(_concerns(run, key) for run in unfinished):
        return dg.SkipReason(f"a run that replays {key}, or another replay, is not finished")
    # One key per tick: a tick that is taken up again starts nothing twice, and the next one may.
    run_key = f"{SAMPLE} {key} {context.scheduled_execution_time.isoformat()}"
    return dg.RunRequest(run_key, partition_key=key, tags={"trading/account": SAMPLE})


@dg.schedule(
    job=live_job,
    cron_schedule="30 16 * * 1-5",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def publish_after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Half an hour after the regular close: this session, for paper and live accounts.

    The table [live] of market.toml in the state folder says of which source and strategy.
    """
    session = context.scheduled_execution_time.date()
    if not calendar.is_session(session):
        return dg.SkipReason(f"{session} is no session of the exchange")
    key = session.isoformat()
    return dg.RunRequest(
        run_key=key, run_config=_live_config(), partition_key=key, tags={PUBLISH_TAG: LIVE}
    )


def _live_config() -> dict[str, Any]:
    """The configuration of a live run; without a table [live] that of the resources."""
    live = read_market_file(read_settings().market_file).live
    if live is None:
        return {}
    feed = {"source": live.source, "strategy": live.strategy}
    return {"resources": {"feed": {"config": feed}}}


def due(state: Mapping[str, Any], sessions: Sequence[date]) -> date | None:
    """The session to feed next, or None at the end of `sessions`.

    A session whose bars were booked but whose signals are not all decided is due again.
    """
    booked, closed = day_of(state, "session"), day_of(state, "closed_session")
    if booked is None:
        return FIRST_REPLAYED
    return standing.next_session(booked, sessions) if closed == booked else booked


def _concerns(run: dg.DagsterRun, key: str) -> bool:
    replays = run.job_name in {replay_job.name, replay_with_news_job.name}
    return replays or run.tags.get(PARTITION_TAG) == key
