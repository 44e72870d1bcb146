"""Versions of sessions that changed, and the bars as they were known at a moment."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pipelines import calendar
from pipelines.assets.bars import judge
from pipelines.errors import LakeError
from pipelines.feed import bars_versions
from pipelines.lake import Lake, open_lake
from pipelines.restated import as_known, keep_superseded, read_version, superseded_bars, vintages
from pipelines.sources.base import History
from tests.pipelines.frames import SESSIONS, actions, bars

DAYS = [moment.date() for moment in SESSIONS[:5]]
LAST = DAYS[-1]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def observed(closes: list[float], restated: dict[int, datetime] | None = None) -> pd.DataFrame:
    """Each bar known half an hour after its close, those of `restated` later."""
    frame = bars(closes)
    known = [calendar.close_of(day) + timedelta(minutes=30) for day in DAYS]
    for number, moment in (restated or {}).items():
        known[number] = moment
    moments = pd.Series(pd.to_datetime(known, utc=True)).astype("datetime64[us, UTC]")
    return frame.assign(known_at=moments)


def store(lake: Lake, frame: pd.DataFrame, now: datetime, *acts: tuple[str, int, float, float]):  # noqa: ANN201
    parts = judge(History(frame, actions(*acts)), LAST)
    changed = keep_superseded(lake, "mine", parts.good, parts.actions, LAST, now)
    lake.write("bars", "mine", parts.good, date(1800, 1, 1), LAST)
    lake.write("actions", "mine", parts.actions, date(1800, 1, 1), LAST)
    return changed, bars_versions(parts.good, parts.actions), parts.good


LATER = datetime(2012, 1, 6, 22, 0, tzinfo=UTC)


def test_a_corrected_bar_makes_a_version_and_the_one_before_stays_readable(lake: Lake) -> None:
    assert DAYS[1] == date(2012, 1, 4)
    nothing, old, good = store(lake, observed([10, 11, 12, 13, 14]), LATER)
    changed, new, _ = store(lake, observed([10, 11.5, 12, 13, 14], {1: LATER}), LATER)
    assert (nothing, changed) == ([], [DAYS[1]])
    assert [day for day in DAYS if old[day] != new[day]] == [DAYS[1]]
    before = read_version(lake, "mine", DAYS[1], old[DAYS[1]])
    pd.testing.assert_frame_equal(
        before.bars, good[good["session"] == SESSIONS[1]].reset_index(drop=True), check_exact=True
    )
    after = read_version(lake, "mine", DAYS[1], new[DAYS[1]])
    assert (before.bars["close"].item(), after.bars["close"].item()) == (11.0, 11.5)
    assert after.bars["known_at"].item() == LATER
    assert read_version(lake, "mine", DAYS[0], old[DAYS[0]]).bars["close"].item() == 10.0


def test_a_late_action_changes_its_session_too(lake: Lake) -> None:
    _, old, _ = store(lake, observed([10, 11, 12, 13, 14]), LATER)
    changed, new, _ = store(lake, observed([10, 11, 12, 13, 14]), LATER, ("IBM", 2, 1.0, 0.5))
    assert changed == [DAYS[2]]
    assert read_version(lake, "mine", DAYS[2], old[DAYS[2]]).actions.empty
    assert read_version(lake, "mine", DAYS[2], new[DAYS[2]]).actions["dividend"].item() == 0.5
    again, _, _ = store(lake, observed([10, 11, 12, 13, 14]), LATER)
    assert again == [DAYS[2]]
    kept = read_version(lake, "mine", DAYS[2], new[DAYS[2]])
    assert kept.actions["dividend"].item() == 0.5


def test_a_version_that_never_was_is_an_error(lake: Lake) -> None:
    store(lake, observed([10, 11, 12, 13, 14]), LATER)
    with pytest.raises(LakeError, match="no version 0000"):
        read_version(lake, "mine", DAYS[1], "0000")


def test_the_bars_at_a_moment_are_those_that_were_known_then(lake: Lake) -> None:
    store(lake, observed([10, 11, 12, 13, 14]), LATER)
    store(lake, observed([10, 11.5, 12, 13, 14], {1: LATER}), LATER)
    present = lake.read("bars", "mine", DAYS[0], LAST)
    earlier = superseded_bars(lake, "mine", LAST, present)
    first = as_known(present, earlier, LATER)
    assert first["close"].tolist() == [10, 11, 12, 13]  # the fifth session was not over
    assert as_known(present, earlier, LATER + timedelta(seconds=1))["close"].tolist()[1] == 11.5
    assert as_known(present, earlier, datetime(2013, 1, 1, tzinfo=UTC)).equals(present)


def test_sessions_are_cut_where_a_restated_bar_became_known(lake: Lake) -> None:
    """Known after the decision on the third session and before that on the fourth."""
    moment = calendar.open_of(DAYS[3]) + timedelta(hours=3)
    store(lake, observed([10, 11, 12, 13, 14]), LATER)
    store(lake, observed([10, 11.5, 12, 13, 14], {1: moment}), moment)
    present = lake.read("bars", "mine", DAYS[0], LAST)
    earlier = superseded_bars(lake, "mine", LAST, present)
    found = vintages(present, earlier, DAYS)
    assert [part.sessions for part in found] == [tuple(DAYS[:3]), tuple(DAYS[3:])]
    seen = [as_known(present, earlier, part.moment)["close"].tolist() for part in found]
    assert seen == [[10, 11, 12], [10, 11.5, 12, 13, 14]]
    assert [p.sessions for p in vintages(present, earlier, DAYS[3:])] == [tuple(DAYS[3:])]


def test_without_restated_bars_there_is_one_vintage() -> None:
    frame = judge(History(observed([10, 11, 12, 13, 14]), actions()), LAST).good
    nothing = frame.iloc[:0].assign(version="", superseded_at=pd.NaT)
    assert [part.sessions for part in vintages(frame, nothing, DAYS)] == [tuple(DAYS)]
