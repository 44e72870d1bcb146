"""News per symbol and session: what the impacts of the last sessions still count for together.

Belongs here: decay over sessions, the sum, and the sentence that names the articles.
Keep out: the impact of one article (impact.py), and how a strategy weighs the day.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from pipelines.analyses.news.impact import decayed

DAILY_COLUMNS = [
    "symbol", "session", "score", "count", "fresh", "reasons",
    "article_ids", "content_hashes", "known_at",
]  # fmt: skip

COUNTED_HALF_LIVES = 5
"""An impact counts for so many of its half-lives: then 1/32 of it is left."""

NAMED = 3
"""Articles that a reason names; the others are counted."""

LONGEST_TITLE = 60
"""Characters of a title that are shown."""


def daily_news(
    impacts: pd.DataFrame, sessions: pd.DatetimeIndex, first: pd.Timestamp
) -> pd.DataFrame:
    """One row per symbol and session from `first` on in which at least one impact counts.

    Args:
        impacts: the rows of impact.impacts with session, known_at, source, title and content_hash
            of their articles.
        sessions: every session from the first one of an impact to the last one wanted, ascending.
        first: the first session wanted.

    Returns:
        Sorted by symbol and session: score in [-1, 1], the sum of what each impact of the last
        COUNTED_HALF_LIVES half-lives has left, cut at 1; count, how many impacts that are, and
        fresh, how many are of this session; reasons; article_ids and content_hashes of all of
        them, parted by spaces; known_at, when the last of them was known. A near-copy, whose
        novelty is 0, counts for nothing.
    """
    rows = _counting(impacts, sessions, int(sessions.searchsorted(first)))
    found = [
        _day(symbol, sessions[at], list(part))
        for (symbol, at), part in groupby(_tuples(rows), key=lambda row: (row.symbol, row.at))
    ]
    frame = pd.DataFrame(found, columns=DAILY_COLUMNS)
    texts = dict.fromkeys(("symbol", "reasons", "article_ids", "content_hashes"), "str")
    numbers = {"score": "float64", "count": "int64", "fresh": "int64"}
    moments = {"session": "datetime64[us]", "known_at": "datetime64[us, UTC]"}
    return frame.astype(texts | numbers | moments)


def _counting(impacts: pd.DataFrame, sessions: pd.DatetimeIndex, first: int) -> pd.DataFrame:
    """One row per impact and session in which it counts: `at`, its place, and `age` in sessions."""
    new = impacts[impacts["novelty"] > 0]
    reach = np.floor(COUNTED_HALF_LIVES * new["half_life"].to_numpy()).astype(np.int64) + 1
    rows = new.loc[new.index.repeat(reach)].reset_index(drop=True)
    starts = np.repeat(np.cumsum(reach) - reach, reach)
    age = np.arange(len(rows)) - starts
    at = sessions.get_indexer(pd.DatetimeIndex(rows["session"])) + age
    rows = rows.assign(age=age, at=at)
    rows = rows[(rows["at"] >= first) & (rows["at"] < len(sessions))]
    return rows.sort_values(["symbol", "at", "known_at", "article_id"], kind="stable")


def _tuples(rows: pd.DataFrame) -> Iterator[Any]:
    return rows.itertuples(index=False)


def _day(symbol: str, session: pd.Timestamp, rows: Sequence[Any]) -> tuple[object, ...]:
    left = [decayed(row.score, row.age, row.half_life) for row in rows]
    total = round(min(1.0, max(-1.0, sum(left))), 6) + 0.0
    order = sorted(range(len(rows)), key=lambda place: -abs(left[place]))  # ties: first known
    named = [_sentence(rows[place], left[place]) for place in order[:NAMED]]
    more = [f"{len(rows) - NAMED} more"] if len(rows) > NAMED else []
    return (
        symbol,
        session,
        total,
        len(rows),
        sum(row.age == 0 for row in rows),
        "; ".join([*named, *more]),
        " ".join(row.article_id for row in rows),
        " ".join(row.content_hash for row in rows),
        max(row.known_at for row in rows),
    )


def _sentence(row: Any, left: float) -> str:  # noqa: ANN401 - a row's tuple
    when = f"{row.age} sessions ago" if row.age > 1 else "the session before" if row.age else "new"
    title = row.title
    short = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"
    return f'{left:+.2f} {row.event_type}, {when}: {row.source} "{short}"'
