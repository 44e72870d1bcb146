"""A stack of small real processes, run as `python -m tests.deploy.tiny_stack KIND`.

Belongs here: what tests of the supervisor need to start in a process of their own.
Keep out: assertions.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import services, session, settings
from deploy.local.connections import Connections
from deploy.local.console import Narrator
from deploy.local.credentials import Secrets
from deploy.local.home import Home
from deploy.local.interrupts import stop_requests
from deploy.local.service import Service
from deploy.local.settings import Settings
from deploy.local.stack import Stack

SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER
WITH_WORKER = "import subprocess, sys\nsubprocess.Popen(['sleep', '600'])\n" + SLEEPER
DYING = "import sys\nsys.exit('this child cannot work')"


def service(name: str, code: str, **fields: object) -> Service:
    """A Python child that counts as ready as soon as it runs."""
    values = {"probe": lambda: True, "grace_s": 1.0, **fields}
    return Service(name=name, command=(sys.executable, "-c", code), **values)  # type: ignore[arg-type]


def tiny(
    home: Home, at: Settings, ports: Mapping[str, int], secrets: Secrets, to: Connections
) -> list[Service]:
    """Three children: one that ignores SIGTERM, one with a worker of its own."""
    return [
        service("sleeper", SLEEPER),
        service("stubborn", STUBBORN, stop_wave=1),
        service("with-worker", WITH_WORKER, after=("sleeper",)),
    ]


def dying(
    home: Home, at: Settings, ports: Mapping[str, int], secrets: Secrets, to: Connections
) -> list[Service]:
    """One child that lives and one that always dies."""
    return [service("sleeper", SLEEPER), service("dying", DYING)]


def infrastructure(
    home: Home, at: Settings, ports: Mapping[str, int], secrets: Secrets, to: Connections
) -> list[Service]:
    """The embedded servers alone."""
    return [
        services.database(home, ports["postgres"], secrets),
        services.bus(home, ports, secrets),
        services.cache(home, ports["valkey"], secrets),
    ]


def main() -> None:
    """Run the stack of a kind until told to stop; the errors leave as the command line's do."""
    from deploy.local.cli import fail
    from deploy.local.errors import DeployError

    kinds = {"tiny": tiny, "dying": dying, "infrastructure": infrastructure}
    chosen = settings.read(os.environ, Path.cwd())
    narrator = Narrator()
    try:
        with stop_requests() as stop, Stack(chosen, narrator.say, kinds[sys.argv[1]]) as stack:
            session.start(stack, narrator, stop)
            stack.run_until(stop.is_set)
    except DeployError as error:
        fail(error)


if __name__ == "__main__":
    main()
