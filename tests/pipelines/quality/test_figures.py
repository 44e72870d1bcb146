"""The figures of a score: by hand on small markets, and never moved by what comes later."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.quality.contributions import EDGES, Score, contributions
from pipelines.analyses.quality.figures import WINDOW, figures
from pipelines.analyses.quality.forward_returns import LONGEST, forward_returns, grid_of
from tests.pipelines.frames import SESSIONS, actions, bars
from tests.pipelines.quality.markets import Market, market, measured


def same(one: list[pd.DataFrame], other: list[pd.DataFrame]) -> None:
    for left, right in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


@given(seed=st.integers(0, 10_000), at=st.integers(1, 58))
def test_what_comes_later_changes_no_figure(seed: int, at: int) -> None:
    whole = market(seed).listed("C", SESSIONS[30])
    same(measured(whole, at, 59), measured(whole.until(SESSIONS[at]), at, at))


@given(seed=st.integers(0, 10_000), planted=st.floats(0.01, 100), score=st.floats(-1, 1))
def test_a_bar_and_a_score_from_the_future_move_nothing(
    seed: int, planted: float, score: float
) -> None:
    whole = market(seed)
    future = SESSIONS[41]
    changed = Market(
        whole.bars.assign(
            close=np.where(whole.bars["session"] >= future, planted, whole.bars["close"]),
            open=np.where(whole.bars["session"] >= future, planted, whole.bars["open"]),
        ),
        pd.concat([whole.actions, actions(("A", 41, 4.0, 0.0))]),
        whole.scores.assign(
            score=np.where(whole.scores["session"] >= future, score, whole.scores["score"])
        ),
    )
    same(*(measured(each, 40, 59) for each in (whole, changed)))


def test_what_lies_before_the_window_counts_nowhere() -> None:
    long = market(5, length=WINDOW + LONGEST + 40)
    last = WINDOW + LONGEST + 39
    begin = last - WINDOW - LONGEST + 1
    alone = measured(long, last, last, begin=begin)
    same(measured(long, last, last), alone)
    less = measured(long, last, last, begin=begin + 1)
    changed = (alone[0]["pairs"] != less[0]["pairs"]) & (alone[0]["analysis"] == "whole")
    assert alone[0].loc[changed, "horizon"].tolist() == [LONGEST]


def test_no_figure_rests_on_a_return_that_is_not_known() -> None:
    found = measured(market(3), 19, 19)[0]
    twenty = found[(found["analysis"] == "whole") & (found["horizon"] == 20)]
    assert twenty["pairs"].tolist() == [0]
    assert twenty["ic"].isna().all()
    assert twenty["coverage"].notna().all()


def test_a_score_that_knows_the_next_session_is_found_at_its_horizon() -> None:
    found = measured(market(9, length=100, skill=20.0), 99, 99)[0]
    by_horizon = found[found["analysis"] == "whole"].set_index("horizon")
    assert by_horizon.loc[1, "ic_low"] > 0.1
    assert by_horizon["ic"].idxmax() == 1
    assert by_horizon["ic"].is_monotonic_decreasing
    assert (by_horizon.loc[2:, "day_ic"].abs() < by_horizon.loc[1, "day_ic"] / 3).all()


def one_symbol(scores: list[float], closes: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Figures and calibration after the last of the closes; opens are the closes before."""
    rows = bars(closes).assign(open=[closes[0], *closes[:-1]])
    grid = grid_of(rows, actions(), SESSIONS[: len(closes)])
    said = np.array(scores)[:, None]
    found = contributions(
        Score("s", "1", said, np.zeros(len(closes), bool)), grid, forward_returns(grid)
    )
    return figures([found], grid.sessions, [len(closes) - 1])


def test_hits_coverage_turnover_and_calibration_by_hand() -> None:
    scores = [0.5, -0.5, 0.0, np.nan, 0.9, 0.3]
    closes = [100.0, 110.0, 121.0, 110.0, 110.0, 99.0]
    found, bins = one_symbol(scores, closes)
    row = found.set_index("horizon").loc[1]
    # Judged: 0.5 before +10 %, -0.5 before +10 %, 0.9 before -10 %. The 0 is no opinion.
    assert row["judged"] == 3
    assert row["hit_rate"] == pytest.approx(1 / 3, abs=1e-6)
    assert row["up_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert row["pairs"] == 4
    assert row["coverage"] == pytest.approx(4 / 6, abs=1e-6)
    assert row["change"] == pytest.approx((1.0 + 0.5 + 0.6) / 3)
    of_one = bins[bins["horizon"] == 1].set_index("low")
    assert of_one.index.tolist() == [-0.6, 0.4, 0.8]
    assert of_one["mean_return"].tolist() == pytest.approx([0.1, 0.1, -0.1])
    assert of_one["up_rate"].tolist() == [1.0, 1.0, 0.0]
    assert of_one["mean_score"].tolist() == [-0.5, 0.5, 0.9]


def test_a_score_without_a_bar_of_its_session_counts_nowhere() -> None:
    """Whether the symbol is listed a day later, nobody knew."""
    rows = bars([100.0, 110.0, 121.0], first=1)
    grid = grid_of(rows, actions(), SESSIONS[:4])
    said = Score("s", "1", np.full((4, 1), 0.5), np.zeros(4, bool))
    found, bins = figures([contributions(said, grid, forward_returns(grid))], grid.sessions, [3])
    row = found.set_index("horizon").loc[1]
    assert (row["pairs"], row["judged"], row["coverage"]) == (2, 0, 1.0)
    assert bins.loc[bins["horizon"] == 1, "count"].tolist() == [2]


def test_every_score_has_its_bin() -> None:
    scores = [*EDGES.tolist(), 0.05, 0.0]
    _, bins = one_symbol(scores, (100 + np.arange(13.0)).tolist())
    counts = bins[bins["horizon"] == 1].set_index("low")["count"]
    # An edge belongs to the bin above it, 1 to the last one; both zeros are no opinion.
    assert counts.tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    assert counts.index.tolist() == EDGES[:-1].tolist()


def test_versions_are_told_apart() -> None:
    found = measured(market(2), 59, 59)[0]
    edited = found[(found["analysis"] == "edited") & (found["horizon"] == 1)]
    assert edited["version"].tolist() == ["0", "1"]
    whole = found[(found["analysis"] == "whole") & (found["horizon"] == 1)]
    assert edited["pairs"].sum() == whole["pairs"].iloc[0]
    assert edited["coverage"].between(0.5, 0.8).all()


def test_a_figure_of_sessions_that_the_model_learnt_from_says_so() -> None:
    long = market(6, length=WINDOW + 10)
    for at, expected in ((40, True), (WINDOW + 9, False)):
        found = measured(long, at, WINDOW + 9)[0]
        found = found[found["horizon"] == 1].set_index("analysis")
        assert found.loc["rare", "contaminated"] == expected
        assert not found.loc["whole", "contaminated"]


def test_a_score_of_single_symbols_has_a_pooled_interval_instead() -> None:
    found = measured(market(4), 59, 59)[0]
    rare = found[(found["analysis"] == "rare") & (found["horizon"] == 1)].iloc[0]
    assert rare["sessions"] == 0
    assert np.isnan(rare["ic_low"])
    assert rare["pooled_low"] < rare["pooled_ic"] < rare["pooled_high"]
