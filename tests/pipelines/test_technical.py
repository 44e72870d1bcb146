"""Indicators against sums done by hand, and the law that the future changes nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses import technical as analysis
from tests.pipelines.frames import SESSIONS, actions, bars, walk

VALUES = [*analysis.INDICATORS, *analysis.SCORES]
SINCE_THE_FIRST_BAR = {"obv", "move"}
WALK = np.array(walk(60))


def test_rsi_is_wilders() -> None:
    """The mean of the first 14 moves, then 13 parts of the mean before and one of the new move."""
    moves = np.diff(WALK)
    gain, loss = moves[:14].clip(min=0).mean(), -moves[:14].clip(max=0).mean()
    expected = [100 * gain / (gain + loss)]
    for move in moves[14:]:
        gain, loss = (gain * 13 + max(move, 0)) / 14, (loss * 13 + max(-move, 0)) / 14
        expected.append(100 * gain / (gain + loss))
    found = analysis.rsi(WALK)
    assert np.isnan(found[:14]).all()
    np.testing.assert_allclose(found[14:], expected, rtol=1e-12)


def test_macd_is_the_difference_of_two_exponential_averages() -> None:
    """Both averages begin as simple means that end on bar 26, the signal as the mean of 9."""

    def ema(values: np.ndarray, first: float, bars_: int) -> list[float]:
        averages = [first]
        for value in values:
            averages.append(averages[-1] + (value - averages[-1]) * 2 / (bars_ + 1))
        return averages

    fast = ema(WALK[26:], ema(WALK[26:26], WALK[14:26].mean(), 12)[-1], 12)
    slow = ema(WALK[26:], WALK[:26].mean(), 26)
    line = np.array(fast) - np.array(slow)
    signal = ema(line[9:], line[:9].mean(), 9)
    found, average, histogram = analysis.macd(WALK)
    assert np.isnan(found[:33]).all()
    np.testing.assert_allclose(found[33:], line[8:], atol=1e-12)
    np.testing.assert_allclose(average[33:], signal, atol=1e-12)
    np.testing.assert_allclose(histogram[33:], line[8:] - signal, atol=1e-12)


def test_bollinger_divides_by_the_number_of_bars() -> None:
    upper, middle, lower = analysis.bollinger(WALK)
    last = WALK[-20:]
    assert middle[-1] == pytest.approx(last.mean())
    assert upper[-1] - lower[-1] == pytest.approx(4 * last.std(ddof=0))
    assert np.isnan(upper[:19]).all()


def test_a_history_shorter_than_the_warm_up_has_no_values() -> None:
    found = analysis.technical(bars([100.0] * 5), actions())
    assert found[[name for name in VALUES if name not in SINCE_THE_FIRST_BAR]].isna().all(axis=None)


def test_a_price_that_stands_still_is_no_opinion() -> None:
    still = bars([100.0] * 120).assign(high=100.0, low=100.0)
    last = analysis.technical(still, actions()).iloc[-1]
    assert [last[name] for name in analysis.SCORES] == [0.0] * len(analysis.SCORES)


def test_scores_stay_in_range_and_a_falling_price_is_oversold() -> None:
    falling = analysis.technical(bars([400 - 2.0 * i for i in range(120)]), actions())
    scores = falling[list(analysis.SCORES)].dropna()
    assert scores.abs().max(axis=None) <= 1
    assert scores["rsi_score"].iloc[-1] == 1.0
    assert "RSI 0.0 below 30" in analysis.reasons(falling)[-1]


def test_a_known_split_leaves_no_trace() -> None:
    """The same company with and without a 2:1 split has the same RSI, and half the MACD before."""
    halved = np.r_[WALK[:40], WALK[40:] / 2]
    split = analysis.technical(bars(halved.tolist()), actions(("IBM", 40, 2.0, 0.0)))
    plain = analysis.technical(bars(WALK.tolist()), actions())
    np.testing.assert_allclose(split["rsi"], plain["rsi"], atol=1e-9)
    np.testing.assert_allclose(split["macd"][40:], plain["macd"][40:] / 2, atol=1e-9)


def test_symbols_do_not_touch() -> None:
    both = pd.concat([bars(walk(50, 2), "A"), bars(walk(50, 3), "B")], ignore_index=True)
    alone = analysis.technical(bars(walk(50, 3), "B"), actions())
    found = analysis.technical(both, actions())[50:].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, alone)


@st.composite
def histories(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Two symbols with actions anywhere, and a day to cut at."""
    length = draw(st.integers(40, 90))
    prices = st.lists(st.integers(500, 50000), min_size=length, max_size=length)
    rows = [bars([cents / 100 for cents in draw(prices)], symbol) for symbol in ("A", "B")]
    action = st.tuples(
        st.sampled_from(["A", "B"]),
        st.integers(1, length - 1),
        st.sampled_from([1.0, 2.0, 3.0, 0.1]),
        st.sampled_from([0.0, 0.25, 3.08]),
    )
    chosen = draw(st.lists(action, max_size=5, unique_by=lambda row: row[:2]))
    return pd.concat(rows, ignore_index=True), actions(*chosen), draw(st.integers(0, length - 1))


@given(histories())
def test_data_cut_at_a_day_gives_the_same_bits_for_that_day(
    history: tuple[pd.DataFrame, pd.DataFrame, int],
) -> None:
    rows, acts, cut = history
    day = SESSIONS[cut]
    whole = analysis.technical(rows, acts)
    known = rows[rows["session"] <= day].reset_index(drop=True)
    part = analysis.technical(known, acts[acts["session"] <= day])
    expected = whole[whole["session"] <= day].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected, check_exact=True)


@given(histories(), st.floats(0.01, 10_000), st.sampled_from([7.0, 0.5]))
def test_a_canary_from_the_future_moves_nothing(
    history: tuple[pd.DataFrame, pd.DataFrame, int], price: float, split: float
) -> None:
    rows, acts, _ = history
    length = len(rows) // 2
    before = analysis.technical(rows, acts)
    canary = pd.concat([rows, bars([price], "A", first=length), bars([price], "B", first=length)])
    canary = canary.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    later = pd.concat([acts, actions(("A", length, split, 0.0), ("B", length, 1.0, 0.25))])
    after = analysis.technical(canary, later)
    kept = after[after["session"] < SESSIONS[length]].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before, check_exact=True)
