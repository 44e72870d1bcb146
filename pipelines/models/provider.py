"""The one interface of all sentiment models, and the scores of articles through it.

Belongs here: what every provider is given and gives, and the frame of scores.
Keep out: any provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pandas as pd

from pipelines.analyses.sentiment.daily import SCORE_COLUMNS
from pipelines.analyses.sentiment.pooling import Sentiment


@dataclass(frozen=True)
class Reading:
    """A text as it came, and the company that the score is about ("": the text as a whole)."""

    text: str
    entity: str = ""


class Provider(Protocol):
    """A model that scores texts."""

    @property
    def name(self) -> str:
        """The name that goes with every score."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of what decides the scores, 64 hex digits."""

    @property
    def trained_until(self) -> date | None:
        """The last day whose texts the model may have learnt from, None if unknown."""

    def read(self, readings: Sequence[Reading]) -> list[Sentiment]:
        """The sentiment of each reading, in their order; any string at all may be read.

        Equal readings get equal scores, whatever else is read with them.
        """


def score_mentions(
    provider: Provider, articles: pd.DataFrame, mentions: pd.DataFrame, names: Mapping[str, str]
) -> pd.DataFrame:
    """The sentiment of each article about each company that it mentions, SCORE_COLUMNS.

    Input: articles (article_id, title, text), mentions (article_id, symbol), and the company's
    name by symbol; a symbol without one is asked for by itself. Output: one row per mention, in
    their order; score in [-1, 1], confidence in [1/3, 1], trained_until datetime64[us] or NaT.
    """
    texts = mentions[["article_id", "symbol"]].merge(
        articles[["article_id", "title", "text"]], on="article_id", validate="many_to_one"
    )
    readings = [
        Reading(_whole(title, text), names.get(symbol, symbol))
        for symbol, title, text in zip(texts["symbol"], texts["title"], texts["text"], strict=True)
    ]
    found = provider.read(readings)
    frame = texts[["article_id", "symbol"]].assign(
        score=pd.Series([s.score for s in found], dtype="float64"),
        confidence=pd.Series([s.confidence for s in found], dtype="float64"),
        abstained=pd.Series([s.abstained for s in found], dtype="bool"),
        provider=provider.name,
        model_hash=provider.model_hash,
        trained_until=pd.Series(
            pd.NaT if provider.trained_until is None else pd.Timestamp(provider.trained_until),
            index=texts.index,
        ).astype("datetime64[us]"),
    )
    return frame[SCORE_COLUMNS]


def _whole(title: str, text: str) -> str:
    """Title and text as one; a title that the text repeats is read once."""
    if not text or text.startswith(title):
        return text or title
    return f"{title} {text}" if title.endswith((".", "!", "?")) else f"{title}. {text}"
