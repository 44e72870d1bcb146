"""A transformer that sorts texts, as a provider: texts to pieces, pieces to batches, and back.

Belongs here: what the shipped model and others have in common. Keep out: loading either.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.sentiment.pooling import (
    MAX_PIECES,
    Probabilities,
    Sentiment,
    pool,
    softmax,
)
from pipelines.analyses.sentiment.text import normalise, pieces
from pipelines.models.provider import Reading

BATCH = 8
"""Pieces per run: of similar length, so little of a batch is padding."""

PIECE_TOKENS = 64
"""The limit of a piece, without the company: models of headlines learnt from no longer ones."""

MAX_ENTITY = 60
"""Characters of a company's name that are read."""

Tokens = tuple[list[int], list[int]]
"""Ids and type ids of one piece and its company, equally long."""

Ids = NDArray[np.int64]


class Backend(Protocol):
    """What runs a model."""

    def logits(self, ids: Ids, mask: Ids, types: Ids) -> NDArray[np.float32]:
        """The logits of negative, neutral and positive, shape (batch, 3), of a padded batch."""


@dataclass(frozen=True)
class Classifier:
    """A model with its tokenizer: a `Provider`.

    `encode` gives the tokens of (text, company) pairs, `padding` fills a batch. A model that was
    not trained on pairs has `entity_aware` False and scores a text as a whole.
    """

    name: str
    model_hash: str
    trained_until: date | None
    backend: Backend
    encode: Callable[[Sequence[tuple[str, str]]], list[Tokens]]
    padding: int
    entity_aware: bool

    def read(self, readings: Sequence[Reading]) -> list[Sentiment]:
        """The sentiment of each reading, in their order.

        A text beyond PIECE_TOKENS is split at sentences, its first MAX_PIECES pieces are scored
        and pooled. What is the same twice is scored once.
        """
        known = list(dict.fromkeys(self._pair(reading) for reading in readings))
        cut = {pair: self._pieces(pair) for pair in known}
        probabilities = self._probabilities(list(dict.fromkeys(p for c in cut.values() for p in c)))
        pooled = {
            pair: pool(np.array([probabilities[piece] for piece in parts]))
            for pair, parts in cut.items()
        }
        return [self._sentiment(pooled[self._pair(reading)]) for reading in readings]

    def _pair(self, reading: Reading) -> tuple[str, str]:
        entity = normalise(reading.entity)[:MAX_ENTITY].strip() if self.entity_aware else ""
        return normalise(reading.text), entity

    def _pieces(self, pair: tuple[str, str]) -> list[tuple[str, str]]:
        text, entity = pair
        parts = pieces(text, PIECE_TOKENS, self._length)[:MAX_PIECES]
        return [(part, entity) for part in parts]

    def _length(self, text: str) -> int:
        """Tokens of a text; a character is at least one byte, so short texts need no counting."""
        return len(text) if len(text) <= PIECE_TOKENS else len(self.encode([(text, "")])[0][0]) - 2

    def _probabilities(
        self, pairs: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Probabilities]:
        """Each piece's probabilities: batches of pieces of similar length."""
        tokens = self.encode(pairs) if pairs else []
        order = sorted(range(len(pairs)), key=lambda at: len(tokens[at][0]))
        found: dict[tuple[str, str], Probabilities] = {}
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            batch = padded([tokens[at] for at in places], self.padding)
            rows = softmax(self.backend.logits(*batch))
            found.update((pairs[at], row) for at, row in zip(places, rows, strict=True))
        return found

    def _sentiment(self, probabilities: tuple[float, float, float]) -> Sentiment:
        return Sentiment(*probabilities, self.name, self.model_hash, self.trained_until)


def padded(batch: Sequence[Tokens], padding: int) -> tuple[Ids, Ids, Ids]:
    """Ids, mask (1 for the tokens of a text, then 0) and type ids, each (batch, longest)."""
    width = max(len(ids) for ids, _ in batch)
    ids = np.full((len(batch), width), padding, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, (of_text, of_type) in enumerate(batch):
        ids[row, : len(of_text)] = of_text
        types[row, : len(of_type)] = of_type
        mask[row, : len(of_text)] = 1
    return ids, mask, types
