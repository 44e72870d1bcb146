"""Minute bars of an hour and the scores at its end, run by Dagster on a provider's loopback."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from pipelines import calendar
from pipelines.assets import intraday
from pipelines.assets.intraday import HOURS
from pipelines.assets.intraday_job import intraday_job, score_after_each_hour
from pipelines.definitions import defs
from pipelines.lake import Lake, open_lake
from pipelines.settings import read_settings
from pipelines.sources import open_remote
from pipelines.sources.fetched import LAST
from tests.pipelines.dagster_runs import checks, failure, run
from tests.pipelines.sources.loopback import Alpaca, Figures, Market, serving
from tests.pipelines.sources.opened import KEYS, write_market_file

DAY = date(2024, 6, 27)
SYMBOLS = ("AAPL", "MSFT")
TEN, ELEVEN = "2024-06-27-10:00", "2024-06-27-11:00"
AFTER_TEN, AFTER_ELEVEN = "2024-06-27T15:16:04+00:00", "2024-06-27T16:16:04+00:00"
EVENING = "2024-06-27T20:16:04+00:00"
ASSETS = ("intraday_bars", "intraday_scores")
LIVE = '[live]\nsource = "alpaca"\n\n'


def minutes(seed: int) -> dict[datetime, Figures]:
    """A bar every ten minutes of the last weeks' sessions, at a price that wanders."""
    random, price, found = np.random.default_rng(seed), 100.0, {}
    for day in calendar.sessions_between(date(2024, 6, 3), DAY):
        minute = calendar.open_of(day)
        while minute < calendar.close_of(day):
            price = round(max(price + random.normal(0, 0.3), 50.0), 2)
            found[minute] = (price - 0.1, price + 0.3, price - 0.3, price, 100.0)
            minute += timedelta(minutes=10)
    return found


@pytest.fixture(autouse=True)
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Alpaca]:
    alpaca = Alpaca(Market(datetime.fromisoformat(EVENING)))
    alpaca.page_size = 10_000
    alpaca.minutes = {symbol: minutes(seed) for seed, symbol in enumerate(SYMBOLS)}
    with serving(alpaca) as url:
        write_market_file(tmp_path, "alpaca", url, SYMBOLS, extra=LIVE)
        monkeypatch.setenv("TRADING_HOME", str(tmp_path))
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        yield alpaca


def score(
    hour: str, clock: str, raises: bool = True, source: str = "alpaca"
) -> dg.ExecuteInProcessResult:
    return run(hour, assets=ASSETS, clock=clock, source=source, raises=raises)


def lake() -> Lake:
    return open_lake(read_settings().lake_url)


def dataset() -> str:
    return open_remote("alpaca", read_settings(), lambda: datetime.now(UTC)).dataset


def bars() -> pd.DataFrame:
    return lake().read("intraday_bars", dataset(), DAY, DAY)


