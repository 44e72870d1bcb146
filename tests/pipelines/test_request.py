"""What a run is refused for before it starts."""

from datetime import date, timedelta

import pytest

from pipelines.errors import RequestError
from pipelines.request import check_request, good_sessions
from pipelines.sources import open_source
from pipelines.sources.base import History
from tests.pipelines.frames import actions, bars

SAMPLE = open_source("sample")


def test_a_year_gives_its_sessions() -> None:
    sessions = check_request(SAMPLE, None, date(2012, 1, 1), date(2012, 12, 31))
    assert (sessions[0], sessions[-1], len(sessions)) == (date(2012, 1, 3), date(2012, 12, 31), 250)


@pytest.mark.parametrize(
    ("symbols", "start", "end", "sentence"),
    [
        (None, date(2012, 2, 1), date(2012, 1, 1), "2012-02-01 is after 2012-01-01"),
        (None, date(2012, 5, 19), date(2012, 5, 20), "no session lies between"),
        (None, date(2013, 1, 2), date(2013, 12, 31), "but the data on 2013-03-01"),
        (["FB"], date(2012, 1, 3), date(2012, 12, 31), "but the data on 2012-05-18"),
        (None, date(1999, 1, 4), date(1999, 12, 31), "beyond the calendar"),
        (["TSLA"], date(2012, 1, 3), date(2012, 12, 31), "'TSLA' is not in the sample"),
    ],
)
def test_impossible_requests_get_one_sentence(
    symbols: list[str] | None, start: date, end: date, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence) as caught:
        check_request(SAMPLE, symbols, start, end)
    assert "\n" not in str(caught.value)


def test_an_account_can_be_fed_the_sessions_with_a_good_bar() -> None:
    rows = bars([10.0, 11.0, 12.0, 13.0])
    rows.loc[1, "low"] = 0.0
    rows.loc[3, "session"] = rows["session"][3] + timedelta(days=1)  # a Saturday
    assert good_sessions(History(rows, actions())) == [date(2012, 1, 3), date(2012, 1, 5)]
