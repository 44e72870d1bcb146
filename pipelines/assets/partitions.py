"""What all assets share: one partition per XNYS session with all symbols, one run per range.

Keep out: the exchange's rules (calendar.py).
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from pipelines import calendar

TIME_ZONE = "America/New_York"
WEEKENDS = "0 0 * * 6,0"

# Dagster writes the list of exclusions into an event per partition and check of a range. Holidays
# that follow a rule in all of these years are therefore given as rules, the others day by day.
YEARLY = ((1, 1), (7, 4), (12, 25))
"""Month and day of holidays; one that falls on a weekend moves and is given as a day."""

NTH_WEEKDAYS = ((1, 1, 3), (2, 1, 3), (9, 1, 1), (11, 4, 4))
"""Month, ISO weekday and which one of the month: King, Presidents, Labor, Thanksgiving."""


def exclusions() -> list[str | datetime]:
    """Every day without a session, as rules where there is one."""
    rules = [f"0 0 {day} {month} *" for month, day in YEARLY]
    rules += [f"0 0 * {month} {weekday}#{nth}" for month, weekday, nth in NTH_WEEKDAYS]
    single = [
        datetime(day.year, day.month, day.day)  # noqa: DTZ001 - Dagster adds the partitions' zone
        for day in calendar.weekday_holidays(calendar.FIRST_PARTITION)
        if not _by_rule(day)
    ]
    return [WEEKENDS, *rules, *single]


def _by_rule(day: date) -> bool:
    nth = (day.day - 1) // 7 + 1
    return (day.month, day.day) in YEARLY or (day.month, day.isoweekday(), nth) in NTH_WEEKDAYS


SESSIONS = dg.DailyPartitionsDefinition(
    start_date=calendar.FIRST_PARTITION.isoformat(),
    timezone=TIME_ZONE,
    # Today's session is a partition too: after its close a live run computes it.
    end_offset=1,
    exclusions=exclusions(),
)

ONE_RUN = dg.BackfillPolicy.single_run()
"""A range of sessions is one run, and each asset handles all of it in one step."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
"""Tags of a run over a range of sessions, both ends included."""

LAKE_POOL = "lake"
"""Assets that write tables; the instance lets one of them run at a time."""

NEWS_POOL = "news_hosts"
"""Who asks the hosts of news. Slow ones hold up no prices: other assets may run meanwhile."""

MODEL_POOL = "models"
"""Who runs a language model, which takes all of its threads' cores."""

SESSIONS_APART = timedelta(days=4, hours=6)
"""From one run after a close to the next there are no more: a long weekend, and time to run."""

AFTER_SESSIONS = dg.FreshnessPolicy.time_window(fail_window=SESSIONS_APART)
"""For what a live run computes: at least every session."""

BY_FIVE = dg.FreshnessPolicy.cron(
    deadline_cron="0 17 * * 1-5", lower_bound_delta=timedelta(hours=1), timezone=TIME_ZONE
)
"""For what a live run sends: by 17:00 in New York. A holiday of the exchange shows as missed."""

if TYPE_CHECKING:
    Result = dg.MaterializeResult[None]
else:
    Result = dg.MaterializeResult  # Dagster knows the bare class only


def sessions_of(context: dg.AssetExecutionContext) -> list[date]:
    """The sessions of this run, in order."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)
