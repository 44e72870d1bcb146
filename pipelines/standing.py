"""Where a replay account stands among its source's sessions, and what it may be fed next.

Belongs here: pure rules over dates. An account takes its source's sessions without a gap, because
what lies between may hold splits and dividends.
Keep out: asking the trading core (core.py), reading the lake (lake.py), Dagster.

`first` and `last` are the first and the last session that the account booked, None while it has
booked none; `sessions` are those that the source has good bars for, sorted.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date


def refusal(
    account: str,
    first: date | None,
    last: date | None,
    sessions: Sequence[date],
    start: date,
    end: date,
) -> str | None:
    """Why the range from `start` to `end` cannot be fed to the account, or None when it can.

    An account that has booked nothing takes any range; one that has takes repetitions, which
    change nothing, and ranges that reach on from where it stands.
    """
    if first is None or last is None:
        return None
    begins = _from(start, sessions)
    if begins is not None and begins < first:
        return (
            f"account {account} began on {first} and cannot go back to {begins}:"
            " name another one with --account"
        )
    following = next_session(last, sessions)
    if following is None or following > end:
        return None
    if last not in sessions:
        return (
            f"account {account} stands at {last}, and this data has no bars of that session to go"
            " on from: name another one with --account"
        )
    if start > following:
        return (
            f"account {account} stands at {last}: the next session is {following}, so a range may"
            " begin there at the latest"
        )
    return None


def next_session(last: date | None, sessions: Sequence[date]) -> date | None:
    """The source's session after `last` (its first one where that is None); None at its end."""
    at = 0 if last is None else bisect_right(sessions, last)
    return sessions[at] if at < len(sessions) else None


def session_before(session: date, sessions: Sequence[date]) -> date | None:
    """The source's last session before `session`; None where that is its very first."""
    at = bisect_left(sessions, session)
    return sessions[at - 1] if at else None


def absence(account: str, first: date | None, last: date | None, session: date) -> str:
    """Why the account has no books of `session`, which it was asked for and did not book."""
    if first is None or last is None:
        return f"account {account} has booked no session yet"
    if session < first:
        return f"account {account} began later, on {first}"
    if session > last:
        return f"account {account} stands earlier, at {last}"
    return f"account {account} went past it: the source had no good bars of it"


def _from(start: date, sessions: Sequence[date]) -> date | None:
    at = bisect_left(sessions, start)
    return sessions[at] if at < len(sessions) else None
