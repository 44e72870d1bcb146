"""The asset `sentiment`: a model's score of each article about each company, and of each session.

Belongs here: scoring what was not scored before, and the two tables. Keep out: the models
(models/), pooling and the daily figures (analyses/sentiment/).
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pandas as pd

from pipelines import news_lake
from pipelines.agents.client import SharedProvider
from pipelines.analyses.news.impact import impacts
from pipelines.analyses.news.linking import MENTION_COLUMNS
from pipelines.analyses.sentiment.daily import (
    DAILY_COLUMNS,
    SCORE_COLUMNS,
    contaminated,
    daily_sentiment,
)
from pipelines.assets import articles as articles_asset
from pipelines.assets import known_in_time, show
from pipelines.assets.partitions import MODEL_POOL, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import News
from pipelines.lake import BEGINNING, Lake, open_lake, versions
from pipelines.models.provider import Provider, score_mentions
from pipelines.news_lake import Window
from pipelines.settings import read_settings

CODE_VERSION = "1"
SCORES = "sentiment_scores"
DAILY = "sentiment"

SCORED = ["content_hash", "name"]
"""What a model is given: the same text about the same company has the same score."""

GIVEN = ["score", "confidence", "abstained"]
MODEL = ["provider", "model_hash", "trained_until"]


@dg.asset(
    deps=[articles_asset.articles],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[known_in_time.spec("sentiment")],
    pool=MODEL_POOL,
    group_name="daily",
    kinds={"onnx"},
    tags={"analysis": "sentiment"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        count="long: articles that count; of near-copies only the first",
        mean="double: -1 (bad) to 1 (good), 0 where no article counts",
        dispersion="double: standard deviation of the articles, 0 to 1",
        novelty_weighted="double: the mean weighted by novelty, -1 to 1",
        confidence="double: mean of the model's largest class probability, 0 to 1",
        abstained="long: articles left out because the model was not sure",
        contaminated="bool: the model may have learnt from texts of this session or later ones",
        reasons="string: why, for people",
        known_at="timestamp: when the last of the articles was known, UTC",
        provider="string: the model's name",
        model_hash="string: SHA-256 of what decides the scores",
        trained_until="date: the last day whose texts the model may have learnt from",
    ),
)
def sentiment(context: dg.AssetExecutionContext, news: News) -> Result:
    """What a model makes of the articles about each company, in each session.

    Table `sentiment_scores`: each article about each company. Table `sentiment`: per session.
    The sessions before, whose news still counts, are scored too; what the same model has scored is
    not scored again. Sentiment agents that have the same model share the work. A session on or
    before the model's cut-off is contaminated: a backtest of it proves nothing.
    """
    sessions, settings = sessions_of(context), read_settings()
    lake = open_lake(settings.lake_url)
    window = news_lake.read_window(lake, news.dataset, sessions)
    provider = SharedProvider(news.open_provider(), settings.nats_url)
    scores, asked = score(lake, news.opinions, provider, window)
    lake.write(SCORES, news.opinions, scores, window.start, sessions[-1])
    daily = of_sessions(lake, news.dataset, window, scores, sessions)
    lake.write(DAILY, news.opinions, daily, sessions[0], sessions[-1])
    lake.begin(DAILY, news.opinions, daily.iloc[:0], sessions[0])
    _show(context, provider, daily, scores, sessions)
    context.add_asset_metadata({"newly_scored": asked}, partition_key=sessions[-1].isoformat())
    return Result(
        check_results=[known_in_time.result("sentiment", len(window.articles), window.too_soon)]
    )


def score(
    lake: Lake, opinions: str, provider: Provider, window: Window
) -> tuple[pd.DataFrame, int]:
    """A row per mention, and how many texts the model had to read for them.

    Output: SCORE_COLUMNS, name (the company as the model was given it), content_hash, known_at and
    session, in the order of the mentions.
    """
    texts = window.articles[["article_id", "title", "text", "content_hash"]]
    wanted = window.mentions[["article_id", "symbol", "name", "known_at", "session"]].merge(
        texts, on="article_id", validate="many_to_one"
    )
    held = lake.read(SCORES, opinions, BEGINNING, _last(window), empty=no_scores())
    held = held[held["model_hash"] == provider.model_hash].drop_duplicates(SCORED)
    known = pd.MultiIndex.from_frame(held[SCORED])
    todo = wanted[~pd.MultiIndex.from_frame(wanted[SCORED]).isin(known)].drop_duplicates(SCORED)
    new = [_read(provider, batch) for batch in _batches(todo)]
    every = pd.concat([held[[*SCORED, *GIVEN, *MODEL]], *new], ignore_index=True)
    rows = wanted.merge(every, on=SCORED, validate="many_to_one")
    return rows[list(no_scores().columns)], len(todo)


def _last(window: Window) -> date:
    return window.mentions["session"].max().date() if len(window.mentions) else window.start


def _batches(todo: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in parts within which each symbol has one name, as `score_mentions` takes them."""
    rank = todo.groupby("symbol")["name"].rank("dense")
    for _, batch in todo.groupby(rank):
        yield batch


