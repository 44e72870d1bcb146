"""Real daily prices of five shares, 2000-03-01 to 2013-03-01, from the package bokeh-sampledata.

Its prices are raw. Its adjusted close was computed in 2014 and so knows later splits: nothing here
reads it. Splits and dividends come from sample_actions.csv, each with the day it took effect.
Keep out: adjusting prices (analyses/adjust.py).
"""

from collections.abc import Sequence
from importlib.resources import files
from io import StringIO

import pandas as pd

from pipelines.sources.base import ACTION_COLUMNS, BAR_COLUMNS, PRICES, History, select_symbols

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


class SampleSource:
    """AAPL, FB (from 2012-05-18), GOOG (from 2004-08-19), IBM and MSFT."""

    name = "sample"
    dataset = "sample"

    def history(self, symbols: Sequence[str] | None = None) -> History:
        """Every bar and action of the five, or of some of them."""
        from bokeh_sampledata import stocks

        bars = pd.concat([_tidy(symbol, getattr(stocks, symbol)) for symbol in SYMBOLS])
        history = History(bars.reset_index(drop=True), _actions())
        return select_symbols(history, symbols, "the sample")


def _tidy(symbol: str, columns: dict[str, list[object]]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame["symbol"] = symbol
    frame["session"] = pd.to_datetime(frame["date"]).astype("datetime64[us]")
    frame[[*PRICES, "volume"]] = frame[[*PRICES, "volume"]].astype("float64")
    return frame[BAR_COLUMNS].sort_values("session")


def _actions() -> pd.DataFrame:
    text = files("pipelines.sources").joinpath("sample_actions.csv").read_text("utf-8")
    frame = pd.read_csv(StringIO(text), comment="#")
    frame["session"] = pd.to_datetime(frame["session"]).astype("datetime64[us]")
    return frame[ACTION_COLUMNS].astype({"split": "float64", "dividend": "float64"})
