"""`trading backup`: everything that a running stack would need elsewhere, in one file.

In it: both databases as of one moment each, the kept chain heads, and the lake of the state folder.
Not in it: secrets (a restored folder makes its own passwords and its own API token), what the bus
holds, logs, and a cache. Belongs here: collecting these. Keep out: the file (backup_file.py).
"""

import fcntl
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local import backup_file, credentials, postgres
from deploy.local.backup_file import BackedUpAccount, Manifest
from deploy.local.errors import AlreadyRunningError, BadInputError, DeployError
from deploy.local.home import LAYOUT_VERSION, Home
from deploy.local.stackfile import StackRecord

if TYPE_CHECKING:
    import psycopg

BOOKS = "trading_system"
DUMPS = "databases"
HEADS = "heads"
LAKE = "lake"
PACKAGES = ("trading-system", "dagster")


def backup(home: Home, record: StackRecord, target: Path) -> Manifest:
    """Write the backup of a running stack to `target`, which must not exist yet.

    Raises BadInputError for a target or a stack that cannot be, DeployError where a dump fails.
    """
    backup_file.require_name(target)
    if target.exists():
        raise BadInputError(f"{target} exists: choose another name.")
    if not target.parent.is_dir():
        raise BadInputError(f"{target.parent} is not a folder: make it first.")
    if "postgres" not in {each.name for each in record.children}:
        raise BadInputError(
            "DATABASE_URL named an external PostgreSQL when this stack was started: "
            "back that server up with its own tools."
        )
    try:
        with _staging(home) as folder:
            return backup_file.pack(target, folder, _collect(home, record, folder))
    except OSError as error:
        raise DeployError(f"The backup could not be written: {error}") from error


@contextmanager
def _staging(home: Home) -> Iterator[Path]:
    """A folder on the lake's disk, so that its files are linked instead of copied."""
    folder = home.root / "backup.partial"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise AlreadyRunningError("Another backup of this stack is being made.") from error
    try:
        for left in folder.iterdir():  # by a backup that was killed
            shutil.rmtree(left)
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(lock)


def _collect(home: Home, record: StackRecord, folder: Path) -> Manifest:
    """Heads before the journal that they must be in; the lake after the rows it may have taken."""
    _copy(home.heads, folder / HEADS)
    (folder / DUMPS).mkdir()
    password, port = credentials.load_or_create(home).postgres, record.ports["postgres"]
    accounts, schema = _dump_books(folder / DUMPS, password, port)
    for database in postgres.DATABASES:
        if database != BOOKS:
            _dump(folder / DUMPS, database, password, port)
    lake_url = record.environment["TRADING_LAKE_URL"]
    inside = lake_url == str(home.lake)
    if inside:
        _link(home.lake, folder / LAKE)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return Manifest(
        made_at=datetime.now(UTC),
        layout=LAYOUT_VERSION,
        postgres=postgres.MAJOR,
        versions=versions | {"schema": schema},
        lake_url=None if inside else lake_url,
        accounts=accounts,
    )


def _dump_books(folder: Path, password: str, port: int) -> tuple[tuple[BackedUpAccount, ...], str]:
    """Dump the trading database, and say where each account's journal ends in the dump."""
    import psycopg

    url = postgres.url(postgres.SUPERUSER, password, port, BOOKS)
    try:
        with psycopg.connect(url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            [snapshot] = _row(connection, "SELECT pg_export_snapshot()")
            _dump(folder, BOOKS, password, port, f"--snapshot={snapshot}")
            [schema] = _row(connection, "SELECT version_num FROM alembic_version")
            return _accounts(connection), schema
    except psycopg.Error as error:
        raise DeployError(f"The trading database could not be read: {error}") from error


def _accounts(connection: "psycopg.Connection[Any]") -> tuple[BackedUpAccount, ...]:
    cursor = connection.execute(
        """SELECT account, mode, seq, encode(chain_hash, 'hex'), encode(decision_hash, 'hex')
           FROM accounts JOIN engine_state USING (account) ORDER BY account"""
    )
    return tuple(BackedUpAccount(*row) for row in cursor.fetchall())


def _row(connection: "psycopg.Connection[Any]", query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    if row is None:
        raise DeployError("The trading database has no schema yet: wait until the stack is ready.")
    return tuple(row)


def _dump(folder: Path, database: str, password: str, port: int, *more: str) -> None:
    words = ["--format=custom", f"--file={folder / database}.dump", *more]
    run_client("pg_dump", database, password, port, *words)


def run_client(program: str, database: str, password: str, port: int, *words: str) -> None:
    """Run pg_dump or pg_restore as the superuser; the password is in no command line.

    Raises DeployError with what the program said.
    """
    where = ["--host=127.0.0.1", f"--port={port}", f"--username={postgres.SUPERUSER}"]
    environment = {**os.environ, "PGPASSWORD": password}
    command = [str(postgres.program(program)), *where, f"--dbname={database}", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-400:]
        raise DeployError(f"{program} of the database {database} failed: {said}")


def _copy(source: Path, target: Path) -> None:
    """Files that are appended to."""
    if source.is_dir():
        shutil.copytree(source, target)


def _link(source: Path, target: Path) -> None:
    """Files that are only ever replaced as a whole; those still being written are left out."""
    for path in source.rglob("*"):
        if path.is_file() and path.suffix != ".tmp":
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # an unfinished archive, dropped meanwhile
                os.link(path, place)