def scores(hour: str) -> pd.DataFrame:
    found = lake().read("intraday_scores", f"{dataset()}-technical", DAY, DAY)
    begins = found["hour"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    own: pd.DataFrame = found[begins == hour[-5:]].drop(columns="run_id")
    return own.reset_index(drop=True)


def test_an_hour_is_read_and_scored(provider: Alpaca) -> None:
    result = score(TEN, AFTER_TEN)
    assert all(check.passed for check in checks(result).values())
    stored = bars()
    assert stored["symbol"].value_counts().to_dict() == {"AAPL": 6, "MSFT": 6}
    assert stored["minute"].dt.strftime("%H:%M").unique().tolist()[::5] == ["14:00", "14:50"]
    assert set(stored["known_by"]) == {"observed"}
    found = scores(TEN)
    assert found["symbol"].tolist() == list(SYMBOLS)
    assert found["as_of"].eq(pd.Timestamp("2024-06-27T15:00Z")).all()
    last = datetime(2024, 6, 27, 14, 50, tzinfo=UTC)
    assert found["close"].tolist() == [provider.minutes[each][last][3] for each in SYMBOLS]
    assert found["score"].between(-1, 1).all()
    assert found["technical_reasons"].str.contains("RSI").all()


def test_a_run_that_is_done_again_gives_the_same_rows_and_keeps_other_hours() -> None:
    score(TEN, AFTER_TEN)
    score(ELEVEN, AFTER_ELEVEN)
    before = [bars(), scores(TEN), scores(ELEVEN)]
    assert [len(each) for each in before] == [24, 2, 2]
    score(TEN, EVENING)
    for old, new in zip(before, [bars(), scores(TEN), scores(ELEVEN)], strict=True):
        pd.testing.assert_frame_equal(new, old, check_exact=True)


def test_a_late_bar_changes_only_later_hours(provider: Alpaca) -> None:
    """The same hours in a world where it came in time: the first differs, the second does not."""
    whole = {**provider.minutes["AAPL"]}
    missing = datetime(2024, 6, 27, 14, 50, tzinfo=UTC)
    del provider.minutes["AAPL"][missing]
    score(TEN, AFTER_TEN)
    without = scores(TEN)
    provider.minutes["AAPL"] = whole
    score(ELEVEN, AFTER_ELEVEN)
    score(TEN, EVENING)
    pd.testing.assert_frame_equal(scores(TEN), without, check_exact=True)
    assert pd.Timestamp(missing) not in set(bars().query("symbol == 'AAPL'")["minute"])
    late = scores(ELEVEN)
    for table in ("minute_bars", "minute_bars_superseded"):
        dataset_ = dataset().rpartition("-")[0]
        for year in lake().years(table, dataset_, LAST):
            assert year == 2024
            lake().drop(table, dataset_)
    score(TEN, AFTER_TEN)
    score(ELEVEN, AFTER_ELEVEN)
    assert scores(TEN)["content"].tolist() != without["content"].tolist()
    assert scores(ELEVEN)["content"].tolist() == late["content"].tolist()


def test_a_restated_bar_leaves_the_hours_before_as_they_were(provider: Alpaca) -> None:
    score(TEN, AFTER_TEN)
    before = [bars(), scores(TEN)]
    minute = datetime(2024, 6, 27, 14, 50, tzinfo=UTC)
    opened, high, low, _, volume = provider.minutes["AAPL"][minute]
    provider.minutes["AAPL"][minute] = (opened, high, low, high, volume * 50)
    score(ELEVEN, AFTER_ELEVEN)
    score(TEN, EVENING)
    assert bars().query("hour == @before[0].hour.iloc[0]")["close"].tolist() == (
        before[0]["close"].tolist()
    )
    pd.testing.assert_frame_equal(scores(TEN), before[1], check_exact=True)


def test_a_planted_bar_of_the_future_stops_the_run_before_any_score(provider: Alpaca) -> None:
    score(TEN, AFTER_TEN)
    fetched = dataset().rpartition("-")[0]
    held = lake().read("minute_bars", fetched, date(2024, 1, 1), DAY)
    planted = held.tail(1).assign(
        minute=pd.Timestamp("2024-06-27T19:30Z"), known_at=pd.Timestamp("2024-06-27T15:00Z")
    )
    rows = pd.concat([held, planted], ignore_index=True)
    lake().write("minute_bars", fetched, rows, date(2024, 1, 1), DAY)
    before = scores(TEN)
    result = score(ELEVEN, AFTER_ELEVEN, raises=False)
    assert not checks(result)["point_in_time"].passed
    assert scores(ELEVEN).empty
    result = score(TEN, EVENING, raises=False)
    pd.testing.assert_frame_equal(scores(TEN), before, check_exact=True)


def test_an_impossible_bar_is_set_aside_by_name(provider: Alpaca) -> None:
    minute = datetime(2024, 6, 27, 14, 50, tzinfo=UTC)
    provider.minutes["AAPL"][minute] = (10.0, 9.0, 11.0, 10.0, 100.0)
    score(TEN, AFTER_TEN)
    rejected = lake().read("intraday_bars_rejected", dataset(), DAY, DAY)
    assert rejected[["symbol", "minute", "reason"]].to_numpy().tolist() == [
        ["AAPL", pd.Timestamp(minute), "OHLC_ORDER"]
    ]
    assert len(bars()) == 11


def test_an_hour_without_any_bar_yet_is_asked_for_again_until_it_is_decided(
    provider: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intraday, "PASSING_PAUSE_S", 0.0)
    for rows in provider.minutes.values():
        for minute in [each for each in rows if each >= datetime(2024, 6, 27, 14, tzinfo=UTC)]:
            del rows[minute]
    assert score(TEN, AFTER_TEN).success
    asked = [path for path, query in provider.asked if query.get("timeframe") == "1Min"]
    assert len(asked) == 1 + intraday.PASSING_RETRIES
    assert scores(TEN).empty


@pytest.mark.parametrize(
    ("hour", "clock", "source", "said"),
    [
        (TEN, "2024-06-27T15:14:59+00:00", "alpaca", "complete 15 minutes later"),
        ("2024-07-03-13:00", "2024-07-03T19:16:00+00:00", "alpaca", "the exchange is closed"),
        (TEN, AFTER_TEN, "sample", "'sample' has no minute bars: choose yfinance"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_sentence(
    hour: str, clock: str, source: str, said: str
) -> None:
    assert said in failure(score(hour, clock, raises=False, source=source), "intraday_bars")


def tick(*moment: int) -> dg.RunRequest | dg.SkipReason:
    scheduled = datetime(*moment, tzinfo=UTC)  # type: ignore[misc, arg-type]
    with dg.build_schedule_context(scheduled_execution_time=scheduled) as context:
        answer = score_after_each_hour(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        ((2024, 6, 27, 14, 16), "2024-06-27-09:00"),
        ((2024, 6, 27, 20, 16), "2024-06-27-15:00"),
        ((2024, 11, 29, 18, 16), "2024-11-29-12:00"),
    ],
)
def test_a_tick_asks_for_the_hour_that_ended(moment: tuple[int, ...], key: str) -> None:
    request = tick(*moment)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == request.run_key == key
    assert HOURS.has_partition_key(key)
    assert request.run_config["resources"]["feed"]["config"] == {"source": "alpaca"}
    assert request.tags["trading/strategy"] == "technical"


@pytest.mark.parametrize(
    "moment", [(2024, 7, 4, 15, 16), (2024, 11, 29, 19, 16), (2024, 3, 29, 15, 16)]
)
def test_an_hour_in_which_the_exchange_is_closed_is_skipped(moment: tuple[int, ...]) -> None:
    """A holiday by rule, an afternoon after an early close, and Good Friday."""
    assert "the exchange is closed" in str(tick(*moment))


def test_a_schedule_that_is_told_nothing_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "market.toml").write_text("")
    assert 'write "[live]"' in str(tick(2024, 6, 27, 15, 16))


def test_the_partitions_are_hours_of_sessions() -> None:
    keys = HOURS.get_partition_keys(current_time=datetime(2024, 7, 8, 15, tzinfo=UTC))
    assert [key for key in keys if key.startswith("2024-07-05")] == [
        f"2024-07-05-{hour:02}:00" for hour in range(9, 16)
    ]
    assert not [key for key in keys if key.startswith(("2024-07-04", "2024-07-06", "2024-01-15"))]


def test_nothing_is_published_and_nothing_starts_by_itself() -> None:
    assert {node.name for node in defs.resolve_job_def(intraday_job.name).nodes} == set(ASSETS)
    assert score_after_each_hour.default_status == dg.DefaultScheduleStatus.STOPPED
    assert score_after_each_hour.job_name == intraday_job.name
