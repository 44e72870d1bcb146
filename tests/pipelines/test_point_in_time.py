"""Nothing may use what was not known yet: the blocking check, and when a bar counts as known."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from pipelines.assets.bars import judge
from pipelines.assets.signals import point_in_time
from pipelines.sources.base import History
from tests.pipelines.frames import actions, bars

CLOSE = datetime(2012, 1, 3, 21, 0, tzinfo=UTC)
NEXT_OPEN = datetime(2012, 1, 4, 14, 30, tzinfo=UTC)


def signal(event_time: datetime, known_at: datetime) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": ["IBM"],
            "session": [pd.Timestamp("2012-01-03")],
            "event_time": [event_time],
            "known_at": [known_at],
            "as_of": [CLOSE],
            "valid_until": [NEXT_OPEN],
        }
    )


def test_an_input_of_the_close_that_was_known_overnight_passes() -> None:
    assert point_in_time(signal(CLOSE, CLOSE + timedelta(minutes=15))).passed


@pytest.mark.parametrize(
    ("event_time", "known_at"),
    [(CLOSE + timedelta(seconds=1), CLOSE), (CLOSE, NEXT_OPEN)],
)
def test_an_input_from_the_future_fails_and_is_named(
    event_time: datetime, known_at: datetime
) -> None:
    result = point_in_time(signal(event_time, known_at))
    assert not result.passed
    assert "| IBM | 2012-01-03 |" in result.metadata["rows"].value


def test_a_bar_is_assumed_to_be_known_a_quarter_of_an_hour_after_the_close() -> None:
    good = judge(History(bars([10.0]), actions()), date(2012, 1, 3)).good
    assert good["known_at"].tolist() == [pd.Timestamp(CLOSE + timedelta(minutes=15))]
    assert good["known_by"].tolist() == ["assumed"]


def test_a_source_that_saw_its_bars_arrive_says_when() -> None:
    seen = bars([10.0]).assign(known_at=pd.Timestamp("2012-01-03T21:00:07Z"))
    good = judge(History(seen, actions()), date(2012, 1, 3)).good
    assert good["known_at"].tolist() == [pd.Timestamp("2012-01-03T21:00:07Z")]
    assert good["known_by"].tolist() == ["observed"]


def test_bars_after_the_last_session_asked_for_are_not_looked_at() -> None:
    history = History(bars([10.0, 11.0]), actions(("IBM", 1, 2.0, 0.0)))
    judged = judge(history, date(2012, 1, 3))
    assert judged.good["close"].tolist() == [10.0]
    assert judged.actions.empty


def test_a_split_on_a_day_without_bars_takes_effect_with_the_next_ones() -> None:
    rows = bars([100.0, 100.0, 50.0])
    rows.loc[1, "low"] = 0.0
    judged = judge(History(rows, actions(("IBM", 1, 2.0, 0.0))), date(2012, 1, 5))
    assert judged.actions["session"].tolist() == [pd.Timestamp("2012-01-05")]
    assert judged.jumps.empty
