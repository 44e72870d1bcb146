"""Laws of pooling: a mean of the pieces, the first ones most."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.analyses.sentiment.pooling import (
    ABSTAIN_BELOW,
    HALVED_EVERY,
    NOTHING_SAID,
    Sentiment,
    pool,
    softmax,
)

LOGITS = arrays(np.float64, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(-30, 30))


def sentiment(negative: float, neutral: float, positive: float) -> Sentiment:
    return Sentiment(negative, neutral, positive, "test", "0" * 64, date(2020, 1, 1))


@given(LOGITS)
def test_pooled_probabilities_are_probabilities_and_scores_in_range(logits: np.ndarray) -> None:
    pooled = pool(softmax(logits))
    assert sum(pooled) == pytest.approx(1)
    assert min(pooled) >= 0
    found = sentiment(*pooled)
    assert -1 <= found.score <= 1
    assert 1 / 3 - 1e-6 <= found.confidence <= 1
    assert found.abstained == (found.confidence < ABSTAIN_BELOW)


@given(LOGITS)
def test_one_piece_is_pooled_to_itself_and_equal_pieces_to_each(logits: np.ndarray) -> None:
    rows = softmax(logits)
    assert pool(rows[:1]) == tuple(rows[0].tolist())
    assert pool(np.repeat(rows[:1], 9, axis=0)) == pytest.approx(tuple(rows[0]))


@given(LOGITS)
def test_pooled_lies_between_the_pieces(logits: np.ndarray) -> None:
    rows = softmax(logits)
    pooled = np.array(pool(rows))
    assert (pooled >= rows.min(axis=0) - 1e-12).all()
    assert (pooled <= rows.max(axis=0) + 1e-12).all()


def test_a_piece_weighs_half_of_the_one_some_places_before_it() -> None:
    rows = np.zeros((HALVED_EVERY + 1, 3))
    rows[:, 1] = 1
    rows[0], rows[-1] = (1, 0, 0), (0, 0, 1)
    negative, _, positive = pool(rows)
    assert negative == pytest.approx(2 * positive)


def test_nothing_read_is_abstained_from() -> None:
    nothing = sentiment(*pool(np.zeros((0, 3))))
    assert (nothing.negative, nothing.neutral, nothing.positive) == NOTHING_SAID
    assert nothing.abstained
    assert nothing.score == 0
