"""Hourly bars of what was known of minute bars: cut data, late and restated bars, bars to come."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import calendar
from pipelines.analyses import hourly
from pipelines.assets.intraday import Hour, hour_of, scored
from pipelines.errors import RequestError
from pipelines.strategy_file import open_strategy

LAG = timedelta(minutes=15)
DAYS = calendar.sessions_between(date(2024, 6, 3), date(2024, 6, 14))
STRATEGY = open_strategy("technical")


def every_minute(step: int = 15, seed: int = 1) -> pd.DataFrame:
    """Two symbols that wander, a bar each `step` minutes of the sessions, known when it was."""
    rows = []
    random = np.random.default_rng(seed)
    for symbol in ("AAPL", "MSFT"):
        price = 100.0
        for day in DAYS:
            minute = calendar.open_of(day)
            while minute < calendar.close_of(day):
                price = round(max(price + random.normal(0, 0.3), 50.0), 2)
                figures = (price - 0.1, price + 0.3, price - 0.3, price, 100.0)
                rows.append((symbol, pd.Timestamp(day), minute, *figures, pd.NaT))
                minute += timedelta(minutes=step)
    names = ["symbol", "session", "minute", "open", "high", "low", "close", "volume", "known_at"]
    frame = pd.DataFrame(rows, columns=names)
    frame["minute"] = frame["minute"].astype("datetime64[us, UTC]")
    frame["known_at"] = pd.to_datetime(frame["known_at"], utc=True)
    return hourly.with_times(frame, LAG)


EVERY = every_minute()
HOURS = [
    hour_of(calendar.open_of(day).replace(minute=0) + timedelta(hours=number))
    for day in DAYS[-3:]
    for number in range(7)
]
of_hours = st.sampled_from(HOURS)


def rows_of(every: pd.DataFrame, hour: Hour) -> pd.DataFrame:
    return scored(every, hour, STRATEGY)


def changed(rows: pd.DataFrame, known_at: pd.Timestamp | pd.Series) -> pd.DataFrame:
    """Other versions of the same minutes."""
    return rows.assign(
        close=rows["high"], volume=rows["volume"] * 3, known_at=known_at, known_by="observed"
    )


@settings(max_examples=25, deadline=None)
@given(hour=of_hours)
def test_data_that_was_cut_at_an_hour_gives_what_all_data_give(hour: Hour) -> None:
    cut = EVERY[(EVERY["event_time"] <= hour.as_of) & (EVERY["known_at"] <= hour.decided_at)]
    pd.testing.assert_frame_equal(rows_of(EVERY, hour), rows_of(cut, hour), check_exact=True)
    assert rows_of(cut, hour)["symbol"].tolist() == ["AAPL", "MSFT"]


@settings(max_examples=25, deadline=None)
@given(hour=of_hours, at=st.integers(0, len(EVERY) - 1), after=st.integers(1, 100_000))
def test_what_became_known_later_moves_nothing(hour: Hour, at: int, after: int) -> None:
    """A restated bar, wherever it is, and one that claims to be known before it was over."""
    row = EVERY.iloc[[at]]
    late = changed(row, pd.Timestamp(hour.decided_at) + pd.Timedelta(seconds=after))
    canary = changed(row, row["event_time"] - pd.Timedelta(seconds=after))
    between = pd.Timedelta(minutes=7)
    canary["minute"], canary["event_time"] = row["minute"] + between, row["event_time"] + between
    planted = pd.concat([EVERY, late, canary], ignore_index=True)
    pd.testing.assert_frame_equal(rows_of(planted, hour), rows_of(EVERY, hour), check_exact=True)


@settings(max_examples=15, deadline=None)
@given(number=st.integers(0, len(HOURS) - 2), delay=st.integers(1, 29))
def test_a_bar_that_is_late_counts_from_the_hour_on_in_which_it_came(
    number: int, delay: int
) -> None:
    """It came when its own hour was decided, and well before the next one was."""
    own, following = HOURS[number], HOURS[number + 1]
    last = EVERY[(EVERY["event_time"] <= own.as_of) & (EVERY["minute"] >= own.start)]
    last = last[last["symbol"] == "AAPL"].tail(1)
    came = pd.Timestamp(own.decided_at) + pd.Timedelta(minutes=delay)
    late = EVERY.assign(known_at=EVERY["known_at"].mask(EVERY.index.isin(last.index), came))
    never = EVERY.drop(index=last.index)
    pd.testing.assert_frame_equal(rows_of(late, own), rows_of(never, own), check_exact=True)
    later = rows_of(late, following)
    assert later["content"].tolist() == rows_of(EVERY, following)["content"].tolist()
    assert later["content"].tolist() != rows_of(never, following)["content"].tolist()


def test_an_hour_is_made_of_its_minutes() -> None:
    day = DAYS[0]
    minutes = EVERY[(EVERY["symbol"] == "AAPL") & (EVERY["session"] == pd.Timestamp(day))]
    hours = hourly.hourly_bars(minutes)
    assert hours["hour"].dt.strftime("%H:%M").tolist() == [f"{each}:00" for each in range(13, 20)]
    first, second = minutes.iloc[:2], minutes.iloc[2:6]
    assert hours[["open", "close", "volume"]].to_numpy()[0].tolist() == [
        first["open"].iloc[0],
        first["close"].iloc[1],
        200.0,
    ]
    assert hours[["high", "low", "volume"]].to_numpy()[1].tolist() == [
        second["high"].max(),
        second["low"].min(),
        400.0,
    ]
    assert hours["event_time"].tolist()[1] == second["event_time"].max()


def test_of_a_restated_minute_the_version_of_the_time_counts() -> None:
    row = EVERY.iloc[[0]]
    moment = row["known_at"].iloc[0]
    both = pd.concat([row, changed(row, moment + pd.Timedelta(hours=1))], ignore_index=True)
    before = hourly.known_then(both, moment, moment)
    after = hourly.known_then(both, moment, moment + timedelta(hours=1))
    assert before["close"].tolist() == row["close"].tolist()
    assert after["close"].tolist() == row["high"].tolist()


def test_bad_minutes_are_set_aside_by_name() -> None:
    minutes = EVERY.head(4).copy()
    minutes.loc[1, "low"] = 1000.0
    minutes.loc[2, "volume"] = np.nan
    good, rejected = hourly.split_minutes(minutes)
    assert rejected["reason"].tolist() == ["OHLC_ORDER", "MISSING_VOLUME"]
    assert good["minute"].tolist() == minutes["minute"].iloc[[0, 3]].tolist()
    assert good["session"].tolist() == [pd.Timestamp(DAYS[0])] * 2


def test_rejected_minutes_and_those_of_the_night_move_no_score() -> None:
    """Coins trade at night too: such a minute belongs to no hour of a session."""
    hour, row = HOURS[-1], EVERY[EVERY["session"] == pd.Timestamp(DAYS[-1])].head(1)
    last, moved = EVERY.tail(1), pd.Timedelta(minutes=7)
    bad = last.assign(minute=last["minute"] + moved, event_time=last["event_time"] + moved)
    bad["close"] = last["high"] + 1
    early = pd.Timedelta(hours=5)
    night = row.assign(minute=row["minute"] - early, event_time=row["event_time"] - early)
    planted = pd.concat([EVERY, bad, night], ignore_index=True)
    pd.testing.assert_frame_equal(rows_of(planted, hour), rows_of(EVERY, hour), check_exact=True)


def test_of_a_strategy_that_weighs_news_prices_alone_speak() -> None:
    found = scored(EVERY, HOURS[-1], open_strategy("blend"))
    assert found["symbol"].tolist() == ["AAPL", "MSFT"]
    assert found["news_part"].isna().all()
    assert found["technical_part"].notna().all()


def test_indicators_begin_anew_where_prices_leap() -> None:
    """As at a split: minute bars of before and after it are in other dollars."""
    split = EVERY["session"] >= pd.Timestamp(DAYS[-1])
    halved = split & (EVERY["symbol"] == "AAPL")
    rows = EVERY.copy()
    prices = ["open", "high", "low", "close"]
    rows.loc[halved, prices] = rows.loc[halved, prices] / 2
    hours = hourly.since_jump(hourly.hourly_bars(rows))
    first = hours.groupby("symbol")["session"].min()
    assert first["AAPL"] == pd.Timestamp(DAYS[-1])
    assert first["MSFT"] == pd.Timestamp(DAYS[0])
    assert rows_of(rows, HOURS[-1])["symbol"].tolist() == ["MSFT"]


@pytest.mark.parametrize(
    ("hour", "of_day"),
    [
        ("2024-06-27T12:00", "08:00 before the open"),
        ("2024-06-27T20:00", "the close"),
        ("2024-07-03T17:00", "after an early close"),
        ("2024-07-04T15:00", "a holiday"),
        ("2024-06-29T15:00", "a Saturday"),
    ],
)
def test_hours_outside_of_a_session_are_refused(hour: str, of_day: str) -> None:
    with pytest.raises(RequestError, match="the exchange is closed"):
        hour_of(datetime.fromisoformat(hour).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("hour", "ends"),
    [("2024-06-27T13:00", "14:00"), ("2024-06-27T19:00", "20:00"), ("2024-12-24T17:00", "18:00")],
)
def test_an_hour_ends_with_the_clock_and_is_decided_half_an_hour_later(
    hour: str, ends: str
) -> None:
    found = hour_of(datetime.fromisoformat(hour).replace(tzinfo=UTC))
    assert f"{found.as_of:%H:%M}" == ends
    assert found.decided_at - found.as_of == timedelta(minutes=30)
