"""Minute bars as they were known at a moment, and the hourly bars that they make.

Belongs here: rules on frames of minute bars (columns as in sources/provider.py).
Keep out: fetching and storing them (sources/), and indicators, which run over any bars.

Hours are those of the clock. The first of a session lasts from the open to the next full hour.
"""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from pipelines.analyses import bars as quality
from pipelines.sources.base import no_actions
from pipelines.sources.provider import MINUTE

HOUR = "hour"
ONE_MINUTE = timedelta(minutes=1)
KEYS = ["symbol", MINUTE]


def with_times(minutes: pd.DataFrame, lag: timedelta) -> pd.DataFrame:
    """The same rows with `event_time`, when the minute was over, and since when each was known.

    Where nobody saw a row arrive (`known_at` NaT) it is taken to be known so long after its end.
    """
    over = minutes[MINUTE] + ONE_MINUTE
    known_by = np.where(minutes["known_at"].isna(), "assumed", "observed")
    known_at = minutes["known_at"].fillna(over + lag).astype("datetime64[us, UTC]")
    return minutes.assign(event_time=over, known_at=known_at, known_by=known_by)


def from_the_future(versions: pd.DataFrame) -> pd.DataFrame:
    """Rows that say that they were known before their minute was over; no such bar can be true."""
    return versions[versions["known_at"] < versions["event_time"]]


def known_then(versions: pd.DataFrame, as_of: datetime, decided_at: datetime) -> pd.DataFrame:
    """Of each minute that was over at `as_of`, the version that was known at `decided_at`.

    Input: all versions of minute bars, with their times. A minute of which none was known is left
    out. Output sorted by symbol and minute.
    """
    there = (versions["event_time"] <= as_of) & (versions["known_at"] <= decided_at)
    possible = versions[there & (versions["known_at"] >= versions["event_time"])]
    ordered = possible.sort_values([*KEYS, "known_at"], kind="stable")
    return ordered.drop_duplicates(KEYS, keep="last", ignore_index=True)


def split_minutes(minutes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Good rows, and rejected rows with a `reason`, by the rules of daily bars."""
    day = minutes["session"]
    rows = minutes.assign(session=minutes[MINUTE], day=day)
    good, rejected = quality.split_rows(rows, pd.DatetimeIndex(minutes[MINUTE].unique()))
    back = [each.assign(session=each["day"]).drop(columns="day") for each in (good, rejected)]
    return back[0], back[1]


def hourly_bars(minutes: pd.DataFrame) -> pd.DataFrame:
    """One bar per symbol and hour that has a good minute, with `hour`, when it began (UTC).

    Input: good minute bars within the exchange's hours, sorted by symbol and minute.
    """
    grouped = minutes.assign(hour=minutes[MINUTE].dt.floor("h")).groupby(
        ["symbol", "session", HOUR], as_index=False
    )
    columns = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return grouped.agg({**columns, "event_time": "max", "known_at": "max"})


def since_jump(hours: pd.DataFrame) -> pd.DataFrame:
    """Each symbol's hourly bars from its last unexplained jump on.

    A provider's minute bars are adjusted for a split or not, as they were fetched before or after
    it, and a split is entered late in the day. Indicators therefore begin anew where prices leap.
    """
    at = hours[HOUR].dt.tz_localize(None)
    jumps = quality.jumps(hours.assign(session=at), no_actions())
    last = jumps.groupby("symbol")["session"].max().reindex(hours["symbol"])
    kept: pd.DataFrame = hours[~(at.to_numpy() < last.to_numpy())].reset_index(drop=True)
    return kept
