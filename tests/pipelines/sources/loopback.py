"""Providers on the loopback: real HTTP servers that answer as Yahoo, Alpaca and Bitstamp do.

Belongs here: the market behind them, the form of their answers, and the ways in which they fail.
Keep out: assertions.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pipelines import calendar

NEW_YORK = ZoneInfo("America/New_York")

Figures = tuple[float, float, float, float, float]
"""Open, high, low, close, volume, as traded."""


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers)


BUSY = as_json({"message": "too many requests"}, 429, **{"Retry-After": "0.01"})
BUSY_LONG = as_json({"message": "too many requests"}, 429, **{"Retry-After": "3600"})
BROKEN = Answer(503, b"<html>Service Unavailable</html>")


@dataclass
class Market:
    """What was traded; a server shows as much of it as had happened at `now`."""

    now: datetime
    bars: dict[str, dict[date, Figures]] = field(default_factory=dict)
    splits: dict[str, dict[date, tuple[int, int]]] = field(default_factory=dict)
    dividends: dict[str, dict[date, float]] = field(default_factory=dict)

    def trade(self, symbol: str, start: date, end: date, price: float = 100.0) -> None:
        """A bar for each session, a dollar higher each time."""
        for number, session in enumerate(calendar.sessions_between(start, end)):
            close = price + number
            figures = (close - 0.5, close + 1, close - 1, close, 1000.0 + number)
            self.bars.setdefault(symbol, {})[session] = figures

    def seen(self, symbol: str, first: date) -> dict[date, Figures]:
        """Its bars from `first` on whose session has begun, the present one as it stands."""
        return {
            day: figures
            for day, figures in sorted(self.bars.get(symbol, {}).items())
            if day >= first and calendar.open_of(day) <= self.now
        }

    def later(self, symbol: str, day: date) -> float:
        """The product of the splits after a day that have taken effect."""
        factor = 1.0
        for session, (new, old) in self.splits.get(symbol, {}).items():
            if day < session and calendar.open_of(session) <= self.now:
                factor *= new / old
        return factor


class Provider:
    """One server; `interrupt` may answer in its place, None for the usual answer."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.url = ""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.interrupt: Callable[[str, dict[str, str]], Answer | None] = lambda _path, _query: None

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        raise NotImplementedError

    def respond(self, path: str, query: dict[str, str]) -> Answer:
        self.asked.append((path, query))
        return self.interrupt(path, query) or self.answer(path, query)


class Yahoo(Provider):
    """Everything before a split divided by it; minutes where `minutes` has some."""

    currency = "USD"
    zone = "America/New_York"

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.minutes: dict[str, dict[datetime, Figures]] = {}

    @property
    def charts(self) -> list[tuple[str, dict[str, str]]]:
        return [each for each in self.asked if "/chart/" in each[0]]

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        if "/v8/finance/chart/" not in path:
            return Answer(200, b"<html></html>" if "crumb" not in path else b"crumb")
        ticker = path.rsplit("/", maxsplit=1)[-1]
        symbol = ticker.replace("-", ".")
        first = datetime.fromtimestamp(int(query["period1"]), NEW_YORK)
        if symbol not in {*self.market.bars, *self.minutes}:
            said = "No data found, symbol may be delisted"
            error = {"code": "Not Found", "description": said}
            return as_json({"chart": {"result": None, "error": error}}, 404)
        daily = query["interval"] == "1d"
        last = datetime.fromtimestamp(int(query["period2"]), NEW_YORK)
        rows = self._days(symbol, first.date()) if daily else self._minutes(symbol, first, last)
        return as_json(self._chart(symbol, ticker, first.date(), rows))

    def _days(self, symbol: str, first: date) -> dict[int, Figures]:
        found = {}
        for day, (opened, high, low, close, volume) in self.market.seen(symbol, first).items():
            by = self.market.later(symbol, day)
            prices = (each / by for each in (opened, high, low, close))
            found[stamp(day)] = (*prices, volume * by)
        return found

    def _minutes(self, symbol: str, first: datetime, last: datetime) -> dict[int, Figures]:
        seen = sorted(self.minutes.get(symbol, {}).items())
        until = min(last, self.market.now)
        return {int(m.timestamp()): row for m, row in seen if first <= m < until}

    def _chart(self, symbol: str, ticker: str, first: date, rows: dict[int, Figures]) -> Any:
        names = ("open", "high", "low", "close", "volume")
        columns = zip(*rows.values(), strict=True) if rows else [()] * len(names)
        quote = {name: list(column) for name, column in zip(names, columns, strict=True)}
        meta = {
            "currency": self.currency,
            "symbol": ticker,
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": self.zone,
            "firstTradeDate": 345479400,
            "validRanges": ["1d", "5d", "max"],
            "dataGranularity": "1d",
            "range": "",
            "gmtoffset": -18000,
            "timezone": "EST",
            "exchangeName": "NMS",
            "currentTradingPeriod": trading_period(self.market.now),
            "tradingPeriods": [[each] for each in trading_periods(rows)],
        }
        result = {
            "meta": meta,
            "timestamp": list(rows),
            "events": self._events(symbol, first),
            "indicators": {"quote": [quote if rows else {}], "adjclose": []},
        }
        result["indicators"]["adjclose"] = [{"adjclose": quote["close"]}]
        return {"chart": {"result": [result], "error": None}}

    def _events(self, symbol: str, first: date) -> Any:
        begun = {d for d in self.market.bars.get(symbol, {}) if d >= first}
        begun = {d for d in begun if calendar.open_of(d) <= self.market.now}
        splits, paid = self.market.splits.get(symbol, {}), self.market.dividends.get(symbol, {})
        return {
            "splits": {
                str(stamp(d)): {"date": stamp(d), "numerator": new, "denominator": old}
                for d, (new, old) in splits.items()
                if d in begun
            },
            "dividends": {
                str(stamp(d)): {"date": stamp(d), "amount": cash / self.market.later(symbol, d)}
                for d, cash in paid.items()
                if d in begun
            },
        }


