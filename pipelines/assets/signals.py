"""The asset `signals`: one score per symbol and session, with its reasons and where it came from.

Keep out: how scores are weighed (strategies/) and sending them (publish.py).
"""

from datetime import date

import dagster as dg
import pandas as pd

from pipelines import calendar
from pipelines.assets import news_impact, sentiment, show
from pipelines.assets import technical as technical_asset
from pipelines.assets.partitions import LAKE_POOL, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import Feed, News
from pipelines.errors import LakeError
from pipelines.feed import bars_versions
from pipelines.lake import Lake, open_lake, versions
from pipelines.settings import read_settings
from pipelines.sources.base import no_actions
from pipelines.strategies import news_part
from pipelines.strategies.technical import TechnicalStrategy

CODE_VERSION = "1"
POINT_IN_TIME = "point_in_time"


@dg.asset(
    deps=[technical_asset.technical, sentiment.sentiment, news_impact.news_impact],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[
        dg.AssetCheckSpec(
            POINT_IN_TIME,
            asset="signals",
            blocking=True,
            description="No input is newer than the signal's as_of, and each was known before"
            " the signal could be traded.",
        )
    ],
    pool=LAKE_POOL,
    group_name="daily",
    kinds={"pandas"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        score="double: -1 (sell) to 1 (buy), 0 for no opinion",
        reasons="string: why, for people",
        content="string: hash of the inputs",
        as_of="timestamp: close of the session, UTC",
        valid_until="timestamp: next open, UTC",
    ),
)
def signals(context: dg.AssetExecutionContext, feed: Feed, news: News) -> Result:
    """The strategy's opinion of each symbol at the close of each session.

    News and sentiment are read where the strategy weighs them: materialize them before.
    """
    sessions = sessions_of(context)
    lake = open_lake(read_settings().lake_url)
    frame = opinions(lake, feed.dataset, feed.open_strategy(), sessions, context.run.run_id, news)
    lake.write("signals", feed.opinions, frame, sessions[0], sessions[-1])
    _show(context, frame, sessions)
    return Result(check_results=[point_in_time(frame)])


def opinions(
    lake: Lake,
    dataset: str,
    strategy: TechnicalStrategy,
    sessions: list[date],
    run_id: str,
    news: News,
) -> pd.DataFrame:
    """The rows of the table `signals` for a range of sessions."""
    start, end = sessions[0], sessions[-1]
    named = strategy.indicators
    table = lake.read("technical", technical_asset.table_of(dataset, named), start, end)
    days = table["session"].dt.date
    of_table = versions(table, technical_asset.content_of(named))
    inputs = {"technical_version": days.map(of_table).astype("str")}
    if strategy.of_news:
        table, of_news = _with_news(lake, news, table, start, end)
        inputs |= {name: days.map(each).fillna("no rows") for name, each in of_news.items()}
        table["known_at"] = table[["known_at", news_part.KNOWN_AT]].max(axis=1)
    bars = lake.read("bars", dataset, start, end)
    of_bars = bars_versions(bars, lake.read("actions", dataset, start, end, empty=no_actions()))
    inputs |= {"bars_version": days.map(of_bars).astype("str")}
    times = table[["symbol", "session", "event_time", "known_at"]].assign(**inputs)
    frame = strategy.signals(table).merge(times, on=["symbol", "session"], how="left")
    days = frame["session"].dt.date
    return frame.assign(
        strategy=strategy.name,
        strategy_version=strategy.wire_version,
        as_of=_moments(days, {day: calendar.close_of(day) for day in sessions}),
        valid_until=_moments(
            days, {day: calendar.open_of(calendar.next_session(day)) for day in sessions}
        ),
        run_id=run_id,
        code_version=CODE_VERSION,
    )


def _with_news(
    lake: Lake, news: News, table: pd.DataFrame, start: date, end: date
) -> tuple[pd.DataFrame, dict[str, dict[date, str]]]:
    """The table with the day's news beside it, and the versions of what was read, by session."""
    read = {
        name: _rows_so_far(lake, name, of, start, end)
        for name, of in ((news_impact.DAILY, news.judged), (sentiment.DAILY, news.opinions))
    }
    contents = {
        "news_version": versions(read[news_impact.DAILY], ["symbol", "score", "content_hashes"]),
        "sentiment_version": versions(
            read[sentiment.DAILY], ["symbol", "novelty_weighted", "model_hash"]
        ),
    }
    return news_part.joined(table, read[news_impact.DAILY], read[sentiment.DAILY]), contents


def _rows_so_far(lake: Lake, name: str, dataset: str, start: date, end: date) -> pd.DataFrame:
    """The rows of a table in which a session, or a year of them, may have none."""
    years = lake.years(name, dataset, end)
    if not years:
        raise LakeError(f"the lake has no {name} of {dataset} up to {end}: run news_job first")
    frame = lake.read(name, dataset, date(min(years[-1], start.year), 1, 1), end)
    return frame[frame["session"] >= pd.Timestamp(start)]


def point_in_time(frame: pd.DataFrame) -> dg.AssetCheckResult:
    """Whether every input was there in time; names the first rows whose input was not."""
    late = frame[
        (frame["event_time"] > frame["as_of"]) | (frame["known_at"] >= frame["valid_until"])
    ]
    shown = late[["symbol", "session", "event_time", "known_at", "as_of", "valid_until"]]
    return dg.AssetCheckResult(
        check_name=POINT_IN_TIME,
        passed=late.empty,
        metadata={"signals": len(frame), "late": len(late), "rows": show.table(shown)},
    )


def _moments(days: pd.Series, moments: dict[date, object]) -> pd.Series:
    return pd.to_datetime(days.map(moments), utc=True).astype("datetime64[us, UTC]")


def _show(context: dg.AssetExecutionContext, frame: pd.DataFrame, sessions: list[date]) -> None:
    rows = show.rows_per_session(frame, sessions)
    buys = show.rows_per_session(frame[frame["score"] > 0], sessions)
    show.per_session(
        context,
        {
            session: {"dagster/partition_row_count": rows[session], "buys": buys[session]}
            for session in sessions
        },
    )
    if frame.empty:
        return
    shown = frame.loc[frame["session"] == frame["session"].max(), ["symbol", "score", "reasons"]]
    context.add_asset_metadata(
        {"preview": show.table(shown), "scores": show.score_plot(frame)},
        partition_key=sessions[-1].isoformat(),
    )
