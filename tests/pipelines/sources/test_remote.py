"""Restated rows, crashes, minutes: what the source over the network makes of its provider."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pipelines import calendar
from pipelines.errors import CredentialsError, RequestError
from pipelines.lake import Lake
from pipelines.settings import read_settings
from pipelines.sources import open_remote, open_source
from pipelines.sources.yfinance_bars import unadjusted
from tests.pipelines.sources.loopback import Alpaca, Bitstamp, Yahoo, serving
from tests.pipelines.sources.opened import FIRST, KEYS, NOW, market, opened, write_market_file

LAST = date(2012, 6, 29)
NEXT = date(2012, 7, 2)
OF_SHARES = pytest.mark.parametrize("kind", ["alpaca", "yfinance"])


def row(bars: pd.DataFrame, symbol: str, day: date) -> pd.Series:
    found = bars[(bars["symbol"] == symbol) & (bars["session"] == pd.Timestamp(day))]
    assert len(found) == 1
    return found.iloc[0]


def superseded(lake: Lake, dataset: str) -> pd.DataFrame:
    return lake.read("fetched_bars_superseded", dataset, FIRST, date(2013, 1, 1))


@OF_SHARES
def test_a_restated_bar_is_known_from_now_on_and_the_one_before_is_kept(
    kind: str, tmp_path: Path
) -> None:
    with opened(kind, tmp_path) as at:
        before = row(at.source.history().bars, "AAPL", LAST)
        opening, high, low, _, volume = at.market.bars["AAPL"][LAST]
        at.market.bars["AAPL"][LAST] = (opening, high, low, 141.25, volume)
        at.market.now = NOW + timedelta(days=3)
        history = at.source.history()
        after = row(history.bars, "AAPL", LAST)
        assert (before["close"], after["close"]) == (142.0, 141.25)
        assert (before["known_at"], after["known_at"]) == (NOW, NOW + timedelta(days=3))
        assert "1 rows were restated: the versions before are kept" in history.notices
        kept = superseded(at.lake, at.source.fetched_dataset)
        assert kept["close"].tolist() == [142.0]
        assert kept["known_at"].tolist() == [NOW]
        assert kept["superseded_at"].tolist() == [NOW + timedelta(days=3)]
        assert row(history.bars, "BRK.B", LAST)["known_at"] == NOW


@OF_SHARES
def test_a_split_restates_nothing(kind: str, tmp_path: Path) -> None:
    """Yahoo's prices before it are all divided, and are given as they were."""
    with opened(kind, tmp_path) as at:
        before = at.source.history().bars
        at.market.splits["AAPL"] = {NEXT: (7, 1)}
        at.market.now = NOW + timedelta(days=3)
        history = at.source.history()
        after = history.bars[history.bars["session"] <= pd.Timestamp(LAST)].reset_index(drop=True)
        pd.testing.assert_frame_equal(after, before, check_exact=True)
        assert history.actions[["symbol", "split"]].to_numpy().tolist() == [["AAPL", 7.0]]
        assert not any("restated" in each for each in history.notices)


def test_prices_on_another_scale_without_a_split_are_not_taken(tmp_path: Path) -> None:
    """The provider tells of a split before it divides the prices, or the other way round."""
    with opened("yfinance", tmp_path) as at:
        before = at.source.history().bars
        for day, figures in at.market.bars["AAPL"].items():
            at.market.bars["AAPL"][day] = tuple(each / 2 for each in figures)  # type: ignore[assignment]
        at.market.now = NOW + timedelta(days=3)
        history = at.source.history()
        assert history.late == ("AAPL",)
        assert "all its prices are 0.5 times the stored ones" in " ".join(history.notices)
        assert row(history.bars, "BRK.B", NEXT)["known_at"] == at.market.now
        kept = history.bars[history.bars["symbol"] == "AAPL"].reset_index(drop=True)
        stored = before[before["symbol"] == "AAPL"].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, stored, check_exact=True)


