"""What news and sentiment add to a strategy's score: never more than a cap.

Belongs here: joining their daily scores to a technical table, their part of the score, and its
reasons. Keep out: how articles are judged (analyses/), and reading tables (assets/signals.py).

The cap holds whatever an article says and however many there are, so that no text at all can do
more than a strategy's settings allow.
"""

import math

import numpy as np
import pandas as pd

from pipelines.analyses.adjust import Floats

SCORES = {"news_score": "news", "sentiment_score": "sentiment"}
"""Columns that a strategy may weigh, and what people call them; NaN where there is no article."""

REASONS = {name: f"{told}_reasons" for name, told in SCORES.items()}
KNOWN_AT = "news_known_at"


def joined(table: pd.DataFrame, news: pd.DataFrame, sentiment: pd.DataFrame) -> pd.DataFrame:
    """The technical table with the day's news and sentiment of each symbol beside it.

    Input: `news` of analyses.news.daily and `sentiment` of analyses.sentiment.daily with known_at;
    both one row per symbol and session that has any. Output: `table`'s rows in their order, with
    the columns of SCORES and REASONS, and when the last article of either was known (NaT: none).
    """
    keys = ["symbol", "session"]
    of_news = news[[*keys, "score", "reasons", "known_at"]]
    told = sentiment[sentiment["count"] > 0]
    of_sentiment = told[[*keys, "novelty_weighted", "reasons", "known_at"]]
    found = table.merge(
        of_news.set_axis([*keys, "news_score", "news_reasons", "_known"], axis=1),
        on=keys, how="left", validate="one_to_one",
    ).merge(
        of_sentiment.set_axis([*keys, "sentiment_score", "sentiment_reasons", KNOWN_AT], axis=1),
        on=keys, how="left", validate="one_to_one",
    )  # fmt: skip
    latest = found[["_known", KNOWN_AT]].max(axis=1)
    return found.assign(**{KNOWN_AT: latest}).drop(columns="_known")


def part(ready: pd.DataFrame, weights: dict[str, float], cap: float) -> Floats:
    """What news and sentiment add to each row's score, within -cap to cap; 0 without an article."""
    total = np.zeros(len(ready))
    for name, weight in weights.items():
        total += weight * np.nan_to_num(ready[name].to_numpy(dtype=np.float64))
    return np.clip(total, -cap, cap)


def reasons(ready: pd.DataFrame, weights: dict[str, float], cap: float) -> list[list[str]]:
    """One sentence per row and weighed score, and one more where the cap cut them."""
    columns = {name: ready[name].tolist() for name in weights}
    texts = {name: ready[REASONS[name]].tolist() for name in weights}
    return [
        _of_row({name: (columns[name][n], texts[name][n]) for name in weights}, weights, cap)
        for n in range(len(ready))
    ]


def _of_row(
    found: dict[str, tuple[float, str]], weights: dict[str, float], cap: float
) -> list[str]:
    said = [
        f"no {SCORES[name]}" if math.isnan(score) else f"{SCORES[name]} {score:.2f}: {text}"
        for name, (score, text) in found.items()
    ]
    total = sum(
        weights[name] * score for name, (score, _) in found.items() if not math.isnan(score)
    )
    return [*said, f"news and sentiment are capped at {cap}"] if abs(total) > cap else said
