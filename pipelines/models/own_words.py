"""Headlines in the project's own words, for what the labelled headlines say little or nothing of.

Belongs here: filling the phrases of own_words.tsv (bankruptcy, fraud, recalls, losses that shrink,
one company's gain that is another's loss). Keep out: headlines of others.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from pipelines.analyses.sentiment.pooling import LABELS
from pipelines.models.examples import Example

PHRASES = Path(__file__).parent / "own_words.tsv"

ASKED_SHARE = 0.6
"""How often a headline of one company is read for it, not as a whole."""


def read_phrases(path: Path = PHRASES) -> list[tuple[tuple[str, ...], str]]:
    """Each phrase with its label, or with those of its companies a and b."""
    rows = (line.split("\t") for line in path.read_text("utf-8").splitlines())
    return [(tuple(labels.split("/")), phrase) for labels, phrase in rows]


def written(
    phrases: Sequence[tuple[tuple[str, ...], str]], names: Sequence[str], chance: random.Random
) -> list[Example]:
    """Every phrase once, with companies and figures by chance, about one of its companies."""
    return [_filled(labels, phrase, names, chance) for labels, phrase in phrases]


def _filled(
    labels: tuple[str, ...], phrase: str, names: Sequence[str], chance: random.Random
) -> Example:
    a, b = chance.sample(names, 2)
    low = chance.randrange(10, 500) / 10
    high = round(low * chance.uniform(1.1, 3), 1)
    text = phrase.format(a=a, b=b, n=chance.randrange(10, 100), low=low, high=high)
    named = tuple(name for name, field in ((a, "{a}"), (b, "{b}")) if field in phrase)
    at = chance.randrange(len(labels))
    is_asked = len(labels) > 1 or (named and chance.random() < ASKED_SHARE)
    return Example(text, named[at] if is_asked else "", _weights(labels[at]), named)


def _weights(label: str) -> tuple[float, float, float]:
    negative, neutral, positive = (float(label == each) for each in LABELS)
    return negative, neutral, positive
