"""The asset `signal_quality`: how good each score was, as it was known after each session.

Belongs here: reading the scores and bars of a window, and the tables of figures. Keep out: the
figures themselves (analyses/quality/), pictures (quality_plots.py), when it runs (quality_job.py).
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines import calendar
from pipelines.analyses import technical as analysis
from pipelines.analyses.named_indicators import NamedIndicator
from pipelines.analyses.quality.contributions import Score, contributions
from pipelines.analyses.quality.figures import WINDOW, figures
from pipelines.analyses.quality.forward_returns import LONGEST, Grid, forward_returns, grid_of
from pipelines.assets import news_impact, quality_plots, sentiment, show
from pipelines.assets import signals as signals_asset
from pipelines.assets import technical as technical_asset
from pipelines.assets.partitions import ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import Feed, News
from pipelines.errors import LakeError
from pipelines.lake import Lake, open_lake
from pipelines.settings import read_settings
from pipelines.sources.base import no_actions
from router.messages import digest

CODE_VERSION = "1"
FIGURES = "signal_quality"
BINS = "signal_quality_bins"
QUALITY_POOL = "quality"
"""Its own tables have one writer at a time, and no asset that trades waits for a long backfill."""

STRATEGY = "strategy"
"""The name under which the strategy's own score stands beside those that it is made of."""

SENTIMENT = ["novelty_weighted", "count", "model_hash", "contaminated"]
HASH_DIGITS = 12

SHOWN = [
    "analysis", "version", "sessions", "ic", "ic_low", "ic_high", "pooled_ic", "judged", "hit_rate",
    "up_rate", "coverage", "persistence", "change", "contaminated",
]  # fmt: skip

TOO_GOOD = 0.1
TOO_GOOD_CHECK = "not_too_good"


class Span(NamedTuple):
    """The sessions whose rows may be read: from the first one of the first window."""

    start: date
    end: date


@dg.asset(
    deps=[signals_asset.signals],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[
        dg.AssetCheckSpec(
            TOO_GOOD_CHECK,
            asset=FIGURES,
            description=f"No score foretells the next session with a correlation whose interval"
            f" lies above {TOO_GOOD}: real ones reach 0.02 to 0.05, so that one sees the future, or"
            " the bars are wrong. Warns, and stops nothing.",
        )
    ],
    pool=QUALITY_POOL,
    group_name="daily",
    kinds={"pandas"},
    tags={"analysis": "quality"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        session="date: XNYS session after which the figures were known",
        analysis="string: column of `technical`, news, sentiment, or strategy for its signals",
        version="string: of the code, the model or the strategy's settings",
        horizon="long: sessions held, from the next open to the last one's close",
        sessions="long: sessions with a rank correlation of at least 3 symbols",
        ic="double: their mean, -1 to 1: the information coefficient",
        ic_low="double: lower end of its 95 % interval; none under 20 sessions",
        ic_high="double: upper end",
        day_ic="double: the same with the return of the horizon's last session alone",
        pairs="long: scores whose return is known",
        pooled_ic="double: rank correlation of all of them, whatever session",
        pooled_low="double: lower end of its 95 % interval, where ic has none",
        pooled_high="double: upper end",
        judged="long: opinions (scores other than 0) whose return is known and not 0",
        hit_rate="double: the share of them with the return's sign",
        up_rate="double: the share of them with a return above 0",
        coverage="double: opinions per symbol and session with a bar",
        persistence="double: mean rank correlation with the scores of the session before",
        change="double: mean absolute change of a score since the session before",
        contaminated="bool: a model may have learnt from texts of these sessions: proves nothing",
    ),
)
def signal_quality(context: dg.AssetExecutionContext, feed: Feed, news: News) -> Result:
    """How good each score was: correlation with returns, hits, decay, turnover, calibration.

    Table `signal_quality`: per session, score, version and horizon, over a year's scores whose
    returns were known by then. Table `signal_quality_bins`: mean return and share of gains by
    score. News and sentiment count where they were materialized. A session costs the same
    whatever history there is, and nothing that comes later changes its figures.
    """
    sessions = sessions_of(context)
    lake = open_lake(read_settings().lake_url)
    found, bins = measured(lake, feed, news, sessions)
    table = table_of(feed, news)
    lake.write(FIGURES, table, found, sessions[0], sessions[-1])
    lake.write(BINS, table, bins, sessions[0], sessions[-1])
    since = calendar.sessions_between(calendar.FIRST_DAY, sessions[-1])[-WINDOW]
    history = lake.read(FIGURES, table, since, sessions[-1])
    _show(context, found, history, bins, sessions)
    return Result(check_results=[not_too_good(found)])


def table_of(feed: Feed, news: News) -> str:
    """The name of the tables: each strategy and each choice of news has its own."""
    return f"{feed.opinions}-{news.judged}"


