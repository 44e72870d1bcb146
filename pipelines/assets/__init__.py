"""Dagster assets: each reads, calls a pure function, writes, and says what it did.

Keep out: calculations (analyses/, strategies/), formats (lake.py, feed.py), and network calls
(publishing.py, core.py).
"""

import warnings

from dagster import BetaWarning

# The one beta parameter in use; it warns once per asset at import, which helps no user.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy` of ", category=BetaWarning)
