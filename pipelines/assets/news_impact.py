"""The asset `news_impact`: how much each article counts for each symbol, and all of them together.

Keep out: the rules (analyses/news/) and what a strategy makes of them.
"""

from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from pipelines import calendar, news_lake
from pipelines.analyses.news.daily import DAILY_COLUMNS, daily_news
from pipelines.analyses.news.linking import MENTION_COLUMNS
from pipelines.assets import known_in_time, show
from pipelines.assets import sentiment as sentiment_asset
from pipelines.assets.partitions import LAKE_POOL, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import News
from pipelines.errors import LakeError
from pipelines.lake import Lake, open_lake, versions
from pipelines.news_lake import Window
from pipelines.settings import read_settings
from pipelines.sources.news import Impacts

CODE_VERSION = "1"
IMPACTS = "impacts"
DAILY = "news"


@dg.asset(
    deps=[sentiment_asset.sentiment],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[known_in_time.spec("news_impact")],
    pool=LAKE_POOL,
    group_name="daily",
    kinds={"pandas"},
    tags={"analysis": "news"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        score="double: -1 (bad) to 1 (good); what all impacts that count have left",
        count="long: impacts that count",
        fresh="long: those of this session",
        reasons="string: the articles that count most, for people",
        article_ids="string: all articles that count, parted by spaces",
        content_hashes="string: hashes of their titles and texts, in the same order",
        known_at="timestamp: when the last of them was known, UTC",
    ),
)
def news_impact(context: dg.AssetExecutionContext, news: News) -> Result:
    """What each article counts for each symbol, and all of them together in each session.

    Table `impacts`: event, direction, magnitude, novelty and half-life per article and symbol.
    Table `news`: what they come to per symbol and session.

    An impact halves every half-life, and counts for five of them.
    """
    sessions, settings = sessions_of(context), read_settings()
    lake = open_lake(settings.lake_url)
    window = news_lake.read_window(lake, news.dataset, sessions)
    scores = read_scores(lake, news.opinions, window, sessions[-1])
    judged = judge(news.open_impacts(settings), window, scores)
    daily = of_sessions(judged, sessions)
    first = pd.Timestamp(sessions[0])
    own = judged[judged["session"] >= first]
    lake.write(IMPACTS, news.judged, own, sessions[0], sessions[-1])
    lake.write(DAILY, news.judged, daily, sessions[0], sessions[-1])
    lake.begin(DAILY, news.judged, daily.iloc[:0], sessions[0])
    _show(context, daily, own, sessions)
    return Result(
        check_results=[known_in_time.result("news_impact", len(window.articles), window.too_soon)]
    )


def read_scores(lake: Lake, opinions: str, window: Window, last: date) -> pd.DataFrame:
    """The model's scores of the mentions, NaN where it was not sure.

    Raises LakeError where a mention was not scored.
    """
    empty = sentiment_asset.no_scores()
    stored = lake.read(sentiment_asset.SCORES, opinions, window.start, last, empty=empty)
    keys = ["article_id", "symbol"]
    found = window.mentions[keys].merge(stored, on=keys, how="left", indicator=True)
    missing = found.loc[found["_merge"] == "left_only", "article_id"]
    if len(missing):
        raise LakeError(
            f"{len(missing)} mentions, the first of article {missing.iloc[0]}, have no sentiment of"
            f" {opinions}: materialize `sentiment` of the same sessions"
        )
    unsure = found["abstained"].astype("bool")
    return found[keys].assign(score=found["score"].where(~unsure, np.nan))


def judge(impacts: Impacts, window: Window, scores: pd.DataFrame) -> pd.DataFrame:
    """The impacts of the window's mentions, each with what is needed to name its article."""
    found = impacts(window.articles, window.mentions[MENTION_COLUMNS], scores)
    of_article = ["article_id", "session", "known_at", "source", "title", "content_hash"]
    return found.merge(window.articles[of_article], on="article_id", validate="many_to_one")


def of_sessions(judged: pd.DataFrame, sessions: list[date]) -> pd.DataFrame:
    """The daily scores of the sessions."""
    first = pd.Timestamp(sessions[0])
    begin = min([first, *judged["session"]]).date()
    return daily_news(judged, calendar.session_index(begin, sessions[-1]), first)


def _show(
    context: dg.AssetExecutionContext,
    daily: pd.DataFrame,
    own: pd.DataFrame,
    sessions: list[date],
) -> None:
    rows, judged = (show.rows_per_session(frame, sessions) for frame in (daily, own))
    hashes = versions(daily, [name for name in DAILY_COLUMNS if name != "session"])
    per = {
        day: {
            "dagster/partition_row_count": rows[day],
            "impacts": judged[day],
            "version": hashes.get(day, "no rows"),
        }
        for day in sessions
    }
    show.per_session(context, per)
    kinds = own["event_type"].value_counts().to_dict()
    summary: dict[str, Any] = {"events": {str(kind): int(count) for kind, count in kinds.items()}}
    if len(daily):
        shown = daily.loc[
            daily["session"] == daily["session"].max(),
            ["symbol", "session", "score", "count", "fresh", "reasons"],
        ]
        preview = show.table(show.plain(shown, ["reasons"]))
        summary |= {"preview": preview, "scores": show.score_plot(daily)}
    context.add_asset_metadata(summary, partition_key=sessions[-1].isoformat())
