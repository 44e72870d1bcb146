"""A whole stack in a process of its own: stopping, killing, leftovers, ports, and second starts."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import processes, stackfile
from deploy.local.home import Home
from deploy.local.stackfile import StackRecord

WITHIN_S = 40.0
Popen = subprocess.Popen[str]
Start = Callable[..., Popen]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / ".trading")


@pytest.fixture
def environment(home: Home) -> dict[str, str]:
    ports = {"TRADING_CORE_PORT": str(free_port()), "DAGSTER_PORT": str(free_port())}
    return {**os.environ, "TRADING_HOME": str(home.root), **ports}


@pytest.fixture
def start(environment: dict[str, str], home: Home) -> Iterator[Start]:
    started: list[Popen] = []

    def run(kind: str = "tiny", *before: str) -> Popen:
        words = [*before, sys.executable, "-m", "tests.deploy.tiny_stack", kind]
        process = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield run
    record = stackfile.read(home)
    for process in started:
        process.kill()
        process.communicate()
    if record:
        wait(lambda: not living(record))


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def ready(home: Home) -> StackRecord:
    def is_ready() -> bool:
        found = stackfile.running(home)
        return found is not None and found.phase == stackfile.READY

    wait(is_ready)
    found = stackfile.read(home)
    assert found
    return found


def living(record: StackRecord) -> list[str]:
    """Children whose process group still has a process in it."""
    return [
        each.name
        for each in record.children
        if each.process and not processes.group_is_empty(each.process.pid)
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(start: Start, home: Home, number: signal.Signals) -> None:
    stack = start()
    record = ready(home)
    assert len(living(record)) == 3
    stack.send_signal(number)
    assert stack.wait(timeout=WITHIN_S) == 0
    assert living(record) == []
    assert not home.stack_file.exists()


def test_it_stops_although_the_parent_ignored_sigint(start: Start, home: Home) -> None:
    ignoring = ("env", "--ignore-signal=INT")
    if sys.platform == "darwin":
        ignoring = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    stack = start("tiny", *ignoring)
    record = ready(home)
    stack.send_signal(signal.SIGINT)
    assert stack.wait(timeout=WITHIN_S) == 0
    assert living(record) == []


def test_killing_the_supervisor_leaves_no_process(start: Start, home: Home) -> None:
    stack = start()
    record = ready(home)
    assert len(living(record)) == 3
    stack.kill()
    stack.wait()
    wait(lambda: not living(record))


def test_the_embedded_servers_survive_a_killed_supervisor_on_disk(start: Start, home: Home) -> None:
    first = start("infrastructure")
    record = ready(home)
    first.kill()
    first.wait()
    wait(lambda: not living(record))
    second = start("infrastructure")
    again = ready(home)
    assert [each.state for each in again.children] == ["ready"] * 3
    second.terminate()
    out, err = second.communicate(timeout=WITHIN_S)
    assert (second.returncode, err) == (0, "")
    assert "did not stop cleanly; nothing is left." in out
    assert living(again) == []


def test_leftovers_of_a_killed_supervisor_and_watchdog_are_cleaned_up(
    start: Start, home: Home
) -> None:
    first = start()
    record = ready(home)
    kill_watchdog_of(first.pid)
    first.kill()
    first.wait()
    assert len(living(record)) == 3
    second = start()
    wait(lambda: (found := stackfile.running(home)) and found.supervisor != record.supervisor)
    ready(home)
    assert living(record) == []
    second.terminate()
    out, _ = second.communicate(timeout=WITHIN_S)
    assert "stopped what it left: sleeper, stubborn, with-worker." in out


def test_a_second_stack_on_the_same_folder_is_refused(start: Start, home: Home) -> None:
    first = start()
    ready(home)
    second = start()
    _, err = second.communicate(timeout=WITHIN_S)
    assert second.returncode == 4
    assert err.startswith(f"A stack already runs on {home.root} (process {first.pid}")
    assert err.count("\n") == 1
    assert first.poll() is None


@pytest.mark.parametrize("variable", ["TRADING_CORE_PORT", "DAGSTER_PORT"])
def test_a_taken_port_is_one_sentence(
    start: Start, home: Home, environment: dict[str, str], variable: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(environment[variable])))
        other.listen()
        stack = start()
        _, err = stack.communicate(timeout=WITHIN_S)
    assert stack.returncode == 5
    assert err == (
        f"Port {environment[variable]} is taken by another program: stop that program, "
        f"or set {variable} to a free port.\n"
    )
    assert not home.stack_file.exists()


def test_a_child_that_keeps_dying_brings_everything_down(start: Start, home: Home) -> None:
    stack = start("dying")
    wait(lambda: stackfile.read(home))
    record = stackfile.read(home)
    out, err = stack.communicate(timeout=WITHIN_S)
    assert stack.returncode == 7
    assert "dying ended with exit code 1" in out
    assert "giving up" in err
    assert "this child cannot work" in err
    assert record
    assert living(record) == []
    assert not home.stack_file.exists()


def kill_watchdog_of(supervisor: int) -> None:
    """Stop the supervisor first, so that it cannot start another watchdog."""
    import psutil

    os.kill(supervisor, signal.SIGSTOP)
    for each in psutil.Process(supervisor).children():
        if "deploy.local.watchdog" in each.cmdline():
            each.kill()
