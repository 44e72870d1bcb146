"""Brings a database to the newest schema: `python -m execution.migrate`, as its owner.

Keep out: the schema itself (migrations/versions) and the application's role.
"""

import os
import sys
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config

LOCK = 7_001
"""The advisory lock that lets one migration run at a time."""


def upgrade(owner_url: str) -> None:
    """Apply what is missing; harmless where nothing is. Raises sqlalchemy.exc.SQLAlchemyError."""
    url = sqlalchemy.make_url(owner_url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def main() -> None:
    """Migrate the database that DATABASE_OWNER_URL names."""
    url = os.environ.get("DATABASE_OWNER_URL")
    if not url:
        sys.exit("DATABASE_OWNER_URL is not set: name the database and its owner")
    upgrade(url)


if __name__ == "__main__":
    main()
