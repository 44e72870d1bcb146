"""Quality of signals on real headlines: what they say of their own session, and of the next one.

Belongs here: the check that sentiment of real headlines foretells nothing, which it only could by
looking ahead. Keep out: how the figures are computed (pipelines/analyses/quality/).

TRADING_TEST_DATA names the folder that holds news/benzinga_headlines_10k.csv and
prices/sp500_daily_2013_2018.parquet. The headlines are those of four companies of the index. An
abnormal return is the symbol's less the mean of all symbols of the file in the same sessions: about
500 members, weighed alike, and no index, as the data have none. Prices are not adjusted for
dividends, which moves few days by half a per cent. The model has learnt from texts of those years,
so none of this says how good it is.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines import news_lake
from pipelines.analyses.adjust import Floats
from pipelines.analyses.news.near_copies import group
from pipelines.analyses.quality.bootstrap import pooled_interval
from pipelines.analyses.quality.forward_returns import Grid, forward_returns, grid_of
from pipelines.analyses.quality.ranks import pooled
from pipelines.analyses.sentiment.daily import daily_sentiment
from pipelines.models.provider import score_mentions
from pipelines.models.shipped import shipped
from pipelines.sources.base import no_actions
from pipelines.sources.news.base import article, frame_of
from tests.benchmarks.report import heading, say

COMPANIES = {
    "A": "Agilent",
    "AAP": "Advance Auto Parts",
    "ABBV": "AbbVie",
    "ABC": "AmerisourceBergen",
}
HEADLINES = "news/benzinga_headlines_10k.csv"
PRICES = "prices/sp500_daily_2013_2018.parquet"

SAME = "the same session, from the close before"
NEXT = "the next session, from the close before"
TRADED = "the next session, from its open"
"""What a trader of the score could have had; the first two begin before the decision."""


@dataclass(frozen=True)
class Relation:
    """The rank correlation of scores with abnormal returns, its 95 % interval, and the pairs."""

    correlation: float
    low: float
    high: float
    pairs: int

    @property
    def is_none(self) -> bool:
        """Whether 0 lies within the interval."""
        return self.low <= 0 <= self.high


@lru_cache(maxsize=1)
def scored(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The headlines as articles with their groups, and the shipped model's score of each."""
    bars = read_bars(folder)
    first, last = bars["session"].min(), bars["session"].max()
    rows = pd.read_csv(folder / HEADLINES).dropna(subset=["title", "date", "stock"])
    rows = rows[rows["stock"].isin(list(COMPANIES))]
    rows["published"] = pd.to_datetime(rows["date"], utc=True).dt.as_unit("us")
    rows = rows[rows["published"].dt.tz_localize(None).between(first, last)]
    told = [
        article("benzinga", url=f"{symbol}/{n}", published=at, seen=None, title=title, text="")
        for n, (title, symbol, at) in enumerate(
            zip(rows["title"], rows["stock"], rows["published"], strict=True)
        )
    ]
    articles = frame_of(told)
    symbols = articles["url"].str.partition("/")[0]
    # Grouped within each company: a headline that names two is filed, and counts, under both.
    articles = pd.concat([group(part) for _, part in articles.groupby(symbols)])
    mentions = articles[["article_id"]].assign(symbol=symbols)
    return articles, score_mentions(shipped(), articles, mentions, COMPANIES)


def daily_scores(folder: Path, sessions_early: int = 0) -> pd.DataFrame:
    """The score of each symbol and session, as the asset `sentiment` has it.

    `sessions_early` above 0 looks ahead: each session is given the headlines of a later one.
    """
    articles, scores = scored(folder)
    nothing_older = pd.DataFrame({"article_id": [], "symbol": [], "novelty": []}).astype(
        {"article_id": "str", "symbol": "str", "novelty": "float64"}
    )
    decisions = news_lake.decisions()
    daily = daily_sentiment(scores, articles, nothing_older, decisions)
    days = pd.DatetimeIndex(decisions["session"])
    moved = days[days.get_indexer(pd.DatetimeIndex(daily["session"])) - sessions_early]
    return daily[daily["count"] > 0].assign(session=moved[(daily["count"] > 0).to_numpy()])


def relations(folder: Path, sessions_early: int = 0) -> dict[str, Relation]:
    """How the scores go with the abnormal returns of their own session and of the next."""
    bars = read_bars(folder)
    grid = grid_of(bars, no_actions(), pd.DatetimeIndex(bars["session"].unique()).sort_values())
    daily = daily_scores(folder, sessions_early)
    scores = grid.placed(daily, daily["mean"].to_numpy())
    return {name: _relation(scores, found) for name, found in abnormal(grid).items()}


def abnormal(grid: Grid) -> Mapping[str, Floats]:
    """Returns by session of decision, less the mean of all symbols."""
    day = np.full_like(grid.closes, np.nan)
    day[1:] = grid.closes[1:] / grid.closes[:-1] - 1
    following = np.full_like(day, np.nan)
    following[:-1] = day[1:]
    every = {SAME: day, NEXT: following, TRADED: forward_returns(grid).held[1]}
    return {name: found - _market(found) for name, found in every.items()}


def _market(returns: Floats) -> Floats:
    """The mean over the symbols, shape (sessions, 1); NaN where none has a return."""
    counts = (~np.isnan(returns)).sum(axis=1, keepdims=True)
    mean = np.full(counts.shape, np.nan)
    np.divide(np.nansum(returns, axis=1, keepdims=True), counts, out=mean, where=counts > 0)
    return mean


def _relation(scores: Floats, returns: Floats) -> Relation:
    both = ~(np.isnan(scores) | np.isnan(returns))
    correlation, pairs = pooled(scores, returns)
    between = pooled_interval(scores[both], returns[both], np.nonzero(both)[0], 1)
    return Relation(correlation, *between, pairs)


@lru_cache(maxsize=1)
def read_bars(folder: Path) -> pd.DataFrame:
    """The index's members: symbol, session, open, close."""
    bars = pd.read_parquet(folder / PRICES, columns=["symbol", "date", "open", "close"])
    return bars.rename(columns={"date": "session"}).astype({"symbol": "str"})


def measure() -> None:
    """Print what headlines say of their own session and of the next, and what a leak looks like."""
    data = os.environ.get("TRADING_TEST_DATA")
    heading("Quality of signals: headlines of A, AAP, ABBV, ABC, 2013 to 2018, abnormal returns")
    if not data:
        say("headlines against returns", "NOT RUN", "TRADING_TEST_DATA is not set")
        return
    for name, found in relations(Path(data)).items():
        say(f"rank correlation, {name}", f"{found.correlation:+.3f}", _told(found, name != SAME))
    ahead = relations(Path(data), sessions_early=1)[NEXT]
    say("the same, headlines one session too early", f"{ahead.correlation:+.3f}", _between(ahead))


def _told(found: Relation, must_be_none: bool) -> str:
    if not must_be_none:
        return _between(found)
    return f"{_between(found)}  goal: holds 0  {'pass' if found.is_none else 'MISSED'}"


def _between(found: Relation) -> str:
    return f"95 %: {found.low:+.3f} to {found.high:+.3f}, {found.pairs} pairs"
