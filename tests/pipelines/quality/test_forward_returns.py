"""Returns that a trader of the score could have had, to the cent of small examples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.quality.forward_returns import HORIZONS, Grid, forward_returns, grid_of
from tests.pipelines.frames import SESSIONS, actions, bars
from tests.pipelines.quality.markets import market


def grid(rows: pd.DataFrame, *found: tuple[str, int, float, float], length: int = 30) -> Grid:
    return grid_of(rows, actions(*found), SESSIONS[:length])


def prices(opens: list[float], closes: list[float]) -> pd.DataFrame:
    return bars(closes).assign(open=opens)


def test_it_is_bought_at_the_next_open_and_held_to_the_close() -> None:
    found = forward_returns(grid(prices([1.0, 10.0, 12.0], [1.0, 11.0, 15.0]), length=3))
    assert found.held[1][:, 0].tolist() == pytest.approx([0.1, 0.25, np.nan], nan_ok=True)
    assert found.held[2][:, 0].tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert found.last_day[2][0, 0] == pytest.approx(15 / 11 - 1)


def test_a_split_while_it_is_held_makes_no_return() -> None:
    rows = prices([100.0, 100.0, 50.0, 50.0], [100.0, 100.0, 50.0, 50.0])
    found = forward_returns(grid(rows, ("IBM", 2, 2.0, 0.0), length=4))
    assert found.held[2][0, 0] == pytest.approx(0.0)
    assert found.last_day[2][0, 0] == pytest.approx(0.0)


def test_a_dividend_is_earned_by_who_held_it_the_night_before() -> None:
    """Bought at the open of the ex-date: no dividend. Bought the day before: the dividend."""
    rows = prices([100.0, 100.0, 99.0, 99.0], [100.0, 100.0, 99.0, 99.0])
    found = forward_returns(grid(rows, ("IBM", 2, 1.0, 1.0), length=4))
    assert found.held[1][1, 0] == pytest.approx(0.0)
    assert found.held[2][0, 0] == pytest.approx(0.0)
    assert found.held[1][0, 0] == pytest.approx(0.0)
    without = forward_returns(grid(rows, length=4))
    assert without.held[2][0, 0] == pytest.approx(-0.01)


def test_a_symbol_without_a_next_bar_could_not_be_bought() -> None:
    rows = prices([10.0] * 4, [10.0] * 4).drop(index=1)
    found = forward_returns(grid(rows, length=4))
    assert np.isnan(found.held[1][0, 0])
    assert np.isnan(found.held[2][0, 0])
    assert found.held[1][1, 0] == 0.0


def test_a_symbol_that_stops_trading_keeps_its_last_close() -> None:
    rows = prices([10.0, 10.0, 10.0], [10.0, 9.0, 4.0])
    found = forward_returns(grid(rows, length=10))
    assert found.held[5][0, 0] == pytest.approx(-0.6)
    assert np.isnan(found.last_day[5][0, 0])


def test_a_horizon_that_has_not_ended_has_no_return() -> None:
    found = forward_returns(grid(bars([10.0] * 30)))
    for horizon in HORIZONS:
        known = ~np.isnan(found.held[horizon][:, 0])
        assert known.tolist() == [True] * (30 - horizon) + [False] * horizon


@given(seed=st.integers(0, 10_000), cut=st.integers(2, 59))
def test_a_return_that_is_known_never_changes(seed: int, cut: int) -> None:
    whole = market(seed)
    full = forward_returns(grid_of(whole.bars, whole.actions, SESSIONS[:60]))
    then = whole.until(SESSIONS[cut - 1])
    part_grid = grid_of(then.bars, then.actions, SESSIONS[:cut])
    part = forward_returns(part_grid)
    every = grid_of(whole.bars, whole.actions, SESSIONS[:60]).symbols
    of = every.get_indexer(part_grid.symbols)
    for horizon in HORIZONS:
        done = max(cut - horizon, 0)
        for one, other in ((full.held, part.held), (full.last_day, part.last_day)):
            assert np.array_equal(one[horizon][:done, of], other[horizon][:done], equal_nan=True)
            assert np.isnan(other[horizon][done:]).all()
