"""Sessions whose bars or actions changed after they were stored: every version stays readable.

Belongs here: keeping a version before it is replaced, reading one by its content hash, and the bars
as they were known at a moment. Tables: `bars_superseded` and `actions_superseded`, the rows of
whole sessions with their `version` and `superseded_at`.
Keep out: finding out that a provider restated something (sources/fetched.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.errors import LakeError
from pipelines.feed import bars_versions
from pipelines.lake import BEGINNING, Lake
from pipelines.sources.base import PRICES, no_actions

BARS = "bars_superseded"
ACTIONS = "actions_superseded"


@dataclass(frozen=True)
class Version:
    """One version of a session's rows."""

    bars: pd.DataFrame
    actions: pd.DataFrame


@dataclass(frozen=True)
class Vintage:
    """Sessions that are decided on the same bars: those that were known at `moment`."""

    sessions: tuple[date, ...]
    moment: datetime


@dataclass(frozen=True)
class Past:
    """A vintage, with the rows that it was decided on of every symbol that changed afterwards."""

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    rows: Version


def keep_superseded(
    lake: Lake, dataset: str, bars: pd.DataFrame, actions: pd.DataFrame, last: date, now: datetime
) -> list[date]:
    """Before these rows replace the stored ones up to `last`: keep each session that changes.

    Returns the sessions that do; `now` (aware) is when their stored versions end.
    """
    old_bars = lake.read("bars", dataset, BEGINNING, last, empty=bars.iloc[:0])
    if old_bars.empty:
        return []
    until = old_bars["session"].max()
    old_actions = lake.read("actions", dataset, BEGINNING, last, empty=no_actions())
    if _same(old_bars, bars, until) and _same(old_actions, actions, until):
        return []
    old, new = bars_versions(old_bars, old_actions), bars_versions(bars, actions)
    changed = {day: version for day, version in old.items() if new.get(day) != version}
    for table, rows in {BARS: old_bars, ACTIONS: old_actions}.items():
        _keep(lake, table, dataset, rows, changed, now)
    return sorted(changed)


def read_version(lake: Lake, dataset: str, session: date, version: str) -> Version:
    """The rows of a session that have this content hash; raises LakeError where none have."""
    bars = lake.read("bars", dataset, session, session)
    actions = lake.read("actions", dataset, session, session, empty=no_actions())
    if bars_versions(bars, actions).get(session) == version:
        return Version(bars, actions)
    nothing = _marked(bars.iloc[:0]), _marked(actions.iloc[:0])
    kept = [
        lake.read(table, dataset, session, session, empty=empty)
        for table, empty in zip((BARS, ACTIONS), nothing, strict=True)
    ]
    found = Version(*(_of_version(rows, version) for rows in kept))
    if found.bars.empty:
        raise LakeError(f"the lake has no version {version} of the bars of {session} in {dataset}")
    return found


def superseded_bars(lake: Lake, dataset: str, last: date, like: pd.DataFrame) -> pd.DataFrame:
    """Every earlier version of bars up to `last`; `like` has the columns of bars."""
    return lake.read(BARS, dataset, BEGINNING, last, empty=_marked(like.iloc[:0]))


