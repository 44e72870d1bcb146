"""The small file that says which providers are used, of which symbols: `market.toml`.

It lies in the state folder, or where TRADING_MARKET_FILE says. Keys are no part of it: Alpaca's are
APCA_API_KEY_ID and APCA_API_SECRET_KEY of the environment. An example:

    [live]                       # what the schedule after the close publishes
    source = "yfinance"
    strategy = "blend"           # or the path of a settings file; "technical" if not said

    [live.news]                  # needed where that strategy weighs news
    source = "rss"               # or "edgar" (agent, ciks), or "folder" (path)
    agent = "my-desk (mailto:me@example.com)"
    feeds = ["https://news.example.com/markets.xml"]
    hosts = ["news.example.com"]
    every_minutes = 10           # how often the sensor `new_articles` has the feeds read; 15 if not
                                 # said; a folder is read whenever its files change

    [yfinance]
    symbols = ["AAPL", "BRK.B", "MSFT"]
    first = 2015-01-02           # the first day of history

    [alpaca]
    symbols = ["AAPL", "MSFT"]
    feed = "sip"                 # "iex" by default: free, and a few per cent of the volume

    [ccxt]
    exchange = "bitstamp"
    symbols = ["BTC-USD", "ETH-USD"]

Each provider also takes `requests_per_minute`, and `url`: another address for the same API, such
as a caching proxy or a sandbox. [live.news] also takes the model that scores texts (`sentiment`,
`trained_until`, `threads`), a language model beside the rules (`endpoint`, `endpoint_model`) and
`pages`; each means what the Dagster resource `news` says of it.
Keep out: what a provider does with its settings.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelines.calendar import FIRST_PARTITION
from pipelines.errors import RequestError
from router.messages import Symbol

Rate = Annotated[float, Meta(gt=0, le=100_000)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen; unknown settings are refused."""


class _Provider(_Table, frozen=True, kw_only=True):
    symbols: Annotated[tuple[Symbol, ...], Meta(min_length=1)]
    first: date = date(2015, 1, 2)
    url: Annotated[str, Meta(pattern=r"^https?://[^/?#]+(/[^?#]*)?\Z")] | None = None

    def __post_init__(self) -> None:
        if self.first < FIRST_PARTITION:
            raise ValueError(f"first {self.first} is before {FIRST_PARTITION}")


class YFinance(_Provider, frozen=True, kw_only=True):
    """Yahoo's prices; it publishes no limit, and blocks who asks much more often."""

    requests_per_minute: Rate = 60.0


class Alpaca(_Provider, frozen=True, kw_only=True):
    """Alpaca's historical bars; 200 requests a minute are allowed free of charge."""

    feed: Annotated[str, Meta(pattern=r"^(iex|sip)\Z")] = "iex"
    requests_per_minute: Rate = 180.0


class Ccxt(_Provider, frozen=True, kw_only=True):
    """A crypto exchange by the name that ccxt gives it; ccxt knows each one's limit."""

    exchange: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,32}\Z")]
    requests_per_minute: Rate | None = None


class LiveNews(_Table, frozen=True, kw_only=True):
    """Which articles live runs read, and what judges them: settings of the resource `news`."""

    source: Literal["rss", "edgar", "folder"]
    path: str = ""
    agent: str = ""
    feeds: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    pages: bool = True
    ciks: tuple[str, ...] = ()
    sentiment: str = "finance_minilm"
    trained_until: date | None = None
    threads: Annotated[int, Meta(ge=1, le=256)] = 1
    endpoint: str = ""
    endpoint_model: str = ""
    every_minutes: Annotated[int, Meta(ge=1, le=1440)] = 15
    """How often `rss` and `edgar` are read; the resource has no such setting."""


class Live(_Table, frozen=True, kw_only=True):
    """What the schedule after the close computes and publishes."""

    source: str
    strategy: str = ""
    """The absolute path of a strategy's settings file, or the name of a shipped one."""
    news: LiveNews | None = None


class MarketFile(_Table, frozen=True, kw_only=True):
    """The whole file; a table that is not there is not used."""

    live: Live | None = None
    yfinance: YFinance | None = None
    alpaca: Alpaca | None = None
    ccxt: Ccxt | None = None


def read_market_file(path: Path) -> MarketFile:
    """The settings, none where there is no such file; raises RequestError with what is wrong."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=MarketFile)
    except FileNotFoundError:
        return MarketFile()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: {error}") from error
