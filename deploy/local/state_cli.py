"""The commands that move state: backup, restore, archive.

Belongs here: their options and what they say.
Keep out: how it is done (backup.py, restore.py, archive.py); heavy imports stay inside.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.invocation import Json, running, settings

if TYPE_CHECKING:
    from deploy.local.backup_file import Manifest
    from deploy.local.console import Narrator


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (backup, restore, archive):
        app.command()(command)


def backup(
    file: Annotated[Path, typer.Argument(help="A new file, NAME.tar.zst or NAME.tar.gz.")],
) -> None:
    """Write the running stack's databases, chain heads and lake to one file; no secrets."""
    from deploy.local import backup as backups
    from deploy.local.console import Narrator

    narrator = Narrator()
    home, record = running()
    with narrator.working("Backing up"):
        made = backups.backup(home, record, file)
    _say_accounts(made, narrator)
    if made.lake_url:
        narrator.say(f"The lake is not in the backup, because it is elsewhere: {made.lake_url}")
    narrator.say(f"The backup is in {file} ({file.stat().st_size / 1e6:.1f} MB).")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that trading backup made.")],
) -> None:
    """Make an empty state folder from a backup, verify it, and give it secrets of its own."""
    from deploy.local import restore as restores
    from deploy.local.console import Narrator

    narrator, chosen = Narrator(), settings()
    restored = restores.restore(chosen, file, narrator)
    _say_accounts(restored, narrator)
    narrator.say(f"{chosen.home} is restored and verified: go on with trading up.")


def archive(
    account: Annotated[str, typer.Option(help="The account whose journal is archived.")],
    before: Annotated[str, typer.Option(help="Up to where this session closed, YYYY-MM-DD.")],
    as_json: Json = False,
) -> None:
    """Move an account's old journal rows to the lake; they still verify."""
    from deploy.local import archive as archives
    from deploy.local.request import day

    asked = day("--before", before).isoformat()
    home, record = running()
    archives.archive(home, settings(), record, account, asked, as_json=as_json)


def _say_accounts(manifest: "Manifest", narrator: "Narrator") -> None:
    for each in manifest.accounts:
        narrator.say(f"{each.account}: journal row {each.seq}, decision hash {each.decision_hash}")
