"""What a trader of a score could have earned: returns over the sessions after the decision.

Belongs here: bars and scores as matrices of sessions x symbols, and the returns by horizon.
Keep out: correlating anything, and prices that somebody else adjusted.

The decision of session D is made after its close. The trader buys at the open of D+1 and holds to
the close of D+h, h sessions in all: the return of horizon h is that, with every split and dividend
whose ex-date lies after D+1 and up to D+h. It is known with the close of D+h and not before.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats, step_factors

HORIZONS = (1, 2, 5, 10, 20)
"""In sessions."""

LONGEST = max(HORIZONS)


@dataclass(frozen=True)
class Grid:
    """Bars as matrices of shape (sessions, symbols), NaN where a symbol has no bar.

    sessions: M, ascending. symbols: N, sorted. opens and closes: raw dollars per share. steps:
    what prices before the bar are multiplied by from it on (see analyses/adjust.py).
    """

    sessions: pd.DatetimeIndex
    symbols: pd.Index
    opens: Floats
    closes: Floats
    steps: Floats

    def placed(self, rows: pd.DataFrame, values: Floats) -> Floats:
        """One value per row (symbol, session; each pair once) in its place; NaN elsewhere.

        A row of another session or symbol has no place and is left out.
        """
        at = self.sessions.get_indexer(pd.DatetimeIndex(rows["session"]))
        of = self.symbols.get_indexer(pd.Index(rows["symbol"]))
        known = (at >= 0) & (of >= 0)
        matrix = np.full((len(self.sessions), len(self.symbols)), np.nan)
        matrix[at[known], of[known]] = values[known]
        return matrix


@dataclass(frozen=True)
class Returns:
    """By horizon, shape (sessions of decision, symbols), NaN where there is none (yet).

    held: from the open of the next session to the close of the horizon's last. last_day: that of
    the horizon's last session alone, from close to close (horizon 1: from open to close).
    """

    held: dict[int, Floats]
    last_day: dict[int, Floats]


def grid_of(bars: pd.DataFrame, actions: pd.DataFrame, sessions: pd.DatetimeIndex) -> Grid:
    """The matrices of these sessions; a symbol without a bar in them is left out.

    Input: bars (symbol, session, open, close), raw; actions (symbol, session, split, dividend).
    """
    inside = bars[bars["session"].isin(sessions)]
    inside = inside.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    symbols = pd.Index(inside["symbol"].astype("str").unique(), dtype="object").sort_values()
    nothing = np.empty((len(sessions), len(symbols)))
    blank = Grid(sessions, symbols, nothing, nothing, nothing)
    opens, closes = (inside[name].to_numpy(dtype=np.float64) for name in ("open", "close"))
    steps = step_factors(inside, actions)
    return Grid(sessions, symbols, *(blank.placed(inside, v) for v in (opens, closes, steps)))


def forward_returns(grid: Grid) -> Returns:
    """The returns of every session's decision, as fractions: 0.01 is 1 %.

    A symbol without a bar on D+1 could not be bought and has none. One without a bar later keeps
    its last close, as an account marks it. A horizon that ends after the grid has none: what is
    NaN for that reason is the same value, bit for bit, in every grid that reaches far enough.
    """
    held, last_day = {}, {}
    shares = 1.0 / _later(grid.opens, 1)
    worth = np.ones_like(shares)
    for ahead in range(1, LONGEST + 1):
        closes = _later(grid.closes, ahead)
        traded = ~np.isnan(closes)
        if ahead > 1:
            shares = np.where(traded, shares / _later(grid.steps, ahead), shares)
        before, worth = worth, np.where(traded, closes * shares, worth)
        if ahead in HORIZONS:
            ended = _ended(grid, ahead)
            had = np.isfinite(shares)
            held[ahead] = np.where(ended & had, worth - 1.0, np.nan)
            last_day[ahead] = np.where(ended & had & traded, worth / before - 1.0, np.nan)
    return Returns(held, last_day)


def _later(matrix: Floats, sessions: int) -> Floats:
    """Each session's row replaced by the one so many sessions later; NaN after the end."""
    moved = np.full_like(matrix, np.nan)
    moved[: max(len(matrix) - sessions, 0)] = matrix[sessions:]
    return moved


def _ended(grid: Grid, ahead: int) -> NDArray[np.bool_]:
    """Which decisions' horizons end within the grid; shape (sessions, 1)."""
    rows = np.arange(len(grid.sessions))
    ended: NDArray[np.bool_] = (rows + ahead < len(rows))[:, None]
    return ended
