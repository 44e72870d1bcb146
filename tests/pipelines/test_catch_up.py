"""Which sessions an account missed, as a rule over dates."""

from datetime import date

from pipelines.catch_up import missed

KNOWN = [date(2012, 1, day) for day in (3, 4, 5, 6, 9)]
MONDAY = KNOWN[-1]


def test_what_lies_between_an_account_and_the_session_is_missed() -> None:
    assert missed([KNOWN[1]], KNOWN, MONDAY) == [KNOWN[2], KNOWN[3]]
    assert missed([KNOWN[3], KNOWN[2]], KNOWN, MONDAY) == [KNOWN[3]]


def test_an_account_that_is_up_to_date_or_begins_now_missed_nothing() -> None:
    assert missed([KNOWN[3], None], KNOWN, MONDAY) == []
    assert missed([MONDAY], KNOWN, MONDAY) == []
    assert missed([], KNOWN, MONDAY) == []


def test_an_account_that_stands_elsewhere_is_left_out() -> None:
    assert missed([date(2011, 12, 30), KNOWN[2]], KNOWN, MONDAY) == [KNOWN[3]]
