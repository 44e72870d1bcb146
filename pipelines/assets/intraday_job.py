"""The job that scores an hour, and its schedule: apart from the daily runs, which trade.

Keep out: what is computed (intraday.py). The schedule starts STOPPED.
"""

from zoneinfo import ZoneInfo

import dagster as dg

from pipelines.assets.intraday import KEY_FORMAT, ONE_HOUR, hour_of
from pipelines.assets.live import config_of, live_run
from pipelines.assets.partitions import TIME_ZONE
from pipelines.errors import RequestError
from pipelines.settings import read_settings

intraday_job = dg.define_asset_job(
    "intraday_job",
    selection=["intraday_bars", "intraday_scores"],
    description="Read the minute bars of an hour and score its end on hourly bars. The scores stay"
    " in the lake: nothing is published or traded.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=intraday_job,
    # A bar is final and free of charge after 15 minutes: a minute later the hour is complete.
    cron_schedule="16 10-16 * * 1-5",
    execution_timezone=TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def score_after_each_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """A minute after the bars of an hour are all there: the hour that ended, for the live source.

    The table [live] of market.toml in the state folder says of which source and strategy. An hour
    in which the exchange was closed is left out.
    """
    moment = context.scheduled_execution_time.astimezone(ZoneInfo(TIME_ZONE))
    start = moment.replace(minute=0, second=0, microsecond=0) - ONE_HOUR
    try:
        hour_of(start)
        feed = live_run(read_settings()).feed
    except RequestError as error:
        return dg.SkipReason(str(error))
    key = start.strftime(KEY_FORMAT)
    return dg.RunRequest(
        run_key=key, run_config=config_of(feed=feed), partition_key=key, tags=feed.tags
    )
