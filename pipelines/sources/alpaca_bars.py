"""Alpaca's historical bars through the library alpaca-py: daily and minute bars, and actions.

Bars are asked for without any adjustment; splits, stock dividends and cash dividends come from the
corporate actions. What happens to a company beyond these (spin-offs, mergers, new names) is named
and not applied. The feed `iex` is free and sees a few per cent of the volume; `sip` sees all of it.
Minute bars are of regular hours.

Pages are asked for one by one, so that those before a broken one are kept.
Keep out: storing, and how long a busy server is asked (patience.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import pandas as pd
import requests
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from requests.adapters import HTTPAdapter

from pipelines.errors import BrokenPagesError, CredentialsError, SchemaChangedError, SourceError
from pipelines.sources.market_file import Alpaca
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
SYMBOLS_AT_ONCE = 100
PAGE_LIMIT = 10_000
ACTIONS_LIMIT = 1_000
TIMEOUT_S = 30.0
NO_KEY = (
    "set APCA_API_KEY_ID and APCA_API_SECRET_KEY in the environment to a key of app.alpaca.markets"
)

Body = TypeVar("Body", bound=msgspec.Struct)


class _Bar(msgspec.Struct):
    t: datetime
    o: float
    h: float
    l: float  # noqa: E741 - Alpaca's name
    c: float
    v: float


class _Bars(msgspec.Struct):
    bars: dict[str, list[_Bar]] | None
    next_page_token: str | None


class _Split(msgspec.Struct):
    symbol: str
    new_rate: float
    old_rate: float
    ex_date: date


class _Paid(msgspec.Struct):
    symbol: str
    rate: float
    ex_date: date


class _Actions(msgspec.Struct):
    forward_splits: list[_Split] = []
    reverse_splits: list[_Split] = []
    stock_dividends: list[_Paid] = []
    cash_dividends: list[_Paid] = []


APPLIED = _Actions.__struct_fields__


class _ActionsPage(msgspec.Struct):
    corporate_actions: dict[str, list[Any]]
    next_page_token: str | None


class AlpacaProvider:
    """Alpaca's market data of shares; raises CredentialsError where there is no key."""

    name = "alpaca"

    def __init__(self, settings: Alpaca, patience: Patience, key: str, secret: str) -> None:
        if not (key and secret):
            raise CredentialsError(self.name, f"there is no key: {NO_KEY}")
        self._feed = settings.feed
        self._asker = Asker(self.name, settings.requests_per_minute, patience)
        self._bars = _patient(StockHistoricalDataClient(key, secret, url_override=settings.url))
        self._actions = _patient(CorporateActionsClient(key, secret, url_override=settings.url))

    @property
    def dataset(self) -> str:
        """The two feeds see other volumes and other highs and lows."""
        return f"{self.name}-{self._feed}"

    def pages(
        self, since: Mapping[str, date], timeframe: Timeframe, until: datetime
    ) -> Iterator[Page]:
        """Pages of up to 10,000 rows of a hundred symbols that are asked for alike."""
        for first in sorted(set(since.values())):
            alike = sorted(symbol for symbol, day in since.items() if day == first)
            for at in range(0, len(alike), SYMBOLS_AT_ONCE):
                symbols = alike[at : at + SYMBOLS_AT_ONCE]
                yield from self._bar_pages(symbols, first, timeframe, until)
                if timeframe == Timeframe.DAY:
                    yield self._action_page(symbols, first, until.date())

    def _bar_pages(
        self, symbols: Sequence[str], first: date, timeframe: Timeframe, until: datetime
    ) -> Iterator[Page]:
        question = {
            "symbols": ",".join(symbols),
            "timeframe": timeframe.value,
            "start": datetime.combine(first, time(), UTC).isoformat(),
            "end": until.isoformat(),
            "adjustment": "raw",
            "feed": self._feed,
            "limit": PAGE_LIMIT,
            "sort": "asc",
        }
        seen: set[str] = set()
        for body in self._follow(self._bars, "/stocks/bars", question, _Bars):
            found = body.bars or {}
            seen |= {symbol for symbol, bars in found.items() if bars}
            yield Page(_rows(found, timeframe))
        nothing = f"no bars since {first}; it may be misspelt, delisted or without trades since"
        absent = {symbol: nothing for symbol in symbols if symbol not in seen}
        if absent:
            yield Page(no_bars(timeframe), failures=absent)

    def _action_page(self, symbols: Sequence[str], first: date, last: date) -> Page:
        question = {
            "symbols": ",".join(symbols),
            "start": first.isoformat(),
            "end": last.isoformat(),
            "limit": ACTIONS_LIMIT,
            "sort": "asc",
        }
        rows: list[dict[str, Any]] = []
        unused: set[str] = set()
        for body in self._follow(self._actions, "/corporate-actions", question, _ActionsPage):
            read = body.corporate_actions
            rows += _actions(self._read(read, _Actions, "the corporate actions"))
            unused |= {kind for kind, found in read.items() if found} - set(APPLIED)
        notices = tuple(
            f"{kind.replace('_', ' ')} of {', '.join(symbols[:5])} or others since {first}: not"
            " applied, see the provider"
            for kind in sorted(unused)
        )
        return Page(
            no_bars(Timeframe.DAY),
            typed_actions(pd.DataFrame(rows)),
            answered=tuple(symbols),
            notices=notices,
        )

    def _follow(
        self, client: RESTClient, path: str, question: dict[str, Any], kind: type[Body]
    ) -> Iterator[Body]:
        """Every page of an answer; raises BrokenPagesError where they end before the last."""
        token: str | None = None
        number = 1
        while True:
            asked = question | ({"page_token": token} if token else {})
            body = self._asker.ask(_request(client, path, asked))
            page = self._read(body, kind, f"page {number} of {path}")
            yield page
            following: str | None = getattr(page, "next_page_token", None)
            if following is None:
                return
            if following == token:
                raise BrokenPagesError(self.name, f"page {number} of {path} names itself as next")
            token, number = following, number + 1

    def _read(self, body: Any, kind: type[Body], what: str) -> Body:  # noqa: ANN401 - any JSON
        try:
            return msgspec.convert(body, kind, strict=False)
        except msgspec.ValidationError as error:
            raise SchemaChangedError(
                self.name,
                f"{what} cannot be read ({error}): nothing of it was taken; Alpaca's API changed,"
                " or the address is not its own",
            ) from error


