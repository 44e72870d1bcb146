"""Rank correlations are those of scipy, row by row and pooled, with ties and gaps."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import rankdata, spearmanr

from pipelines.analyses.quality.ranks import MIN_PAIRS, by_row, pooled, ranks

VALUES = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float), st.floats(-1, 1))
SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 9))


@st.composite
def sides(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    one, other = (draw(arrays.arrays(float, shape, elements=VALUES)) for _ in range(2))
    return one, other


def by_scipy(one: np.ndarray, other: np.ndarray) -> float:
    both = ~(np.isnan(one) | np.isnan(other))
    if both.sum() < MIN_PAIRS:
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a side that does not vary
        return float(spearmanr(one[both], other[both]).statistic)


@given(given_sides=sides())
def test_each_row_and_all_pairs_are_as_scipy_gives_them(
    given_sides: tuple[np.ndarray, np.ndarray],
) -> None:
    one, other = given_sides
    found, counts = by_row(one, other)
    expected = [by_scipy(*row) for row in zip(one, other, strict=True)]
    assert found.tolist() == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert counts.tolist() == (~(np.isnan(one) | np.isnan(other))).sum(axis=1).tolist()
    everything, pairs = pooled(one, other)
    assert everything == pytest.approx(by_scipy(one, other), abs=1e-12, nan_ok=True)
    assert pairs == counts.sum()


@given(values=arrays.arrays(float, SHAPES, elements=VALUES))
def test_ranks_are_as_scipy_gives_them(values: np.ndarray) -> None:
    expected = rankdata(values, axis=1, nan_policy="omit")
    assert np.array_equal(ranks(values), expected, equal_nan=True)


@given(given_sides=sides(), seed=st.integers(0, 100))
def test_the_order_of_symbols_and_new_ones_change_no_bit(
    given_sides: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    one, other = given_sides
    blank = np.full((len(one), 2), np.nan)
    order = np.random.default_rng(seed).permutation(one.shape[1] + 2)
    more = [np.hstack([side, blank])[:, order] for side in (one, other)]
    assert by_row(one, other)[0].tobytes() == by_row(*more)[0].tobytes()


def test_two_pairs_and_constant_scores_say_nothing() -> None:
    assert np.isnan(by_row(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]]))[0]).all()
    constant = np.ones((1, 5))
    assert np.isnan(by_row(constant, np.arange(5.0)[None, :])[0]).all()
