"""What every session adds to the figures of a score: computed once, true for ever.

Belongs here: per session of decision, the rank correlation, hits, calibration bins, coverage and
turnover. Keep out: which sessions are taken together (figures.py).

A score counts where its symbol has a bar of the session. One of 0 or NaN is no opinion. Ranks count
a 0 as what it says, neither good nor bad; hits, calibration and coverage count opinions alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats
from pipelines.analyses.quality.forward_returns import Grid, Returns
from pipelines.analyses.quality.ranks import by_row

Counts = NDArray[np.int64]

EDGES = np.round(np.linspace(-1.0, 1.0, 11), 1)
"""Of the calibration bins: each holds its lower edge, and the last one 1 as well."""

BINS = len(EDGES) - 1


@dataclass(frozen=True)
class Score:
    """What an analysis said: values in [-1, 1] of a grid's shape, NaN where it said nothing.

    version: of the model or the settings; another one is another score. contaminated: shape
    (sessions,), where a model may have learnt from texts of the session or later ones.
    """

    analysis: str
    version: str
    values: Floats
    contaminated: NDArray[np.bool_]


@dataclass(frozen=True)
class OfHorizon:
    """By session of decision, shape (sessions,) unless said otherwise.

    correlation: of the session's scores with the returns held, NaN without one. last_day: with
    those of the horizon's last session alone. judged: opinions whose return is known and not 0.
    hits: those of its sign. ups: those with a return above 0. bins: shape (sessions, BINS, 4),
    sums of opinions, scores, returns and returns above 0.
    """

    held: Floats
    correlation: Floats
    last_day: Floats
    judged: Counts
    hits: Counts
    ups: Counts
    bins: Floats


@dataclass(frozen=True)
class Contributions:
    """By session of decision, shape (sessions,): whatever the horizon.

    values: the scores that count, of the grid's shape. said: how many. opinions: those of them
    that are not 0. traded: symbols with a bar. persistence: rank correlation with the session's
    before. changed: sum of the absolute changes since the session before, over `compared` symbols
    that have both.
    """

    score: Score
    values: Floats
    said: Counts
    opinions: Counts
    traded: Counts
    persistence: Floats
    changed: Floats
    compared: Counts
    of_horizon: dict[int, OfHorizon]


def contributions(score: Score, grid: Grid, returns: Returns) -> Contributions:
    """Everything that the sessions of the grid add to this score's figures."""
    traded = ~np.isnan(grid.closes)
    values = np.where(traded, score.values, np.nan)
    before = np.full_like(values, np.nan)
    before[1:] = values[:-1]
    both = ~np.isnan(values) & ~np.isnan(before)
    return Contributions(
        score=score,
        values=values,
        said=(~np.isnan(values)).sum(axis=1),
        opinions=_opinions(values).sum(axis=1),
        traded=traded.sum(axis=1),
        persistence=by_row(values, before)[0],
        changed=_sums(np.abs(values - before), both),
        compared=both.sum(axis=1),
        of_horizon={
            horizon: _of_horizon(values, held, returns.last_day[horizon])
            for horizon, held in returns.held.items()
        },
    )


def _of_horizon(values: Floats, held: Floats, last_day: Floats) -> OfHorizon:
    judged = _opinions(values) & ~np.isnan(held) & (held != 0)
    return OfHorizon(
        held=held,
        correlation=by_row(values, held)[0],
        last_day=by_row(values, last_day)[0],
        judged=judged.sum(axis=1),
        hits=(judged & ((values > 0) == (held > 0))).sum(axis=1),
        ups=(judged & (held > 0)).sum(axis=1),
        bins=_bins(values, held),
    )


def _opinions(values: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = ~np.isnan(values) & (values != 0)
    return found


def _bins(values: Floats, held: Floats) -> Floats:
    """Shape (sessions, BINS, 4); the symbols are added in their order, so more change no bit."""
    known = _opinions(values) & ~np.isnan(held)
    rows = np.nonzero(known)[0]
    scores, earned = values[known], held[known]
    bins = np.clip(np.searchsorted(EDGES, scores, side="right") - 1, 0, BINS - 1)
    size = len(values) * BINS
    of_bin = rows * BINS + bins
    sums: list[Floats] = [
        np.bincount(of_bin, weights, size).astype(np.float64)
        for weights in (np.ones(len(rows)), scores, earned, (earned > 0).astype(np.float64))
    ]
    return np.stack(sums, axis=1).reshape(len(values), BINS, 4)


def _sums(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Each row's sum of what is kept, in the order of the symbols."""
    return np.bincount(np.nonzero(kept)[0], values[kept], len(values)).astype(np.float64)
