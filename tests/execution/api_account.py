"""The account that tests of the API begin with: three sessions, and an order that passes.

Keep out: fixtures (conftest.py).
"""

from tests.execution.factories import DAYS

SCORES = {"AAPL": "0.6", "IBM": "0.3", "MSFT": "-0.2"}
SESSIONS = DAYS[:3]
ORDER = {"symbol": "MSFT", "side": "buy", "quantity": "5", "client_order_id": "mine-1"}
