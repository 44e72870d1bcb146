"""Rows of the data that a run set aside because they cannot be true.

Belongs here: reading them from the lake, and counting them.
Keep out: judging rows (pipelines), and how the figures look (summary.py).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from deploy.local.request import Request

TABLE = "bars_rejected"
MOST_NAMED = 5


@dataclass(frozen=True)
class Named:
    """One row that was set aside."""

    symbol: str
    session: str
    reason: str


@dataclass(frozen=True)
class SetAside:
    """How many rows of a range were set aside, why, and a few of them."""

    rows: int
    reasons: dict[str, int]
    named: list[Named]


def read(lake_url: str, request: Request) -> SetAside | None:
    """What the request's range lost; None where the lake cannot be read from here."""
    import pandas as pd

    from pipelines.errors import LakeError
    from pipelines.lake import open_lake

    first, last = request.first_session, request.last_session
    nothing = pd.DataFrame(columns=["symbol", "session", "reason"])
    try:
        rows = open_lake(lake_url).read(TABLE, request.dataset, first, last, nothing)
    except (LakeError, OSError, ValueError):  # pyarrow's errors are among these
        return None
    columns = (rows[name].tolist() for name in ("symbol", "session", "reason"))
    return counted(
        [Named(symbol, _day(day), why) for symbol, day, why in zip(*columns, strict=True)]
    )


def counted(rows: list[Named]) -> SetAside:
    """The count of each reason, and the first rows in the order of their days."""
    ordered = sorted(rows, key=lambda each: (each.session, each.symbol, each.reason))
    reasons = Counter(each.reason for each in rows)
    return SetAside(len(rows), dict(reasons), ordered[:MOST_NAMED])


def _day(session: date) -> str:
    return session.isoformat()[:10]
