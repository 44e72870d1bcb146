"""Where prices come from: one file per provider, and the one place that knows them by name.

To add a provider over files, write a class with the members of base.Source and name it here; to
add one over the network, one with those of provider.Provider.
Keep out: judging rows (analyses/bars.py) and storing them (lake.py).
"""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.errors import RequestError
from pipelines.settings import Settings, read_settings
from pipelines.sources.base import History, Source
from pipelines.sources.market_file import MarketFile, read_market_file
from pipelines.sources.patience import Patience

if TYPE_CHECKING:  # analyses import this package, and need nothing of the lake
    from pipelines.sources.provider import Provider
    from pipelines.sources.remote import RemoteSource

NAMES = ("sample", "files", "yfinance", "alpaca", "ccxt")
REMOTE = ("yfinance", "alpaca", "ccxt")

Now = Callable[[], datetime]


def real_now() -> datetime:
    """The present moment, aware and UTC."""
    return datetime.now(UTC)


def open_source(name: str, path: str = "", now: Now = real_now) -> Source:
    """The source of that name; `path` is where `files` reads, `now` the clock of the others."""
    from pipelines.sources.files import FilesSource
    from pipelines.sources.sample import SampleSource

    if name == "sample":
        return SampleSource()
    if name == "files":
        if not path:
            raise RequestError("the source 'files' needs a path to a file or a folder")
        return FilesSource(path)
    if name in REMOTE:
        return open_remote(name, read_settings(), now)
    raise RequestError(f"there is no source {name!r}; choose one of: {', '.join(NAMES)}")


def open_remote(
    name: str, settings: Settings, now: Now, patience: Patience | None = None
) -> "RemoteSource":
    """A provider's source as the market file configures it; raises RequestError."""
    from pipelines.lake import open_lake
    from pipelines.sources.remote import RemoteSource

    market = read_market_file(settings.market_file)
    chosen = getattr(market, name)
    if chosen is None:
        example = f'[{name}] with symbols = ["..."]'
        raise RequestError(f"the source {name!r} needs a table {example} in {settings.market_file}")
    provider = _provider(name, market, settings, patience or Patience())
    return RemoteSource(provider, open_lake(settings.lake_url), chosen.symbols, chosen.first, now)


def _provider(name: str, market: MarketFile, settings: Settings, patience: Patience) -> "Provider":
    """Its library is imported only here: each takes a second."""
    if name == "yfinance" and market.yfinance is not None:
        from pipelines.sources.yfinance_bars import YFinanceProvider

        return YFinanceProvider(market.yfinance, patience, settings.market_file.parent / "yfinance")
    if name == "alpaca" and market.alpaca is not None:
        with warnings.catch_warnings():
            # alpaca-py imports what websockets 14 deprecates, for streams that are not used here.
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            from pipelines.sources.alpaca_bars import AlpacaProvider

        key, secret = settings.alpaca_key, settings.alpaca_secret
        return AlpacaProvider(market.alpaca, patience, key, secret)
    if market.ccxt is None:
        raise RequestError(f"there is no provider {name!r}")
    from pipelines.sources.ccxt_bars import CcxtProvider

    return CcxtProvider(market.ccxt, patience)


__all__ = ["NAMES", "History", "Now", "Source", "open_remote", "open_source", "real_now"]
