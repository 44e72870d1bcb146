"""What was fetched from a provider so far, in the lake: the progress of fetching is the rows.

Belongs here: adding pages, telling a restated row from a repeated one, and when a row was known.
Keep out: asking a provider (remote.py), and judging rows (analyses/bars.py).

Tables, each by the provider's dataset: `fetched_bars` and `minute_bars` with the last version of
each row, `fetched_actions`, and `fetched_bars_superseded` and `minute_bars_superseded` with the
versions before and `superseded_at`. `known_at` is NaT where nobody saw a row arrive: it was history
when it was first fetched. A restated row is known from the moment on that it was seen.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.lake import Lake
from pipelines.sources.base import PRICES, no_actions
from pipelines.sources.provider import MINUTE, Page, Timeframe, columns_of, no_bars

TABLES = {Timeframe.DAY: "fetched_bars", Timeframe.MINUTE: "minute_bars"}
ACTIONS = "fetched_actions"
KNOWN_AT = "known_at"
SUPERSEDED_AT = "superseded_at"
LAST = date(2200, 1, 1)
"""After every row."""

SAME_PRICE = 1e-6
"""Of a price: less is the provider's rounding, as when a price was divided for a later split."""

SAME_VOLUME = 1e-4
"""Of a volume, and at least SAME_SHARES: the same for whole shares."""

SAME_SHARES = 100.0

RESCALED_FROM = 0.02
"""All prices moved by one factor at least so far from 1: the provider's scale changed."""

RESCALED_SPREAD = 1e-3
RESCALED_ROWS = 3


@dataclass
class Merged:
    """What pages brought: counts, and by symbol why its rows were not taken."""

    added: int = 0
    restated: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class Fetched:
    """One provider's rows from `start` on, in memory; `save` writes what changed."""

    def __init__(self, lake: Lake, dataset: str, timeframe: Timeframe, start: date) -> None:
        self._lake, self._dataset, self._timeframe = lake, dataset, timeframe
        self._table = TABLES[timeframe]
        self.keys = ["symbol", "session", *([MINUTE] if timeframe == Timeframe.MINUTE else [])]
        empty = with_known_at(no_bars(timeframe))
        self.bars = lake.read(self._table, dataset, start, LAST, empty=empty)
        self.actions = lake.read(ACTIONS, dataset, start, LAST, empty=no_actions())

    def last_sessions(self) -> dict[str, date]:
        """By symbol, the session of its last row."""
        last = self.bars.groupby("symbol")["session"].max()
        return {str(symbol): moment.date() for symbol, moment in last.items()}

    def add(self, pages: Collection[Page], since: Mapping[str, date], at: datetime) -> Merged:
        """Take pages that were fetched at `at` (aware), asked from `since` on, and store them."""
        fresh = pd.concat([page.bars for page in pages], ignore_index=True)
        fresh = fresh.drop_duplicates(self.keys, keep="last", ignore_index=True)
        compared = self._compare(fresh)
        merged = Merged(failures=_rescaled(compared))
        compared = compared[~compared["symbol"].isin(list(merged.failures))]
        changed = compared[_differs(compared)]
        new = compared[compared["_there"] != "both"]
        merged.added, merged.restated = len(new), len(changed)
        if merged.added or merged.restated:
            self._replace(new, changed, at)
        self._take_actions(pages, since, merged.failures)
        return merged

    def _compare(self, fresh: pd.DataFrame) -> pd.DataFrame:
        """The fresh rows beside the stored ones of the same keys."""
        stored = self.bars
        if not fresh.empty:
            stored = stored[stored["session"] >= fresh["session"].min()]
        return fresh.merge(
            stored, on=self.keys, how="left", suffixes=("", "_stored"), indicator="_there"
        )

    def _replace(self, new: pd.DataFrame, changed: pd.DataFrame, at: datetime) -> None:
        columns = columns_of(self._timeframe)
        first = pd.concat([new["session"], changed["session"]]).min().date()
        moment = pd.Timestamp(at).tz_convert("UTC").as_unit("us")
        if len(changed):
            self._keep_superseded(changed, moment)
        rows = pd.concat(
            [
                with_known_at(new[columns]).assign(known_at=_seen(new, moment)),
                with_known_at(changed[columns]).assign(known_at=moment),
            ],
            ignore_index=True,
        )
        gone = self.bars.merge(changed[self.keys], on=self.keys, how="left", indicator=True)
        kept = self.bars[(gone["_merge"] != "both").to_numpy()]
        order = ["symbol", "session", *self.keys[2:]]
        self.bars = pd.concat([kept, with_types(rows)], ignore_index=True).sort_values(
            order, kind="stable", ignore_index=True
        )
        written = self.bars[self.bars["session"] >= pd.Timestamp(first)]
        self._lake.write(self._table, self._dataset, written, first, LAST)

    def _keep_superseded(self, changed: pd.DataFrame, moment: pd.Timestamp) -> None:
        values = [*PRICES, "volume"]
        old = changed[[*self.keys, *(f"{name}_stored" for name in values), KNOWN_AT]]
        old = old.rename(columns={f"{name}_stored": name for name in values})
        old = old.assign(superseded_at=moment)
        first, last = old["session"].min().date(), old["session"].max().date()
        table = superseded_table(self._timeframe)
        before = self._lake.read(table, self._dataset, first, last, empty=old.iloc[:0])
        together = pd.concat([before, old], ignore_index=True)
        together = together.drop_duplicates([*self.keys, SUPERSEDED_AT], ignore_index=True)
        self._lake.write(table, self._dataset, together, first, last)

    def _take_actions(
        self, pages: Collection[Page], since: Mapping[str, date], without: Mapping[str, str]
    ) -> None:
        """An answer replaces what was stored of its symbols since the asked day."""
        answered = {s for page in pages for s in page.answered} - set(without)
        if not answered:
            return
        found = pd.concat([page.actions for page in pages], ignore_index=True)
        found = found[found["symbol"].isin(answered)]
        known = self.actions
        asked = known["symbol"].map({s: pd.Timestamp(since[s]) for s in answered})
        kept = known[~(known["session"] >= asked.astype("datetime64[us]"))]
        after = pd.concat([kept, found], ignore_index=True)
        after = after.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
        if not after.equals(known):
            first = min(since[s] for s in answered)
            self.actions = after
            written = after[after["session"] >= pd.Timestamp(first)]
            self._lake.write(ACTIONS, self._dataset, written, first, LAST)


