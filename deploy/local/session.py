"""What the commands that start, use or stop a stack do.

Belongs here: `up`, `down` and `run` from start to end, told to a narrator.
Keep out: options and exit codes (cli.py), and the parts that these put together.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from deploy.local import processes, request, runs, stackfile, summary
from deploy.local.api import Core
from deploy.local.console import Narrator
from deploy.local.dagster_api import Dagster
from deploy.local.errors import DeployError, InterruptedRunError, NotRunningError
from deploy.local.home import Home
from deploy.local.interrupts import stop_requests
from deploy.local.report import Report
from deploy.local.request import Asked, Request
from deploy.local.settings import Settings
from deploy.local.stack import (
    Stack,
    refuse_external_state,
    refuse_running,
    start_over,
    wait_for_ready,
)
from deploy.local.stackfile import StackRecord

DOWN_TIMEOUT_S = 90.0


def up(settings: Settings, narrator: Narrator) -> None:
    """Start a stack and keep it until somebody stops it."""
    with stop_requests() as stop, Stack(settings, narrator.say) as stack:
        if start(stack, narrator, stop):
            _say_addresses(stack.record(), narrator)
            stack.run_until(stop.is_set)
        narrator.say("Stopping ...")


def down(settings: Settings, narrator: Narrator) -> None:
    """Ask the running supervisor to stop, and wait until it has."""
    home = Home(settings.home)
    record = stackfile.running(home)
    if record is None:
        raise NotRunningError(f"No stack runs on {home.root}.")
    os.kill(record.supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    with narrator.working("Stopping"):
        while processes.is_alive(record.supervisor):
            if time.monotonic() > deadline:
                raise DeployError(
                    f"The supervisor (process {record.supervisor.pid}) did not stop "
                    f"within {DOWN_TIMEOUT_S:g} seconds."
                )
            time.sleep(0.1)
    narrator.say("Stopped.")


def run(settings: Settings, asked: Asked, narrator: Narrator, *, fresh: bool, leave: bool) -> None:
    """Check the request, then do it on the running stack or on one of our own."""
    with stop_requests() as stop:
        home = Home(settings.home)
        if fresh:
            refuse_external_state(settings)
            refuse_running(home)
        with narrator.working("Checking the request"):
            checked = request.check(asked)
        if fresh:
            start_over(settings, datetime.now(UTC), narrator.say)
        if stackfile.running(home):
            with narrator.working("Waiting for the stack"):
                record = wait_for_ready(home, stop)
            _tell(_execute(home, record, checked, narrator, stop), narrator)
            return
        _run_in_foreground(settings, checked, narrator, stop, leave=leave)


def start(stack: Stack, narrator: Narrator, stop: threading.Event) -> bool:
    """Bring every service up; False when somebody asked to stop before that."""
    began = time.monotonic()
    with narrator.working("Starting") as show:

        def done() -> bool:
            children = stack.supervisor.children.values()
            waiting = [each.service.name for each in children if not each.is_up]
            show(", ".join(waiting) or "all up", 1 - len(waiting) / len(children))
            return stop.is_set() or stack.ready

        stack.run_until(done)
    if stop.is_set():
        return False
    narrator.say(f"Everything is up after {time.monotonic() - began:.1f} s.")
    return True


def _run_in_foreground(
    settings: Settings, checked: Request, narrator: Narrator, stop: threading.Event, *, leave: bool
) -> None:
    with Stack(settings, narrator.say) as stack:
        if not start(stack, narrator, stop):
            raise InterruptedRunError(runs.NOT_STARTED)
        record = stack.record()
        job = _Job(lambda: _execute(stack.home, record, checked, narrator, stop))
        stack.run_until(job.finished)
        _tell(job.result(), narrator)
        if not leave:
            narrator.say("\nEverything stays up until Ctrl-C.")
            stack.run_until(stop.is_set)
            narrator.say("Stopping ...")


def _execute(
    home: Home,
    record: StackRecord,
    checked: Request,
    narrator: Narrator,
    stop: threading.Event,
) -> Report:
    core = Core(record.core_url, home.token_file)
    dagster, lake_url = Dagster(record.dagster_url), record.environment["TRADING_LAKE_URL"]
    with narrator.working("Running") as show:
        alive = partial(processes.is_alive, record.supervisor)
        return runs.execute(checked, core, dagster, lake_url, show, stop, alive)


def _tell(report: Report, narrator: Narrator) -> None:
    if narrator.as_json:
        narrator.document(report.as_json())
    else:
        narrator.show(summary.render(report))


def _say_addresses(record: StackRecord, narrator: Narrator) -> None:
    narrator.say(f"Dagster:  {record.dagster_url}")
    narrator.say(f"Core API: {record.core_url} (trading token prints the token)")
    narrator.say("Stop with Ctrl-C, or with trading down from another terminal.")


class _Job:
    """Work beside the loop that keeps the stack alive."""

    def __init__(self, work: Callable[[], Report]) -> None:
        self._report: Report | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._do, args=(work,), daemon=True)
        self._thread.start()

    def _do(self, work: Callable[[], Report]) -> None:
        try:
            self._report = work()
        except Exception as error:  # noqa: BLE001 - raised again by result()
            self._error = error

    def finished(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> Report:
        if self._error:
            raise self._error
        if self._report is None:
            raise DeployError("The job gave no report.")
        return self._report
