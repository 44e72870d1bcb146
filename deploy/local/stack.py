"""One whole stack: a state folder, its lock, its services and the file that describes them.

Belongs here: putting the parts together, and the loop that keeps them running.
Keep out: the rules of supervision (supervisor.py) and the command line (cli.py).
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from deploy.local import (
    connections,
    credentials,
    dagster_api,
    ports,
    processes,
    services,
    stackfile,
)
from deploy.local import home as homes
from deploy.local.connections import Connections
from deploy.local.credentials import Secrets
from deploy.local.errors import AlreadyRunningError, BadInputError, DeployError, InterruptedRunError
from deploy.local.home import Home, Lock
from deploy.local.service import Service
from deploy.local.settings import Settings
from deploy.local.stackfile import ChildRecord, StackRecord
from deploy.local.supervisor import Supervised, Supervisor

TICK_S = 0.1

FindServices = Callable[
    [Home, Settings, Mapping[str, int], Secrets, Connections], Sequence[Service]
]
"""Says which services a stack has; tests bring their own."""


class Stack:
    """Owns the state folder while it runs; leaving the `with` block stops every child."""

    def __init__(
        self, settings: Settings, say: Callable[[str], None], find: FindServices = services.services
    ) -> None:
        self.home = Home(settings.home)
        self._settings, self._say, self._find = settings, say, find
        self._phase = stackfile.STARTING
        refuse_running(self.home)
        homes.prepare(self.home)
        self._lock: Lock = homes.lock(self.home)
        try:
            self._assemble()
        except BaseException:
            self._lock.release()
            raise

    def _assemble(self) -> None:
        sentence = stackfile.clean_up_leftovers(self.home)
        if sentence:
            self._say(sentence)
        require_public_ports(self._settings)
        self._ports = ports.internal(self.home, self._settings.replicas)
        secrets = credentials.load_or_create(self.home)
        credentials.ensure_token(self.home)
        self.home.config.mkdir(mode=0o700, exist_ok=True)
        self.at = connections.connections(self.home, self._settings, self._ports, secrets)
        found = self._find(self.home, self._settings, self._ports, secrets, self.at)
        self.supervisor = self._supervise(found)
        self._record()

    def _supervise(self, found: Sequence[Service]) -> Supervisor:
        return Supervisor(
            found,
            self.home.logs,
            say=self._say,
            changed=self._record,
            all_ready=self._on_all_ready,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def ready(self) -> bool:
        """Whether every service is up and this has been written down."""
        return self._phase == stackfile.READY

    def run_until(self, done: Callable[[], bool]) -> None:
        """Keep the services going until `done`; raises ChildFailedError when that fails."""
        while not done():
            self.supervisor.tick()
            time.sleep(TICK_S)

    def stop(self) -> None:
        """Stop every child, in order, and let go of the folder."""
        self._phase = stackfile.STOPPING
        try:
            self.supervisor.stop()
        finally:
            self.home.stack_file.unlink(missing_ok=True)
            self._lock.release()

    def record(self) -> StackRecord:
        """What another terminal may know."""
        supervisor = processes.identify(os.getpid())
        if supervisor is None:
            raise DeployError("This process cannot see itself in the process table.")
        return StackRecord(
            supervisor=supervisor,
            phase=self._phase,
            core_url=self.at.core_url,
            dagster_url=self.at.dagster_url,
            ports=self._ports,
            environment={
                "DATABASE_URL": self.at.database_url,
                "NATS_URL": self.at.nats_url,
                "TRADING_LAKE_URL": self.at.lake_url,
            },
            children=self._children(),
        )

    def _children(self) -> tuple[ChildRecord, ...]:
        supervisor = getattr(self, "supervisor", None)
        found = supervisor.children.values() if supervisor else ()
        return tuple(_child_record(each) for each in found)

    def _record(self) -> None:
        stackfile.write(self.home, self.record())

    def _on_all_ready(self) -> None:
        """Runs that a dead code server took with it would otherwise stay "started" for ever."""
        self._phase = stackfile.READY
        self._record()
        code = self.supervisor.children.get(services.CODE_SERVER)
        if code:
            sentence = dagster_api.settle_lost_runs(self.at.dagster_url, code.child.started_at_s)
            if sentence:
                self._say(sentence)


def refuse_running(home: Home) -> None:
    """Refuse where a stack runs on the folder already."""
    record = stackfile.running(home)
    if record:
        raise AlreadyRunningError(
            f"A stack already runs on {home.root} (process {record.supervisor.pid}, "
            f"{record.dagster_url}): stop it with trading down, or use it with trading run."
        )


def refuse_external_state(settings: Settings) -> None:
    """Refuse to start over where only the folder would be fresh."""
    external = settings.external
    named = {"DATABASE_URL": external.database_url, "NATS_URL": external.nats_url}
    for variable, url in named.items():
        if url:
            raise BadInputError(
                f"--fresh moves {settings.home} aside and nothing else, and {variable} names a "
                "server that keeps its state: empty that server, or leave out --fresh."
            )


def start_over(settings: Settings, now: datetime, say: Callable[[str], None]) -> None:
    """Move the earlier state folder aside, unless a stack runs on it or none could start after."""
    home = Home(settings.home)
    refuse_running(home)
    if not home.root.exists():
        return
    homes.require_ours(home)
    held = homes.lock(home)
    try:
        sentence = stackfile.clean_up_leftovers(home)  # it may hold the ports
        if sentence:
            say(sentence)
        services.require_programs(settings)
        require_public_ports(settings)
        say(f"Starting over; the earlier state is kept in {homes.move_aside(home, now)}.")
    finally:
        held.release()


def require_public_ports(settings: Settings) -> None:
    """Refuse to start where a port that people know is taken."""
    ports.require_free(settings.core_port, "TRADING_CORE_PORT", settings.core_host)
    ports.require_free(settings.dagster_port, "DAGSTER_PORT")


def wait_for_ready(home: Home, stop: threading.Event, timeout_s: float = 240) -> StackRecord:
    """Wait until a stack that another terminal is starting is ready."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if stop.wait(TICK_S):
            raise InterruptedRunError("Stopped before the stack in the other terminal was ready.")
        record = stackfile.running(home)
        if record is None:
            raise DeployError("The stack in the other terminal stopped before it was ready.")
        if record.phase == stackfile.READY:
            return record
    raise DeployError(f"The stack in the other terminal was not ready after {timeout_s:g} seconds.")


def _child_record(supervised: Supervised) -> ChildRecord:
    pid = supervised.child.pid
    return ChildRecord(
        name=supervised.service.name,
        state=str(supervised.state),
        restarts=supervised.restarts,
        process=processes.identify(pid) if pid else None,
    )
