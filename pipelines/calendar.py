"""Sessions of the New York Stock Exchange (XNYS): which days trade, when they open and close.

Belongs here: pure look-ups; every moment is aware and UTC, every session a plain date.
Keep out: the clock (callers pass the day they mean) and Dagster's partitions.
"""

import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FIRST_DAY = date(1960, 1, 1)
LAST_DAY = date(2035, 12, 31)
"""Fixed, so that the partitions do not change from one start of the process to the next."""

FIRST_PARTITION = date(2000, 3, 1)
"""The first session that can be asked for; bars before it serve as history."""


@dataclass(frozen=True)
class _Table:
    """Days in order, and when each opens and closes."""

    days: list[date]
    hours: dict[date, tuple[datetime, datetime]]


@lru_cache(maxsize=1)
def _xnys() -> _Table:
    with warnings.catch_warnings():
        # exchange_calendars uses what pandas 3.1 deprecates; its answers are the same.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start=str(FIRST_DAY), end=str(LAST_DAY))
        schedule = calendar.schedule.tz_localize(None)
    days = [moment.date() for moment in schedule.index]
    opened, closed = (
        [moment.to_pydatetime() for moment in schedule[name].dt.tz_convert("UTC")]
        for name in ("open", "close")
    )
    return _Table(days, dict(zip(days, zip(opened, closed, strict=True), strict=True)))


def sessions_between(start: date, end: date) -> list[date]:
    """Every session from `start` to `end`, both included; empty where none lies between."""
    days = _xnys().days
    return days[bisect_left(days, start) : bisect_right(days, end)]


def session_index(start: date, end: date) -> pd.DatetimeIndex:
    """The same as an index of naive midnights, for vectorised work on frames."""
    return pd.DatetimeIndex(sessions_between(start, end), dtype="datetime64[us]")


def is_session(day: date) -> bool:
    """Whether the exchange trades on `day`."""
    return day in _xnys().hours


def next_session(day: date) -> date:
    """The first session after `day`."""
    days = _xnys().days
    return days[bisect_right(days, day)]


def previous_session(day: date) -> date:
    """The last session before `day`."""
    days = _xnys().days
    return days[bisect_left(days, day) - 1]


def open_of(session: date) -> datetime:
    """When the session begins, in UTC."""
    return _xnys().hours[session][0]


def close_of(session: date) -> datetime:
    """When the session ends, in UTC; early closes are known."""
    return _xnys().hours[session][1]


def closes(sessions: Iterable[pd.Timestamp]) -> dict[pd.Timestamp, datetime]:
    """The close of each session, to map over a column."""
    return {session: close_of(session.date()) for session in sessions}


def opens(sessions: Iterable[pd.Timestamp]) -> dict[pd.Timestamp, datetime]:
    """The open of each session, to map over a column."""
    return {session: open_of(pd.Timestamp(session).date()) for session in sessions}


@lru_cache(maxsize=1)
def close_index() -> NDArray[np.datetime64]:
    """The close of every session in order, as naive UTC, for vectorised look-ups."""
    table = _xnys()
    moments = [table.hours[day][1].replace(tzinfo=None) for day in table.days]
    return np.array(moments, dtype="datetime64[us]")


def last_ended(moment: datetime) -> date:
    """The last session whose close is at or before `moment` (aware)."""
    days = _xnys().days
    naive = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
    return days[int(np.searchsorted(close_index(), naive, side="right")) - 1]


def weekday_holidays(start: date) -> list[date]:
    """Mondays to Fridays from `start` on without a session."""
    weekdays = pd.bdate_range(start, LAST_DAY)
    return [moment.date() for moment in weekdays if not is_session(moment.date())]
