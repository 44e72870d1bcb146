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


def upgrade(owner_url: str, app_role: str = "trading_app") -> None:
    """Apply what is missing; harmless where nothing is. Raises sqlalchemy.exc.SQLAlchemyError.

    `app_role` must exist: it is granted what the application needs, and no more.
    """
    url = sqlalchemy.make_url(owner_url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        config.attributes["connection"] = connection
        config.attributes["app_role"] = app_role
        command.upgrade(config, "head")


def main() -> None:
    """Migrate the database of DATABASE_OWNER_URL for the application's role of DATABASE_URL."""
    owner, app = os.environ.get("DATABASE_OWNER_URL"), os.environ.get("DATABASE_URL")
    if not owner or not app:
        sys.exit("DATABASE_OWNER_URL and DATABASE_URL must name the database, as owner and as user")
    upgrade(owner, sqlalchemy.make_url(app).username or "trading_app")


if __name__ == "__main__":
    main()