@OF_SHARES
def test_a_late_dividend_is_found_and_a_withdrawn_one_goes(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        at.market.dividends["AAPL"] = {date(2012, 6, 26): 0.5, date(2012, 5, 8): 0.5}
        assert len(at.source.history().actions) == 2
        at.market.dividends["AAPL"] = {date(2012, 6, 28): 0.6}
        at.market.now = NOW + timedelta(days=3)
        actions = at.source.history().actions
        assert actions["session"].dt.date.tolist() == [date(2012, 5, 8), date(2012, 6, 28)]
        assert actions["dividend"].tolist() == [0.5, pytest.approx(0.6)]


def test_what_alpaca_tells_beyond_splits_and_dividends_is_named(tmp_path: Path) -> None:
    with opened("alpaca", tmp_path) as at:
        assert isinstance(at.provider, Alpaca)
        at.provider.others = {"spin_offs": [{"source_symbol": "AAPL"}], "name_changes": []}
        at.provider.others["stock_dividends"] = [
            {"symbol": "AAPL", "rate": 0.05, "ex_date": "2012-06-19"}
        ]
        history = at.source.history()
        assert [n for n in history.notices if "spin offs of AAPL" in n and "not applied" in n]
        assert not [n for n in history.notices if "name" in n]
        assert history.actions["split"].tolist() == [1.05]


def test_yahoo_in_another_currency_or_zone_is_refused_by_name(tmp_path: Path) -> None:
    with opened("yfinance", tmp_path) as at:
        assert isinstance(at.provider, Yahoo)
        at.provider.currency = "GBp"
        with pytest.raises(Exception, match="quoted in GBp: only US dollars"):
            at.source.history()
        at.provider.currency, at.provider.zone = "USD", "Europe/London"
        with pytest.raises(Exception, match="hours of Europe/London"):
            at.source.history()


def test_splits_are_undone_back_to_the_first_row() -> None:
    index = pd.date_range("2012-01-02", periods=4, tz="America/New_York")
    figures = pd.DataFrame(
        {
            **dict.fromkeys(["open", "high", "low", "close"], 10.0),
            "volume": 600.0,
            "dividend": [0.0, 1.0, 0.0, 0.0],
            "split": [0.0, 2.0, 0.0, 3.0],
        },
        index=index,
    )
    raw = unadjusted(figures)
    assert raw["close"].tolist() == [60.0, 30.0, 30.0, 10.0]
    assert raw["volume"].tolist() == [100.0, 200.0, 200.0, 600.0]
    assert raw["dividend"].tolist() == [0.0, 3.0, 0.0, 0.0]


KILLED = """
import os, sys
from pathlib import Path
from datetime import UTC, datetime
from pipelines.settings import read_settings
from pipelines.sources import open_remote, remote
remote.SAVE_SECONDS = 0.0
source = open_remote("alpaca", read_settings(), lambda: datetime(2012, 6, 29, 20, 30, tzinfo=UTC))
source.history()
"""


def test_a_killed_process_loses_nothing_that_came_and_repeats_little(tmp_path: Path) -> None:
    """SIGKILL while the ninth page of thirteen is asked for."""
    provider = Alpaca(market())
    with serving(provider) as url:
        write_market_file(tmp_path, "alpaca", url)
        env = {"PATH": os.environ["PATH"], "TRADING_HOME": str(tmp_path), **KEYS}
        child = subprocess.Popen([sys.executable, "-c", KILLED], env=env)
        asked = [0]

        def interrupt(path: str, _query: dict[str, str]) -> None:
            asked[0] += path.endswith("/bars")
            if asked[0] == 9:
                child.kill()

        provider.interrupt = interrupt
        child.wait(60)
        provider.interrupt = lambda _path, _query: None
        provider.asked.clear()
        settings = read_settings({"TRADING_HOME": str(tmp_path), **KEYS})
        bars = open_remote("alpaca", settings, lambda: NOW).history().bars
        traded = calendar.sessions_between(FIRST, LAST)
        assert bars.groupby("symbol").size().to_dict() == {"AAPL": 43, "BRK.B": 43}
        assert bars["session"].dt.date.tolist() == traded * 2
        questions = [query for path, query in provider.asked if path.endswith("/bars")]
        assert {query["symbols"] for query in questions} == {"BRK.B"}
        assert len(questions) == 6  # 56 of 86 rows were stored: 13 of BRK.B, 10 of them asked again


@OF_SHARES
def test_minutes_are_stored_by_session_and_go_on_where_they_ended(
    kind: str, tmp_path: Path
) -> None:
    """Those before the open are left out."""
    with opened(kind, tmp_path, symbols=("AAPL",)) as at:
        assert isinstance(at.provider, Yahoo | Alpaca)
        opens = calendar.open_of(LAST)
        at.provider.minutes["AAPL"] = {
            opens + timedelta(minutes=number): (10.0, 11.0, 9.0, 10.5, 100.0)
            for number in range(0 if kind == "yfinance" else -5, 390)
        }
        at.market.now = opens + timedelta(minutes=75)
        first = at.source.minutes(LAST, LAST)
        assert first["minute"].tolist() == [opens + timedelta(minutes=n) for n in range(60)]
        assert (first["session"] == pd.Timestamp(LAST)).all()
        assert (first["known_at"] == at.market.now).all()
        at.asked()
        at.market.now = NOW
        second = at.source.minutes(LAST, LAST)
        assert len(second) == 390
        asked = [{"1m", "1Min"} & set(query.values()) for _, query in at.asked()]
        assert asked
        assert all(asked)
        pd.testing.assert_frame_equal(second.iloc[:60], first, check_exact=True)
        assert at.source.stored_minutes(LAST, LAST).equals(second)


def test_coins_are_bars_of_the_exchanges_hours(tmp_path: Path) -> None:
    """From 13:30 to 20:00 UTC in summer, and to 17:00 on the third of July."""
    with opened("ccxt", tmp_path, symbols=("BTC-USD",)) as at:
        at.market.now = datetime(2012, 7, 5, 20, 30, tzinfo=UTC)
        bars = at.source.history().bars
        whole = row(bars, "BTC-USD", LAST)
        assert [*whole[["open", "high", "low", "close"]]] == [113.0, 120.0, 112.0, 119.5]
        assert whole["volume"] == 13 * 0.25
        short = row(bars, "BTC-USD", date(2012, 7, 3))
        assert (short["close"], short["volume"]) == (116.5, 7 * 0.25)
        sessions = calendar.sessions_between(FIRST, date(2012, 7, 5))
        assert bars["session"].dt.date.tolist() == sessions


def test_a_coin_whose_last_candles_are_missing_is_late_and_not_half_a_bar(tmp_path: Path) -> None:
    with opened("ccxt", tmp_path, symbols=("BTC-USD",)) as at:
        assert isinstance(at.provider, Bitstamp)
        since = datetime(2012, 6, 29, 18, 0, tzinfo=UTC)
        at.provider.silent = lambda moment: moment >= since
        history = at.source.history()
        assert history.late == ("BTC-USD",)
        assert history.last_session == date(2012, 6, 28)
        at.provider.silent = lambda moment: since <= moment < NOW - timedelta(minutes=30)
        assert row(at.source.history().bars, "BTC-USD", LAST)["close"] == 117.5


def test_minutes_of_the_weekend_belong_to_monday(tmp_path: Path) -> None:
    with opened("ccxt", tmp_path, symbols=("BTC-USD",)) as at:
        at.market.now = datetime(2012, 7, 2, 13, 15, tzinfo=UTC)
        minutes = at.source.minutes(LAST, NEXT)
        of_day = minutes.groupby("session")["minute"].agg(["min", "max"])
        close = calendar.close_of(LAST)
        assert of_day.loc[pd.Timestamp(LAST), "max"] == close - timedelta(minutes=1)
        assert of_day.loc[pd.Timestamp(NEXT), "min"] == close
        assert of_day.loc[pd.Timestamp(NEXT), "max"] == datetime(2012, 7, 2, 12, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "said"),
    [("BTC-EUR", "quoted in EUR: only USD"), ("DOGE-USD", "bitstamp has no pair DOGE/USD")],
)
def test_pairs_that_are_not_supported_are_refused_by_name(
    symbol: str, said: str, tmp_path: Path
) -> None:
    with opened("ccxt", tmp_path, symbols=("ETH-USDT", symbol)) as at:
        notices = " ".join(at.source.history().notices)
        assert said in notices
        assert "ETH-USDT: USDT is taken as a dollar" in notices


