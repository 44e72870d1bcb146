"""The asset checks on `bars`: which symbol on which date, and whether anything is left to trade.

Belongs here: turning what analyses/bars.py found into check results.
Keep out: the rules themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import pandas as pd

from pipelines.analyses.bars import Reason
from pipelines.assets import show

NAMED = 20
"""A check names so many rows; the others are counted and stand in bars_rejected."""

# A range of sessions costs Dagster one row per check and session, so related rules share a check.
REJECTIONS = {
    "missing_values": [Reason.MISSING_PRICE, Reason.MISSING_VOLUME],
    "positive_prices": [Reason.NOT_POSITIVE, Reason.NEGATIVE_VOLUME, Reason.ACTION_TOO_LARGE],
    "ohlc_order": [Reason.OHLC_ORDER],
    "no_duplicates": [Reason.DUPLICATE],
}
DESCRIPTIONS = {
    "schema": "Every column is there, with its type.",
    "missing_values": "No price or volume is missing; rows where one is are set aside.",
    "positive_prices": "Prices are above zero, volumes not below, dividends less than the price;"
    " other rows are set aside.",
    "ohlc_order": "Open and close lie between low and high; other rows are set aside.",
    "no_duplicates": "One row per symbol and session; copies and contradictions are set aside.",
    "unexplained_jumps": "No open or close jumps without a split or dividend; a symbol that does"
    " takes no new entry for five sessions.",
    "calendar_gaps": "A symbol has a bar for every session from its first to its last, and none"
    " on other days; those are set aside.",
    "tradable": "Something is left that can be traded.",
}
TYPES = {
    "symbol": "str",
    "session": "datetime64[us]",
    "open": "float64",
    "high": "float64",
    "low": "float64",
    "close": "float64",
    "volume": "float64",
}
SPECS = [
    dg.AssetCheckSpec(name, asset="bars", description=text, blocking=name in {"schema", "tradable"})
    for name, text in DESCRIPTIONS.items()
]


@dataclass(frozen=True)
class Judged:
    """Rows of a source after the rules: what may be used, what not, and what wants a look."""

    good: pd.DataFrame
    rejected: pd.DataFrame
    actions: pd.DataFrame
    jumps: pd.DataFrame
    gaps: pd.DataFrame

    def within(self, start: date, end: date) -> "Judged":
        """The same for a range of sessions, both ends included."""
        first, last = pd.Timestamp(start), pd.Timestamp(end)
        frames = (self.good, self.rejected, self.actions, self.jumps, self.gaps)
        return Judged(*(frame[frame["session"].between(first, last)] for frame in frames))


def results(asked: Judged, sessions: Sequence[date]) -> list[dg.AssetCheckResult]:
    """One result per check, over the sessions of the run."""
    reasons = asked.rejected["reason"]
    off_days = asked.rejected[reasons == Reason.NOT_A_SESSION.value]
    return [
        _schema(asked.good),
        *(
            _named(name, asked.rejected[reasons.isin([code.value for code in codes])])
            for name, codes in REJECTIONS.items()
        ),
        _named("unexplained_jumps", asked.jumps),
        _named("calendar_gaps", pd.concat([asked.gaps, off_days], ignore_index=True)),
        _tradable(asked.good, sessions),
    ]


def _named(name: str, found: pd.DataFrame) -> dg.AssetCheckResult:
    """Passed when nothing was found; otherwise a warning that names symbols and dates."""
    days = found["session"].dt.strftime("%Y-%m-%d").tolist()
    named = [f"{symbol} {day}" for symbol, day in zip(found["symbol"], days, strict=True)]
    return dg.AssetCheckResult(
        check_name=name,
        passed=found.empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "count": len(found),
            "where": ", ".join(named[:NAMED]),
            "rows": show.table(found),
        },
    )


def _schema(good: pd.DataFrame) -> dg.AssetCheckResult:
    found = {name: str(good[name].dtype) if name in good else "missing" for name in TYPES}
    wrong = {name: kind for name, kind in found.items() if kind != TYPES[name]}
    return dg.AssetCheckResult(check_name="schema", passed=not wrong, metadata={"wrong": wrong})


def _tradable(good: pd.DataFrame, sessions: Sequence[date]) -> dg.AssetCheckResult:
    """Fails only when no session has a row; single sessions without rows are named."""
    counts = show.rows_per_session(good, sessions)
    empty = [session.isoformat() for session, rows in counts.items() if not rows]
    return dg.AssetCheckResult(
        check_name="tradable",
        passed=len(empty) < len(sessions),
        metadata={"sessions": len(sessions), "sessions_without_rows": ", ".join(empty[:NAMED])},
    )
