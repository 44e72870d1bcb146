"""What every price source gives: one tidy frame of bars and one of dated actions.

Belongs here: the interface and the shape of its frames.
Keep out: any provider, and any judgement on the values (analyses/bars.py).

bars: symbol, session (naive midnight), open, high, low, close, volume as float64, sorted by
symbol and session, raw prices in dollars per share; a missing figure is NaN. A source that saw
rows arrive adds `known_at` (aware, UTC); without it, or where it is NaT, the moment is assumed.
actions: symbol, session (the ex-date), split (new shares per old one, 1.0 for none), dividend
(dollars per share held at the close before, 0.0 for none).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pandas as pd

from router.messages import digest

PRICES = ["open", "high", "low", "close"]
BAR_COLUMNS = ["symbol", "session", *PRICES, "volume"]
ACTION_COLUMNS = ["symbol", "session", "split", "dividend"]


@dataclass(frozen=True)
class History:
    """All that a source has of some symbols; `notices` say what was left unused."""

    bars: pd.DataFrame
    actions: pd.DataFrame
    notices: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    """Symbols without a bar of the last session that ended, at a source that is asked for it."""

    @property
    def first_session(self) -> date:
        """The day of the earliest row."""
        return pd.Timestamp(self.bars["session"].min()).date()

    @property
    def last_session(self) -> date:
        """The day of the latest row."""
        return pd.Timestamp(self.bars["session"].max()).date()

    @property
    def symbols(self) -> list[str]:
        """Every symbol with a row, sorted."""
        return sorted(self.bars["symbol"].unique().tolist())


class Source(Protocol):
    """A provider of daily prices."""

    @property
    def name(self) -> str:
        """The name on the wire and in the accounts' lists of sources."""

    @property
    def dataset(self) -> str:
        """The name of its tables in the lake: differs wherever the rows may differ."""

    def history(self, symbols: Sequence[str] | None = None) -> History:
        """Everything of the given symbols (None for all), or SourceError or RequestError."""


def select_symbols(history: History, wanted: Sequence[str] | None, place: str) -> History:
    """Keep only the wanted symbols; raise RequestError for one that is not there."""
    from pipelines.errors import RequestError

    if wanted is None:
        return history
    for symbol in wanted:
        if symbol not in set(history.symbols):
            raise RequestError(f"the symbol {symbol!r} is not in {place}")
    return History(
        history.bars[history.bars["symbol"].isin(wanted)].reset_index(drop=True),
        history.actions[history.actions["symbol"].isin(wanted)].reset_index(drop=True),
        history.notices,
    )


def dataset_of(name: str, symbols: Sequence[str] | None) -> str:
    """The name of a source's tables in the lake; a choice of symbols has its own."""
    return f"{name}-{digest(*sorted(set(symbols)))[:8]}" if symbols else name


def no_actions() -> pd.DataFrame:
    """An action frame without rows, with the right types."""
    return pd.DataFrame(
        {
            "symbol": pd.Series(dtype="str"),
            "session": pd.Series(dtype="datetime64[us]"),
            "split": pd.Series(dtype="float64"),
            "dividend": pd.Series(dtype="float64"),
        }
    )
