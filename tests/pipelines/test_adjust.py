"""Back-adjustment, with the arithmetic beside it."""

import numpy as np
import pytest

from pipelines.analyses.adjust import adjusted_closes, step_factors
from tests.pipelines.frames import actions, bars


def test_a_split_halves_what_came_before() -> None:
    rows = bars([100, 52, 53])
    steps = step_factors(rows, actions(("IBM", 1, 2.0, 0.0)))
    assert steps.tolist() == [1.0, 0.5, 1.0]
    assert adjusted_closes(rows["close"].to_numpy(), steps).tolist() == [50.0, 52.0, 53.0]


def test_a_dividend_takes_its_share_of_the_close_before() -> None:
    """100 before, 2 paid: prices before count 98 %."""
    steps = step_factors(bars([100, 98]), actions(("IBM", 1, 1.0, 2.0)))
    assert steps.tolist() == [1.0, 0.98]


def test_a_dividend_on_the_day_of_a_split_is_per_old_share() -> None:
    """(100 - 2) / 100 / 2 = 0.49."""
    steps = step_factors(bars([100, 49]), actions(("IBM", 1, 2.0, 2.0)))
    assert steps[1] == pytest.approx(0.49)


def test_an_ex_date_without_a_bar_takes_effect_at_the_next_one() -> None:
    rows = bars([100, 100, 50]).drop(index=1).reset_index(drop=True)
    assert step_factors(rows, actions(("IBM", 1, 2.0, 0.0))).tolist() == [1.0, 0.5]


def test_an_action_before_the_first_bar_or_of_another_symbol_changes_nothing() -> None:
    steps = step_factors(bars([100, 50]), actions(("IBM", 0, 2.0, 0.0), ("KO", 1, 2.0, 0.0)))
    assert np.all(steps == 1.0)
