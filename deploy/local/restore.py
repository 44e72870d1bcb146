"""`trading restore`: a backup into an empty state folder, proven before the folder appears.

Everything is built in a folder beside it, which is renamed at the very end: what was interrupted or
refused leaves no state folder. Belongs here: that order. Keep out: the file (backup_file.py).
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local import backup_file, credentials, ports, postgres, services
from deploy.local import home as homes
from deploy.local.backup import BOOKS, DUMPS, HEADS, LAKE, run_client
from deploy.local.backup_file import BadBackupError, Manifest
from deploy.local.console import Narrator
from deploy.local.credentials import Secrets
from deploy.local.errors import BadInputError, DeployError, HomeError
from deploy.local.home import Home
from deploy.local.settings import Settings
from deploy.local.supervisor import Supervisor

TICK_S = 0.05


def restore(settings: Settings, source: Path, narrator: Narrator) -> Manifest:
    """Make the state folder from a backup; raises BadInputError where it is not empty.

    Raises BadBackupError for a file that is not as it was made, and DeployError where what it holds
    does not verify.
    """
    home = Home(settings.home)
    _require_embedded(settings)
    _require_empty(home)
    backup_file.require_name(source)
    with _beside(home) as partial:
        with narrator.working("Checking the backup"):
            manifest = backup_file.unpack(source, partial.root / "backup")
            _require_version(source, manifest)
            _require_one_lake(settings, manifest)
        _fill(partial, manifest, settings, narrator)
        _appear(partial, home)
    return manifest


def _require_embedded(settings: Settings) -> None:
    if settings.external.database_url:
        raise BadInputError(
            "DATABASE_URL names an external PostgreSQL, and a backup is restored to the stack's "
            "own: unset DATABASE_URL, DATABASE_OWNER_URL and DAGSTER_DATABASE_URL."
        )


def _require_empty(home: Home) -> None:
    if home.root.exists() and any(home.root.iterdir()):
        raise BadInputError(
            f"{home.root} is not empty: set TRADING_HOME to a folder that is, or that does not "
            "exist yet."
        )


def _require_version(source: Path, manifest: Manifest) -> None:
    if manifest.layout > homes.LAYOUT_VERSION or manifest.postgres > postgres.MAJOR:
        raise BadBackupError(
            f"{source} was made by a later version of this program "
            f"({manifest.versions.get('trading-system')}): restore it with that version."
        )


def _require_one_lake(settings: Settings, manifest: Manifest) -> None:
    """A lake that came with the backup is of no use where another one is named."""
    if manifest.lake_url is None and settings.lake_url is not None:
        raise BadInputError("The backup has its own lake: unset TRADING_LAKE_URL.")


@contextmanager
def _beside(home: Home) -> Iterator[Home]:
    """A folder of our own next to the state folder, gone at the end unless it was renamed."""
    partial = Home(home.root.with_name(f"{home.root.name}-restoring"))
    homes.prepare(partial)
    held = homes.lock(partial)
    try:
        _clear(partial)
        yield partial
    finally:
        shutil.rmtree(partial.root, ignore_errors=True)
        held.release()


def _clear(partial: Home) -> None:
    """Remove what a restore that was killed left."""
    try:
        for left in partial.root.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left not in {partial.lock_file, partial.layout_file}:
                left.unlink()
    except OSError as error:
        raise HomeError(
            f"{partial.root}, left by an earlier restore, cannot be removed: {error}"
        ) from error


def _fill(partial: Home, manifest: Manifest, settings: Settings, narrator: Narrator) -> None:
    """Databases, heads and lake; then the proof that they are what was backed up."""
    unpacked = partial.root / "backup"
    chosen, secrets = ports.internal(partial), credentials.load_or_create(partial)
    credentials.ensure_token(partial)
    with narrator.working("Restoring"), _database(partial, chosen, secrets, narrator):
        for database in postgres.DATABASES:
            dump = str(unpacked / DUMPS / f"{database}.dump")
            words = ("--exit-on-error", "--single-transaction", dump)
            run_client("pg_restore", database, secrets.postgres, chosen["postgres"], *words)
        for name, place in ((HEADS, partial.heads), (LAKE, partial.lake)):
            if (unpacked / name).exists():
                (unpacked / name).rename(place)
        _prove(partial, manifest, settings, chosen["postgres"], secrets)
    shutil.rmtree(unpacked)


@contextmanager
def _database(
    home: Home, chosen: Mapping[str, int], secrets: Secrets, narrator: Narrator
) -> Iterator[None]:
    """PostgreSQL alone, with its roles and empty databases."""
    service = services.database(home, chosen["postgres"], secrets)
    supervisor = Supervisor([service], home.logs, say=narrator.say)
    try:
        while not supervisor.ready:
            supervisor.tick()
            time.sleep(TICK_S)
        yield
    finally:
        supervisor.stop()


def _prove(home: Home, manifest: Manifest, settings: Settings, port: int, secrets: Secrets) -> None:
    """Verify the books, and compare where each journal ends with what the manifest says."""
    from execution.verify import Evidence, verify

    _upgrade(postgres.url(postgres.OWNER_ROLE, secrets.trading_owner, port, BOOKS))
    lake = settings.lake_url or manifest.lake_url or str(home.lake)
    evidence = Evidence(home.heads, lake)
    report = verify(postgres.url(postgres.APP_ROLE, secrets.trading_app, port, BOOKS), evidence)
    for account in report.accounts:
        if account.findings:
            raise DeployError(
                f"The backup's books do not verify, nothing was restored: account "
                f"{account.account}: {account.findings[0]}"
            )
    found = {each.account: (each.rows, each.decision_hash) for each in report.accounts}
    for each in manifest.accounts:
        if found.get(each.account) != (each.seq, each.decision_hash):
            raise DeployError(
                f"Account {each.account} does not end at journal row {each.seq}, as the backup's "
                "manifest says: nothing was restored."
            )


def _upgrade(owner_url: str) -> None:
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from execution.migrate import upgrade

    try:
        upgrade(owner_url)
    except (CommandError, SQLAlchemyError) as error:
        raise DeployError(
            f"Nothing was restored, the schema cannot be brought to this version's: {error}"
        ) from error


def _appear(partial: Home, home: Home) -> None:
    """The finished folder takes its name; an empty one makes room."""
    try:
        partial.root.rename(home.root)
    except OSError as error:
        raise HomeError(f"{partial.root} cannot be renamed to {home.root}: {error}") from error
