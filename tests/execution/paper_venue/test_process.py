"""The venue as a process: keys, store, restarts, signals and sockets."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from execution.paper_venue.faults import Faults
from execution.paper_venue.stream import MOST_WAITING, Listener
from tests.execution.paper_venue.running import (
    RunningVenue,
    bar,
    heard,
    listening,
    names,
    order,
    updates,
)
from tests.servers import free_port

TRADING = str(Path(sys.executable).parent / "trading")


def refused(home: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "TRADING_VENUE_HOME": str(home), **variables}
    return subprocess.run(
        [TRADING, "venue", *words], env=env, capture_output=True, text=True, timeout=60
    )


def test_keys_are_made_at_the_first_start_for_the_owner_alone(tmp_path: Path) -> None:
    venue = RunningVenue(tmp_path)
    venue.start()
    file = venue.home / "keys.json"
    first = venue.keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((venue.home / "venue.sqlite").stat().st_mode) == 0o600
    assert stat.S_IMODE(venue.home.stat().st_mode) == 0o700
    assert venue.stop() == 0

    more = RunningVenue(tmp_path, accounts=("paper", "second"))
    more.start()
    assert more.keys["admin_key"] == first["admin_key"]
    assert more.pair("paper") == (
        first["accounts"]["paper"]["key_id"],
        first["accounts"]["paper"]["secret_key"],
    )
    assert httpx.get(f"{more.url}/v2/account", headers=more.headers("second")).is_success
    assert more.stop() == 0


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("{}", 0o600, "keys.json cannot be read"),
        ("no json", 0o600, "keys.json cannot be read"),
        ('{"admin_key": "short", "accounts": {}}', 0o600, "16 characters"),
        ("{}", 0o644, "chmod 600"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_left_alone(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text)
    file.chmod(mode)
    done = refused(tmp_path)
    assert done.returncode == 6
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert file.read_text() == text


def test_bad_settings_are_one_sentence(tmp_path: Path) -> None:
    for words in (["--port", "0"], ["--account", "No Name"]):
        done = refused(tmp_path / "home", *words)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "home").exists()


def test_a_port_and_a_store_are_used_by_one_process(tmp_path: Path) -> None:
    venue = RunningVenue(tmp_path)
    venue.start()
    port = refused(tmp_path / "other", "--port", str(venue.port))
    assert (port.returncode, str(venue.port) in port.stderr) == (5, True)
    store = refused(venue.home, "--port", str(free_port()))
    assert (store.returncode, "locked" in store.stderr) == (6, True)
    assert venue.stop() == 0


def test_the_command_line_serves_and_ends_with_zero(tmp_path: Path) -> None:
    venue = RunningVenue(tmp_path)
    venue.child.words = [TRADING, "venue", "--port", str(venue.port), "--account", "mine"]
    venue.start()
    assert list(venue.keys["accounts"]) == ["mine"]
    with venue.client("mine") as http:
        assert http.get("/v2/account").json()["cash"] == "100000"
    assert venue.stop() == 0


def test_everything_is_as_before_after_a_restart(tmp_path: Path) -> None:
    venue = RunningVenue(tmp_path)
    venue.start()

    def seen() -> list[str]:
        with venue.client() as http:
            paths = ("account", "positions", "orders?status=all", "account/activities/FILL")
            return [http.get(f"/v2/{path}").text for path in paths]

    with venue.client() as http:
        http.post("/v2/orders", json=order("one"))
        venue.step("2026-01-05", bar("AAPL"))
        http.post("/v2/orders", json=order("two", time_in_force="gtc"))
    before = seen()
    with listening(venue) as socket, venue.client() as http:
        http.post("/v2/orders", json=order("three"))
        last = int(updates(socket, 2)[-1]["event_id"])
        http.delete("/v2/orders")
    before = seen()
    assert venue.stop() == 0
    venue.start()
    assert seen() == before
    assert venue.step("2026-01-05", bar("AAPL")) == {
        "session": "2026-01-05",
        "orders": 1,
        "fills": 1,
        "ended": 0,
    }
    with listening(venue) as socket, venue.client() as http:
        assert http.post("/v2/orders", json=order("one")).status_code == 422
        http.post("/v2/orders", json=order("four"))
        assert int(updates(socket, 1)[0]["event_id"]) > last
    assert venue.stop() == 0


def test_what_is_in_flight_is_finished_before_the_end(tmp_path: Path) -> None:
    venue = RunningVenue(tmp_path)
    venue.start()
    venue.fault("slow", "/v2/orders", milliseconds=1000)
    answers: list[int] = []

    def submit() -> None:
        with venue.client() as http:
            answers.append(http.post("/v2/orders", json=order("last")).status_code)

    with listening(venue) as socket:
        thread = threading.Thread(target=submit)
        thread.start()
        struck = lambda: venue.admin.get("/sim/v1/faults").json()[0]["struck"]  # noqa: E731
        while not struck():
            pass
        assert venue.child.process is not None
        venue.child.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            heard(socket)
    thread.join()
    assert answers == [200]
    assert venue.child.wait() == 0
    venue.start()
    with venue.client() as http:
        assert len(http.get("/v2/orders").json()) == 1
    assert venue.stop() == 0


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> "RunningVenue":
    """Sockets of this module share a venue."""
    venue = RunningVenue(tmp_path_factory.mktemp("sockets"), ("paper", "other"))
    venue.start()
    yield venue
    assert venue.stop() == 0


@pytest.mark.parametrize(
    "first",
    [
        '{"action":"authenticate","data":{"key_id":"x","secret_key":"y"}}',
        '{"action":"listen","data":{"streams":["trade_updates"]}}',
        '{"action":"authenticate"}',
        '{"action":"authenticate","data":[1]}',
        "[]",
        "no json",
        "",
    ],
)
def test_a_socket_that_does_not_say_who_it_is_hears_nothing(one: RunningVenue, first: str) -> None:
    with connect(one.stream_url) as socket:
        socket.send(first)
        assert heard(socket) == {
            "stream": "authorization",
            "data": {"action": "authenticate", "status": "unauthorized"},
        }
        with pytest.raises(ConnectionClosed):
            heard(socket)


def test_the_newer_form_of_authentication_and_text_or_binary_are_taken(one: RunningVenue) -> None:
    key_id, secret = one.pair()
    with connect(one.stream_url) as socket:
        said = {"action": "auth", "key": key_id, "secret": secret}
        socket.send(json.dumps(said).encode())
        frame = socket.recv(timeout=10)
        assert isinstance(frame, bytes)
        assert json.loads(frame)["data"]["status"] == "authorized"
        socket.send("nonsense")
        socket.send(json.dumps({"action": "listen", "data": {"streams": ["other"]}}))
        assert heard(socket) == {"stream": "listening", "data": {"streams": []}}


def test_no_other_path_has_a_socket(one: RunningVenue) -> None:
    from websockets.exceptions import InvalidStatus

    for path in ("/", "/v2/orders", "/sim/v1/faults"):
        with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{one.port}{path}"):
            pass


def test_an_account_hears_only_its_own_orders(one: RunningVenue) -> None:
    with (
        listening(one) as socket,
        listening(one, "other") as their_socket,
        one.client("other") as theirs,
        one.client() as mine,
    ):
        theirs.post("/v2/orders", json=order("theirs"))
        assert len(updates(their_socket, 2)) == 2
        mine.post("/v2/orders", json=order("mine"))
        told = updates(socket, 2)
    assert {each["order"]["client_order_id"] for each in told} == {"mine"}


def test_a_reader_that_does_not_read_stops_nobody(one: RunningVenue) -> None:
    count = 150
    with listening(one, "other"), listening(one, "other") as reading, one.client("other") as http:
        for number in range(count):
            made = http.post("/v2/orders", json=order(f"many-{number}", qty="1"))
            assert made.status_code == 200
        assert http.delete("/v2/orders").status_code == 207
        told = names(updates(reading, 4 * count))
    assert told.count("canceled") == count


def test_a_reader_that_falls_too_far_behind_is_cut_off() -> None:
    cuts: list[bool] = []
    listener = Listener(lambda: cuts.append(True))
    for _ in range(MOST_WAITING):
        listener.offer(b"{}")
    assert not cuts
    listener.offer(b"{}")
    assert cuts == [True]
    assert listener.waiting.qsize() == MOST_WAITING


def test_faults_end_with_the_process(tmp_path: Path) -> None:
    assert Faults().shown() == []
    venue = RunningVenue(tmp_path)
    venue.start()
    venue.fault("unavailable", "/v2/clock", status=503, count=9)
    venue.kill()
    venue.start()
    with venue.client() as http:
        assert http.get("/v2/clock").status_code == 200
    assert venue.stop() == 0
