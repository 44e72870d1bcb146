"""What every command begins with: its settings, and the stack that it is about.

Keep out: the commands (cli.py, control_cli.py).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.local.home import Home
    from deploy.local.settings import Settings
    from deploy.local.stackfile import StackRecord

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def settings() -> "Settings":
    """What the environment says."""
    from deploy.local import settings as read_settings

    return read_settings.read(os.environ, Path.cwd())


def running() -> "tuple[Home, StackRecord]":
    """The stack that runs on the state folder; raises NotRunningError."""
    from deploy.local import stackfile
    from deploy.local.errors import NotRunningError
    from deploy.local.home import Home

    home = Home(settings().home)
    record = stackfile.running(home)
    if record is None:
        raise NotRunningError(f"No stack runs on {home.root}: start one with trading up.")
    return home, record
