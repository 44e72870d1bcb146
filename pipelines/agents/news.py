"""The news agent: articles in, the companies that they name and what they may do out.

Belongs here: frames to structs and back. Keep out: linking and impacts (analyses/news/), fetching
articles, and models: their scores come with the request.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import pandas as pd

from pipelines.agents import wire
from pipelines.agents.service import Analysis, Prepared
from pipelines.analyses.news.impact import IMPACT_COLUMNS, impacts
from pipelines.analyses.news.linking import MENTION_COLUMNS, link
from pipelines.analyses.news.near_copies import group
from pipelines.sources.news.companies import linker
from router.messages import digest

NAME = "news-analysis"
NUMBERS = ("relevance", "direction", "magnitude", "novelty", "half_life", "score")


def analysis() -> Analysis:
    """What the agent serves."""
    return Analysis(
        name=NAME,
        description="The companies that articles name, and the impact of each article on each.",
        request=wire.NewsRequest,
        reply=wire.NewsReply,
        prepare=_prepare,
    )


def answer(request: wire.NewsRequest) -> wire.NewsReply:
    """Mentions and impacts, as the pure functions give them for these articles alone."""
    if request.table not in {None, table()}:
        raise wire.RefusedError(wire.OTHER_MODEL, f"this agent's table of companies is {table()}")
    mentions, found = analyse(_grouped(request.articles), scores_frame(request.sentiment))
    return wire.NewsReply(
        mentions=[wire.Mention(**row) for row in _rows(mentions)],
        impacts=[wire.Impact(**row) for row in _rows(found)],
    )


def analyse(
    articles: pd.DataFrame, sentiment: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mentions and impacts of grouped articles, with the packaged table of companies."""
    mentions = link(articles, linker())
    return mentions, impacts(articles, mentions, sentiment)


@cache
def table() -> str:
    """The digest of the packaged table of companies."""
    return digest(files("pipelines.sources.news").joinpath("companies.csv").read_text("utf-8"))


def mentions_frame(rows: list[wire.Mention]) -> pd.DataFrame:
    """The mentions of a reply as analyses/news gives them."""
    return _frame(rows, MENTION_COLUMNS)


def impacts_frame(rows: list[wire.Impact]) -> pd.DataFrame:
    """The impacts of a reply as analyses/news gives them."""
    return _frame(rows, IMPACT_COLUMNS)


def scores_frame(rows: list[wire.Score]) -> pd.DataFrame:
    """The scores of a request: article_id, symbol, score."""
    return _frame(rows, list(wire.Score.__struct_fields__))


def _prepare() -> Prepared:
    linker()
    return Prepared(answer, {"table": table()})


def _grouped(articles: list[wire.Article]) -> pd.DataFrame:
    frame = _frame(articles, list(wire.Article.__struct_fields__))
    frame["known_at"] = pd.to_datetime(frame["known_at"], utc=True).astype("datetime64[us, UTC]")
    given = frame["group_id"]
    if not given.isna().any():
        return frame.astype({"group_id": "str"})
    own = group(frame.drop(columns="group_id"))
    return own.assign(group_id=given.fillna(own["group_id"]).astype("str"))


def _frame(rows: Sequence[msgspec.Struct], columns: list[str]) -> pd.DataFrame:
    data = {name: [getattr(row, name) for row in rows] for name in columns}
    types = {name: "float64" if name in NUMBERS else "str" for name in columns}
    for name in {"known_at", "group_id"} & types.keys():
        del types[name]
    return pd.DataFrame(data, columns=columns).astype(types)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
