"""The asset `articles`: what a source of news has, into the lake, each article once and in its day.

Keep out: fetching (sources/news/), and which session an article belongs to (news_lake.py).
"""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from pipelines import news_lake
from pipelines.assets import known_in_time, show
from pipelines.assets.partitions import NEWS_POOL, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import NEWS_TAG, Clock, News
from pipelines.lake import Lake, open_lake, versions
from pipelines.settings import read_settings
from pipelines.sources.news.base import (
    ASSUMED,
    Memory,
    Notice,
    frame_of,
    load_memory,
    save_memory,
)
from pipelines.sources.news.companies import linker

CODE_VERSION = "1"
NAMED = 50
"""Notices that the metadata hold; the others are counted."""


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[known_in_time.spec("articles")],
    pool=NEWS_POOL,
    group_name="daily",
    kinds={"parquet"},
    tags={"analysis": "news"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        article_id="string: hash of its address, or of source, title and publication",
        session="date: XNYS session, the first one decided (16:30 New York) once it was known",
        source="string: who published it",
        url="string: its address, if it has one",
        published="timestamp: UTC",
        known_at="timestamp: when it could be known, UTC",
        known_by="string: observed (first seen then), or assumed (publication and 5 minutes)",
        title="string: without markup and invisible characters",
        text="string: without markup and invisible characters",
        language="string: two or three letters, und if unknown",
        content_hash="string: hash of title and text",
        group_id="string: article_id of the first article of which this is a near-copy",
        group_known_at="timestamp: when that one was known, UTC",
    ),
)
def articles(context: dg.AssetExecutionContext, news: News, clock: Clock) -> Result:
    """Dated articles with the companies that they name (table `mentions`).

    Whatever the source has is stored once, in the first session that was decided at or after the
    moment at which the article was known; one that is first seen now belongs to a session to come.
    Near-copies of one story are grouped. A feed that is broken is a notice, and stops no other.
    """
    sessions, settings = sessions_of(context), read_settings()
    context.instance.add_run_tags(context.run.run_id, {NEWS_TAG: news.dataset})
    lake, path = open_lake(settings.lake_url), settings.news_folder / f"{news.dataset}.json"
    harvest = news.open().harvest(remembered(lake, news.dataset, path), clock.now())
    new = news_lake.add(lake, news.dataset, frame_of(harvest.articles))
    start, end = _span(new, sessions)
    news_lake.link_again(lake, news.dataset, linker(), start, end)
    save_memory(harvest.memory, path)  # only now: what was not stored is asked for again
    _show(context, lake, news.dataset, sessions, new, harvest.notices)
    _tell_of_others(context, news.dataset, new, sessions, clock)
    return Result(check_results=[_checked(lake, news.dataset, sessions)])


def remembered(lake: Lake, dataset: str, path: Path) -> Memory:
    """What the source has seen: the articles in the lake, and the feeds' last answers.

    Where an article that was seen is no longer in the lake, every feed is asked for all it has.
    """
    stored, memory = news_lake.known_articles(lake, dataset), load_memory(path)
    complete = memory.articles.keys() <= stored.keys()
    return Memory(memory.feeds if complete else {}, stored)


def _span(new: pd.DataFrame, sessions: list[date]) -> tuple[date, date]:
    """From the first to the last session of the run and of the new articles."""
    found = [moment.date() for moment in new["session"].drop_duplicates()]
    return min([sessions[0], *found]), max([sessions[-1], *found])


def _tell_of_others(
    context: dg.AssetExecutionContext,
    dataset: str,
    new: pd.DataFrame,
    sessions: list[date],
    clock: Clock,
) -> None:
    """The first session, not of this run, that was decided before it had one of the articles."""
    days, end = new["session"], sessions[-1]
    own = days.between(pd.Timestamp(sessions[0]), pd.Timestamp(end))
    late = days[~own & (news_lake.decided(days) <= clock.now())]
    if len(late):
        told = show.revised(dataset, late.min().date(), sessions)
        context.add_asset_metadata(told, partition_key=end.isoformat())


def _checked(lake: Lake, dataset: str, sessions: list[date]) -> dg.AssetCheckResult:
    stored = _stored(lake, dataset, sessions)
    return known_in_time.result("articles", len(stored), stored[news_lake.too_soon(stored)])


def _stored(lake: Lake, dataset: str, sessions: list[date]) -> pd.DataFrame:
    empty = news_lake.no_articles()
    return lake.read(news_lake.ARTICLES, dataset, sessions[0], sessions[-1], empty=empty)


def _show(
    context: dg.AssetExecutionContext,
    lake: Lake,
    dataset: str,
    sessions: list[date],
    new: pd.DataFrame,
    notices: list[Notice],
) -> None:
    start, end = sessions[0], sessions[-1]
    stored = _stored(lake, dataset, sessions)
    of_mentions = lake.read(news_lake.MENTIONS, dataset, start, end, empty=news_lake.no_mentions())
    frames = {
        "dagster/partition_row_count": stored,
        "mentions": of_mentions,
        "near_copies": stored[stored["group_id"] != stored["article_id"]],
        "assumed": stored[stored["known_by"] == ASSUMED],
    }
    counts = {name: show.rows_per_session(rows, sessions) for name, rows in frames.items()}
    # A version sorts by symbol, of which an article may have many; its id does as well.
    keyed = stored.assign(symbol=stored["article_id"])
    hashes = versions(keyed, ["article_id", "known_at", "content_hash", "group_id"])
    per = {
        day: {
            **{name: found[day] for name, found in counts.items()},
            "version": hashes.get(day, "no rows"),
        }
        for day in sessions
    }
    show.per_session(context, per)
    summary = {
        "new_articles": len(new),
        "for_later_sessions": int((new["session"] > pd.Timestamp(end)).sum()),
        "notices": "\n".join(f"{notice.place}: {notice.reason}" for notice in notices[:NAMED]),
        "notices_count": len(notices),
        "preview": _preview(stored, of_mentions),
    }
    context.add_asset_metadata(summary, partition_key=end.isoformat())
    for notice in notices:
        context.log.warning("articles.refused place=%s reason=%s", notice.place, notice.reason)


def _preview(stored: pd.DataFrame, mentions: pd.DataFrame) -> dg.MetadataValue[Any]:
    """The last articles, with the symbols that each is linked to."""
    symbols = mentions.groupby("article_id")["symbol"].agg(" ".join).to_dict()
    last = stored.sort_values(["known_at", "article_id"], kind="stable").tail(show.PREVIEW_ROWS)
    linked = [symbols.get(article_id, "") for article_id in last["article_id"]]
    shown = last[["session", "source", "title"]].assign(symbols=linked)
    return show.table(show.plain(shown, ["source", "title"]))
