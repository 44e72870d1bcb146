"""Where the servers are and what the children read from the environment.

Belongs here: URLs of this stack, and the variables of each group of processes.
Keep out: starting anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local import config_files, postgres
from deploy.local.credentials import Secrets
from deploy.local.home import Home
from deploy.local.settings import Settings

EVENT_BATCH_SIZE = "1000"
"""Dagster writes its events in batches: 0.5 s instead of 18 s for a thousand partitions."""

PLANNED_AS_SUBSET = "1"
"""One planned event per asset of a run, not per session: two to three seconds of a run over a year.

The price: while a run goes on its sessions are not marked as in progress in the UI, and after it
failed not as failed; the run itself and its steps are shown as they are all the same.
"""


@dataclass(frozen=True)
class Connections:
    """Every address of one stack, embedded or external."""

    database_url: str
    database_owner_url: str
    dagster_database_url: str
    nats_url: str
    redis_url: str
    lake_url: str
    core_url: str
    dagster_url: str
    router_metrics_port: int


def connections(
    home: Home, settings: Settings, ports: Mapping[str, int], secrets: Secrets
) -> Connections:
    """The external servers that the environment names, and our own for the rest."""
    external = settings.external
    database = ports["postgres"]
    return Connections(
        database_url=external.database_url
        or postgres.url(postgres.APP_ROLE, secrets.trading_app, database, "trading_system"),
        database_owner_url=external.database_owner_url
        or postgres.url(postgres.OWNER_ROLE, secrets.trading_owner, database, "trading_system"),
        dagster_database_url=external.dagster_database_url
        or postgres.url(postgres.DAGSTER_ROLE, secrets.dagster, database, "dagster"),
        nats_url=external.nats_url
        or f"nats://{config_files.NATS_USER}:{secrets.nats}@127.0.0.1:{ports['nats']}",
        redis_url=external.redis_url or f"redis://:{secrets.valkey}@127.0.0.1:{ports['valkey']}/0",
        lake_url=settings.lake_url or str(home.lake),
        core_url=f"http://{_reachable(settings.core_host)}:{settings.core_port}",
        dagster_url=f"http://127.0.0.1:{settings.dagster_port}",
        router_metrics_port=ports["router_metrics"],
    )


def shared(home: Home, at: Connections) -> dict[str, str]:
    """What every process of ours may know."""
    return {
        "TRADING_HOME": str(home.root),
        "TRADING_CORE_URL": at.core_url,
        "TRADING_TOKEN_FILE": str(home.token_file),
        "TRADING_LAKE_URL": at.lake_url,
        "NATS_URL": at.nats_url,
        "DAGSTER_URL": at.dagster_url,
    }


def core(settings: Settings, at: Connections, port: int, replica: str) -> dict[str, str]:
    """What a trading core reads beyond the shared variables."""
    return {
        "DATABASE_URL": at.database_url,
        "REDIS_URL": at.redis_url,
        "TRADING_CORE_HOST": settings.core_host,
        "TRADING_CORE_PORT": str(port),
        "TRADING_REPLICA": replica,
    }


def dagster(home: Home, at: Connections) -> dict[str, str]:
    """What every Dagster process reads beyond the shared variables."""
    return {
        "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_PG_URL": _for_psycopg2(at.dagster_database_url),
        "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH_SIZE,
        "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": PLANNED_AS_SUBSET,
    }


def _for_psycopg2(url: str) -> str:
    """SQLAlchemy would otherwise look for another driver than Dagster installs."""
    return "postgresql+psycopg2://" + url.split("://", 1)[-1]


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