def _patient(client: Any) -> Any:  # noqa: ANN401 - either client
    """The client, with a time-out and without a patience of its own, which knows no Retry-After."""
    client._retry = 0
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, _WithTimeout())
    return client


class _WithTimeout(HTTPAdapter):
    """The library waits for ever otherwise."""

    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """As the adapter's."""
        return super().send(request, **(options | {"timeout": TIMEOUT_S}))


def _request(client: RESTClient, path: str, question: dict[str, Any]) -> Callable[[], Any]:
    """One request, whose errors say whether the same request may do better later."""

    def once() -> Any:  # noqa: ANN401
        try:
            return client.get(path, question)
        except APIError as error:
            raise _refusal(error, path) from error
        except requests.exceptions.JSONDecodeError as error:
            place = f"{AlpacaProvider.name}"
            problem = f"{path} gives no JSON ({error}): the answer broke off, or is not Alpaca's"
            raise BrokenPagesError(place, problem) from error
        except requests.exceptions.RequestException as error:
            raise BusyError(f"it does not answer ({error})"[:200]) from error

    return once


def _refusal(error: APIError, path: str) -> Exception:
    response = error.response
    if response is None:
        return BusyError("it gives no answer")
    status = int(response.status_code)
    try:
        require_free(status, response.headers.get("Retry-After"))
    except BusyError as busy:
        return busy
    said = " ".join(str(error).split())[:200]
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CredentialsError(AlpacaProvider.name, f"it refuses the key ({said}): {NO_KEY}")
    return SourceError(AlpacaProvider.name, f"it answers {status} to {path} ({said})")


def _rows(found: Mapping[str, Sequence[_Bar]], timeframe: Timeframe) -> pd.DataFrame:
    rows = [(s, b.t, b.o, b.h, b.l, b.c, b.v) for s, bars in found.items() for b in bars]
    names = ["symbol", "minute", "open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(rows, columns=names)
    frame["minute"] = pd.to_datetime(frame["minute"], utc=True)
    if timeframe == Timeframe.MINUTE:
        return in_hours(of_minutes(frame))
    days = frame["minute"].dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    return typed(frame.assign(session=days).drop(columns="minute"))


def _actions(found: _Actions) -> Iterator[dict[str, Any]]:
    """Shares that are given out are a split: one in twenty makes 21 of 20."""
    for split in (*found.forward_splits, *found.reverse_splits):
        yield _action(split.symbol, split.ex_date, split=split.new_rate / split.old_rate)
    for stock in found.stock_dividends:
        yield _action(stock.symbol, stock.ex_date, split=1.0 + stock.rate)
    for cash in found.cash_dividends:
        yield _action(cash.symbol, cash.ex_date, dividend=cash.rate)


def _action(symbol: str, day: date, *, split: float = 1.0, dividend: float = 0.0) -> dict[str, Any]:
    return {"symbol": symbol, "session": day, "split": split, "dividend": dividend}
