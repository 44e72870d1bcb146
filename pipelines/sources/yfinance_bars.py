"""Yahoo's prices through the library yfinance: no key, daily and minute bars, splits, dividends.

Yahoo divides every price, volume and dividend before a split by it. That is undone here with the
splits of the same answer, which always reaches to the present: what is given are prices as they
were traded, up to Yahoo's rounding. Nothing that yfinance adjusts for dividends is read.

Only shares in US dollars with New York's hours are taken; a dot in a ticker is a dash at Yahoo.
Minute bars reach back 30 days, are of regular hours, and are asked for a week at a time.
Keep out: asking again (patience.py does), storing.
"""

import warnings
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import yfinance
from curl_cffi import requests
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFPricesMissingError, YFTickerMissingError

from pipelines.errors import ProviderAwayError, SchemaChangedError
from pipelines.sources.market_file import YFinance
from pipelines.sources.patience import Asker, BusyError, Patience, require_free
from pipelines.sources.provider import (
    Page,
    Timeframe,
    in_hours,
    no_bars,
    of_minutes,
    typed,
    typed_actions,
)

NEW_YORK = "America/New_York"
TIMEOUT_S = 30.0
COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Dividends": "dividend",
    "Stock Splits": "split",
}
MINUTES_AT_ONCE = timedelta(days=7)


class YFinanceProvider:
    """Yahoo through yfinance; `cache` is a folder where the library keeps its cookies."""

    name = "yfinance"
    dataset = "yfinance"

    def __init__(self, settings: YFinance, patience: Patience, cache: Path) -> None:
        asker = Asker("yfinance", settings.requests_per_minute, patience)
        yfinance.cache.set_cache_location(str(cache))
        yfinance.config.debug.hide_exceptions = False
        self._session = PoliteSession(asker, settings.url)

    def pages(
        self, since: Mapping[str, date], timeframe: Timeframe, until: datetime
    ) -> Iterator[Page]:
        """One page per symbol, and per week of minutes; see Provider."""
        for symbol, first in since.items():
            if timeframe == Timeframe.DAY:
                yield self._page(symbol, timeframe, first, None)
            else:
                yield from self._weekly_pages(symbol, first, until)

    def _weekly_pages(self, symbol: str, first: date, until: datetime) -> Iterator[Page]:
        """A symbol fails only where no week has a minute: it may have begun to trade lately."""
        found, failures = False, dict[str, str]()
        for start, end in _weeks(first, until):
            page = self._page(symbol, Timeframe.MINUTE, start, end)
            found, failures = found or not page.bars.empty, {**failures, **page.failures}
            yield Page(page.bars)
        if not found:
            yield Page(no_bars(Timeframe.MINUTE), failures=failures)

    def _page(self, symbol: str, timeframe: Timeframe, start: date, end: date | None) -> Page:
        try:
            frame, told = self._ask(symbol, timeframe, start, end)
        except YFTickerMissingError as error:
            return Page(no_bars(timeframe), failures={symbol: _reason(error)})
        if (misfit := _misfit(told)) is not None:
            return Page(no_bars(timeframe), failures={symbol: misfit})
        shape = _day_page if timeframe == Timeframe.DAY else _minute_page
        return shape(symbol, frame)

    def _ask(
        self, symbol: str, timeframe: Timeframe, start: date, end: date | None
    ) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        ticker = yfinance.Ticker(symbol.replace(".", "-"), session=self._session)
        # It would ask Yahoo for each symbol's zone first; another zone than this is refused below.
        ticker._tz = NEW_YORK
        YfData.cache_get.cache_clear()  # an answer that it remembers shows nothing restated
        interval = "1d" if timeframe == Timeframe.DAY else "1m"
        try:
            with warnings.catch_warnings():
                # yfinance uses what pandas 3.1 deprecates; its answers are the same.
                warnings.filterwarnings("ignore", category=DeprecationWarning)
                frame = ticker.history(
                    start=start,
                    end=end,
                    interval=interval,
                    auto_adjust=False,
                    back_adjust=False,
                    actions=True,
                    timeout=TIMEOUT_S,
                )
            return _figures(frame), dict(ticker.get_history_metadata())
        except YFTickerMissingError:
            raise
        except (YFException, requests.exceptions.RequestException) as error:
            raise ProviderAwayError(self.name, f"{symbol}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise SchemaChangedError(
                self.name,
                f"the answer for {symbol} cannot be read ({error!r}): nothing of it was taken;"
                " a newer yfinance may know this form",
            ) from error


