"""Spearman's rank correlation, of every session's symbols at once or of all pairs.

Belongs here: ranks and their correlation. Keep out: what the numbers mean.

Convention: ranks are ascending, ties share the mean of their ranks, and the correlation is
Pearson's of the ranks, as scipy.stats.spearmanr gives it. A pair with a NaN does not count. Where a
side does not vary, or there are fewer than MIN_PAIRS pairs, the correlation is NaN: two pairs can
only give 1 or -1. Sums are over whole numbers, so the order of the pairs changes no bit.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats

MIN_PAIRS = 3


def ranks(values: Floats) -> Floats:
    """Ranks from 1 within each row, NaN where the value is; shape as given (rows, columns)."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    places = np.arange(1.0, values.shape[1] + 1)
    begins = np.ones(values.shape, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(values.shape, dtype=bool)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0.0), axis=1)
    beyond = np.where(ends, places, np.inf)[:, ::-1]
    last = np.minimum.accumulate(beyond, axis=1)[:, ::-1]
    found = np.empty(values.shape)
    np.put_along_axis(found, order, (first + last) / 2, axis=1)
    return np.where(np.isnan(values), np.nan, found)


def by_row(left: Floats, right: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The correlation of each row's pairs, and how many pairs it has; both of shape (rows,)."""
    both = ~(np.isnan(left) | np.isnan(right))
    counts = both.sum(axis=1)
    one, other = (_centred(np.where(both, side, np.nan), counts) for side in (left, right))
    together, alone, other_alone = ((a * b).sum(axis=1) for a, b in _pairs(one, other))
    varied = (counts >= MIN_PAIRS) & (alone > 0) & (other_alone > 0)
    spread = np.sqrt(alone) * np.sqrt(other_alone)
    found = np.full(len(left), np.nan)
    np.divide(together, spread, out=found, where=varied)
    return np.clip(found, -1.0, 1.0), counts


def pooled(left: Floats, right: Floats) -> tuple[float, int]:
    """The correlation of all pairs of two arrays of one shape, whatever session, and their number.

    It also sees what moves all symbols at once, which a session's own correlation does not.
    """
    both = ~(np.isnan(left) | np.isnan(right))
    found, counts = by_row(left[both][None, :], right[both][None, :])
    return float(found[0]), int(counts[0])


def _centred(values: Floats, counts: NDArray[np.int64]) -> Floats:
    """Twice the ranks less their mean, which are whole numbers; 0 where there is no pair."""
    return np.nan_to_num(2.0 * ranks(values) - (counts[:, None] + 1.0))


def _pairs(one: Floats, other: Floats) -> tuple[tuple[Floats, Floats], ...]:
    return (one, other), (one, one), (other, other)
