"""The stack on servers that somebody else runs: it starts none of its own and trades the same.

Keep out: the embedded servers (test_main_job.py).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import postgres
from tests.servers import NatsServer, PostgresServer, ValkeyServer
from tests.system.stack import LocalStack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SPAN = ("--from", "2012-01-03", "--to", "2012-01-31")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL, NATS and Valkey, as the variables that name them."""
    database, nats = PostgresServer(tmp_path / "postgres"), NatsServer(tmp_path / "nats")
    valkey = ValkeyServer(tmp_path / "valkey")
    for server in (database, nats, valkey):
        server.start()
    yield {
        "DATABASE_URL": database.url(postgres.APP_ROLE, "trading_system"),
        "DATABASE_OWNER_URL": database.url(postgres.OWNER_ROLE, "trading_system"),
        "DAGSTER_DATABASE_URL": database.url(postgres.DAGSTER_ROLE, "dagster"),
        "NATS_URL": nats.url,
        "NATS_MONITOR_URL": nats.monitor_url,
        "REDIS_URL": valkey.url,
    }
    for server in (valkey, nats, database):
        server.stop()


def test_external_servers_are_used_and_outlive_the_stack(
    servers: dict[str, str], tmp_path: Path
) -> None:
    stack = LocalStack(tmp_path / "stack")
    stack.env |= servers
    stack.supervisor.env = stack.env
    stack.up()
    try:
        first = stack.run(*SPAN)
        children = {each["name"] for each in stack.record()["children"]}
        assert not children & {"postgres", "nats", "valkey"}
    finally:
        stack.down()
    assert first["account"]["session"] == "2012-01-31"
    stack.up()
    try:
        again = stack.get("/api/v1/account", account="sample")
    finally:
        stack.down()
    assert again["decision_hash"] == first["account"]["decision_hash"]