class PoliteSession(requests.Session):  # type: ignore[type-arg]  # it is one at run time only
    """The library's session, slowed down and patient; `url` is another place for Yahoo's API."""

    def __init__(self, asker: Asker, url: str | None) -> None:
        super().__init__(impersonate="chrome")
        self._asker, self._place = asker, url

    def request(self, method: Any, url: str, *words: Any, **more: Any) -> Any:  # noqa: ANN401
        """As the library's; prices are asked for again where Yahoo is busy, cookies are not."""
        target = f"{self._place}{urlsplit(url).path}" if self._place else url
        if "/finance/chart/" not in url:
            return super().request(method, target, *words, **more)

        def once() -> Any:  # noqa: ANN401
            try:
                answer = super(PoliteSession, self).request(method, target, *words, **more)
            except requests.exceptions.RequestException as error:
                raise BusyError(f"it does not answer ({error})"[:200]) from error
            require_free(answer.status_code, answer.headers.get("Retry-After"))
            if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
                raise ProviderAwayError("yfinance", f"it answers {answer.status_code} to {url}")
            return answer

        return self._asker.ask(once)


def _figures(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that are read, under our names; SchemaChanged comes of a missing one."""
    figures = frame[list(COLUMNS)].rename(columns=COLUMNS).astype("float64")
    if not isinstance(figures.index, pd.DatetimeIndex):
        raise TypeError(f"the index is {type(figures.index).__name__}")
    return figures


def _misfit(told: Mapping[str, Any]) -> str | None:
    """Why the system cannot trade it, None where it can."""
    currency, zone = told.get("currency"), told.get("exchangeTimezoneName")
    if currency != "USD":
        return f"it is quoted in {currency}: only US dollars are supported"
    if zone != NEW_YORK:
        return f"it trades in the hours of {zone}: only {NEW_YORK} is supported"
    return None


def unadjusted(figures: pd.DataFrame) -> pd.DataFrame:
    """Prices, volumes and dividends as they were before later splits.

    Input: rows of one symbol, oldest first, up to the present, with `split` 0 for none. A split
    takes effect before its own row, so that row is as traded already.
    """
    splits = figures["split"].replace(0.0, 1.0).to_numpy()
    later = np.append(np.cumprod(splits[::-1])[::-1][1:], 1.0)
    prices = ["open", "high", "low", "close", "dividend"]
    raw = figures.assign(**{name: figures[name] * later for name in prices})
    return raw.assign(volume=(figures["volume"] / later).round())


def _day_page(symbol: str, figures: pd.DataFrame) -> Page:
    raw = unadjusted(figures)
    days = pd.DatetimeIndex(raw.index).tz_convert(NEW_YORK).tz_localize(None).normalize()
    rows = raw.reset_index(drop=True).assign(symbol=symbol, session=days)
    acted = rows[(rows["split"] != 0) | (rows["dividend"] != 0)]
    actions = acted[["symbol", "session", "split", "dividend"]].replace({"split": {0.0: 1.0}})
    found = typed_actions(actions)
    return Page(typed(rows.dropna(subset=["close"])), found, answered=(symbol,))


def _minute_page(symbol: str, figures: pd.DataFrame) -> Page:
    """The splits of the last weeks are not undone: a minute bar is used in its own session."""
    rows = figures.dropna(subset=["close"])
    minutes = pd.DatetimeIndex(rows.index).tz_convert("UTC")
    bars = of_minutes(rows.reset_index(drop=True).assign(symbol=symbol, minute=minutes))
    return Page(in_hours(bars))


def _weeks(first: date, until: datetime) -> Iterator[tuple[date, date]]:
    start = first
    while start <= until.date():
        end = min(start + MINUTES_AT_ONCE, until.date() + timedelta(days=1))
        yield start, end
        start = end


def _reason(error: YFTickerMissingError) -> str:
    said = getattr(error, "rationale", None) or str(error)
    kind = "no prices" if isinstance(error, YFPricesMissingError) else "no such symbol"
    return f"{kind}: {said}; it may be misspelt, delisted or without trades since"
