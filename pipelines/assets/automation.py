"""Jobs and schedules: what starts runs, by hand and by the clock.

Keep out: what an asset does. Schedules start STOPPED; a person turns them on.
"""

from datetime import date

import dagster as dg

from pipelines import calendar
from pipelines.assets.partitions import SESSIONS, TIME_ZONE
from pipelines.locks import LIVE, PUBLISH_TAG
from pipelines.sources import open_source

FIRST_REPLAYED = date(2012, 1, 3)
"""Where the replay schedule begins when nothing was replayed yet: the main job's year."""

REPLAYED = dg.AssetKey("replayed_signals")
PENDING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]

replay_job = dg.define_asset_job(
    "replay_job",
    selection=["bars", "technical", "signals", "replayed_signals", "portfolio"],
    description="Feed sessions to a replay account and read back what it made of them.",
    executor_def=dg.in_process_executor,
)

live_job = dg.define_asset_job(
    "live_job",
    selection=["bars", "technical", "signals", "published_signals"],
    description="Feed the current session to paper and live accounts; not for backfills.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=replay_job,
    cron_schedule="* * * * *",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def replay_next_session(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every minute the sample's next session, after the last one that was replayed."""
    pending = dg.RunsFilter(job_name=replay_job.name, statuses=PENDING)
    if context.instance.get_run_records(pending, limit=1):
        return dg.SkipReason("the run before is not finished")
    last = open_source("sample").history().last_session
    replayed = context.instance.get_materialized_partitions(REPLAYED)
    session = _after(replayed, last)
    if session > last:
        return dg.SkipReason(f"the sample ends on {last} and all of it was replayed")
    return dg.RunRequest(partition_key=session.isoformat(), tags={"trading/account": "sample"})


@dg.schedule(
    job=live_job,
    cron_schedule="30 16 * * 1-5",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def publish_after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Half an hour after the regular close: this session, for paper and live accounts."""
    session = context.scheduled_execution_time.date()
    if not calendar.is_session(session):
        return dg.SkipReason(f"{session} is no session of the exchange")
    key = session.isoformat()
    return dg.RunRequest(run_key=key, partition_key=key, tags={PUBLISH_TAG: LIVE})


def _after(replayed: set[str], last: date) -> date:
    """The session after the last replayed one of the sample's own; other data do not count."""
    own = [key for key in replayed if key <= last.isoformat() and SESSIONS.has_partition_key(key)]
    return calendar.next_session(date.fromisoformat(max(own))) if own else FIRST_REPLAYED
