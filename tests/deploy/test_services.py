"""The children as data: what starts, behind what, with which environment."""

import dataclasses
import stat
from pathlib import Path

import pytest

from deploy.local import connections, credentials, ports, services
from deploy.local import home as homes
from deploy.local.home import Home
from deploy.local.service import Service
from deploy.local.services import ROUTER
from deploy.local.settings import External, Settings

EXTERNAL = External(
    database_url="postgresql://app@db/trading_system",
    database_owner_url="postgresql://owner@db/trading_system",
    dagster_database_url="postgresql+psycopg://dagster@db/dagster",
    nats_url="nats://bus:4222",
    redis_url="redis://cache/0",
)
EMBEDDED = {"postgres", "nats", "valkey"}


def made(root: Path, external: External) -> dict[str, Service]:
    home = Home(root / ".trading")
    homes.prepare(home)
    home.config.mkdir(exist_ok=True)
    chosen = Settings(home=home.root, external=external)
    secrets, internal = credentials.load_or_create(home), ports.internal(home)
    at = connections.connections(home, chosen, internal, secrets)
    return {each.name: each for each in services.services(home, chosen, internal, secrets, at)}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Service]:
    return made(tmp_path_factory.mktemp("embedded"), External())


def test_every_service_waits_only_for_services_that_exist(embedded: dict[str, Service]) -> None:
    assert set(embedded) >= EMBEDDED
    assert all(name in embedded for each in embedded.values() for name in each.after)


def test_nothing_is_stopped_before_what_depends_on_it(embedded: dict[str, Service]) -> None:
    servers = [each for each in embedded.values() if not each.is_task]
    for each in servers:
        assert all(
            each.stop_wave <= embedded[name].stop_wave
            for name in each.after
            if not embedded[name].is_task
        )


def test_only_migrations_are_given_the_owners_password(embedded: dict[str, Service]) -> None:
    holders = {name for name, each in embedded.items() if "DATABASE_OWNER_URL" in each.environment}
    assert holders == {"trading-core-migrate"}


def test_the_migration_knows_the_role_that_may_use_the_tables(
    embedded: dict[str, Service],
) -> None:
    migrate, core = embedded["trading-core-migrate"], embedded["trading-core"]
    assert migrate.environment["DATABASE_URL"] == core.environment["DATABASE_URL"]


def test_the_embedded_servers_monitor_is_known_to_those_who_verify_it(
    embedded: dict[str, Service],
) -> None:
    urls = {embedded[name].environment["NATS_MONITOR_URL"] for name in ("trading-core", ROUTER)}
    assert len(urls) == 1
    assert f"http: {urls.pop().removeprefix('http://')}" in nats_configuration(embedded)


def nats_configuration(found: dict[str, Service]) -> str:
    return Path(found["nats"].command[-1]).read_text()


def test_no_password_stands_on_a_command_line(embedded: dict[str, Service], tmp_path: Path) -> None:
    home = Home(Path(embedded["trading-core"].environment["TRADING_HOME"]))
    passwords = dataclasses.asdict(credentials.load_or_create(home)).values()
    words = " ".join(word for each in embedded.values() for word in each.command)
    assert not any(password in words for password in passwords)


def test_configuration_files_are_private(embedded: dict[str, Service]) -> None:
    home = Home(Path(embedded["trading-core"].environment["TRADING_HOME"]))
    files = [*home.config.iterdir(), home.dagster / "dagster.yaml"]
    assert len(files) >= 3
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in files)


def test_every_dagster_process_batches_its_events(embedded: dict[str, Service]) -> None:
    dagsters = [each for name, each in embedded.items() if name.startswith("dagster")]
    assert len(dagsters) == 4
    assert {each.environment["DAGSTER_EVENT_BATCH_SIZE"] for each in dagsters} == {"1000"}
    subset = "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"
    assert {each.environment[subset] for each in dagsters} == {"1"}


def test_external_servers_are_used_and_not_started(tmp_path: Path) -> None:
    found = made(tmp_path, EXTERNAL)
    assert not EMBEDDED & set(found)
    core = found["trading-core"].environment
    assert core["DATABASE_URL"] == EXTERNAL.database_url
    assert core["NATS_URL"] == EXTERNAL.nats_url
    assert core["REDIS_URL"] == EXTERNAL.redis_url
    url = found["dagster-daemon"].environment["DAGSTER_PG_URL"]
    assert url == "postgresql+psycopg2://dagster@db/dagster"
    assert not (tmp_path / ".trading" / "postgres").exists()
