"""Prices of a crypto exchange through the library ccxt: spot pairs, of exchanges that give candles.

Coins trade at all hours and the system in sessions of New York's exchange. A daily bar here is what
traded from open to close of such a session, put together from half-hour candles: it has ended when
the session has, begins after whatever was decided the evening before, and nights and weekends are
between two bars, as they are for shares. The exchange's own daily candles end at midnight UTC,
hours after the decision that would use them, and fall on weekends: they are not read. Minute bars
are stored for all hours; each belongs to the first session whose close is after it.

A symbol is BTC-USD for the pair BTC/USD. Pairs against USDT and USDC are taken as if in dollars,
and a notice says so; other currencies, and pairs below a thousandth of a dollar, whose prices six
decimals cannot hold, are refused. Coins neither split nor pay: there are no actions.
Keep out: storing, and how long a busy exchange is asked (patience.py).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ccxt
import pandas as pd

from pipelines import calendar
from pipelines.errors import BrokenPagesError, RequestError, SchemaChangedError, SourceError
from pipelines.sources.market_file import Ccxt
from pipelines.sources.patience import Asker, BusyError, Patience, seconds
from pipelines.sources.provider import Page, Timeframe, in_hours, no_bars, of_minutes, typed

DOLLARS = ("USD", "USDC", "USDT")
LEAST_PRICE = 1e-3
CANDLES = {Timeframe.DAY: "30m", Timeframe.MINUTE: "1m"}
LENGTHS = {Timeframe.DAY: timedelta(minutes=30), Timeframe.MINUTE: timedelta(minutes=1)}
AT_ONCE = 300
"""Candles per request; no large exchange gives fewer."""

EVIDENCE = timedelta(hours=2)
"""So long after a session's close is asked too: a later candle shows that the last one is whole."""

Answer = TypeVar("Answer")


class CcxtProvider:
    """One exchange; raises RequestError for one that cannot be used."""

    name = "ccxt"

    def __init__(self, settings: Ccxt, patience: Patience) -> None:
        if settings.exchange not in ccxt.exchanges:
            raise RequestError(f"ccxt knows no exchange {settings.exchange!r}")
        self._exchange = getattr(ccxt, settings.exchange)({"enableRateLimit": False})
        known = self._exchange.timeframes or {}
        missing = [each for each in CANDLES.values() if each not in known]
        if not self._exchange.has["fetchOHLCV"] or missing:
            raise RequestError(
                f"{settings.exchange} gives no candles of {', '.join(missing) or 'any length'}:"
                " the system needs those of 1 and of 30 minutes"
            )
        if settings.url:
            urls = self._exchange.urls
            urls["api"] = _at(urls["api"], settings.url)
        rate = settings.requests_per_minute or 60_000.0 / float(self._exchange.rateLimit)
        self._place = f"ccxt {settings.exchange}"
        self._asker = Asker(self._place, rate, patience)

    @property
    def dataset(self) -> str:
        """Every exchange has its own prices."""
        return f"{self.name}-{self._exchange.id}"

    def pages(
        self, since: Mapping[str, date], timeframe: Timeframe, until: datetime
    ) -> Iterator[Page]:
        """One page per request; daily bars come when a symbol's candles are all there."""
        self._ask(self._exchange.load_markets)
        for symbol, first in since.items():
            pair = symbol.replace("-", "/")
            misfit = self._misfit(pair)
            if misfit is not None:
                yield Page(no_bars(timeframe), failures={symbol: misfit})
                continue
            pages = self._symbol_pages(symbol, pair, first, timeframe, until)
            yield from _named(pages, symbol, pair)

    def _misfit(self, pair: str) -> str | None:
        market = (self._exchange.markets or {}).get(pair)
        if market is None:
            return f"{self._exchange.id} has no pair {pair}"
        if not market.get("spot"):
            return f"{pair} is no spot pair: only those are supported"
        if market["quote"] not in DOLLARS:
            return f"{pair} is quoted in {market['quote']}: only {', '.join(DOLLARS)} are supported"
        return None

    def _symbol_pages(
        self, symbol: str, pair: str, first: date, timeframe: Timeframe, until: datetime
    ) -> Iterator[Page]:
        parts: list[pd.DataFrame] = []
        last = until + (EVIDENCE if timeframe == Timeframe.DAY else timedelta())
        for rows in self._candles(pair, _start(first), last, timeframe):
            candles = of_minutes(_frame(symbol, rows))
            if float(candles["close"].min()) < LEAST_PRICE:
                low = f"{pair} trades below {LEAST_PRICE} dollars: six decimals cannot hold it"
                yield Page(no_bars(timeframe), failures={symbol: low})
                return
            if timeframe == Timeframe.MINUTE:
                yield Page(candles)
            parts.append(candles)
        if not parts:
            nothing = f"{self._exchange.id} has no candle since {first}"
            yield Page(no_bars(timeframe), failures={symbol: nothing})
        elif timeframe == Timeframe.DAY:
            yield Page(session_bars(pd.concat(parts, ignore_index=True)))

    def _candles(
        self, pair: str, start: datetime, last: datetime, timeframe: Timeframe
    ) -> Iterator[list[list[Any]]]:
        """Candles that begin from `start` to `last`, some hundreds at a time, oldest first."""
        step = int(LENGTHS[timeframe].total_seconds() * 1000)
        cursor, end = _milliseconds(start), _milliseconds(last)
        while cursor <= end:
            asked = cursor

            def fetch(since: int = asked) -> Any:  # noqa: ANN401
                candles = CANDLES[timeframe]
                return self._exchange.fetch_ohlcv(pair, candles, since=since, limit=AT_ONCE)

            answer = self._ask(fetch)
            rows = [row for row in _checked(self._place, answer) if asked <= row[0] <= end]
            if not rows and answer and answer[-1][0] < asked:
                problem = f"{pair}: asked for candles since {asked}, it repeats earlier ones"
                raise BrokenPagesError(self._place, problem)
            if rows:
                yield rows
            cursor = rows[-1][0] + step if rows else asked + AT_ONCE * step

    def _ask(self, request: Callable[[], Answer]) -> Answer:
        return self._asker.ask(lambda: self._once(request))

    def _once(self, request: Callable[[], Answer]) -> Answer:
        try:
            return request()
        except ccxt.BadResponse as error:
            raise SchemaChangedError(self._place, _said(error)) from error
        except ccxt.NetworkError as error:
            headers = self._exchange.last_response_headers or {}
            after = next((v for k, v in headers.items() if k.lower() == "retry-after"), None)
            raise BusyError(_said(error), seconds(after)) from error
        except ccxt.BaseError as error:
            raise SourceError(self._place, f"{type(error).__name__}: {_said(error)}") from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise SchemaChangedError(
                self._place, f"its answer cannot be read ({error!r}): a newer ccxt may know it"
            ) from error


