"""The job that measures scores, and its schedule: apart from trading, which never waits for it.

Keep out: what is measured (signal_quality.py). The schedule starts STOPPED.
"""

import dagster as dg

from pipelines.assets.live import due_live
from pipelines.assets.partitions import TIME_ZONE

quality_job = dg.define_asset_job(
    "quality_job",
    selection=["signal_quality"],
    description="Measure the scores of sessions whose signals are there: correlation with returns,"
    " hits, decay, turnover, calibration. Feeds nothing and stops nothing.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=quality_job,
    cron_schedule="30 17 * * 1-5",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def measure_after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """An hour after `publish_after_close`: how good the live strategy's scores have been."""
    found = due_live(context)
    if isinstance(found, dg.SkipReason):
        return found
    key, live = found
    return dg.RunRequest(run_key=key, run_config=live.config, partition_key=key, tags=live.tags)
