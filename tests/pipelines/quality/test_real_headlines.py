"""Real headlines foretell nothing of the next session; shifted, they would, and it shows."""

import os
from pathlib import Path

import pytest

from tests.benchmarks.quality import NEXT, SAME, TRADED, relations

FOLDER = os.environ.get("TRADING_TEST_DATA")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="TRADING_TEST_DATA does not name the folder of test data"
)


def test_headlines_do_not_foretell_the_session_after_theirs() -> None:
    """One that looked ahead would go with its return; the slight reversal that is there does not.

    `make bench` prints the intervals, and whether each holds 0.
    """
    found = relations(Path(FOLDER or ""))
    assert found[NEXT].pairs > 500
    assert found[NEXT].low <= 0, found[NEXT]
    assert found[TRADED].low <= 0, found[TRADED]
    assert found[SAME].low > 0.1, found[SAME]


def test_a_look_ahead_of_one_session_would_be_noticed() -> None:
    ahead = relations(Path(FOLDER or ""), sessions_early=1)[NEXT]
    assert not ahead.is_none, ahead
    assert ahead.low > 0.1, ahead
