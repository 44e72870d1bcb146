"""The table of reason codes at their limits.

Keep out: its rows (risk_permissions.py, risk_amounts.py) and what is asserted of them.
"""

from tests.execution import risk_amounts, risk_permissions
from tests.execution.risk_cases import BOUNDARIES

PARTS = (risk_permissions, risk_amounts)
"""Whose import fills the table."""

TABLE = tuple(BOUNDARIES)
