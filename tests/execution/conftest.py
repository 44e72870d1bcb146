"""A running core with an account for tests of its API."""

import secrets
from collections.abc import Iterator

import pytest

from tests.execution.api_account import SCORES, SESSIONS
from tests.execution.factories import feed
from tests.execution.running import RunningCore, as_messages, running, send
from tests.servers import NatsServer, PostgresServer


@pytest.fixture(scope="module")
def core(
    postgres_server: PostgresServer,
    database_template: str,
    nats_server: NatsServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningCore]:
    """One core for the whole module; tests that change something open an account of their own."""
    database = postgres_server.create(f"test_{secrets.token_hex(6)}", database_template)
    nats_server.clear()
    folder = tmp_path_factory.mktemp("core")
    with running(RunningCore(database, nats_server.url, folder)) as started:
        yield started
    nats_server.clear()
    postgres_server.drop(database.name)


@pytest.fixture
def account(core: RunningCore) -> str:
    """A new replay account with three sessions behind it."""
    name = f"test-{secrets.token_hex(4)}"
    body = {"account": name, "strategies": ["technical"], "sources": ["sample"]}
    assert core.http.post("/api/v1/accounts", json=body).status_code == 201
    send(core.nats_url, as_messages(feed(SESSIONS, SCORES), name))
    core.wait_until_closed(SESSIONS[-1], name)
    return name
