"""Small frames for tests: factories with defaults, so that a test names only what it is about."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.sources.base import no_actions

SESSIONS = calendar.session_index(date(2012, 1, 1), date(2013, 12, 31))


def bars(closes: Sequence[float], symbol: str = "IBM", first: int = 0) -> pd.DataFrame:
    """One good bar per close, on consecutive sessions of 2012."""
    values = np.asarray(closes, dtype=float)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "session": SESSIONS[first : first + len(values)],
            "open": values,
            "high": values + 1,
            "low": values * 0.9,
            "close": values,
            "volume": 1000.0,
        }
    )


def actions(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    """Rows of (symbol, number of the session, split, dividend)."""
    if not rows:
        return no_actions()
    frame = pd.DataFrame(rows, columns=["symbol", "session", "split", "dividend"])
    frame["session"] = SESSIONS[frame["session"].to_numpy()]
    return frame


def walk(length: int, seed: int = 1) -> list[float]:
    """A price that wanders around 100, to the cent."""
    steps = np.random.default_rng(seed).normal(0, 1, length)
    return np.maximum(100 + np.cumsum(steps), 5).round(2).tolist()
