"""`trading archive`: ask the trading core's own archiver to move old journal rows to the lake.

Belongs here: starting it with the owner's address and passing on what it says.
Keep out: what is archived, and how.
"""

import os
import subprocess
import sys

from deploy.local import connections, credentials
from deploy.local.errors import BadInputError, DeployError
from deploy.local.home import Home
from deploy.local.settings import Settings
from deploy.local.stackfile import StackRecord


def archive(
    home: Home, settings: Settings, record: StackRecord, account: str, before: str, *, as_json: bool
) -> None:
    """Run the archiver; raises BadInputError or DeployError with what it said."""
    at = connections.connections(home, settings, record.ports, credentials.load_or_create(home))
    words = ["--account", account, "--before", before, *(["--json"] if as_json else [])]
    environment = {
        **os.environ,
        "DATABASE_OWNER_URL": at.database_owner_url,
        "TRADING_LAKE_URL": record.environment["TRADING_LAKE_URL"],
    }
    done = subprocess.run(
        [sys.executable, "-m", "execution.archive", *words],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        kind = BadInputError if done.returncode == BadInputError.exit_code else DeployError
        raise kind(done.stderr.strip())
