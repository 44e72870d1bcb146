"""What an account may be fed next: a table of ranges, and the law that nothing is skipped."""

from bisect import bisect_right
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.standing import absence, next_session, refusal, session_before

# The source has no bars of the 6th; the 7th and 8th are a weekend.
SESSIONS = [date(2012, 1, day) for day in (3, 4, 5, 9, 10)]


def day(number: int) -> date:
    return date(2012, 1, number)


def answer(first: int | None, last: int | None, start: int, end: int) -> str | None:
    days = [None if number is None else day(number) for number in (first, last)]
    return refusal("mine", *days, SESSIONS, day(start), day(end))


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [
        (None, None, 3, 10),
        (None, None, 9, 9),
        (3, 4, 3, 4),
        (3, 4, 3, 10),
        (3, 4, 5, 10),
        (3, 5, 6, 9),
        (3, 5, 9, 9),
        (3, 5, 1, 4),
        (3, 10, 4, 31),
        (3, 10, 11, 31),
        (4, 5, 4, 4),
    ],
)
def test_a_fresh_account_takes_anything_and_others_what_is_fed_or_follows(
    first: int | None, last: int | None, start: int, end: int
) -> None:
    assert answer(first, last, start, end) is None


@pytest.mark.parametrize(
    ("first", "last", "start", "end", "sentence"),
    [
        (4, 5, 3, 9, "account mine began on 2012-01-04 and cannot go back to 2012-01-03"),
        (4, 5, 1, 3, "began on 2012-01-04"),
        (3, 4, 9, 10, "account mine stands at 2012-01-04: the next session is 2012-01-05"),
        (3, 3, 5, 5, "the next session is 2012-01-04, so a range may begin there at the latest"),
        (3, 5, 10, 10, "the next session is 2012-01-09"),
        (3, 6, 9, 9, "no bars of that session to go on from: name another one with --account"),
    ],
)
def test_what_would_go_back_or_leave_a_gap_is_refused(
    first: int, last: int, start: int, end: int, sentence: str
) -> None:
    assert sentence in (answer(first, last, start, end) or "")


def test_repeating_sessions_needs_no_bars_to_go_on_from() -> None:
    assert answer(3, 6, 3, 5) is None


def test_sessions_before_and_after() -> None:
    assert [next_session(last, SESSIONS) for last in (None, day(3), day(6), day(10))] == [
        day(3),
        day(4),
        day(9),
        None,
    ]
    assert [session_before(day(n), SESSIONS) for n in (3, 4, 8, 11)] == [
        None,
        day(3),
        day(5),
        day(10),
    ]
    assert next_session(None, []) is None


@pytest.mark.parametrize(
    ("first", "last", "session", "sentence"),
    [
        (None, None, 5, "account mine has booked no session yet"),
        (4, 9, 3, "account mine began later, on 2012-01-04"),
        (4, 9, 10, "account mine stands earlier, at 2012-01-09"),
        (4, 9, 6, "no good bars"),
    ],
)
def test_why_a_session_was_not_booked(
    first: int | None, last: int | None, session: int, sentence: str
) -> None:
    days = [None if number is None else day(number) for number in (first, last)]
    assert sentence in absence("mine", *days, day(session))


DAYS = st.integers(0, 40).map(lambda number: date(2012, 1, 1) + timedelta(days=number))


@given(
    st.sets(DAYS, min_size=1).map(sorted),
    st.lists(DAYS, min_size=2, max_size=2).map(sorted),
    st.lists(DAYS, min_size=2, max_size=2).map(sorted),
)
def test_a_range_that_is_allowed_skips_no_session_and_leaves_none_waiting(
    sessions: list[date], booked: list[date], span: list[date]
) -> None:
    """The account takes bars only when the source's session before them is where it stands."""
    first, last = booked
    start, end = span
    if refusal("mine", first, last, sessions, start, end) is not None:
        return
    reached = last
    fed = [session for session in sessions if start <= session <= end]
    for session in fed:
        if session > last:
            assert session_before(session, sessions) == reached
            reached = session
    between = sessions[bisect_right(sessions, last) : bisect_right(sessions, reached)]
    assert [session for session in fed if session > last] == between
    assert not fed or fed[0] >= first
