"""A provider on the loopback and our source in front of it, for tests.

Keep out: assertions, and how a server answers (loopback.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.lake import Lake, open_lake
from pipelines.settings import read_settings
from pipelines.sources import open_remote
from pipelines.sources.patience import Patience
from pipelines.sources.remote import RemoteSource
from tests.pipelines.sources.loopback import Alpaca, Bitstamp, Market, Provider, Yahoo, serving

FIRST = date(2012, 5, 1)
NOW = datetime(2012, 6, 29, 20, 30, tzinfo=UTC)
"""Half an hour after the close of the last session of June."""

SHARES = ("AAPL", "BRK.B")
KINDS: dict[str, type[Provider]] = {"yfinance": Yahoo, "alpaca": Alpaca, "ccxt": Bitstamp}
KEYS = {"APCA_API_KEY_ID": "key", "APCA_API_SECRET_KEY": "secret"}
QUICK = Patience(attempts=3, first_pause_s=0.01, longest_pause_s=0.1)


@dataclass
class Opened:
    """The source, what it asks, and where it stores."""

    source: RemoteSource
    provider: Provider
    lake: Lake

    @property
    def market(self) -> Market:
        return self.provider.market

    def asked(self) -> list[tuple[str, dict[str, str]]]:
        """The requests for prices since the last look."""
        words = ("/chart/", "/bars", "/ohlc/")
        found = [each for each in self.provider.asked if any(word in each[0] for word in words)]
        self.provider.asked.clear()
        return found


def market() -> Market:
    """Two shares from the first of May on, one of them split and paying."""
    made = Market(NOW)
    made.trade("AAPL", FIRST, date(2012, 8, 31))
    made.trade("BRK.B", FIRST, date(2012, 8, 31), price=50)
    return made


def symbols_of(kind: str) -> tuple[str, ...]:
    return ("BTC-USD", "ETH-USDT") if kind == "ccxt" else SHARES


def write_market_file(
    folder: Path, kind: str, url: str, symbols: Sequence[str] = (), extra: str = ""
) -> None:
    quoted = ", ".join(f'"{each}"' for each in symbols or symbols_of(kind))
    exchange = 'exchange = "bitstamp"\n' if kind == "ccxt" else ""
    (folder / "market.toml").write_text(
        f'{extra}[{kind}]\n{exchange}symbols = [{quoted}]\nfirst = {FIRST}\nurl = "{url}"\n'
        "requests_per_minute = 100000\n"
    )


@contextmanager
def opened(kind: str, folder: Path, symbols: Sequence[str] = ()) -> Iterator[Opened]:
    """A provider of that kind on the loopback, and our source configured to use it."""
    provider = KINDS[kind](market())
    with serving(provider) as url:
        write_market_file(folder, kind, url, symbols)
        settings = read_settings({"TRADING_HOME": str(folder), **KEYS})
        source = open_remote(kind, settings, lambda: provider.market.now, QUICK)
        yield Opened(source, provider, open_lake(settings.lake_url))
