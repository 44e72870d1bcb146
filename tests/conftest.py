"""What every test may use: empty real servers, hypothesis profiles, and a clean environment.

Belongs here: fixtures that several packages share.
Keep out: how servers are started (servers.py), and data of one package's tests.
"""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import Database, NatsServer, PostgresServer, ValkeyServer, migrate

TEST_DATA = "TRADING_TEST_DATA"
"""The one variable of ours that tests read."""

OUR_PREFIXES = ("TRADING_", "ROUTER_", "NATS_", "DAGSTER_", "PG")
OUR_NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")

settings.register_profile(
    "dev", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))

for _name in list(os.environ):
    if (_name.startswith(OUR_PREFIXES) or _name in OUR_NAMES) and _name != TEST_DATA:
        del os.environ[_name]


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One nats-server for the whole session; tests take `nats_url` unless they disturb it."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def nats_url(nats_server: NatsServer) -> Iterator[str]:
    """The URL of an empty JetStream, with its credentials."""
    nats_server.clear()
    yield nats_server.url
    nats_server.clear()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole session, with the system's roles; fsync is off."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database that tests get copies of."""
    template = postgres_server.create("trading_template")
    migrate(template)
    return template.name


@pytest.fixture
def database(postgres_server: PostgresServer, database_template: str) -> Iterator[Database]:
    """A migrated database of this test's own."""
    made = postgres_server.create(f"test_{secrets.token_hex(6)}", database_template)
    yield made
    postgres_server.drop(made.name)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One Valkey for the whole session."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    """The URL of an empty Valkey, with its password."""
    valkey_server.clear()
    return valkey_server.url
