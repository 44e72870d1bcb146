"""Intervals: seeded, of blocks, as wide as they should be."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipelines.analyses.quality.bootstrap import (
    MIN_SESSIONS,
    RESAMPLES,
    block_length,
    draws,
    mean_interval,
    pooled_interval,
)


def test_a_resample_has_as_many_sessions_in_whole_blocks() -> None:
    counts = draws(50, 7)
    assert counts.shape == (RESAMPLES, 50)
    assert (counts.sum(axis=1) == 50).all()
    alone = (counts > 0) & (np.roll(counts, 1, axis=1) == 0) & (np.roll(counts, -1, axis=1) == 0)
    assert alone.sum(axis=1).max() <= 1  # only the last block may be cut to one session
    assert counts.sum(axis=0) == pytest.approx(RESAMPLES, rel=0.2)


def test_blocks_are_as_long_as_the_horizon_at_least() -> None:
    assert [block_length(252, horizon) for horizon in (1, 5, 20)] == [6, 10, 40]
    assert block_length(1000, 2) == 10


def test_the_same_figures_have_the_same_interval_for_ever() -> None:
    values = np.linspace(-0.3, 0.4, 60)
    first = mean_interval(values, 5)
    draws.cache_clear()
    assert mean_interval(values.copy(), 5) == first


def test_few_sessions_have_no_interval() -> None:
    few = np.zeros(MIN_SESSIONS - 1)
    assert np.isnan(mean_interval(few, 1)).all()
    assert np.isnan(mean_interval(np.zeros(119), 20)).all()
    assert mean_interval(np.zeros(120), 20) == (0.0, 0.0)
    assert np.isnan(pooled_interval(few, few, np.arange(len(few)), 1)).all()


@pytest.mark.parametrize(("horizon", "least"), [(1, 0.92), (5, 0.87), (20, 0.83)])
def test_the_true_mean_lies_inside_about_as_often_as_it_says(horizon: int, least: float) -> None:
    """Overlapping returns make neighbours alike: a moving average over the horizon."""
    random = np.random.default_rng(7)
    inside = 0
    for _ in range(400):
        noise = random.normal(0, 1, 252 + horizon)
        series = np.convolve(noise, np.ones(horizon), "valid")[:252]
        low, high = mean_interval(series, horizon)
        inside += low <= 0 <= high
    assert least <= inside / 400 <= 0.98


def test_overlapping_returns_widen_the_interval() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 320)
    series = np.convolve(noise, np.ones(20) / 20, "valid")
    widths = [np.ptp(mean_interval(series, horizon)) for horizon in (1, 20)]
    assert widths[1] > 1.4 * widths[0]


def test_the_pooled_interval_is_that_of_ranking_every_resample_anew() -> None:
    random = np.random.default_rng(11)
    sessions = np.sort(random.integers(0, 40, 120))
    left = random.integers(-3, 4, 120) / 3
    right = (left + random.normal(0, 1, 120)).round(1)
    days, of_day = np.unique(sessions, return_inverse=True)
    expected = []
    for counts in draws(len(days), block_length(len(days), 1)):
        drawn = np.repeat(np.arange(120), counts[of_day].astype(int))
        expected.append(spearmanr(left[drawn], right[drawn]).statistic)
    middle, share = np.mean(expected), block_length(len(days), 1) / len(days)
    wider = middle + (np.array(expected) - middle) / np.sqrt(1 - share)
    found = pooled_interval(left, right, sessions, 1)
    assert found == pytest.approx(tuple(np.quantile(wider, [0.025, 0.975])), abs=1e-12)