def superseded_table(timeframe: Timeframe) -> str:
    """Where versions of bars go that a provider restated."""
    return f"{TABLES[timeframe]}_superseded"


def with_known_at(bars: pd.DataFrame) -> pd.DataFrame:
    """The same rows, of which nothing is known about when they arrived."""
    nothing = pd.Series(pd.NaT, index=bars.index, dtype="datetime64[us, UTC]")
    return bars.assign(known_at=nothing)


def with_types(rows: pd.DataFrame) -> pd.DataFrame:
    """The column `known_at` in its type, whatever was put together."""
    return rows.assign(known_at=pd.to_datetime(rows[KNOWN_AT], utc=True).dt.as_unit("us"))


def _seen(new: pd.DataFrame, moment: pd.Timestamp) -> pd.Series:
    """When a new row arrived, if it was of the present session; NaT for history.

    The present session is the one that ended last, until the next one opens.
    """
    ended = calendar.last_ended(moment.to_pydatetime())
    present = moment.to_pydatetime() < calendar.open_of(calendar.next_session(ended))
    first = pd.Timestamp(ended if present else calendar.next_session(ended))
    arrived = pd.Series(moment, index=new.index, dtype="datetime64[us, UTC]")
    return arrived.where(new["session"] >= first)


def _differs(compared: pd.DataFrame) -> pd.Series:
    """Which rows are stored with other figures, beyond rounding."""
    there = compared["_there"] == "both"
    different = pd.Series(False, index=compared.index)
    for name in [*PRICES, "volume"]:
        now, before = compared[name].to_numpy(), compared[f"{name}_stored"].to_numpy()
        least = SAME_SHARES if name == "volume" and _whole(before) else 0.0
        relative = SAME_VOLUME if name == "volume" else SAME_PRICE
        different |= ~np.isclose(now, before, rtol=relative, atol=least, equal_nan=True)
    return there & different


def _whole(values: np.ndarray) -> bool:
    """Whether all volumes are whole: shares, not parts of a coin."""
    known = values[~np.isnan(values)]
    return bool(len(known)) and bool((known == np.floor(known)).all())


def _rescaled(compared: pd.DataFrame) -> dict[str, str]:
    """Symbols all of whose repeated closes moved by one factor, with a sentence."""
    both = compared[compared["_there"] == "both"]
    found: dict[str, str] = {}
    for symbol, rows in both.groupby("symbol"):
        ratios = (rows["close"] / rows["close_stored"]).to_numpy()
        middle = float(np.median(ratios))
        if len(rows) < RESCALED_ROWS or abs(middle - 1) < RESCALED_FROM:
            continue
        if bool((np.abs(ratios / middle - 1) < RESCALED_SPREAD).all()):
            found[str(symbol)] = (
                f"all its prices are {middle:.6g} times the stored ones, and no split of its says"
                " why: nothing of it was taken; the provider may not have adjusted it yet"
            )
    return found
