"""How much an article should count for a symbol, by rules that are written down here.

Belongs here: direction, magnitude, novelty and half-life per (article, symbol).
Keep out: finding symbols (linking.py) and kinds of events (events.py), and any size or order.

direction = 0.7 sentiment + 0.3 tone, where sentiment is the language model's score of the article
for the symbol and tone the balance of good and bad words; without a sentiment, half the tone.
magnitude = the event's weight x relevance; 0 for a text that reads as written to push a price.
novelty = 1 for the first article of a story, 0 for a near-copy of it; a further story of the same
kind about the same symbol within REPEAT counts 1 / (1 + number of earlier ones).
score = direction x magnitude x novelty at the moment of known_at; it halves every half_life
sessions. Only the article and earlier ones decide, so nothing changes when later ones arrive.
"""

import math
from collections import defaultdict
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipelines.analyses.news.cleaning import clean_title
from pipelines.analyses.news.events import Event, classify, promotion, tone

IMPACT_COLUMNS = [
    "article_id",
    "symbol",
    "event_type",
    "direction",
    "magnitude",
    "novelty",
    "half_life",
    "score",
    "reasons",
]

SENTIMENT_SHARE = 0.7
TONE_ALONE = 0.5
"""What good and bad words count for where no model has judged."""

MAGNITUDES = {
    "guidance": 0.8,
    "merger": 0.8,
    "earnings": 0.7,
    "rating": 0.5,
    "management": 0.4,
    "legal": 0.4,
    "product": 0.3,
    "macro": 0.2,
    "other": 0.1,
}
HALF_LIVES = {
    "guidance": 10.0,
    "merger": 5.0,
    "earnings": 5.0,
    "rating": 3.0,
    "management": 5.0,
    "legal": 5.0,
    "product": 2.0,
    "macro": 2.0,
    "other": 1.0,
}
"""Sessions until an event counts half."""

REPEAT = timedelta(days=5)


def impacts(
    articles: pd.DataFrame, mentions: pd.DataFrame, sentiment: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row per mention, sorted by article and symbol.

    Args:
        articles: article_id, known_at, title, text and group_id.
        mentions: article_id, symbol and relevance.
        sentiment: article_id, symbol and score in [-1, 1]; rows may be missing or NaN.

    Returns:
        article_id, symbol, event_type, direction [-1, 1], magnitude [0, 1], novelty [0, 1],
        half_life (sessions), score [-1, 1] and reasons.
    """
    rows = mentions.merge(articles, on="article_id", how="inner", validate="many_to_one")
    rows = rows.sort_values(["known_at", "article_id", "symbol"], kind="stable")
    judged = {
        article_id: (classify(title, text), tone(title, text), promotion(title, text))
        for article_id, title, text in _texts(rows)
    }
    scores = _scores(sentiment)
    novelty = _Novelty()
    found = []
    row: Any
    for row in rows.itertuples(index=False):
        event, words, pushed = judged[row.article_id]
        model = scores.get((row.article_id, row.symbol), math.nan)
        fresh, earlier = novelty.of(row, event.kind)
        found.append(_impact(row, event, _direction(model, words), pushed, fresh, earlier))
    frame = pd.DataFrame(found, columns=IMPACT_COLUMNS)
    texts = dict.fromkeys(("article_id", "symbol", "event_type", "reasons"), "str")
    numbers = dict.fromkeys(("direction", "magnitude", "novelty", "half_life", "score"), "float64")
    ordered = frame.astype(texts | numbers).sort_values(["article_id", "symbol"], kind="stable")
    return ordered.reset_index(drop=True)


def decayed(score: float, sessions: float, half_life: float) -> float:
    """What is left of a score after that many sessions."""
    return float(score * 0.5 ** (sessions / half_life))


class _Novelty:
    """Counts the stories of each kind about each symbol, in the order they became known."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], list[tuple[pd.Timestamp, str]]] = defaultdict(list)

    def of(self, row: Any, kind: str) -> tuple[float, int]:  # noqa: ANN401 - a row's tuple
        """Novelty in [0, 1] and how many earlier stories made it less."""
        if row.group_id != row.article_id:
            return 0.0, 0
        told = self._told[row.symbol, kind]
        recent = {story for known_at, story in told if known_at >= row.known_at - REPEAT}
        told.append((row.known_at, row.group_id))
        return 1.0 / (1 + len(recent)), len(recent)


def _impact(
    row: Any,  # noqa: ANN401 - a row's tuple
    event: Event,
    direction: tuple[float, str],
    pushed: str,
    fresh: float,
    earlier: int,
) -> tuple[object, ...]:
    magnitude = 0.0 if pushed else MAGNITUDES[event.kind] * row.relevance
    reasons = [f"{event.kind}: {event.reason}" if event.kind == "other" else event.reason]
    reasons.append(direction[1])
    reasons.append(f"relevance {row.relevance:.2f}")
    if pushed:
        reasons.append(f"{pushed}, so its magnitude is 0")
    if row.group_id != row.article_id:
        reasons.append(f"a near-copy of {row.group_id[:8]}, so its novelty is 0")
    elif earlier:
        reasons.append(f"{earlier} earlier of its kind within {REPEAT.days} days")
    score = float(np.clip(direction[0] * magnitude * fresh, -1.0, 1.0))
    numbers = (direction[0], magnitude, fresh, HALF_LIVES[event.kind], score)
    rounded = (round(number, 6) + 0.0 for number in numbers)
    return (row.article_id, row.symbol, event.kind, *rounded, "; ".join(reasons))


def _direction(model: float, words: float) -> tuple[float, str]:
    if math.isnan(model):
        return TONE_ALONE * words, f"tone {words:+.2f}, no sentiment"
    bounded = min(1.0, max(-1.0, model))
    both = SENTIMENT_SHARE * bounded + (1.0 - SENTIMENT_SHARE) * words
    return both, f"sentiment {bounded:+.2f}, tone {words:+.2f}"


def _scores(sentiment: pd.DataFrame | None) -> dict[tuple[str, str], float]:
    if sentiment is None:
        return {}
    keys = zip(sentiment["article_id"], sentiment["symbol"], strict=True)
    return dict(zip(keys, sentiment["score"].astype("float64"), strict=True))


def _texts(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    once = rows.drop_duplicates("article_id")
    titles = [clean_title(title) for title in once["title"]]
    return list(zip(once["article_id"], titles, once["text"], strict=True))
