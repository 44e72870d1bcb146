"""Jobs and schedules: what starts runs, by hand and by the clock.

Keep out: what an asset does, and sensors (sensors.py). Schedules start STOPPED; a person turns them
on.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from pipelines import standing
from pipelines.assets.live import JUDGED, PRICED, config_of, due_live
from pipelines.assets.partitions import TIME_ZONE
from pipelines.assets.resources import Feed
from pipelines.core import Core, day_of, open_core
from pipelines.errors import CoreError
from pipelines.locks import LIVE, PUBLISH_TAG
from pipelines.request import good_sessions
from pipelines.settings import read_settings
from pipelines.sources import open_source
from pipelines.strategy_file import SHIPPED

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

replay_job = dg.define_asset_job(
    "replay_job",
    selection=REPLAYED,
    description="Feed sessions to a replay account and read back what it made of them, by a"
    " strategy that weighs no news: the account `sample` trades `blend`, which does. The source"
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
    selection=[*JUDGED, *PRICED],
    description="Feed the current session to paper and live accounts; not for backfills. The"
    " schedule leaves the assets of news out where the live strategy weighs none.",
    executor_def=dg.in_process_executor,
)


news_job = dg.define_asset_job(
    "news_job",
    selection=list(JUDGED),
    description="Read the source of news and judge what is new. An article counts in the first"
    " session whose 16:30 in New York comes after it was first seen: run it before then.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=replay_with_news_job,
    cron_schedule="* * * * *",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def replay_next_session(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every minute the next session of the sample for the account `sample`.

    Next is what follows the last session that the account closed, by its own word; a fresh account
    begins with the first session of 2012. A session whose run failed is therefore asked for again,
    but not while a run of it, or another replay, is unfinished. The account's own strategy gives
    the signals; articles are judged where it weighs them.
    """
    unfinished = context.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    try:
        with open_core(read_settings()) as core:
            state, feed = core.account(SAMPLE), _replayed(core)
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
    return dg.RunRequest(
        run_key,
        run_config=config_of(feed=feed),
        partition_key=key,
        tags={"trading/account": SAMPLE},
        asset_selection=[dg.AssetKey(name) for name in _needed(feed)],
    )


def _replayed(core: Core) -> Feed:
    """The sample, by the strategy that comes with the system and that its account trades."""
    traded = [each["strategies"] for each in core.accounts() if each["account"] == SAMPLE]
    shipped = [name for names in traded for name in names if name in SHIPPED]
    return Feed(source=SAMPLE, strategy=next(iter(shipped), ""))


def _needed(feed: Feed) -> list[str]:
    return [*(JUDGED if feed.open_strategy().weighs_news else ()), *REPLAYED]


@dg.schedule(
    job=live_job,
    cron_schedule="30 16 * * 1-5",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def publish_after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Half an hour after the regular close: this session, for paper and live accounts.

    The table [live] of market.toml in the state folder says of which source and strategy. Where the
    strategy weighs news, the articles that were read until now count: the sensor `new_articles`
    has them read during the day, and this run once more for what comes after.
    """
    found = due_live(context)
    if isinstance(found, dg.SkipReason):
        return found
    key, live = found
    return dg.RunRequest(
        run_key=key,
        run_config=live.config,
        partition_key=key,
        tags={**live.tags, PUBLISH_TAG: LIVE},
        asset_selection=[dg.AssetKey(name) for name in live.assets],
    )


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