def stamp(day: date) -> int:
    """Yahoo dates a day's row with the open."""
    return int(datetime.combine(day, time(9, 30), NEW_YORK).timestamp())


def trading_period(now: datetime) -> Any:
    day = calendar.last_ended(now)
    period = period_of(day)
    return {"pre": period, "regular": period, "post": period}


def trading_periods(rows: dict[int, Figures]) -> list[Any]:
    days = sorted({datetime.fromtimestamp(each, NEW_YORK).date() for each in rows})
    return [period_of(day) for day in days if calendar.is_session(day)]


def period_of(day: date) -> Any:
    start, end = calendar.open_of(day), calendar.close_of(day)
    return {
        "timezone": "EST",
        "start": int(start.timestamp()),
        "end": int(end.timestamp()),
        "gmtoffset": -18000,
    }


class Alpaca(Provider):
    """Raw bars by symbol, in pages of `page_size` rows; actions in one page."""

    page_size = 7

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.others: dict[str, list[Any]] = {}
        self.minutes: dict[str, dict[datetime, Figures]] = {}

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        if path == "/v1/corporate-actions":
            return as_json({"corporate_actions": self._actions(query), "next_page_token": None})
        rows = [
            (symbol, bar_json(moment, figures))
            for symbol in sorted(query["symbols"].split(","))
            for moment, figures in self._rows(symbol, query)
        ]
        start = int(query.get("page_token", "0"))
        part = rows[start : start + self.page_size]
        bars: dict[str, list[Any]] = {}
        for symbol, bar in part:
            bars.setdefault(symbol, []).append(bar)
        end = start + self.page_size
        token = str(end) if end < len(rows) else None
        return as_json({"bars": bars, "next_page_token": token})

    def _rows(self, symbol: str, query: dict[str, str]) -> list[tuple[datetime, Figures]]:
        first, last = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        if query["timeframe"] == "1Min":
            seen = sorted(self.minutes.get(symbol, {}).items())
            return [(moment, row) for moment, row in seen if first <= moment <= last]
        days = self.market.seen(symbol, first.date()).items()
        return [(datetime.combine(day, time(), NEW_YORK), row) for day, row in days]

    def _actions(self, query: dict[str, str]) -> Any:
        first, last = query["start"], query["end"]
        found: dict[str, list[Any]] = {name: list(rows) for name, rows in self.others.items()}
        for symbol in query["symbols"].split(","):
            for day, (new, old) in self.market.splits.get(symbol, {}).items():
                if first <= day.isoformat() <= last:
                    kind = "forward_splits" if new > old else "reverse_splits"
                    row = {"symbol": symbol, "new_rate": new, "old_rate": old}
                    found.setdefault(kind, []).append(row | {"ex_date": day.isoformat()})
            for day, cash in self.market.dividends.get(symbol, {}).items():
                if first <= day.isoformat() <= last:
                    row = {"symbol": symbol, "rate": cash, "special": False, "foreign": False}
                    paid = found.setdefault("cash_dividends", [])
                    paid.append(row | {"ex_date": day.isoformat()})
        return found


def bar_json(moment: datetime, figures: Figures) -> Any:
    opened, high, low, close, volume = figures
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"t": text, "o": opened, "h": high, "l": low, "c": close}
    return row | {"v": int(volume), "n": 10, "vw": close}


class Bitstamp(Provider):
    """Candles of any length, made of `price`, a function of the moment that one begins."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.price: Callable[[datetime], float] = lambda moment: 100.0 + moment.hour
        self.silent: Callable[[datetime], bool] = lambda _moment: False

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        if path.endswith("/markets/"):
            return as_json([pair("BTC", "USD"), pair("ETH", "USDT"), pair("BTC", "EUR")])
        step, limit = int(query["step"]), int(query["limit"])
        start, end = int(query["start"]), int(query["end"])
        moments = range(start - start % step, end + 1, step)
        begun = (datetime.fromtimestamp(each, UTC) for each in moments if each >= start)
        seen = [each for each in begun if each <= self.market.now and not self.silent(each)]
        rows = [self._candle(each) for each in seen[:limit]]
        return as_json({"data": {"pair": "BTC/USD", "ohlc": rows}})

    def _candle(self, moment: datetime) -> Any:
        price = self.price(moment)
        figures = {"open": price, "high": price + 1, "low": price - 1, "close": price + 0.5}
        texts = {name: str(value) for name, value in figures.items()}
        return texts | {"timestamp": str(int(moment.timestamp())), "volume": "0.25"}


def pair(base: str, quote: str) -> Any:
    return {
        "name": f"{base}/{quote}",
        "market_symbol": f"{base}{quote}".lower(),
        "base_currency": base,
        "base_decimals": 8,
        "counter_currency": quote,
        "counter_decimals": 2,
        "minimum_order_value": "10",
        "trading": "Enabled",
        "market_type": "SPOT",
        "description": f"{base} coin / {quote} money",
    }


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """The provider on a free port until the block ends; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; two would wait for each other

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            answer = provider.respond(url.path, query)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
