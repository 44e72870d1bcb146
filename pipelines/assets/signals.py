"""The asset `signals`: one score per symbol and session, with its reasons and where it came from.

Keep out: how scores are weighed (strategies/) and sending them (publish.py).
"""

from datetime import date

import dagster as dg
import pandas as pd

from pipelines import calendar, news_lake
from pipelines.analyses.news.daily import daily_news
from pipelines.assets import news_impact, sentiment, show
from pipelines.assets import technical as technical_asset
from pipelines.assets.partitions import (
    AFTER_SESSIONS,
    LAKE_POOL,
    ONE_RUN,
    SESSIONS,
    Result,
    sessions_of,
)
from pipelines.assets.resources import Feed, News
from pipelines.errors import LakeError
from pipelines.feed import OF_ARTICLES
from pipelines.lake import Lake, open_lake, versions
from pipelines.restated import versions_then
from pipelines.settings import read_settings
from pipelines.strategies import news_part
from pipelines.strategies.opened import Opened
from pipelines.strategies.strategy import NEWS

CODE_VERSION = "2"
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
    freshness_policy=AFTER_SESSIONS,
    group_name="daily",
    kinds={"pandas"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        score="double: -1 (sell) to 1 (buy), 0 for no opinion",
        confidence="double: how sure the strategy is, 0 to 1",
        reasons="string: what the strategy itself says, for people",
        content="string: hash of the inputs",
        technical_part="double: what prices added to the score",
        technical_without="double: the score without them",
        technical_reasons="string: why, for people; so for news and sentiment where they count",
        horizon="long: sessions over which the score is meant",
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
    strategy: Opened,
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
    if strategy.weighs_news:
        table, of_news = _with_news(lake, news, strategy, table, start, end)
        told = {name: days.map(each).astype("object") for name, each in of_news.items()}
        inputs |= {name: each.fillna("no rows") for name, each in told.items()}
        inputs |= {name: table[name] for name in OF_ARTICLES}
        table["known_at"] = table[["known_at", news_part.KNOWN_AT]].max(axis=1)
    of_bars = versions_then(lake, dataset, start, end)
    inputs |= {"bars_version": days.map(of_bars).astype("str")}
    times = table[["symbol", "session", "event_time", "known_at"]].assign(**inputs)
    frame = strategy.signals(table).merge(times, on=["symbol", "session"], how="left")
    days = frame["session"].dt.date
    return frame.assign(
        strategy=strategy.name,
        strategy_version=strategy.wire_version,
        horizon=strategy.settings.horizon,
        as_of=_moments(days, {day: calendar.close_of(day) for day in sessions}),
        valid_until=_moments(
            days, {day: calendar.open_of(calendar.next_session(day)) for day in sessions}
        ),
        run_id=run_id,
        code_version=CODE_VERSION,
    )


def _with_news(
    lake: Lake, news: News, strategy: Opened, table: pd.DataFrame, start: date, end: date
) -> tuple[pd.DataFrame, dict[str, dict[date, str]]]:
    """The table with the day's news beside it, and the versions of what was read, by session."""
    judged = _rows_so_far(lake, news_impact.DAILY, news.judged, start, end)
    half_life = strategy.settings.decay.get(NEWS)
    if half_life is not None and len(judged):
        judged = _decayed(lake, news, half_life, start, end)
    scored = _rows_so_far(lake, sentiment.DAILY, news.opinions, start, end)
    contents = {
        "news_version": versions(judged, ["symbol", "score", "content_hashes"]),
        "sentiment_version": versions(scored, ["symbol", "novelty_weighted", "model_hash"]),
    }
    return news_part.joined(table, judged, scored), contents


def _decayed(lake: Lake, news: News, half_life: float, start: date, end: date) -> pd.DataFrame:
    """The table `news` anew, with the strategy's half-life for every article."""
    days = calendar.sessions_between(calendar.FIRST_DAY, start)
    first = days[-min(news_lake.LOOKBACK + 1, len(days))]
    impacts = lake.read(news_impact.IMPACTS, news.judged, first, end)
    sessions = calendar.session_index(first, end)
    return daily_news(impacts.assign(half_life=half_life), sessions, pd.Timestamp(start))


def _rows_so_far(lake: Lake, name: str, dataset: str, start: date, end: date) -> pd.DataFrame:
    """The rows of a table in which a session, or a year of them, may have none."""
    years = lake.years(name, dataset, calendar.LAST_DAY)
    if not years:
        raise LakeError(f"the lake has no {name} of {dataset}: run news_job first")
    held = max((year for year in years if year <= start.year), default=years[0])
    frame = lake.read(name, dataset, date(held, 1, 1), max(end, date(held, 12, 31)))
    return frame[frame["session"].between(pd.Timestamp(start), pd.Timestamp(end))]


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
    names = [str(name) for name in frame]
    parts, texts = ([n for n in names if n.endswith(end)] for end in ("_part", "reasons"))
    last = frame["session"] == frame["session"].max()
    shown = show.plain(frame.loc[last, ["symbol", "score", "confidence", *parts, *texts]], texts)
    context.add_asset_metadata(
        {"preview": show.table(shown), "scores": show.score_plot(frame)},
        partition_key=sessions[-1].isoformat(),
    )
