"""Rows of the lake as wire messages, in the order in which an account is fed.

Belongs here: pure conversion, and the order: the bars of a session, its signals, its set marker.
Keep out: NATS and Dagster; what a message means to an account.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import repeat
from math import isnan
from typing import Any

import pandas as pd
from msgspec import structs

from pipelines import calendar
from pipelines.analyses.bars import PRICE_SCALE
from pipelines.lake import versions
from pipelines.sources.base import ACTION_COLUMNS, PRICES
from pipelines.strategies.opened import CONFIDENCE_SCALE, SCORE_SCALE
from pipelines.strategies.strategy import ANALYSES, REASONS, SENTIMENT, SEPARATOR
from router.messages import (
    LONGEST_TEXT,
    MOST_ARTICLES,
    MOST_REASONS,
    Article,
    Bar,
    Bars,
    Contribution,
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

SIGNAL_FIELDS = ["symbol", "score", "content", "reasons", "confidence"]
OF_ARTICLES = ("article_ids", "content_hashes", "model_hash")
"""Columns of signals that weigh news: the texts, oldest first and parted by spaces, and the model
that scored them; no text where there is none."""


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
    strategy, version = str(first["strategy"]), str(first["strategy_version"])
    as_of, valid_until = _moment(first["as_of"]), _moment(first["valid_until"])
    horizon = first.get("horizon")  # rows that were stored before there were any have none
    told = zip(
        _tuples(rows.reindex(columns=SIGNAL_FIELDS), SIGNAL_FIELDS),
        _contributions(rows),
        _provenances(rows, _provenance(session, first)),
        strict=True,
    )
    for (symbol, score, content, reasons, confidence), contributions, provenance in told:
        yield Signal(
            strategy=strategy,
            strategy_version=version,
            symbol=symbol,
            session=session,
            as_of=as_of,
            valid_until=valid_until,
            score=exact(score, SCORE_SCALE),
            content=content,
            reasons=_sentences(reasons),
            provenance=provenance,
            confidence=None if isnan(confidence) else exact(confidence, CONFIDENCE_SCALE),
            horizon=None if pd.isna(horizon) else int(horizon),
            contributions=contributions,
        )


def _contributions(rows: pd.DataFrame) -> Iterator[tuple[Contribution, ...]]:
    """Of each row, what the analyses that said something added."""
    known = [name for name in ANALYSES if f"{name}_part" in rows]
    ends = ("_part", "_without", REASONS)
    columns = [_tuples(rows, [f"{name}{end}" for end in ends]) for name in known]
    for of_row in zip(*columns, strict=True) if known else repeat((), len(rows)):
        yield tuple(
            Contribution(
                analysis=name,
                part=exact(part, SCORE_SCALE),
                without=exact(without, SCORE_SCALE),
                reasons=_sentences(reasons),
            )
            for name, (part, without, reasons) in zip(known, of_row, strict=True)
            if not (isnan(part) or isnan(without))
        )


def _sentences(text: str) -> tuple[str, ...]:
    """Each of the sentences, as long as a message takes."""
    found = text.split(SEPARATOR) if text else []
    return tuple(each[:LONGEST_TEXT] for each in found[:MOST_REASONS])


def _provenances(rows: pd.DataFrame, shared: Provenance) -> Iterator[Provenance]:
    """Of each row, with the texts and the model that only its symbol rests on."""
    names = [name for name in OF_ARTICLES if name in rows]
    for told in _tuples(rows, names) if names else repeat((), len(rows)):
        ids, hashes, model = (each if isinstance(each, str) else "" for each in told or ("",) * 3)
        if not (ids or model):
            yield shared
            continue
        texts = list(zip(ids.split(), hashes.split(), strict=True))
        yield structs.replace(
            shared,
            models={SENTIMENT: model} if model else {},
            articles=tuple(
                Article(article_id=one, content_hash=content)
                for one, content in texts[-MOST_ARTICLES:]
            ),
            article_count=len(texts),
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
