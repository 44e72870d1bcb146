"""The figures of a score as they were known after a session: over the last WINDOW sessions.

Belongs here: taking the sessions' contributions together, and their tables' columns.
Keep out: a session's own contribution (contributions.py) and tables of the lake.

The figures of session T and horizon h rest on the decisions of the WINDOW sessions up to T-h, whose
returns are all known with the close of T. What comes later changes none of them.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipelines.analyses.adjust import Floats
from pipelines.analyses.quality.bootstrap import (
    MIN_SESSIONS,
    NONE,
    mean_interval,
    pooled_interval,
)
from pipelines.analyses.quality.contributions import EDGES, Contributions, OfHorizon
from pipelines.analyses.quality.ranks import MIN_PAIRS, pooled

WINDOW = 252
"""Sessions of decision: a year."""

DIGITS = 6
KEYS = {"session": "datetime64[us]", "analysis": "str", "version": "str", "horizon": "int64"}
FIGURES = {
    "sessions": "int64", "ic": "float64", "ic_low": "float64", "ic_high": "float64",
    "day_ic": "float64", "pairs": "int64", "pooled_ic": "float64", "pooled_low": "float64",
    "pooled_high": "float64", "judged": "int64", "hit_rate": "float64", "up_rate": "float64",
    "coverage": "float64", "persistence": "float64", "change": "float64",
    "contaminated": "bool",
}  # fmt: skip
BIN_FIGURES = {
    "low": "float64", "high": "float64", "count": "int64", "mean_score": "float64",
    "mean_return": "float64", "up_rate": "float64",
}  # fmt: skip


def figures(
    found: Sequence[Contributions], sessions: pd.DatetimeIndex, wanted: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The figures known after each wanted session (places in `sessions`), and the calibration.

    Output: a row per session, score and horizon with KEYS and FIGURES (fractions, correlations in
    [-1, 1], NaN where there are too few), and one per bin that holds an opinion with KEYS and
    BIN_FIGURES. A version without a row in the window has none.
    """
    rows, bins = [], []
    for at in wanted:
        for one in found:
            spoke = _used(one, at)
            if not spoke:
                continue
            always = _whatever_horizon(one, spoke)
            for horizon, of in one.of_horizon.items():
                key = [sessions[at], one.score.analysis, one.score.version, horizon]
                window = _window(at - horizon)
                row = _of_horizon(one.values, of, window, horizon) | always
                row["contaminated"] = bool(one.score.contaminated[window].any())
                rows.append([*key, *(row[name] for name in FIGURES)])
                bins += [[*key, *line] for line in _calibration(of.bins[window])]
    return _frame(rows, FIGURES), _frame(bins, BIN_FIGURES)


def _window(last: int) -> slice:
    """The places of the WINDOW sessions up to `last`."""
    end = max(last + 1, 0)
    return slice(max(end - WINDOW, 0), end)


def _used(one: Contributions, at: int) -> slice | None:
    """From the first to the last session of the window in which this version said anything."""
    window = _window(at)
    spoke = np.flatnonzero(one.said[window])
    if not len(spoke):
        return None
    return slice(window.start + int(spoke[0]), window.start + int(spoke[-1]) + 1)


def _whatever_horizon(one: Contributions, used: slice) -> dict[str, float]:
    # What changed on the first session changed from another version, or from before the window.
    since = slice(used.start + 1, used.stop)
    return {
        "coverage": _share(one.opinions[used].sum(), one.traded[used].sum()),
        "persistence": _mean(one.persistence[since]),
        "change": _share(one.changed[since].sum(), one.compared[since].sum()),
    }


def _of_horizon(values: Floats, of: OfHorizon, window: slice, horizon: int) -> dict[str, float]:
    own = of.correlation[window]
    own = own[~np.isnan(own)]
    low, high = _rounded(mean_interval(own, horizon))
    of_all, pairs = _pooled(values[window], of.held[window])
    sparse = len(own) < MIN_SESSIONS
    between = _pooled_between(values[window], of.held[window], horizon) if sparse else NONE
    judged = int(of.judged[window].sum())
    return {
        "sessions": len(own), "ic": _mean(own), "ic_low": low, "ic_high": high,
        "day_ic": _mean(of.last_day[window]), "pairs": pairs, "pooled_ic": _round(of_all),
        "pooled_low": between[0], "pooled_high": between[1], "judged": judged,
        "hit_rate": _share(of.hits[window].sum(), judged),
        "up_rate": _share(of.ups[window].sum(), judged),
    }  # fmt: skip


def _pooled(values: Floats, held: Floats) -> tuple[float, int]:
    return pooled(values, held) if values.size else (math.nan, 0)


def _pooled_between(values: Floats, held: Floats, horizon: int) -> tuple[float, float]:
    """The interval of the pooled correlation, where too few sessions have one of their own."""
    both = ~(np.isnan(values) | np.isnan(held))
    if both.sum() < MIN_PAIRS:
        return NONE
    sessions = np.nonzero(both)[0]
    return _rounded(pooled_interval(values[both], held[both], sessions, horizon))


def _calibration(bins: Floats) -> list[list[float]]:
    """Each bin that holds an opinion: its edges, count and means."""
    sums = bins.sum(axis=0)
    return [
        [EDGES[n], EDGES[n + 1], int(count), *(_round(total / count) for total in totals)]
        for n, (count, *totals) in enumerate(sums.tolist())
        if count
    ]


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return _round(float(known.mean())) if len(known) else math.nan


def _share(part: float, whole: float) -> float:
    return _round(float(part) / float(whole)) if whole else math.nan


def _round(value: float) -> float:
    return round(value, DIGITS) + 0.0


def _rounded(between: tuple[float, float]) -> tuple[float, float]:
    return _round(between[0]), _round(between[1])


def _frame(rows: list[list[object]], names: Mapping[str, str]) -> pd.DataFrame:
    types = {**KEYS, **names}
    return pd.DataFrame(rows, columns=list(types)).astype(types)