def as_known(bars: pd.DataFrame, superseded: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """The bars as they were right before `moment` (aware): the version known then, if any was.

    Input: the present bars and all earlier versions. Output: the columns of `bars`, sorted by
    symbol and session.
    """
    if not (bars["known_at"] >= moment).any():
        return bars
    every = pd.concat([superseded, bars], ignore_index=True)
    every = every[every["known_at"] < moment]
    order = ["symbol", "session", "known_at", "superseded_at"]
    last = every.sort_values(order, kind="stable").drop_duplicates(order[:2], keep="last")
    return last[list(bars.columns)].reset_index(drop=True)


def pasts(lake: Lake, dataset: str, first: date, last: date) -> list[Past]:
    """What the sessions from `first` to `last` were decided on, where that has changed since.

    Empty, and found out without reading a bar, where nothing changed after the first of them was
    decided. Symbols that never changed are left out.
    """
    deadline = _deadline(first)
    changes = [
        moment
        for year in lake.years(BARS, dataset, last)
        for moment in lake.columns(BARS, dataset, year, ["superseded_at"])[0].unique().to_pylist()
    ]
    if not any(moment >= deadline for moment in changes):
        return []
    bars = lake.read("bars", dataset, BEGINNING, last)
    actions = lake.read("actions", dataset, BEGINNING, last, empty=no_actions())
    superseded = superseded_bars(lake, dataset, last, bars)
    symbols = _changed(lake, dataset, bars, actions, superseded)
    bars, old = (rows[rows["symbol"].isin(symbols)] for rows in (bars, superseded))
    return [
        Past(
            vintage.sessions,
            symbols,
            Version(
                as_known(bars, old, vintage.moment),
                _actions_at(lake, dataset, actions, superseded, vintage.moment),
            ),
        )
        for vintage in vintages(bars, old, calendar.sessions_between(first, last))
    ]


def versions_then(lake: Lake, dataset: str, first: date, last: date) -> dict[date, str]:
    """The content hash of each session's rows as they were when it was decided."""
    bars = lake.read("bars", dataset, first, last)
    actions = lake.read("actions", dataset, first, last, empty=no_actions())
    superseded = lake.read(BARS, dataset, first, last, empty=_marked(bars.iloc[:0]))
    days = superseded["session"].drop_duplicates()
    deadlines = superseded["session"].map({day: _deadline(day.date()) for day in days})
    then = superseded[superseded["superseded_at"] >= pd.to_datetime(deadlines, utc=True)]
    return bars_versions(bars, actions) | {
        day.date(): version for day, version in _first_after(then).items()
    }


def _changed(
    lake: Lake,
    dataset: str,
    bars: pd.DataFrame,
    actions: pd.DataFrame,
    superseded: pd.DataFrame,
) -> tuple[str, ...]:
    """The symbols of which a stored row has another version, sorted.

    Whole sessions are kept: most of their rows are what they were.
    """
    content = ["symbol", "session", *PRICES, "volume", "known_at"]
    found = superseded[content].merge(bars[content], how="left", indicator="there")
    of_bars = found.loc[found["there"] == "left_only", "symbol"]
    gone = lake.read(ACTIONS, dataset, BEGINNING, calendar.LAST_DAY, empty=actions.iloc[:0])
    there = actions[actions["session"].isin(superseded["session"])]
    return tuple(sorted({*of_bars, *gone["symbol"], *there["symbol"]}))


def _actions_at(
    lake: Lake, dataset: str, actions: pd.DataFrame, superseded: pd.DataFrame, moment: datetime
) -> pd.DataFrame:
    """The actions that were stored at `moment`: of sessions that changed since, those before."""
    versions = _first_after(superseded[superseded["superseded_at"] >= moment])
    kept = _marked(actions.iloc[:0])
    old = lake.read(ACTIONS, dataset, BEGINNING, calendar.LAST_DAY, empty=kept)
    before = old[old["version"] == old["session"].map(versions)]
    now = actions[~actions["session"].isin(list(versions))]
    together = pd.concat([now, before[list(actions.columns)]], ignore_index=True)
    return together.sort_values(["symbol", "session"], kind="stable", ignore_index=True)


def _first_after(superseded: pd.DataFrame) -> dict[pd.Timestamp, str]:
    """By session, the version that was replaced first of these."""
    ordered = superseded.sort_values("superseded_at", kind="stable").drop_duplicates("session")
    return dict(zip(ordered["session"], ordered["version"], strict=True))


def _deadline(session: date) -> datetime:
    """Until when what becomes known may move the decision on a session."""
    return calendar.open_of(calendar.next_session(session))


def vintages(
    bars: pd.DataFrame, superseded: pd.DataFrame, sessions: Sequence[date]
) -> list[Vintage]:
    """The sessions in order, cut wherever a restated row became known between two decisions.

    A decision may use what was known before the next session opened, and nothing later.
    """
    every = pd.concat([bars, superseded], ignore_index=True)
    deadlines = {day: _deadline(day) for day in sessions}
    own = every["session"].map({day: pd.Timestamp(at) for day, at in _keyed(deadlines).items()})
    late = every["known_at"][own.isna() | (every["known_at"] >= own)]
    changes = pd.concat([late, superseded["superseded_at"]]).drop_duplicates()
    moments = np.sort(pd.to_datetime(changes, utc=True).dt.tz_localize(None).to_numpy())
    ends = [np.datetime64(at.replace(tzinfo=None), "us") for at in deadlines.values()]
    seen = np.searchsorted(moments, np.array(ends), side="left")
    cuts = [0, *(np.flatnonzero(np.diff(seen)) + 1).tolist(), len(sessions)]
    return [
        Vintage(tuple(sessions[start:end]), deadlines[sessions[end - 1]])
        for start, end in pairwise(cuts)
    ]


def _keyed(moments: dict[date, datetime]) -> dict[pd.Timestamp, datetime]:
    return {pd.Timestamp(day): moment for day, moment in moments.items()}


def _same(old: pd.DataFrame, new: pd.DataFrame, until: pd.Timestamp) -> bool:
    """Whether nothing changes up to the last stored session; later ones may be added."""
    kept = new[new["session"] <= until].reset_index(drop=True)
    return len(kept) == len(old) and all(kept[name].equals(old[name]) for name in old)


def _keep(
    lake: Lake,
    table: str,
    dataset: str,
    rows: pd.DataFrame,
    changed: dict[date, str],
    now: datetime,
) -> None:
    versions = {pd.Timestamp(day): version for day, version in changed.items()}
    kept = rows[rows["session"].isin(list(versions))]
    if kept.empty:
        return
    kept = _marked(kept).assign(version=kept["session"].map(versions).astype("str"))
    kept["superseded_at"] = pd.Timestamp(now).tz_convert("UTC").as_unit("us")
    first, last = kept["session"].min().date(), kept["session"].max().date()
    before = lake.read(table, dataset, first, last, empty=kept.iloc[:0])
    together = pd.concat([before, kept], ignore_index=True)
    keys = ["symbol", "session", "version"]
    lake.write(table, dataset, together.drop_duplicates(keys, keep="last"), first, last)


def _marked(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows with the two columns of a version, empty."""
    nothing = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    return rows.assign(version="", superseded_at=nothing)


def _of_version(rows: pd.DataFrame, version: str) -> pd.DataFrame:
    found = rows[rows["version"] == version]
    return found.drop(columns=["version", "superseded_at"]).reset_index(drop=True)
