"""How often a provider is right on labelled headlines.

Keep out: which headlines (examples.py), and any goal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.sentiment.pooling import LABELS, Probabilities
from pipelines.models.examples import Example
from pipelines.models.provider import Provider, Reading


def probabilities_of(provider: Provider, examples: Sequence[Example]) -> Probabilities:
    """Probabilities of LABELS, shape (examples, 3), each row about the example's company."""
    found = provider.read([Reading(example.text, example.entity) for example in examples])
    return np.array([(s.negative, s.neutral, s.positive) for s in found])


def accuracy(probabilities: Probabilities, examples: Sequence[Example]) -> float:
    """The share whose likeliest class is the label, in [0, 1]; nothing is left out."""
    return float((probabilities.argmax(axis=1) == _truth(examples)).mean())


def macro_f1(probabilities: Probabilities, examples: Sequence[Example]) -> float:
    """The mean over the classes of F1, in [0, 1]."""
    truth, found = _truth(examples), probabilities.argmax(axis=1)
    scores = []
    for label in range(len(LABELS)):
        hits = int(((found == label) & (truth == label)).sum())
        scores.append(2 * hits / max(int((found == label).sum() + (truth == label).sum()), 1))
    return float(np.mean(scores))


def calibration_error(probabilities: Probabilities, examples: Sequence[Example]) -> float:
    """Mean distance of confidence from accuracy over ten bins of confidence, in [0, 1]."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == _truth(examples)
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(float(right[bins == at].mean() - confidence[bins == at].mean())) * (bins == at).mean()
        for at in np.unique(bins)
    ]
    return float(np.sum(gaps))


def _truth(examples: Sequence[Example]) -> NDArray[np.int64]:
    return np.array([example.label for example in examples])
