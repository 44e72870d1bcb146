"""The time that a database tells, named by a test: a paper account lives by it."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from tests.servers import Database

_SCHEMA = """CREATE SCHEMA world_time;
    CREATE TABLE world_time.present (at timestamptz NOT NULL);
    INSERT INTO world_time.present VALUES (pg_catalog.clock_timestamp());
    CREATE FUNCTION world_time.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT at FROM world_time.present';
    GRANT USAGE ON SCHEMA world_time TO PUBLIC;
    GRANT SELECT ON world_time.present TO PUBLIC;"""


@dataclass(frozen=True)
class WorldTime:
    """Stands before the real clock in the search path of every connection that comes after."""

    database: Database

    def __post_init__(self) -> None:
        path = f"ALTER DATABASE {self.database.name} SET search_path = world_time,pg_catalog,public"
        with psycopg.connect(self.database.owner_url, autocommit=True) as connection:
            connection.execute(_SCHEMA.encode())
            connection.execute(path.encode())

    def set(self, at: datetime) -> None:
        """From now on it is `at`."""
        with psycopg.connect(self.database.owner_url, autocommit=True) as connection:
            connection.execute("UPDATE world_time.present SET at = %s", (at,))
