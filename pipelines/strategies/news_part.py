"""What news and sentiment add to a strategy's score: never more than a cap.

Belongs here: joining their daily scores to a technical table, their part of the score, and its
reasons. Keep out: how articles are judged (analyses/), and reading tables (assets/signals.py).

The cap holds whatever an article says and however many there are, so that no text at all can do
more than a strategy's settings allow.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.analyses.adjust import Floats
from pipelines.strategies import strategy

SCORES = {"news_score": strategy.NEWS, "sentiment_score": strategy.SENTIMENT}
"""Columns that a strategy may weigh, by the analysis; NaN where there is no article."""

REASONS = {name: f"{told}{strategy.REASONS}" for name, told in SCORES.items()}
KNOWN_AT = "news_known_at"

OF_NEWS = {
    "score": "news_score",
    "reasons": "news_reasons",
    "known_at": "_known",
    "article_ids": "article_ids",
    "content_hashes": "content_hashes",
}
"""Columns of the daily news, and their names beside a technical table."""

OF_SENTIMENT = {
    "novelty_weighted": "sentiment_score",
    "reasons": "sentiment_reasons",
    "known_at": KNOWN_AT,
    "model_hash": "model_hash",
}
CONTAMINATED = "the model may have learnt from texts of this session or later ones"


def joined(table: pd.DataFrame, news: pd.DataFrame, sentiment: pd.DataFrame) -> pd.DataFrame:
    """The technical table with the day's news and sentiment of each symbol beside it.

    Input: `news` of analyses.news.daily and `sentiment` of analyses.sentiment.daily with known_at
    and model_hash; both one row per symbol and session that has any. Output: `table`'s rows in
    their order, with the columns of OF_NEWS and OF_SENTIMENT, NaN where there is nothing, and in
    KNOWN_AT when the last article of either was known (NaT: none).
    """
    of_news = news[[*strategy.KEYS, *OF_NEWS]].rename(columns=OF_NEWS)
    told = sentiment[sentiment["count"] > 0]
    said = told["reasons"].where(
        ~told["contaminated"].astype("bool"), told["reasons"] + strategy.SEPARATOR + CONTAMINATED
    )
    of_sentiment = told.assign(reasons=said)[[*strategy.KEYS, *OF_SENTIMENT]].rename(
        columns=OF_SENTIMENT
    )
    found = table.merge(of_news, on=strategy.KEYS, how="left", validate="one_to_one")
    found = found.merge(of_sentiment, on=strategy.KEYS, how="left", validate="one_to_one")
    latest = found[["_known", KNOWN_AT]].max(axis=1)
    return found.assign(**{KNOWN_AT: latest}).drop(columns="_known")


def shares(ready: pd.DataFrame, weights: Mapping[str, float]) -> dict[str, Floats]:
    """What each score would add to a row's sum, before the cap; 0 without an article."""
    return {
        name: weight * np.nan_to_num(ready[name].to_numpy(dtype=np.float64))
        for name, weight in weights.items()
    }


def capped(found: Mapping[str, Floats], cap: float) -> dict[str, Floats]:
    """The same shares, shrunk together where their sum is beyond -cap or cap."""
    total = np.abs(sum(found.values(), np.zeros(1)))
    factor = np.where(total > cap, cap / np.where(total > cap, total, 1.0), 1.0)
    return {name: share * factor for name, share in found.items()}


def reasons(ready: pd.DataFrame, name: str) -> list[str]:
    """What a score says of each row, for people; nothing where there is no article."""
    rows = zip(ready[name].tolist(), ready[REASONS[name]].tolist(), strict=True)
    return ["" if math.isnan(score) else f"{score:.2f}: {text}" for score, text in rows]
