"""Facts of the packaged sample, and its table of actions against the data set's own factors."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from bokeh_sampledata import stocks

from pipelines import calendar
from pipelines.errors import RequestError
from pipelines.sources import open_source
from pipelines.sources.sample import SYMBOLS

HISTORY = open_source("sample").history()


def test_it_spans_thirteen_years_and_facebook_begins_in_2012() -> None:
    first = HISTORY.bars.groupby("symbol")["session"].min()
    assert (HISTORY.first_session, HISTORY.last_session) == (date(2000, 3, 1), date(2013, 3, 1))
    assert first["FB"] == pd.Timestamp("2012-05-18")
    assert first["GOOG"] == pd.Timestamp("2004-08-19")
    assert HISTORY.symbols == list(SYMBOLS)


def test_2012_is_complete() -> None:
    of_2012 = HISTORY.bars[HISTORY.bars["session"].dt.year == 2012]
    counts = of_2012.groupby("symbol").size()
    assert counts["IBM"] == 250
    assert counts["FB"] == len(calendar.sessions_between(date(2012, 5, 18), date(2012, 12, 31)))


def test_prices_are_raw() -> None:
    apple = HISTORY.bars[HISTORY.bars["symbol"] == "AAPL"].set_index("session")["close"]
    assert apple["2005-02-25"] == 88.99
    assert apple["2005-02-28"] == 44.86


def test_three_splits_and_no_more() -> None:
    splits = HISTORY.actions[HISTORY.actions["split"] != 1.0]
    rows = zip(splits["symbol"], splits["session"].dt.date, splits["split"], strict=True)
    assert list(rows) == [
        ("AAPL", date(2000, 6, 21), 2.0),
        ("AAPL", date(2005, 2, 28), 2.0),
        ("MSFT", date(2003, 2, 18), 2.0),
    ]


def test_microsofts_special_dividend_is_there() -> None:
    paid = HISTORY.actions.set_index(["symbol", "session"])["dividend"]
    assert paid["MSFT", pd.Timestamp("2004-11-15")] == 3.08


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_actions_explain_every_step_of_the_data_sets_adjusted_close(symbol: str) -> None:
    """Its factor steps by split * (1 + dividend / close of the ex-date), and nowhere else."""
    data = pd.DataFrame(getattr(stocks, symbol)).set_index("date")
    factor = data["adj_close"] / data["close"]
    step = (factor / factor.shift()).fillna(1.0)
    expected = pd.Series(1.0, index=data.index)
    for row in HISTORY.actions[HISTORY.actions["symbol"] == symbol].itertuples():
        day = row.session.strftime("%Y-%m-%d")
        expected[day] = row.split * (1 + row.dividend / data["close"][day])
    np.testing.assert_allclose(step, expected, atol=5e-6)


def test_an_unknown_symbol_is_named() -> None:
    with pytest.raises(RequestError, match=r"'TSLA' is not in the sample"):
        open_source("sample").history(["IBM", "TSLA"])
