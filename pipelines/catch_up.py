"""What paper and live accounts are sent of sessions that went by while nothing ran.

An account takes its source's sessions without a gap, because what lies between may hold splits and
dividends, and orders that waited fill there. What a strategy thought of those sessions is over:
their sets are empty.
Belongs here: pure rules over dates and tables. Keep out: asking the trading core, sending.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from pipelines import standing
from pipelines.feed import Tables


def missed(standings: Sequence[date | None], known: Sequence[date], session: date) -> list[date]:
    """The sessions of `known` before `session` that come after where some account stands.

    `standings` are the last sessions that the accounts booked, None for one that begins now;
    `known` are the sessions with good bars, sorted. An account that stands where there are no bars
    cannot be led on from there: it is left out, and waits.
    """
    following = [standing.next_session(day, known) for day in standings if day in known]
    first = min((day for day in following if day is not None), default=session)
    return [day for day in known if first <= day < session]


def without_late_signals(tables: Tables, session: date) -> Tables:
    """The same, with what a strategy says of `session` alone."""
    own = tables.signals["session"] == pd.Timestamp(session)
    withheld = {day: reasons for day, reasons in tables.withheld.items() if day == session}
    return replace(tables, signals=tables.signals[own], withheld=withheld)
