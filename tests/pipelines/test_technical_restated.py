"""Indicators after a restatement: each session as it was decided, whatever is known by now."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import calendar
from pipelines.assets.bars import judge
from pipelines.assets.technical import compute
from pipelines.feed import bars_versions
from pipelines.lake import Lake, open_lake
from pipelines.restated import keep_superseded, pasts, versions_then
from pipelines.sources.base import History, no_actions
from tests.pipelines.frames import SESSIONS, actions, bars, walk

SYMBOLS = ("AAPL", "IBM", "MSFT")
BEFORE = 45
"""Sessions of history: more than any indicator of prices needs to begin."""

DAYS = [moment.date() for moment in SESSIONS[BEFORE : BEFORE + 5]]


@dataclass
class Provider:
    """What a source says of all symbols, with when it said so; it may change its mind."""

    rows: pd.DataFrame
    actions: pd.DataFrame = field(default_factory=no_actions)

    def restate(self, symbol: str, session: date, factor: float, at: datetime) -> None:
        own = (self.rows["symbol"] == symbol) & (self.rows["session"] == pd.Timestamp(session))
        self.rows.loc[own, ["open", "high", "low", "close"]] *= factor
        self.rows.loc[own, "known_at"] = pd.Timestamp(at)

    def pay(self, symbol: str, session: date) -> None:
        number = int(SESSIONS.searchsorted(pd.Timestamp(session)))
        found = pd.concat([self.actions, actions((symbol, number, 1.0, 0.5))])
        found = found.drop_duplicates(["symbol", "session"])
        self.actions = found.sort_values(["symbol", "session"], ignore_index=True)

    def store(self, lake: Lake, last: date, now: datetime) -> None:
        """What the asset `bars` does with it."""
        parts = judge(History(self.rows, self.actions), last)
        keep_superseded(lake, "mine", parts.good, parts.actions, last, now)
        lake.write("bars", "mine", parts.good, date(1800, 1, 1), last)
        lake.write("actions", "mine", parts.actions, date(1800, 1, 1), last)


def provider() -> Provider:
    length = BEFORE + len(DAYS)
    frames = [bars(walk(length, seed), symbol) for seed, symbol in enumerate(SYMBOLS)]
    rows = pd.concat(frames, ignore_index=True)
    nothing = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us, UTC]")
    return Provider(rows.assign(known_at=nothing))


def evening(day: date) -> datetime:
    return calendar.close_of(day) + timedelta(minutes=30)


def midday(day: date) -> datetime:
    """Of the session after: too late for the decision on `day`."""
    return calendar.open_of(calendar.next_session(day)) + timedelta(hours=2)


CHANGES = st.tuples(
    st.integers(0, 4),  # on which of the days
    st.booleans(),  # in the evening, or at the next midday
    st.sampled_from(SYMBOLS),
    st.integers(0, 9),  # of so many sessions before
    st.sampled_from([0.97, 1.04, None]),  # prices, or a dividend that was forgotten
)


def happen(source: Provider, lake: Lake, changes: list[tuple], day: int, late: bool) -> None:  # type: ignore[type-arg]
    """Changes of that day, and what is stored then."""
    now = midday(DAYS[day]) if late else evening(DAYS[day])
    for number, at_midday, symbol, back, factor in changes:
        session = SESSIONS[BEFORE + day - back].date()
        if (number, at_midday) != (day, late):
            continue
        if factor is None:
            source.pay(symbol, session)
        else:
            source.restate(symbol, session, factor, now)
    source.store(lake, DAYS[day], now)


@settings(max_examples=12, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=6))
def test_a_range_gives_what_each_session_gave_when_it_was_decided(changes: list[tuple]) -> None:  # type: ignore[type-arg]
    with TemporaryDirectory() as folder:
        lake, source = open_lake(folder), provider()
        decided, versions = [], {}
        for number, day in enumerate(DAYS):
            happen(source, lake, changes, number, late=False)
            rows, agrees = compute(lake, "mine", day, day)
            assert agrees
            decided.append(rows)
            stored = [
                lake.read(name, "mine", day, day, no_actions()) for name in ("bars", "actions")
            ]
            versions |= bars_versions(*stored)
            happen(source, lake, changes, number, late=True)
        every, agrees = compute(lake, "mine", DAYS[0], DAYS[-1])
        assert agrees
        then = pd.concat(decided).sort_values(["symbol", "session"], ignore_index=True)
        pd.testing.assert_frame_equal(every, then, check_exact=True)
        deadlines = [calendar.open_of(calendar.next_session(day)) for day in DAYS] * len(SYMBOLS)
        assert (every["known_at"] < pd.Series(pd.to_datetime(deadlines, utc=True))).all()
        assert versions_then(lake, "mine", DAYS[0], DAYS[-1]) == versions
        shards = [compute(lake, "mine", DAYS[0], DAYS[-1], shard=(n, 2))[0] for n in range(2)]
        together = pd.concat(shards).sort_values(["symbol", "session"], ignore_index=True)
        pd.testing.assert_frame_equal(together, every, check_exact=True)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def test_a_restatement_moves_no_earlier_session_and_every_later_one(lake: Lake) -> None:
    source = provider()
    source.store(lake, DAYS[2], evening(DAYS[2]))
    before, _ = compute(lake, "mine", DAYS[0], DAYS[2])
    source.restate("IBM", DAYS[1], 1.05, midday(DAYS[2]))
    source.store(lake, DAYS[3], evening(DAYS[3]))
    after, _ = compute(lake, "mine", DAYS[0], DAYS[3])
    first = after[after["session"] <= pd.Timestamp(DAYS[2])].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, before, check_exact=True)
    own = after[(after["symbol"] == "IBM") & (after["session"] == pd.Timestamp(DAYS[3]))]
    unmoved, _ = compute(untouched(lake), "mine", DAYS[3], DAYS[3])
    assert own["rsi"].item() != unmoved.loc[unmoved["symbol"] == "IBM", "rsi"].item()


def untouched(lake: Lake) -> Lake:
    """The same lake, had the provider never changed its mind."""
    other = open_lake(f"{lake._root}/other")
    provider().store(other, DAYS[3], evening(DAYS[3]))
    return other


def test_where_nothing_changed_after_the_decision_no_bar_is_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = provider()
    source.store(lake, DAYS[0], evening(DAYS[0]))
    source.restate("IBM", DAYS[0], 1.05, midday(DAYS[0]))
    source.store(lake, DAYS[1], evening(DAYS[1]))
    (past,) = pasts(lake, "mine", DAYS[0], DAYS[0])
    assert (past.sessions, past.symbols) == ((DAYS[0],), ("IBM",))
    monkeypatch.setattr(lake, "read", None)
    assert pasts(lake, "mine", DAYS[1], DAYS[1]) == []
    assert pasts(lake, "other", DAYS[0], DAYS[0]) == []
