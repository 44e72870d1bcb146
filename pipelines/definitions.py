"""The Dagster code location: every asset, job, schedule, sensor and resource, put together.

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
from pipelines.assets.intraday import intraday_bars, intraday_scores
from pipelines.assets.intraday_job import intraday_job, score_after_each_hour
from pipelines.assets.news_impact import news_impact
from pipelines.assets.partitions import AFTER_SESSIONS
from pipelines.assets.portfolio import portfolio
from pipelines.assets.publish import published_signals, replayed_signals
from pipelines.assets.quality_job import measure_after_close, quality_job
from pipelines.assets.resources import Clock, Feed, News
from pipelines.assets.sensors import late_data, new_articles, revision_job
from pipelines.assets.sentiment import sentiment
from pipelines.assets.signal_quality import signal_quality
from pipelines.assets.signals import signals
from pipelines.assets.technical import technical

defs = dg.Definitions(
    assets=[
        bars,
        # A graph asset takes no freshness policy by itself.
        technical.map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, AFTER_SESSIONS)),
        articles,
        sentiment,
        news_impact,
        signals,
        replayed_signals,
        published_signals,
        portfolio,
        signal_quality,
        intraday_bars,
        intraday_scores,
    ],
    jobs=[
        replay_job,
        replay_with_news_job,
        live_job,
        news_job,
        revision_job,
        quality_job,
        intraday_job,
    ],
    schedules=[
        replay_next_session,
        publish_after_close,
        measure_after_close,
        score_after_each_hour,
    ],
    sensors=[new_articles, late_data],
    resources={"feed": Feed(), "clock": Clock(), "news": News()},
    executor=dg.in_process_executor,
)
