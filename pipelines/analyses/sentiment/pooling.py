"""What a model says of a text: its classes' probabilities, pooled over the text's pieces.

Belongs here: pooling, the score, the confidence, and when a model abstains.
Keep out: the model that gives the probabilities.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

LABELS = ("negative", "neutral", "positive")

Probabilities = NDArray[np.float64]
"""Of LABELS, along the last axis; each in [0, 1], together 1."""

ABSTAIN_BELOW = 0.5
"""The confidence below which a score is not used: the model prefers no class to the others."""

HALVED_EVERY = 4
"""Pieces of a text after which a piece weighs half: news say first what matters most."""

MAX_PIECES = 32
"""Pieces of a text that are read; the first one beyond would weigh 1/256 of the first."""

NOTHING_SAID = (1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True)
class Sentiment:
    """A model's view of one text about one company.

    negative, neutral and positive are in [0, 1] and sum to 1. `model_hash` is 64 hex digits, and
    `trained_until` the last day whose texts the model may have learnt from, None if unknown.
    """

    negative: float
    neutral: float
    positive: float
    provider: str
    model_hash: str
    trained_until: date | None

    @property
    def score(self) -> float:
        """P(positive) - P(negative), in [-1, 1], positive for good news, rounded to 6 decimals."""
        return round(self.positive - self.negative, 6) + 0.0

    @property
    def confidence(self) -> float:
        """The largest probability, in [1/3, 1], rounded to 6 decimals."""
        return round(max(self.negative, self.neutral, self.positive), 6)

    @property
    def abstained(self) -> bool:
        """Whether the confidence is below ABSTAIN_BELOW, as it is for a text without words."""
        return self.confidence < ABSTAIN_BELOW


def pool(pieces: Probabilities) -> tuple[float, float, float]:
    """The probabilities of a text from those of its pieces, shape (pieces, 3), in their order.

    Their mean, each piece weighing half as much as the one HALVED_EVERY before it. One piece is
    pooled to itself, none to NOTHING_SAID.
    """
    if len(pieces) == 0:
        return NOTHING_SAID
    if len(pieces) == 1:
        negative, neutral, positive = pieces[0].tolist()
        return negative, neutral, positive
    weights = 0.5 ** (np.arange(len(pieces)) / HALVED_EVERY)
    negative, neutral, positive = (weights @ pieces / weights.sum()).tolist()
    return negative, neutral, positive


def softmax(logits: NDArray[np.floating]) -> Probabilities:
    """Probabilities from logits, along the last axis, in float64."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
