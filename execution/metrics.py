"""The trading core's Prometheus metrics.

Keep out: how they are served (api/app.py).
"""

from prometheus_client import Counter, Gauge, Histogram

INPUTS = Counter("trading_inputs", "Inputs decided on.", ["account", "kind"])
DUPLICATES = Counter(
    "trading_duplicate_inputs", "Inputs that the journal already had.", ["account"]
)
DISPOSITIONS = Counter("trading_signals", "Signals by their end.", ["account", "disposition"])
REFUSALS = Counter("risk_reject", "Orders refused, by reason code.", ["account", "code"])
FILLS = Counter("trading_fills", "Fills.", ["account"])
DEAD_LETTERS = Counter("trading_dead_letters", "Inputs that nobody could read.", ["account"])
EVENTS = Counter("trading_events", "Events published.")
REQUESTS_REFUSED = Counter("trading_http_refused", "HTTP requests refused.", ["status"])
EQUITY = Gauge("trading_equity", "Equity at the last session's closes.", ["account"])
WRITER = Gauge("trading_writer", "1 where this replica drives the account.", ["account"])
BATCH_SECONDS = Histogram("trading_batch_seconds", "Commit one batch.", ["account"])
