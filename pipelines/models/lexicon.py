"""A list of rated words (VADER with words of finance): the last resort, where no model loads.

Keep out: anything learnt from labelled headlines.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from functools import cached_property

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from pipelines.analyses.sentiment.pooling import (
    MAX_PIECES,
    NOTHING_SAID,
    Sentiment,
    pool,
)
from pipelines.analyses.sentiment.text import normalise, pieces
from pipelines.models.provider import Reading

PIECE_WORDS = 40

TRAINED_UNTIL = date(2014, 12, 31)
"""VADER's ratings are of 2014; the words below are fitted to no text."""

RATED = {
    3.0: "beat beats outperform outperforms soar soars soared surge surges surged skyrockets",
    2.5: "upgrade upgrades upgraded rally rallies rallied jump jumps jumped bullish buyback",
    2.0: "rise rises rose climb climbs climbed gain gains gained growth record tops profitable"
    " rebound rebounds outpaces accretive approval approves wins dividend",
    1.5: "up higher raises raised increases increased improves improved recovers recovery exceeds",
    0.0: "share shares interest stock trust tax vice gross outstanding play novel",
    -1.5: "down lower cuts cut decreases decreased delays delayed weak weaker headwinds dilutive",
    -2.0: "fall falls fell decline declines declined drop drops dropped slip slips slides slid"
    " loss losses shortfall layoffs probe recall lawsuit impairment writedown restates",
    -2.5: "downgrade downgrades downgraded bearish slump slumps slumped tumble tumbles tumbled"
    " miss misses missed selloff warns warning",
    -3.0: "plunge plunges plunged crash crashes crashed default defaults bankruptcy bankrupt fraud"
    " underperform underperforms halts delisted insolvency",
}
"""VADER's scale, -4 to 4. What means something else in finance than in talk is 0."""

WORDS = {word: rating for rating, words in RATED.items() for word in words.split()}


class Lexicon:
    """A `Provider`; it knows no companies and scores a text as a whole."""

    name = "lexicon"
    trained_until: date | None = TRAINED_UNTIL

    def __init__(self) -> None:
        self._rater = SentimentIntensityAnalyzer()
        self._rater.lexicon.update(WORDS)

    @cached_property
    def model_hash(self) -> str:
        """SHA-256 of all words and their ratings, 64 hex digits."""
        words = json.dumps(self._rater.lexicon, sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()

    def read(self, readings: Sequence[Reading]) -> list[Sentiment]:
        """The sentiment of each reading, in their order.

        VADER's compound of each piece is the score, the rest is neutral; a piece without a rated
        word says nothing, and a text of such pieces is abstained from.
        """
        return [self._read(reading.text) for reading in readings]

    def _read(self, text: str) -> Sentiment:
        parts = pieces(normalise(text), PIECE_WORDS, lambda part: len(part.split()))[:MAX_PIECES]
        pooled = pool(np.array([self._rated(part) for part in parts]))
        return Sentiment(*pooled, self.name, self.model_hash, self.trained_until)

    def _rated(self, part: str) -> tuple[float, float, float]:
        compound = float(self._rater.polarity_scores(part)["compound"])
        if compound == 0:
            return NOTHING_SAID
        return max(-compound, 0.0), 1 - abs(compound), max(compound, 0.0)
