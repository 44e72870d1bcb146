"""Which symbols a strategy can say nothing about, and why: old data, or an analysis that failed.

Keep out: what is done about it (the trading core only reduces them).
"""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FORGOTTEN_AFTER = 60
"""Sessions without a good bar after which a symbol is taken to be gone and named no more; by then
its price is too old to buy at for any account."""


def withheld(
    bars: pd.DataFrame, rejected: pd.DataFrame, signals: pd.DataFrame, warm_up: int, start: date
) -> Mapping[date, dict[str, str]]:
    """By session from `start` on, each symbol without a signal that had data before: the reason.

    Input: good bars and rejected rows from each symbol's first on, the signals from `start` on,
    and how many bars of a symbol give no signal at its beginning. A session without any good bar
    is left out, and what is said of one session does not depend on `start` or on later rows.
    """
    sessions = np.unique(bars["session"].to_numpy())
    symbols = np.unique(bars["symbol"].to_numpy(dtype=str))
    present = _marks(bars, sessions, symbols)
    numbers = np.arange(len(sessions))[:, None]
    latest = np.maximum.accumulate(np.where(present, numbers, -1), axis=0)
    missing = ~present & (latest >= 0) & (numbers - latest <= FORGOTTEN_AFTER)
    failed = present & ~_marks(signals, sessions, symbols) & (present.cumsum(axis=0) > warm_up)
    missing[sessions < np.datetime64(start)] = failed[sessions < np.datetime64(start)] = False
    why = _reasons(rejected[rejected["session"] >= pd.Timestamp(start)])
    found: dict[date, dict[str, str]] = {}
    for row, column in zip(*np.nonzero(missing | failed), strict=True):
        day, symbol = _day(sessions[row]), str(symbols[column])
        if missing[row, column]:
            since = f"no good bar since {_day(sessions[latest[row, column]])}"
            code = why.get((day, symbol))
            found.setdefault(day, {})[symbol] = f"{since}: {code}" if code else since
        else:
            found.setdefault(day, {})[symbol] = "its indicators could not be computed"
    return found


def _marks(
    frame: pd.DataFrame, sessions: NDArray[np.datetime64], symbols: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Which symbol (columns) has a row in which session (rows)."""
    marks = np.zeros((len(sessions), len(symbols)), dtype=bool)
    known = frame["session"].isin(sessions) & frame["symbol"].isin(symbols)
    rows = frame[known]
    marks[
        np.searchsorted(sessions, rows["session"].to_numpy()),
        np.searchsorted(symbols, rows["symbol"].to_numpy(dtype=str)),
    ] = True
    return marks


def _reasons(rejected: pd.DataFrame) -> dict[tuple[date, str], str]:
    """The reason code of a rejected row, by session and symbol."""
    days = [_day(session) for session in rejected["session"]]
    keys = zip(days, rejected["symbol"].tolist(), strict=True)
    return dict(zip(keys, rejected["reason"].tolist(), strict=True))


def _day(session: object) -> date:
    return pd.Timestamp(session).date()  # type: ignore[arg-type]