def _read(provider: Provider, batch: pd.DataFrame) -> pd.DataFrame:
    names = dict(zip(batch["symbol"], batch["name"], strict=True))
    articles = batch[["article_id", "title", "text"]].drop_duplicates("article_id")
    found = score_mentions(provider, articles, batch[["article_id", "symbol"]], names)
    keys = batch[["article_id", "symbol", *SCORED]]
    return keys.merge(found, on=["article_id", "symbol"])[[*SCORED, *GIVEN, *MODEL]]


def of_sessions(
    lake: Lake, dataset: str, window: Window, scores: pd.DataFrame, sessions: list[date]
) -> pd.DataFrame:
    """The daily figures of the sessions, with the model and when their last article was known."""
    inside = window.mentions["session"] >= pd.Timestamp(sessions[0])
    first = news_lake.first_of_group(lake, dataset, window.mentions[inside])
    own = first[["article_id", "symbol"]].merge(scores, on=["article_id", "symbol"])
    novelty = impacts(window.articles, window.mentions[MENTION_COLUMNS])
    decisions = news_lake.decisions()
    daily = daily_sentiment(own[SCORE_COLUMNS], window.articles, novelty, decisions)
    model = own.groupby(["symbol", "session"], as_index=False).agg(
        known_at=("known_at", "max"), **{name: (name, "first") for name in MODEL}
    )
    return daily.merge(model, on=["symbol", "session"], how="left", validate="one_to_one")


def no_scores() -> pd.DataFrame:
    """The table `sentiment_scores` without rows, with the right types."""
    texts = pd.DataFrame({name: pd.Series(dtype="str") for name in (*SCORE_COLUMNS, *SCORED)})
    types = {
        "score": "float64",
        "confidence": "float64",
        "abstained": "bool",
        "trained_until": "datetime64[us]",
    }
    of_mention = news_lake.no_mentions()[["known_at", "session"]]
    return pd.concat([texts.astype(types), of_mention], axis="columns")


def _show(
    context: dg.AssetExecutionContext,
    provider: Provider,
    daily: pd.DataFrame,
    scores: pd.DataFrame,
    sessions: list[date],
) -> None:
    rows, scored = (show.rows_per_session(frame, sessions) for frame in (daily, scores))
    hashes = versions(daily, [*(name for name in DAILY_COLUMNS if name != "session"), *MODEL])
    model = {
        "provider": provider.name,
        "model_hash": provider.model_hash,
        "trained_until": str(provider.trained_until or "unknown"),
    }
    per = {
        day: {
            "dagster/partition_row_count": rows[day],
            "scores": scored[day],
            "contaminated": contaminated(day, provider.trained_until),
            "version": hashes.get(day, "no rows"),
            **model,
        }
        for day in sessions
    }
    show.per_session(context, per)
    if daily.empty:
        return
    shown = daily.loc[
        daily["session"] == daily["session"].max(),
        ["symbol", "session", "count", "mean", "confidence", "reasons"],
    ]
    plot = show.score_plot(daily.rename(columns={"mean": "score"}))
    context.add_asset_metadata(
        {"preview": show.table(shown), "scores": plot}, partition_key=sessions[-1].isoformat()
    )
