"""`trading verify`: ask the trading core's own verifier about the database of a running stack.

Belongs here: starting it with the right address and passing on what it says.
Keep out: what is verified.
"""

import os
import subprocess
import sys

from deploy.local.home import Home
from deploy.local.stackfile import StackRecord


def verify(home: Home, record: StackRecord, *, as_json: bool) -> int:
    """Run the verifier; its report goes to stdout, its exit code is 0 or 1."""
    words = [sys.executable, "-m", "execution.verify", *(["--json"] if as_json else [])]
    environment = {
        **os.environ,
        "DATABASE_URL": record.environment["DATABASE_URL"],
        "TRADING_LAKE_URL": record.environment["TRADING_LAKE_URL"],
        "TRADING_HEADS_DIR": str(home.heads),
    }
    done = subprocess.run(words, env=environment, check=False)
    return 1 if done.returncode else 0
