"""What every provider over the network gives: pages of raw bars and actions since a day.

Belongs here: the interface, the shape of a page, and what providers need to shape one.
Keep out: any one provider, waiting (patience.py), storing (fetched.py).

A page's bars are as in base.py, raw: not adjusted for splits or dividends. Minute bars have one
column more: `minute` (aware, UTC), when the minute begins; their `session` is the first whose close
is after it, so that what trades at night or on a weekend belongs to the session that sees it first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.sources.base import ACTION_COLUMNS, BAR_COLUMNS, PRICES, no_actions

MINUTE = "minute"
MINUTE_COLUMNS = ["symbol", "session", MINUTE, *PRICES, "volume"]


class Timeframe(StrEnum):
    """How long a bar is."""

    DAY = "1Day"
    MINUTE = "1Min"


@dataclass(frozen=True)
class Page:
    """One answer: rows, and by symbol why there are none although they were asked for."""

    bars: pd.DataFrame
    actions: pd.DataFrame = field(default_factory=no_actions)
    answered: tuple[str, ...] = ()
    """Symbols whose actions since the asked day are all in `actions`."""
    failures: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Provider(Protocol):
    """A provider of prices over the network."""

    @property
    def name(self) -> str:
        """The name on the wire and in the accounts' lists of sources."""

    @property
    def dataset(self) -> str:
        """The name of its tables in the lake: differs wherever the rows may differ."""

    def pages(
        self, since: Mapping[str, date], timeframe: Timeframe, until: datetime
    ) -> Iterator[Page]:
        """The bars of each symbol from its session on, oldest first, up to `until` (aware).

        Raises SourceError, by its subclasses: what was given before is whole and may be kept.
        """


def no_bars(timeframe: Timeframe) -> pd.DataFrame:
    """A frame of bars without rows, with the right types."""
    return typed(pd.DataFrame(columns=columns_of(timeframe)))


def columns_of(timeframe: Timeframe) -> list[str]:
    """The columns of a page's bars."""
    return BAR_COLUMNS if timeframe == Timeframe.DAY else MINUTE_COLUMNS


def typed(bars: pd.DataFrame) -> pd.DataFrame:
    """The same rows in the types and the order of columns that the lake keeps."""
    types = {"symbol": "str", "session": "datetime64[us]", "volume": "float64"}
    types |= dict.fromkeys(PRICES, "float64")
    if MINUTE in bars:
        types[MINUTE] = "datetime64[us, UTC]"
        return bars.astype(types)[MINUTE_COLUMNS].reset_index(drop=True)
    return bars.astype(types)[BAR_COLUMNS].reset_index(drop=True)


def typed_actions(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of symbol, session, split and dividend; those of one day are put together."""
    if rows.empty:
        return no_actions()
    types = {"symbol": "str", "split": "float64", "dividend": "float64"}
    frame = rows[ACTION_COLUMNS].astype(types)
    frame["session"] = pd.to_datetime(frame["session"]).astype("datetime64[us]")
    together = frame.groupby(["symbol", "session"], as_index=False)
    return together.agg({"split": "prod", "dividend": "sum"})[ACTION_COLUMNS]


def of_minutes(bars: pd.DataFrame) -> pd.DataFrame:
    """The same rows with the session that each minute belongs to."""
    index = calendar.session_index(calendar.FIRST_DAY, calendar.LAST_DAY)
    closes = calendar.close_index()
    at = np.searchsorted(closes, bars[MINUTE].to_numpy(dtype="datetime64[us]"), side="right")
    return typed(bars.assign(session=index[at]))


def in_hours(bars: pd.DataFrame) -> pd.DataFrame:
    """Only the minutes between open and close of a session of the exchange."""
    opened = pd.to_datetime(bars["session"].map(calendar.opens(bars["session"].unique())), utc=True)
    return bars[bars[MINUTE] >= opened].reset_index(drop=True)
