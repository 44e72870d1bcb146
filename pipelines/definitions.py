"""The Dagster code location: every asset, job, schedule and resource, put together.

Keep out: anything else.
"""

import dagster as dg

from pipelines.assets.automation import (
    live_job,
    publish_after_close,
    replay_job,
    replay_next_session,
)
from pipelines.assets.bars import bars
from pipelines.assets.portfolio import portfolio
from pipelines.assets.publish import published_signals, replayed_signals
from pipelines.assets.resources import Clock, Feed
from pipelines.assets.signals import signals
from pipelines.assets.technical import technical

defs = dg.Definitions(
    assets=[bars, technical, signals, replayed_signals, published_signals, portfolio],
    jobs=[replay_job, live_job],
    schedules=[replay_next_session, publish_after_close],
    resources={"feed": Feed(), "clock": Clock()},
    executor=dg.in_process_executor,
)