def test_a_coin_too_cheap_for_six_decimals_is_refused(tmp_path: Path) -> None:
    with opened("ccxt", tmp_path, symbols=("BTC-USD",)) as at:
        assert isinstance(at.provider, Bitstamp)
        at.provider.price = lambda _moment: 1.00001
        at.market.now = NOW
        candle = at.provider._candle
        at.provider._candle = lambda moment: candle(moment) | {"close": "0.00001"}  # type: ignore[method-assign]
        with pytest.raises(Exception, match="six decimals cannot hold it"):
            at.source.history()


@pytest.mark.parametrize("kind", ["yfinance", "alpaca", "ccxt"])
def test_a_provider_that_is_not_configured_says_where_to_do_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    with pytest.raises(RequestError, match=rf"\[{kind}\].*{tmp_path}/market.toml"):
        open_source(kind)


def test_alpaca_without_a_key_names_the_variables(tmp_path: Path) -> None:
    write_market_file(tmp_path, "alpaca", "http://127.0.0.1:1")
    with pytest.raises(CredentialsError, match="APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
        open_remote("alpaca", read_settings({"TRADING_HOME": str(tmp_path)}), lambda: NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[yfinance]\nsymbols = []\n", "length >= 1"),
        ('[yfinance]\nsymbols = ["aapl"]\n', "matching regex"),
        ('[yfinance]\nsymbols = ["A"]\nfeed = "sip"\n', "unknown field `feed`"),
        ('[alpaca]\nsymbols = ["A"]\nfeed = "cheap"\n', "matching regex"),
        ('[ccxt]\nsymbols = ["BTC-USD"]\n', "missing required field `exchange`"),
        ('[ccxt]\nexchange = "nowhere"\nsymbols = ["BTC-USD"]\n', "no exchange 'nowhere'"),
        ("[yfinance\n", "market.toml"),
        ('[yfinance]\nsymbols = ["A"]\nfirst = 1990-01-01\n', "before 2000-03-01"),
    ],
)
def test_a_market_file_that_is_wrong_is_refused_with_its_place(
    text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "market.toml").write_text(text)
    kind = next(each for each in ("yfinance", "alpaca", "ccxt") if each in text)
    with pytest.raises(RequestError, match=said):
        open_remote(kind, read_settings({"TRADING_HOME": str(tmp_path)}), lambda: NOW)
