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
from pipelines.lake import Lake
from pipelines.sources.base import no_actions

BARS = "bars_superseded"
ACTIONS = "actions_superseded"
BEGINNING = date(1800, 1, 1)
"""Before every row."""


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


def vintages(
    bars: pd.DataFrame, superseded: pd.DataFrame, sessions: Sequence[date]
) -> list[Vintage]:
    """The sessions in order, cut wherever a restated bar became known between two decisions.

    A decision may use what was known before the next session opened, and nothing later.
    """
    every = pd.concat([bars, superseded], ignore_index=True)
    deadlines = {day: calendar.open_of(calendar.next_session(day)) for day in sessions}
    own = every["session"].map({day: pd.Timestamp(at) for day, at in _keyed(deadlines).items()})
    late = every["known_at"][own.isna() | (every["known_at"] >= own)].drop_duplicates()
    moments = np.sort(late.dt.tz_localize(None).to_numpy())
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
