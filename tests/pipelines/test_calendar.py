"""The exchange's calendar, against days that everybody can look up."""

from datetime import UTC, date, datetime

from pipelines import calendar
from pipelines.assets.partitions import SESSIONS


def test_2012_has_250_sessions_because_of_hurricane_sandy() -> None:
    sessions = calendar.sessions_between(date(2012, 1, 1), date(2012, 12, 31))
    assert len(sessions) == 250
    assert date(2012, 10, 29) not in sessions
    assert date(2012, 10, 30) not in sessions


def test_neighbours_skip_weekends_and_holidays() -> None:
    assert calendar.next_session(date(2012, 12, 31)) == date(2013, 1, 2)
    assert calendar.previous_session(date(2012, 1, 3)) == date(2011, 12, 30)
    assert calendar.next_session(date(2012, 5, 19)) == date(2012, 5, 21)


def test_hours_are_utc_and_know_summer_and_early_closes() -> None:
    assert calendar.close_of(date(2012, 7, 2)) == datetime(2012, 7, 2, 20, 0, tzinfo=UTC)
    assert calendar.close_of(date(2012, 11, 23)) == datetime(2012, 11, 23, 18, 0, tzinfo=UTC)
    assert calendar.open_of(date(2012, 1, 3)) == datetime(2012, 1, 3, 14, 30, tzinfo=UTC)


def test_an_empty_range_has_no_session() -> None:
    assert calendar.sessions_between(date(2012, 5, 19), date(2012, 5, 20)) == []
    assert not calendar.is_session(date(2012, 7, 4))


def test_the_partitions_are_the_sessions() -> None:
    keys = SESSIONS.get_partition_keys()
    expected = calendar.sessions_between(date(2000, 3, 1), date.fromisoformat(keys[-1]))
    assert keys == [day.isoformat() for day in expected]
    assert len(keys) > 6000
