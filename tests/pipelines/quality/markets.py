"""Small markets for tests of quality: random bars with gaps, splits and dividends, and scores.

Keep out: assertions.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipelines.analyses.quality.contributions import Score, contributions
from pipelines.analyses.quality.figures import figures
from pipelines.analyses.quality.forward_returns import forward_returns, grid_of
from tests.pipelines.frames import SESSIONS, actions

SYMBOLS = ("A", "B", "C", "D", "E")


@dataclass(frozen=True)
class Market:
    """Bars, actions and scores (symbol, session, score) of SYMBOLS on the first sessions."""

    bars: pd.DataFrame
    actions: pd.DataFrame
    scores: pd.DataFrame

    def until(self, last: pd.Timestamp) -> "Market":
        """What there was at the end of a session."""
        parts = (self.bars, self.actions, self.scores)
        return Market(*(part[part["session"] <= last] for part in parts))

    def without(self, symbol: str) -> "Market":
        """Without that symbol."""
        parts = (self.bars, self.actions, self.scores)
        return Market(*(part[part["symbol"] != symbol] for part in parts))

    def listed(self, symbol: str, first: pd.Timestamp) -> "Market":
        """With that symbol's first row on a later session."""
        late = [
            part[(part["symbol"] != symbol) | (part["session"] >= first)]
            for part in (self.bars, self.actions, self.scores)
        ]
        return replace(self, bars=late[0], actions=late[1], scores=late[2])


def market(seed: int, length: int = 60, skill: float = 0.0) -> Market:
    """A random market; with `skill` the scores are drawn towards the next session's move."""
    random = np.random.default_rng(seed)
    shape = (length, len(SYMBOLS))
    moves = random.normal(0, 0.02, shape)
    closes = 50 * np.exp(np.cumsum(moves, axis=0))
    opens = np.vstack([closes[:1], closes[:-1]]) * np.exp(random.normal(0, 0.005, shape))
    said = random.normal(0, 0.3, shape) + skill * np.roll(moves, -1, axis=0)
    said = np.clip(np.where(random.random(shape) < 0.3, 0.0, said), -1, 1)
    there, spoke = random.random(shape) > 0.1, random.random(shape) > 0.1
    long = _long(length).assign(
        open=opens.ravel().round(2), close=closes.ravel().round(2), score=said.ravel().round(6)
    )
    of_actions = [
        (SYMBOLS[random.integers(5)], int(random.integers(1, length)), split, dividend)
        for split, dividend in ((2.0, 0.0), (1.0, 1.5), (0.5, 0.25))
    ]
    found = actions(*of_actions).drop_duplicates(["symbol", "session"])
    scores = long.loc[spoke.ravel(), ["symbol", "session", "score"]]
    return Market(long.loc[there.ravel()].drop(columns="score"), found, scores)


def _long(length: int) -> pd.DataFrame:
    sessions = np.repeat(np.arange(length), len(SYMBOLS))
    return pd.DataFrame({"symbol": list(SYMBOLS) * length, "session": SESSIONS[sessions]})


def measured(found: Market, at: int, last: int, begin: int = 0) -> list[pd.DataFrame]:
    """The figures and the calibration known after session number `at`.

    They are computed among those of the sessions numbered `begin` to `last`.
    """
    grid = grid_of(found.bars, found.actions, SESSIONS[begin : last + 1])
    returns = forward_returns(grid)
    values = grid.placed(found.scores, found.scores["score"].to_numpy())
    version = found.scores["session"] < SESSIONS[25]
    early, late = found.scores[version], found.scores[~version]
    clean, learnt = np.zeros(len(grid.sessions), bool), grid.sessions < SESSIONS[5]
    scores = [
        Score("whole", "1", values, clean),
        *(
            Score("edited", str(number), grid.placed(part, part["score"].to_numpy()), clean)
            for number, part in enumerate((early, late))
        ),
        Score("rare", "1", np.where(grid.symbols == "A", values, np.nan), learnt),
    ]
    sums = [contributions(score, grid, returns) for score in scores]
    return list(figures(sums, grid.sessions, [at - begin]))
