"""Every check at its limit, one tick before it and one tick after it."""

import pytest

from execution.domain.risk import Code
from execution.domain.risk.evaluation import RULES
from tests.execution.risk_cases import Boundary
from tests.execution.risk_table import TABLE


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case.code}-{case.name}")
def test_a_code_fires_at_its_limit_and_not_one_tick_earlier(case: Boundary) -> None:
    """Alone: with every other code passing."""
    assert case.wrong() == []


def test_every_code_is_in_the_table() -> None:
    assert {case.code for case in TABLE} == set(Code)


def test_the_rules_are_asked_in_the_order_of_the_codes() -> None:
    """SCHEMA_INVALID is asked before them, INTERNAL_ERROR is what a rule that breaks answers."""
    assert [Code.SCHEMA_INVALID, *(code for code, _ in RULES), Code.INTERNAL_ERROR] == list(Code)
