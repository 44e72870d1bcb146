"""Rows of the lake as wire messages, in the order in which an account is fed.

Belongs here: pure conversion, and the order: the bars of a session, its signals, its set marker.
Keep out: NATS and Dagster; what a message means to an account.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from pipelines import calendar
from pipelines.analyses.bars import PRICE_SCALE
from pipelines.lake import versions
from pipelines.sources.base import ACTION_COLUMNS, PRICES
from pipelines.strategies.technical import SCORE_SCALE, SEPARATOR
from router.messages import (
    Bar,
    Bars,
    Dividend,
    Input,
    Provenance,
    Signal,
    SignalSet,
    Split,
    digest,
)

BAR_CONTENT = ["symbol", *PRICES, "volume", "suspect"]
ACTION_SCALE = 9
LARGEST_DENOMINATOR = 10_000
"""Of a split's ratio: 0.333333 was meant as 1 for 3, and 1.05 as 21 for 20."""

VERSIONED = ("bars", "technical", "news", "sentiment")
"""Tables that a signal may have been computed from, in its columns as `bars_version` and so on."""

SIGNAL_FIELDS = ["symbol", "score", "content", "reasons"]


@dataclass(frozen=True)
class Tables:
    """What a range of sessions is fed from; the frames are sorted by symbol and session.

    `before` is the session with good bars right before the range, whatever was fed so far; None
    where the range begins with the source's very first.
    """

    source: str
    strategy: str
    bars: pd.DataFrame
    actions: pd.DataFrame
    signals: pd.DataFrame
    before: date | None
    withheld: Mapping[date, Mapping[str, str]] = field(default_factory=dict)
    """By session, the symbols that the strategy could say nothing about, with the reason."""


def bars_versions(bars: pd.DataFrame, actions: pd.DataFrame) -> dict[date, str]:
    """The content hash of each session with bars: its bars, and its actions where it has any."""
    of_actions = versions(actions, [name for name in ACTION_COLUMNS if name != "session"])
    return {
        session: digest(version, of_actions[session]) if session in of_actions else version
        for session, version in versions(bars, BAR_CONTENT).items()
    }


def in_feed_order(tables: Tables) -> Iterator[Input]:
    """Every message of the range, session by session; a session without a bar is left out.

    Bars name the source's session before, so that an account takes them without a gap. The first
    of the range say so, so that a fresh account may begin with them.
    """
    bars, actions = _by_session(tables.bars), _by_session(tables.actions)
    signals = _by_session(tables.signals)
    hashes = bars_versions(tables.bars, tables.actions)
    previous, starts = tables.before, True
    for session, rows in bars.items():
        content = (rows, actions.get(session), hashes[session])
        yield _bars(tables.source, session, *content, previous=previous, starts=starts)
        ids: list[str] = []
        if session in signals:
            for signal in _signals(session, signals[session]):
                ids.append(signal.input_id)
                yield signal
        yield _set(tables.strategy, session, ids, tables.withheld.get(session, {}))
        previous, starts = session, False


def _by_session(frame: pd.DataFrame) -> dict[date, pd.DataFrame]:
    ordered = frame.sort_values(["session", "symbol"], kind="stable", ignore_index=True)
    groups = ordered.groupby("session")
    return {part["session"].iloc[0].date(): part for _, part in groups}


def _bars(
    source: str,
    session: date,
    rows: pd.DataFrame,
    actions: pd.DataFrame | None,
    version: str,
    *,
    previous: date | None,
    starts: bool,
) -> Bars:
    return Bars(
        source=source,
        session=session,
        previous=previous,
        bar_end=calendar.close_of(session),
        known_at=_moment(rows["known_at"].max()),
        version=version,
        bars=tuple(_bar(*row) for row in _tuples(rows, ["symbol", *PRICES, "volume"])),
        actions=() if actions is None else tuple(_actions(actions)),
        suspects=tuple(rows["symbol"][rows["suspect"].to_numpy(dtype=bool)].tolist()),
        starts=starts,
    )


def _bar(symbol: str, opened: float, high: float, low: float, close: float, volume: float) -> Bar:
    return Bar(
        symbol=symbol,
        open=exact(opened, PRICE_SCALE),
        high=exact(high, PRICE_SCALE),
        low=exact(low, PRICE_SCALE),
        close=exact(close, PRICE_SCALE),
        volume=exact(volume, PRICE_SCALE),
    )


def _actions(rows: pd.DataFrame) -> Iterator[Split | Dividend]:
    for symbol, split, dividend in _tuples(rows, ["symbol", "split", "dividend"]):
        # The dividend is of shares held before, so it comes before the split.
        if dividend > 0:
            yield Dividend(symbol=symbol, amount=exact(dividend, ACTION_SCALE))
        if split != 1.0:
            shares = Fraction(split).limit_denominator(LARGEST_DENOMINATOR)
            new, old = shares.numerator, shares.denominator
            yield Split(symbol=symbol, new_shares=new, old_shares=old)


def _set(strategy: str, session: date, ids: list[str], withheld: Mapping[str, str]) -> SignalSet:
    """The end of a session's signals; sent without any too, or an account would wait for them."""
    return SignalSet(
        strategy=strategy,
        session=session,
        as_of=calendar.close_of(session),
        signal_ids=tuple(ids),
        withheld=dict(withheld),
    )


def _signals(session: date, rows: pd.DataFrame) -> Iterator[Signal]:
    """All rows of a session share what the first row says of the strategy and the run."""
    first = rows.iloc[0]
    provenance = _provenance(session, first)
    strategy, version = str(first["strategy"]), str(first["strategy_version"])
    as_of, valid_until = _moment(first["as_of"]), _moment(first["valid_until"])
    for symbol, score, content, reasons in _tuples(rows, SIGNAL_FIELDS):
        yield Signal(
            strategy=strategy,
            strategy_version=version,
            symbol=symbol,
            session=session,
            as_of=as_of,
            valid_until=valid_until,
            score=exact(score, SCORE_SCALE),
            content=content,
            reasons=tuple(reasons.split(SEPARATOR)),
            provenance=provenance,
        )


def _provenance(session: date, row: pd.Series) -> Provenance:
    found = {name: row.get(f"{name}_version") for name in VERSIONED}
    return Provenance(
        run_id=str(row["run_id"]),
        asset="signals",
        partition=session.isoformat(),
        code_version=str(row["code_version"]),
        input_versions={name: str(each) for name, each in found.items() if pd.notna(each)},
    )


def exact(value: float, scale: int) -> Decimal:
    """The shortest decimal that is this float, rounded to `scale` places; whole numbers plain."""
    rounded = round(value, scale) + 0.0
    return (
        Decimal(int(rounded))
        if rounded.is_integer()
        else Decimal(f"{rounded:.{scale}f}".rstrip("0"))
    )


def _tuples(rows: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(rows[name].tolist() for name in columns), strict=True)


def _moment(value: pd.Timestamp) -> datetime:
    return value.to_pydatetime().astimezone(UTC)
