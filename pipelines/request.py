"""Whether a run can be done at all, answered before anything starts.

Belongs here: what a source's data allow, as one sentence where they do not.
Keep out: storing anything; exit codes; what an account allows (standing.py).
"""

from collections.abc import Sequence
from datetime import date

from pipelines import calendar
from pipelines.analyses.bars import split_rows
from pipelines.errors import RequestError
from pipelines.sources.base import History, Source


def check_request(
    source: Source, symbols: Sequence[str] | None, start: date, end: date
) -> list[date]:
    """The sessions of the range, or RequestError (what was asked) or SourceError (what was read).

    A range may begin on a day without a session, but not outside the source's data.
    """
    if start > end:
        raise RequestError(f"the range is empty: {start} is after {end}")
    if start < calendar.FIRST_PARTITION or end > calendar.LAST_DAY:
        known = f"{calendar.FIRST_PARTITION} to {calendar.LAST_DAY}"
        raise RequestError(f"the range {start} to {end} is beyond the calendar ({known})")
    sessions = calendar.sessions_between(start, end)
    if not sessions:
        raise RequestError(f"the range is empty: no session lies between {start} and {end}")
    require_covered(source.history(symbols), sessions)
    return sessions


def require_covered(history: History, sessions: Sequence[date]) -> None:
    """Raise RequestError where the range begins before the data or ends after them."""
    first, last = history.first_session, history.last_session
    if sessions[0] < first:
        raise RequestError(f"the range begins on {sessions[0]}, but the data on {first}")
    if sessions[-1] > last:
        raise RequestError(f"the range ends on {sessions[-1]}, but the data on {last}")


def good_sessions(history: History) -> list[date]:
    """The sessions that the source has good bars for, sorted: those an account can be fed."""
    known = calendar.session_index(calendar.FIRST_DAY, calendar.LAST_DAY)
    good, _ = split_rows(history.bars, known)
    return [moment.date() for moment in sorted(good["session"].unique())]
