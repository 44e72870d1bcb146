"""A source over the network: fetch what is missing, store it, and give all that is stored.

Only what is missing since a symbol's last stored session is asked for, and OVERLAP sessions before
it again, so that a restated bar is noticed. Rows are stored while they come: after a crash or an
error the next run goes on where this one stopped. Only sessions that have ended SETTLES ago are
taken: a bar that still changes is no bar. Two processes that fetch at once harm nothing: what one
of them overwrites is asked for again.
Keep out: any provider, and what the lake's tables look like (fetched.py).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from pipelines import calendar
from pipelines.calendar import LAST_DAY
from pipelines.errors import EmptyAnswerError
from pipelines.lake import Lake
from pipelines.sources.base import History
from pipelines.sources.fetched import TABLES, Fetched, Merged, superseded_table
from pipelines.sources.provider import MINUTE, Page, Provider, Timeframe, columns_of
from router.messages import digest

SETTLES = timedelta(minutes=15)
"""After the close, until a bar is final enough and free of charge."""

OVERLAP = 10
"""Sessions that are asked for again: corrections and late dividends come within two weeks."""

ONE_MINUTE = timedelta(minutes=1)
MINUTE_HISTORY = timedelta(days=28)
"""Minute bars begin so long before the first fetch: yfinance has no older ones."""

SAVE_SECONDS = 30.0
SAVE_ROWS = 200_000
"""Pages are stored when so much time passed or so many rows came: a crash repeats no more."""


@dataclass(frozen=True)
class Fetch:
    """What one update did."""

    failures: dict[str, str]
    notices: tuple[str, ...]


class RemoteSource:
    """A provider's symbols since the day `first`, as of the moment that `now` gives."""

    def __init__(
        self,
        provider: Provider,
        lake: Lake,
        symbols: Sequence[str],
        first: date,
        now: Callable[[], datetime],
    ) -> None:
        self._provider, self._lake = provider, lake
        self.symbols = tuple(sorted(set(symbols)))
        self._first, self._now = first, now

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._provider.name

    @property
    def fetched_dataset(self) -> str:
        """The dataset of the fetched rows, which choices of symbols share."""
        return f"{self._provider.dataset}-{self._first:%Y%m%d}"

    @property
    def dataset(self) -> str:
        """Another choice of symbols has tables of its own."""
        return f"{self.fetched_dataset}-{digest(*self.symbols)[:8]}"

    def history(self, symbols: Sequence[str] | None = None) -> History:
        """Every daily bar and action, fetched as far as missing; raises SourceError.

        `known_at` is NaT for rows that were history when they were fetched. `late` names the
        symbols without a bar of the last session that ended; `notices` say why.
        """
        wanted = self._wanted(symbols)
        ended = calendar.last_ended(self._now() - SETTLES)
        fetched = Fetched(self._lake, self.fetched_dataset, Timeframe.DAY, self._first)
        last = fetched.last_sessions()
        since = {s: self._resume(last.get(s)) for s in wanted if last.get(s) != ended}
        fetch = self._fetch(fetched, since, calendar.close_of(ended))
        bars = _of(fetched.bars, wanted)
        if bars.empty:
            raise EmptyAnswerError(self.name, _why(wanted, fetch.failures))
        there = set(bars["symbol"][bars["session"] == pd.Timestamp(ended)])
        late = tuple(symbol for symbol in wanted if symbol not in there)
        reasons = dict.fromkeys(late, f"no bar of {ended} yet") | fetch.failures
        begun = self._begun(bars, [symbol for symbol in since if symbol not in last])
        named = tuple(f"{symbol}: {told}" for symbol, told in sorted((begun | reasons).items()))
        actions = _of(fetched.actions, wanted)
        return History(bars, actions, (*fetch.notices, *named), late)

    def minutes(self, start: date, end: date, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """Minute bars of the sessions from `start` to `end`, fetched as far as missing.

        Columns as in provider.py and `known_at`. The session that runs is asked for as far as it
        went SETTLES ago. Raises SourceError.
        """
        wanted = self._wanted(symbols)
        until = (self._now() - SETTLES).replace(second=0, microsecond=0)
        oldest = max(self._first, (until - MINUTE_HISTORY).date())
        fetched = Fetched(self._lake, self.fetched_dataset, Timeframe.MINUTE, oldest)
        last = fetched.last_sessions()
        fetch = self._fetch(fetched, {s: last.get(s, oldest) for s in wanted}, until)
        if fetch.failures:
            raise EmptyAnswerError(self.name, _why(wanted, fetch.failures))
        return self.stored_minutes(start, end, wanted)

    def stored_minutes(
        self, start: date, end: date, symbols: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """What is stored of these sessions' minute bars, sorted by symbol and minute."""
        table = TABLES[Timeframe.MINUTE]
        found = _of(self._lake.read(table, self.fetched_dataset, start, end), self._wanted(symbols))
        return found.sort_values(["symbol", MINUTE], kind="stable", ignore_index=True)

    def minute_versions(
        self, start: date, end: date, symbols: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Every stored version of these sessions' minute bars, the present ones first."""
        current = self.stored_minutes(start, end, symbols)
        table = superseded_table(Timeframe.MINUTE)
        held = self._lake.read(table, self.fetched_dataset, start, end, empty=current.iloc[:0])
        before = _of(held, self._wanted(symbols))[list(current)]
        return pd.concat([current, before], ignore_index=True)

    def _wanted(self, symbols: Sequence[str] | None) -> tuple[str, ...]:
        return tuple(sorted(set(symbols))) if symbols else self.symbols

    def _begun(self, bars: pd.DataFrame, new: Sequence[str]) -> dict[str, str]:
        """By new symbol, a sentence where its bars begin after the asked day."""
        sessions = calendar.sessions_between(self._first, LAST_DAY)
        first = bars.groupby("symbol")["session"].min()
        days = {symbol: first[symbol].date() for symbol in new if symbol in first}
        return {
            symbol: f"its bars begin on {day}: there are none before"
            for symbol, day in days.items()
            if day > sessions[0]
        }

    def _resume(self, last: date | None) -> date:
        """The session from which a symbol is asked for."""
        if last is None:
            return self._first
        before = calendar.sessions_between(self._first, last)
        return before[-min(OVERLAP, len(before))]

    def _fetch(self, fetched: Fetched, since: dict[str, date], until: datetime) -> Fetch:
        """Ask for what is missing and store it as it comes, up to the first error at the latest."""
        intake = _Intake(fetched, since, until, self._now())
        timeframe = Timeframe.MINUTE if MINUTE in fetched.keys else Timeframe.DAY
        try:
            for page in self._provider.pages(since, timeframe, until) if since else ():
                intake.take(page)
        finally:
            intake.store()
        return intake.fetch()


class _Intake:
    """Pages on their way to the store."""

    def __init__(
        self, fetched: Fetched, since: dict[str, date], until: datetime, at: datetime
    ) -> None:
        self._fetched, self._since, self._until, self._at = fetched, since, until, at
        self._pages: list[Page] = []
        self._rows, self._stored_at = 0, time.monotonic()
        self._failures: dict[str, str] = {}
        self._notices: list[str] = []
        self._restated = 0

    def take(self, page: Page) -> None:
        """Keep what has ended of a page, and store what was kept when it is time."""
        self._failures |= page.failures
        self._notices += page.notices
        self._pages.append(_ended(page, self._until))
        self._rows += len(page.bars)
        if self._rows >= SAVE_ROWS or time.monotonic() - self._stored_at >= SAVE_SECONDS:
            self.store()

    def store(self) -> None:
        """Put every page that waits into the lake."""
        if self._pages:
            merged: Merged = self._fetched.add(self._pages, self._since, self._at)
            self._failures |= merged.failures
            self._restated += merged.restated
        self._pages, self._rows, self._stored_at = [], 0, time.monotonic()

    def fetch(self) -> Fetch:
        """What came of it."""
        told = f"{self._restated} rows were restated: the versions before are kept"
        notices = list(dict.fromkeys(self._notices))
        return Fetch(self._failures, (*notices, *([told] if self._restated else [])))


def _ended(page: Page, until: datetime) -> Page:
    """Without what was not over at `until`: bars, and actions that have not taken effect."""
    bars, last = page.bars, pd.Timestamp(calendar.last_ended(until))
    if MINUTE in bars:
        bars = bars[bars[MINUTE] <= pd.Timestamp(until - ONE_MINUTE)]
    else:
        bars = bars[bars["session"] <= last]
    actions = page.actions[page.actions["session"] <= last]
    kept = bars[columns_of(Timeframe.MINUTE if MINUTE in bars else Timeframe.DAY)]
    return Page(kept, actions, page.answered, page.failures, page.notices)


def _of(frame: pd.DataFrame, symbols: Sequence[str]) -> pd.DataFrame:
    return frame[frame["symbol"].isin(symbols)].reset_index(drop=True)


def _why(wanted: Sequence[str], failures: dict[str, str]) -> str:
    named = "; ".join(f"{symbol}: {failures[symbol]}" for symbol in sorted(failures)[:5])
    return named or f"there is no bar of {', '.join(wanted[:5])}"
