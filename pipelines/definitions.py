"""The Dagster code location: every asset, job, schedule and resource, put together.

Keep out: anything else.
"""

import dagster as dg

from pipelines.assets.articles import articles
from pipelines.assets.automation import (
    live_job,
    news_job,
    publish_after_close,
    replay_job,
    replay_next_session,
    replay_with_news_job,
)
from pipelines.assets.bars import bars
from pipelines.assets.news_impact import news_impact
from pipelines.assets.portfolio import portfolio
from pipelines.assets.publish import published_signals, replayed_signals
from pipelines.assets.resources import Clock, Feed, News
from pipelines.assets.sentiment import sentiment
from pipelines.assets.signals import signals
from pipelines.assets.technical import technical

defs = dg.Definitions(
    assets=[
        bars,
        technical,
        articles,
        sentiment,
        news_impact,
        signals,
        replayed_signals,
        published_signals,
        portfolio,
    ],
    jobs=[replay_job, replay_with_news_job, live_job, news_job],
    schedules=[replay_next_session, publish_after_close],
    resources={"feed": Feed(), "clock": Clock(), "news": News()},
    executor=dg.in_process_executor,
)
