"""Supervision of real processes: order, death, giving up, and stopping everything."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import processes, supervisor, watchdog
from deploy.local.errors import ChildFailedError
from deploy.local.service import Service
from deploy.local.supervisor import State, Supervisor
from tests.deploy.tiny_stack import DYING, SLEEPER, STUBBORN, WITH_WORKER, service

WITHIN_S = 30.0

Supervise = Callable[..., Supervisor]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Iterator[Supervise]:
    made: list[Supervisor] = []

    def start(*found: Service, **hooks: Callable[[], None]) -> Supervisor:
        made.append(Supervisor(found, tmp_path / "logs", say=said.append, **hooks))
        return made[-1]

    yield start
    for each in made:
        each.stop()


def tick_until(running: Supervisor, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        running.tick()
        time.sleep(0.02)


def pid_of(running: Supervisor, name: str) -> int:
    pid = running.children[name].child.pid
    assert pid
    return pid


def test_a_service_waits_until_what_it_needs_is_ready(supervise: Supervise, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    running = supervise(
        service("late", SLEEPER, after=("early", "task")),
        service("early", SLEEPER, probe=flag.exists),
        service("task", "print('done')", probe=None),
    )
    tick_until(running, lambda: running.children["task"].state is State.DONE)
    assert running.children["late"].state is State.WAITING
    flag.touch()
    tick_until(running, lambda: running.ready)
    assert running.children["late"].state is State.READY


def test_a_dead_child_is_named_with_the_end_of_its_log_and_started_again(
    supervise: Supervise, said: list[str]
) -> None:
    ready: list[bool] = []
    running = supervise(service("quotes", SLEEPER), all_ready=lambda: ready.append(True))
    tick_until(running, lambda: running.ready)
    log = running.children["quotes"].child.log
    tick_until(running, lambda: "up" in log.read_text())
    first = pid_of(running, "quotes")
    os.kill(first, signal.SIGKILL)
    tick_until(running, lambda: running.children["quotes"].restarts == 1 and running.ready)
    assert pid_of(running, "quotes") != first
    assert said[0].startswith("quotes was killed by signal 9")
    assert said[0].endswith("up")
    assert ready == [True, True]


def test_dependants_of_a_dead_child_go_on(supervise: Supervise) -> None:
    running = supervise(service("base", SLEEPER), service("above", SLEEPER, after=("base",)))
    tick_until(running, lambda: running.ready)
    above = pid_of(running, "above")
    os.kill(pid_of(running, "base"), signal.SIGKILL)
    tick_until(running, lambda: running.children["base"].restarts == 1 and running.ready)
    assert pid_of(running, "above") == above


def test_a_child_that_keeps_dying_is_given_up_on(supervise: Supervise, said: list[str]) -> None:
    running = supervise(service("broken", DYING))
    with pytest.raises(ChildFailedError, match="broken ended with exit code 1") as caught:
        tick_until(running, lambda: False)
    assert f"{supervisor.MOST_DEATHS} times within a minute: giving up" in str(caught.value)
    assert "this child cannot work" in str(caught.value)
    assert len(said) == supervisor.MOST_DEATHS - 1


def test_a_failed_task_is_reported_at_once(supervise: Supervise) -> None:
    running = supervise(service("migrate", DYING, probe=None))
    with pytest.raises(ChildFailedError, match=r"(?s)migrate ended.*this child cannot work"):
        tick_until(running, lambda: False)


def test_a_task_with_its_marker_is_not_run_again(supervise: Supervise, tmp_path: Path) -> None:
    marker = tmp_path / "done"
    task = service("migrate", "print('migrated')", probe=None, done_marker=marker)
    first = supervise(task)
    tick_until(first, lambda: first.ready)
    assert marker.exists()
    second = supervise(service("migrate", DYING, probe=None, done_marker=marker))
    tick_until(second, lambda: second.ready)


def test_a_child_that_is_never_ready_is_named(supervise: Supervise) -> None:
    running = supervise(service("slow", SLEEPER, probe=lambda: False, start_timeout_s=0.2))
    with pytest.raises(ChildFailedError, match=r"slow was not ready after 0\.2 seconds"):
        tick_until(running, lambda: False)


def test_a_program_that_does_not_exist_is_named(supervise: Supervise) -> None:
    running = supervise(Service(name="ghost", command=("/nowhere/ghost",)))
    with pytest.raises(ChildFailedError, match="ghost cannot be started"):
        running.tick()


def test_stopping_leaves_no_process_however_stubborn(supervise: Supervise) -> None:
    running = supervise(
        service("stubborn", STUBBORN),
        service("with-worker", WITH_WORKER),
        service("plain", SLEEPER),
    )
    tick_until(running, lambda: running.ready)
    groups = [pid_of(running, name) for name in running.children]
    running.stop()
    assert all(processes.group_is_empty(group) for group in groups)


def test_dependants_are_stopped_first(supervise: Supervise, tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"def leave(*_):\n    open({str(order)!r}, 'a').write(NAME)\n    sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    running = supervise(
        *(
            service(name, f"NAME = {name!r}\n" + code, stop_wave=wave)
            for name, wave in (("c", 3), ("a", 1), ("b", 2))
        )
    )
    logs = [each.child.log for each in running.children.values()]
    tick_until(running, lambda: running.ready and all("up" in log.read_text() for log in logs))
    running.stop()
    assert order.read_text() == "abc"


def test_what_a_dead_child_left_in_its_group_ends_too(supervise: Supervise) -> None:
    running = supervise(service("with-worker", WITH_WORKER))
    tick_until(running, lambda: running.ready)
    tick_until(running, lambda: "up" in running.children["with-worker"].child.log.read_text())
    group = pid_of(running, "with-worker")
    os.kill(group, signal.SIGKILL)
    tick_until(running, lambda: running.children["with-worker"].restarts == 1)
    assert processes.group_is_empty(group)


def test_the_log_of_the_start_before_is_kept(supervise: Supervise, tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        running = supervise(service("task", f"print('{text}')", probe=None))
        tick_until(running, lambda running=running: running.ready)
    logs = tmp_path / "logs"
    assert (logs / "task.log").read_text() == "third\n"
    assert (logs / "task.log.1").read_text() == "second\n"


def test_a_dead_watchdog_is_replaced(supervise: Supervise) -> None:
    running = supervise(service("plain", SLEEPER))
    first = running.watchdog_pid
    os.kill(first, signal.SIGKILL)
    tick_until(running, lambda: running.watchdog_pid != first)


def test_the_watchdog_reads_what_is_left() -> None:
    assert watchdog.follow(["+11 15\n", "+12 2\n", "-11\n"]) == ({12: 2}, False)
    assert watchdog.follow(["+11 15\n", "bye\n"]) == ({11: 15}, True)


def test_children_have_default_signals_whatever_we_handle(supervise: Supervise) -> None:
    code = (
        "import signal\n"
        "print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,\n"
        "      signal.getsignal(signal.SIGINT) == signal.default_int_handler)"
    )
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        running = supervise(service("task", code, probe=None))
        tick_until(running, lambda: running.ready)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert running.children["task"].child.log.read_text() == "True True\n"
    assert sys.executable
