"""What every provider over the network has in common, asked over real HTTP on the loopback."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines import calendar
from pipelines.errors import (
    BrokenPagesError,
    EmptyAnswerError,
    ProviderAwayError,
    SchemaChangedError,
    SourceError,
)
from pipelines.sources.base import PRICES
from tests.pipelines.sources.loopback import BROKEN, BUSY, BUSY_LONG, Answer, as_json
from tests.pipelines.sources.opened import FIRST, KINDS, NOW, SHARES, opened, symbols_of

EVERY = pytest.mark.parametrize("kind", sorted(KINDS))
OF_SHARES = pytest.mark.parametrize("kind", ["alpaca", "yfinance"])
PRICE_WORDS = ("/chart/", "/bars", "/ohlc/")
SPLIT, PAID = date(2012, 6, 20), date(2012, 6, 5)


def is_price(path: str) -> bool:
    return any(word in path for word in PRICE_WORDS)


def instead(
    answer: Answer, times: int = 1_000_000
) -> Callable[[str, dict[str, str]], Answer | None]:
    """Interrupts the first requests for prices with this answer."""
    left = [times]

    def interrupt(path: str, _query: dict[str, str]) -> Answer | None:
        if not is_price(path) or not left[0]:
            return None
        left[0] -= 1
        return answer

    return interrupt


@OF_SHARES
def test_prices_are_as_traded_and_actions_are_data(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        at.market.splits["AAPL"] = {SPLIT: (2, 1)}
        at.market.dividends["AAPL"] = {PAID: 0.5, SPLIT: 0.25}
        history = at.source.history()
        for symbol in SHARES:
            rows = history.bars[history.bars["symbol"] == symbol]
            traded = at.market.seen(symbol, FIRST)
            assert rows["session"].dt.date.tolist() == list(traded)
            figures = rows[[*PRICES, "volume"]].to_numpy()
            np.testing.assert_allclose(figures, [list(each) for each in traded.values()])
        acted = history.actions.assign(session=history.actions["session"].dt.date)
        assert acted.to_numpy().tolist() == [["AAPL", PAID, 1.0, 0.5], ["AAPL", SPLIT, 2.0, 0.25]]
        assert history.late == ()
        assert history.notices == ()


@EVERY
def test_only_what_is_missing_is_asked_for_and_some_of_it_again(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        before = at.source.history().bars
        at.asked()
        assert at.source.history().bars.equals(before)
        assert at.asked() == []
        at.market.now = NOW + timedelta(days=3)
        after = at.source.history().bars
        earliest = calendar.sessions_between(FIRST, NOW.date())[-10]
        assert min(began(query) for _, query in at.asked()) == earliest
        added = after[~after["session"].isin(before["session"])]
        assert added["session"].dt.date.tolist() == [date(2012, 7, 2)] * 2
        assert after[after["session"].isin(before["session"])].reset_index(drop=True).equals(before)


def began(query: dict[str, str]) -> date:
    if "period1" in query:
        return pd.Timestamp(int(query["period1"]), unit="s").date()
    if isinstance(query["start"], str) and query["start"].isdigit():
        return pd.Timestamp(int(query["start"]), unit="s").date()
    return date.fromisoformat(query["start"][:10])


@EVERY
def test_a_row_that_was_seen_arriving_is_observed_and_history_is_not(
    kind: str, tmp_path: Path
) -> None:
    with opened(kind, tmp_path) as at:
        bars = at.source.history().bars
        observed = bars[bars["known_at"].notna()]
        assert observed["session"].dt.date.tolist() == [date(2012, 6, 29)] * 2
        assert (observed["known_at"] == pd.Timestamp(NOW)).all()
        at.market.now = NOW + timedelta(days=5, hours=-8)  # 07-04 is none; before the open of 07-05
        bars = at.source.history().bars
        later = bars[bars["session"] > pd.Timestamp("2012-06-29")]
        assert later["known_at"].notna().tolist() == [False, True] * 2


@EVERY
def test_a_session_that_runs_is_not_taken(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        at.market.now = NOW - timedelta(hours=2)
        history = at.source.history()
        assert history.last_session == date(2012, 6, 28)
        assert history.late == ()


@OF_SHARES
def test_a_bar_that_is_not_there_yet_is_named_and_found_later(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        figures = at.market.bars["AAPL"].pop(date(2012, 6, 29))
        history = at.source.history()
        assert history.late == ("AAPL",)
        assert history.notices == ("AAPL: no bar of 2012-06-29 yet",)
        at.market.bars["AAPL"][date(2012, 6, 29)] = figures
        at.asked()
        assert at.source.history().late == ()
        assert all("BRK" not in str(each) for each in at.asked())


@EVERY
def test_a_symbol_without_prices_is_named_and_stops_no_other(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path, symbols=(symbols_of(kind)[0], "ZZZ")) as at:
        history = at.source.history()
        assert history.symbols == [symbols_of(kind)[0]]
        assert history.late == ("ZZZ",)
        assert "ZZZ: " in " ".join(history.notices)


@OF_SHARES
def test_bars_that_begin_late_are_named(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        for day in calendar.sessions_between(FIRST, date(2012, 5, 17)):
            del at.market.bars["AAPL"][day]
        said = "AAPL: its bars begin on 2012-05-18: there are none before"
        assert at.source.history().notices == (said,)
        assert at.source.history().notices == ()


@EVERY
def test_nothing_at_all_is_an_error_that_names_the_symbols(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path, symbols=("YYY", "ZZZ")) as at, pytest.raises(EmptyAnswerError) as e:
        at.source.history()
    assert "YYY: " in str(e.value)
    assert "ZZZ: " in str(e.value)


@EVERY
@pytest.mark.parametrize("answer", [BUSY, BROKEN], ids=["429", "503"])
def test_a_busy_provider_is_asked_again(kind: str, answer: Answer, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        at.provider.interrupt = instead(answer, times=2)
        assert at.source.history().late == ()


@EVERY
@pytest.mark.parametrize(
    ("answer", "attempts", "said"),
    [
        (BUSY, 3, "allows no more requests now (429), asked 3 times"),
        (BUSY_LONG, 1, "asked once: what came is stored; run it again in 3600 s"),
        (BROKEN, 3, "asked 3 times: what came is stored; run it again in some minutes"),
    ],
    ids=["429", "429 for an hour", "503"],
)
def test_a_provider_that_stays_busy_is_left_alone_with_a_sentence(
    kind: str, answer: Answer, attempts: int, said: str, tmp_path: Path
) -> None:
    if kind == "ccxt" and answer is BUSY:
        said = "asked 3 times"  # ccxt words it
    with opened(kind, tmp_path) as at:
        at.provider.interrupt = instead(answer)
        with pytest.raises(ProviderAwayError) as error:
            at.source.history()
        assert said in str(error.value)
        assert len(at.asked()) == attempts


@EVERY
def test_what_came_before_an_error_is_stored_and_not_asked_for_again(
    kind: str, tmp_path: Path
) -> None:
    first, second = symbols_of(kind)
    with opened(kind, tmp_path) as at:
        prices: list[str] = []

        def interrupt(path: str, query: dict[str, str]) -> Answer | None:
            """Alpaca's eighth page is the second symbol's first; the others ask by symbol."""
            prices.extend([path] if is_price(path) else [])
            other = second[:3].lower() in path.lower() if kind != "alpaca" else len(prices) > 7
            return BROKEN if is_price(path) and other else None

        at.provider.interrupt = interrupt
        with pytest.raises(ProviderAwayError):
            at.source.history()
        at.provider.interrupt = lambda _path, _query: None
        at.asked()
        history = at.source.history()
        assert history.late == ()
        assert history.symbols == [first, second]
        assert all(first.split("-")[0] not in path for path, _ in at.asked())
        traded = calendar.sessions_between(FIRST, NOW.date())
        for symbol in (first, second):
            rows = history.bars[history.bars["symbol"] == symbol]
            assert rows["session"].dt.date.tolist() == traded


CHANGED = {
    "yfinance": as_json({"chart": {"result": [{"meta": {}, "prices": []}], "error": None}}),
    "alpaca": as_json({"bars": {"AAPL": [{"time": 1, "open": 2}]}, "next_page_token": None}),
    "ccxt": as_json({"data": {"ohlc": [{"timestamp": "1335916800", "px": "2"}]}}),
}


@EVERY
def test_a_changed_schema_is_an_error_and_nothing_is_stored(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        at.provider.interrupt = instead(CHANGED[kind])
        with pytest.raises(SchemaChangedError, match=r"may know|changed"):
            at.source.history()
        assert not (tmp_path / "lake").exists()


@EVERY
def test_half_an_answer_is_an_error_and_never_a_gap(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as at:
        at.provider.interrupt = instead(Answer(200, b'{"bars": {"AAPL": [{"t": "2012-05-0'))
        with pytest.raises(SourceError):
            at.source.history()
        at.provider.interrupt = lambda _path, _query: None
        traded = calendar.sessions_between(FIRST, NOW.date())
        assert len(at.source.history().bars) == 2 * len(traded)


def test_pages_that_never_end_are_broken_off(tmp_path: Path) -> None:
    page = as_json({"bars": {}, "next_page_token": "again"})
    with opened("alpaca", tmp_path) as at:
        at.provider.interrupt = instead(page)
        with pytest.raises(BrokenPagesError, match="names itself as next"):
            at.source.history()