def session_bars(candles: pd.DataFrame) -> pd.DataFrame:
    """Daily bars of the sessions of which the last half-hour is there, or something after it.

    Input: half-hour candles of one symbol, oldest first, columns as of minute bars.
    """
    inside = in_hours(candles)
    closes = pd.to_datetime(
        inside["session"].map(calendar.closes(inside["session"].drop_duplicates())), utc=True
    )
    inside = inside[closes <= candles["minute"].max() + LENGTHS[Timeframe.DAY]]
    bars = inside.groupby(["symbol", "session"], as_index=False).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    return typed(bars)


def _named(pages: Iterator[Page], symbol: str, pair: str) -> Iterator[Page]:
    quote = pair.rpartition("/")[2]
    told = () if quote == "USD" else (f"{symbol}: {quote} is taken as a dollar",)
    for page in pages:
        yield Page(page.bars, failures=page.failures, notices=told)


def _frame(symbol: str, rows: list[list[Any]]) -> pd.DataFrame:
    names = ["minute", "open", "high", "low", "close", "volume"]
    frame = pd.DataFrame([row[:6] for row in rows], columns=names)
    minutes = pd.to_datetime(frame["minute"], unit="ms", utc=True)
    return frame.assign(symbol=symbol, minute=minutes)


def _checked(place: str, answer: Any) -> list[list[Any]]:  # noqa: ANN401 - whatever came
    """Rows of six numbers in the order of time; raises SchemaChangedError for anything else."""
    whole = isinstance(answer, list) and all(
        isinstance(row, list) and len(row) >= 6 and all(_is_number(each) for each in row[:6])
        for row in answer
    )
    if not whole:
        problem = "its candles are not rows of a time and five numbers: a newer ccxt may know them"
        raise SchemaChangedError(place, problem)
    return sorted(answer, key=lambda row: row[0])


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(urls: Any, place: str) -> Any:  # noqa: ANN401 - a text, or texts by name
    """The same addresses at another place."""
    if isinstance(urls, dict):
        return {name: _at(each, place) for name, each in urls.items()}
    return f"{place.rstrip('/')}{urlsplit(urls).path}"


def _start(session: date) -> datetime:
    """From where a session's candles are asked for: the midnight (UTC) that its day begins."""
    return datetime.combine(session, time(), UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
