"""The state folder: version, lock, private files, moving it aside, what an earlier start left."""

import dataclasses
import json
import os
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local import credentials, processes, stack, stackfile
from deploy.local import home as homes
from deploy.local.errors import AlreadyRunningError, BadInputError, HomeError, PortTakenError
from deploy.local.home import Home
from deploy.local.settings import External, Settings
from deploy.local.stackfile import ChildRecord, StackRecord
from tests.servers import free_port

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / ".trading")
    homes.prepare(made)
    return made


def settings_of(home: Home) -> Settings:
    return Settings(home=home.root, core_port=free_port(), dagster_port=free_port())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def record(supervisor: processes.Identity, *children: ChildRecord) -> StackRecord:
    return StackRecord(supervisor, "ready", "http://core", "http://dagster", {}, {}, children)


def test_the_folder_is_private_and_opening_it_again_changes_nothing(home: Home) -> None:
    before = home.layout_file.read_text()
    homes.prepare(home)
    assert mode(home.root) == 0o700
    assert home.layout_file.read_text() == before


def test_a_folder_of_another_version_is_refused_in_one_sentence(home: Home) -> None:
    home.layout_file.write_text(json.dumps({"layout": 99}))
    with pytest.raises(
        HomeError, match=f"layout version 99 and this program needs {homes.LAYOUT_VERSION}"
    ) as caught:
        homes.prepare(home)
    assert "\n" not in str(caught.value)


def test_an_unreadable_layout_is_refused(home: Home) -> None:
    home.layout_file.write_text("{")
    with pytest.raises(HomeError, match=r"layout\.json cannot be read"):
        homes.prepare(home)


def test_a_folder_with_other_peoples_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(HomeError, match="was not made by this system"):
        homes.prepare(Home(tmp_path))
    with pytest.raises(HomeError, match="was not made by this system"):
        stack.start_over(settings_of(Home(tmp_path)), NOW, print)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="cannot be used"):
        homes.prepare(Home(tmp_path / "file"))


def test_one_process_holds_the_lock_at_a_time(home: Home) -> None:
    held = homes.lock(home)
    with pytest.raises(AlreadyRunningError):
        homes.lock(home)
    held.release()
    homes.lock(home).release()


def test_secrets_are_made_once_and_private(home: Home) -> None:
    made = credentials.load_or_create(home)
    token = credentials.ensure_token(home)
    assert credentials.load_or_create(home) == made
    assert credentials.ensure_token(home) == token
    assert len(set(dataclasses.asdict(made).values())) == 6
    assert (mode(home.secrets_file), mode(home.token_file)) == (0o600, 0o600)


def test_secrets_stay_private_under_a_loose_umask(home: Home) -> None:
    before = os.umask(0)
    try:
        credentials.load_or_create(home)
    finally:
        os.umask(before)
    assert mode(home.secrets_file) == 0o600


def test_lost_secrets_of_existing_data_are_not_invented_anew(home: Home) -> None:
    home.postgres.mkdir()
    with pytest.raises(HomeError, match=r"secrets\.json is missing"):
        credentials.load_or_create(home)


def test_fresh_moves_everything_aside_and_says_where(home: Home) -> None:
    (home.root / "kept").write_text("x")
    said: list[str] = []
    stack.start_over(settings_of(home), NOW, said.append)
    aside = home.root.with_name(".trading-20260102-030405")
    assert (aside / "kept").read_text() == "x"
    assert not home.root.exists()
    assert said == [f"Starting over; the earlier state is kept in {aside}."]


def test_fresh_never_overwrites_an_earlier_copy(home: Home) -> None:
    first = homes.move_aside(home, NOW)
    homes.prepare(home)
    second = homes.move_aside(home, NOW)
    assert first != second
    assert first.exists()
    assert second.exists()


def test_fresh_is_refused_while_a_stack_runs(home: Home) -> None:
    me = processes.identify(os.getpid())
    assert me
    stackfile.write(home, record(me))
    with pytest.raises(AlreadyRunningError, match="trading down"):
        stack.start_over(settings_of(home), NOW, print)
    assert home.root.exists()


@pytest.mark.parametrize("port", ["core_port", "dagster_port"])
def test_fresh_moves_nothing_where_no_stack_could_start_after(home: Home, port: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = {port: other.getsockname()[1]}
        with pytest.raises(PortTakenError, match=str(taken[port])):
            stack.start_over(dataclasses.replace(settings_of(home), **taken), NOW, print)
    assert home.layout_file.exists()
    homes.lock(home).release()


@pytest.mark.parametrize(
    ("variable", "external"),
    [
        ("DATABASE_URL", External(database_url="postgresql://app@db/trading_system")),
        ("NATS_URL", External(nats_url="nats://bus:4222")),
    ],
)
def test_fresh_is_refused_where_a_server_elsewhere_keeps_its_state(
    home: Home, variable: str, external: External
) -> None:
    chosen = dataclasses.replace(settings_of(home), external=external)
    with pytest.raises(BadInputError, match=f"{variable} names a server") as caught:
        stack.refuse_external_state(chosen)
    assert "\n" not in str(caught.value)


def test_fresh_is_fine_with_a_cache_elsewhere(home: Home) -> None:
    external = External(redis_url="redis://cache/0")
    stack.refuse_external_state(dataclasses.replace(settings_of(home), external=external))


def test_fresh_works_on_a_folder_of_another_version(home: Home) -> None:
    home.layout_file.write_text(json.dumps({"layout": 99}))
    stack.start_over(settings_of(home), NOW, lambda _: None)
    assert not home.root.exists()


def test_the_stack_file_is_private_and_names_a_live_supervisor(home: Home) -> None:
    me = processes.identify(os.getpid())
    assert me
    stackfile.write(home, record(me))
    assert mode(home.stack_file) == 0o600
    assert stackfile.running(home) == record(me)


def test_a_reused_process_number_is_not_taken_for_the_supervisor(home: Home) -> None:
    stackfile.write(home, record(processes.Identity(os.getpid(), 1.0, "python")))
    assert stackfile.running(home) is None


def test_leftovers_are_stopped_and_named_and_strangers_are_not(home: Home) -> None:
    left, stranger = (
        subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
        )
        for _ in range(2)
    )
    try:
        identity = processes.identify(left.pid)
        assert identity
        children = (
            ChildRecord("nats", "ready", process=identity),
            ChildRecord("valkey", "ready", process=processes.Identity(stranger.pid, 1.0, "valkey")),
        )
        stackfile.write(home, record(processes.Identity(1, 1.0, "trading"), *children))
        sentence = stackfile.clean_up_leftovers(home)
        assert sentence
        assert sentence.endswith("did not stop cleanly; stopped what it left: nats.")
        assert left.wait(timeout=10) != 0
        assert stranger.poll() is None
        assert not home.stack_file.exists()
        assert stackfile.clean_up_leftovers(home) is None
    finally:
        for each in (left, stranger):
            each.kill()
            each.communicate()


def test_a_half_written_stack_file_is_cleaned_up(home: Home) -> None:
    home.stack_file.write_text('{"supervisor": ')
    assert (
        stackfile.clean_up_leftovers(home)
        == "An earlier start was cut off; it left nothing running."
    )
    assert not home.stack_file.exists()