def measured(
    lake: Lake, feed: Feed, news: News, sessions: Sequence[date]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both tables for a range of sessions; a session without a bar has none.

    Raises LakeError where the bars, technical scores or signals were not materialized.
    """
    before = calendar.sessions_between(calendar.FIRST_DAY, sessions[0])[-(WINDOW + LONGEST) :]
    span = Span(before[0], sessions[-1])
    bars = _read(lake, "bars", feed.dataset, span, ["open", "close"])
    if bars.empty:
        raise LakeError(f"no bar of {feed.dataset} from {span.start} to {span.end}: materialize it")
    actions = lake.read("actions", feed.dataset, *span, empty=no_actions())
    grid = grid_of(bars, actions, calendar.session_index(*span))
    returns = forward_returns(grid)
    scores = list(_scores(lake, feed, news, span, grid))
    traded = pd.DatetimeIndex(bars["session"].unique())
    wanted = grid.sessions.get_indexer(traded[traded >= pd.Timestamp(sessions[0])].sort_values())
    found = [contributions(score, grid, returns) for score in scores]
    return figures(found, grid.sessions, wanted.tolist())


def _scores(lake: Lake, feed: Feed, news: News, span: Span, grid: Grid) -> Iterator[Score]:
    """Every score of the span, each version by itself."""
    strategy = feed.open_strategy()
    clean = np.zeros(len(grid.sessions), dtype=bool)
    table = technical_asset.table_of(feed.dataset, strategy.indicators)
    versions = dict.fromkeys(analysis.SCORES, technical_asset.CODE_VERSION)
    versions |= {one.score: _named_version(one) for one in strategy.indicators}
    rows = _read(lake, "technical", table, span, list(versions))
    for column, version in versions.items():
        yield Score(column, version, grid.placed(rows, rows[column].to_numpy()), clean)
    learnt = clean
    if lake.years(news_impact.DAILY, news.judged, span.end):
        told = _read(lake, sentiment.DAILY, news.opinions, span, SENTIMENT)
        learnt = grid.sessions.isin(told.loc[told["contaminated"], "session"])
        rows = _read(lake, news_impact.DAILY, news.judged, span, ["score"])
        rows = rows.assign(version=news_impact.CODE_VERSION)
        yield from _by_version("news", rows, grid, learnt)
        rows = told[told["count"] > 0].assign(version=told["model_hash"].str[:HASH_DIGITS])
        rows = rows.rename(columns={"novelty_weighted": "score"})
        yield from _by_version("sentiment", rows, grid, learnt)
    rows = _read(lake, "signals", feed.opinions, span, ["score", "strategy_version"])
    rows = rows.rename(columns={"strategy_version": "version"})
    yield from _by_version(STRATEGY, rows, grid, learnt if strategy.weighs_news else clean)


def _named_version(one: NamedIndicator) -> str:
    return f"{technical_asset.CODE_VERSION}-{digest(one.identity)[:8]}"


def _by_version(
    name: str, rows: pd.DataFrame, grid: Grid, contaminated: NDArray[np.bool_]
) -> Iterator[Score]:
    for version, own in rows.groupby("version"):
        values = grid.placed(own, own["score"].to_numpy())
        yield Score(name, str(version), values, contaminated)


def _read(lake: Lake, table: str, dataset: str, span: Span, names: list[str]) -> pd.DataFrame:
    """Some columns of a table's rows in the span, with symbol and session."""
    years = [year for year in lake.years(table, dataset, span.end) if year >= span.start.year]
    if not years:
        raise LakeError(
            f"the lake has no {table} of {dataset} from {span.start} to {span.end}:"
            " materialize it first"
        )
    columns = ["symbol", "session", *names]
    parts = [lake.columns(table, dataset, year, columns).to_pandas() for year in years]
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True).astype({"symbol": "str"})
    inside = frame["session"].between(pd.Timestamp(span.start), pd.Timestamp(span.end))
    return frame.loc[inside]


def not_too_good(found: pd.DataFrame) -> dg.AssetCheckResult:
    """Whether no figure is better than scores can be that see no future; names those that are."""
    late = found[(found["horizon"] == 1) & (found["ic_low"] > TOO_GOOD)]
    shown = late[["session", "analysis", "version", "sessions", "ic", "ic_low", "ic_high"]]
    return dg.AssetCheckResult(
        check_name=TOO_GOOD_CHECK,
        passed=late.empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"figures": len(found), "too_good": len(late), "rows": show.table(shown)},
    )


def _show(
    context: dg.AssetExecutionContext,
    found: pd.DataFrame,
    history: pd.DataFrame,
    bins: pd.DataFrame,
    sessions: Sequence[date],
) -> None:
    rows = show.rows_per_session(found, sessions)
    show.per_session(context, {day: {"dagster/partition_row_count": rows[day]} for day in sessions})
    if found.empty:
        return
    last = found["session"].max()
    own, own_bins = found[found["session"] == last], bins[bins["session"] == last]
    shown = own.loc[own["horizon"] == 1, SHOWN].round(3)
    told = {
        "preview": show.table(shown, rows=len(shown)),
        "correlations": quality_plots.correlations(own),
    }
    if STRATEGY in set(own["analysis"]):
        told["strategy"] = quality_plots.one_score(history, own_bins, STRATEGY)
    context.add_asset_metadata(told, partition_key=sessions[-1].isoformat())
