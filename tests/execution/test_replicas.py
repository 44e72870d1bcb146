"""Two trading cores on one PostgreSQL and one NATS: shared accounts, hand-over, failover."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.execution.factories import DAYS, session
from tests.execution.running import RunningCore, as_messages, pair, send
from tests.servers import Database, until


@pytest.fixture
def cores(
    database: Database, nats_url: str, tmp_path: Path
) -> Iterator[tuple[RunningCore, RunningCore]]:
    with pair(database, nats_url, tmp_path) as found:
        yield found


def holders(database: Database) -> dict[str, tuple[str, int]]:
    with psycopg.connect(database.app_url) as connection:
        rows = connection.execute(
            "SELECT account, holder, epoch FROM leases WHERE expires_at > clock_timestamp()"
        )
        return {account: (holder, epoch) for account, holder, epoch in rows}


def writes(core: RunningCore, account: str, number: int) -> httpx.Response:
    """A command that must be journalled, and is answered when it was."""
    body = {"account": account, "request_id": f"c{number}", "scope": "symbol", "name": "AAPL"}
    said = {"state": ("active", "reducing")[number % 2], "by": "test", "reason": str(number)}
    return core.http.post("/api/v1/trading-state", json=body | said)


def test_accounts_are_shared_and_either_replica_answers(
    database: Database, cores: tuple[RunningCore, RunningCore]
) -> None:
    until(lambda: {each for each, _ in holders(database).values()} == {"one", "two"}, "sharing")
    first, second = cores
    for number, core in enumerate((first, second, first, second)):
        for account in ("sample", "files"):
            answer = writes(core, account, number)
            assert answer.is_success, answer.text
            assert answer.json()["status"] == "done"


def test_a_killed_writer_is_followed_within_seconds(
    database: Database, cores: tuple[RunningCore, RunningCore], nats_url: str
) -> None:
    first, second = cores
    until(lambda: len(holders(database)) == 2, "both accounts")
    survivor, gone = (second, first) if holders(database)["sample"][0] == "one" else (first, second)
    send(nats_url, as_messages(session(DAYS[0], {"AAPL": "0.5"})))
    survivor.wait_until_closed(DAYS[0])
    gone.kill()
    send(nats_url, as_messages(session(DAYS[1], {"AAPL": "0.5"}, previous=DAYS[0])))
    answer = writes(survivor, "sample", 1)
    assert answer.json()["status"] == "done", answer.text
    assert survivor.wait_until_closed(DAYS[1])["fills"] == {"AAPL": 1}
    gone.start()
    until(lambda: len({each for each, _ in holders(database).values()}) == 2, "sharing again")


def test_a_stopped_writer_that_wakes_writes_nothing(
    database: Database, cores: tuple[RunningCore, RunningCore]
) -> None:
    first, second = cores
    until(lambda: len(holders(database)) == 2, "both accounts")
    holder, epoch = holders(database)["sample"]
    stopped, other = (first, second) if holder == "one" else (second, first)
    assert stopped.child.process is not None
    stopped.child.process.send_signal(signal.SIGSTOP)
    try:
        answer = writes(other, "sample", 1)
        assert answer.json()["status"] == "done", answer.text
        assert holders(database)["sample"] == (other.replica, epoch + 1)
    finally:
        stopped.child.process.send_signal(signal.SIGCONT)
    until(stopped._ready, "the stopped replica to be ready again")
    assert writes(stopped, "sample", 2).json()["status"] == "done"


def test_sigterm_hands_over_and_every_answer_is_a_yes_or_a_wait(
    database: Database, cores: tuple[RunningCore, RunningCore]
) -> None:
    first, second = cores
    until(lambda: len(holders(database)) == 2, "both accounts")
    leaving, staying = (first, second) if holders(database)["sample"][0] == "one" else cores[::-1]
    stop, statuses = threading.Event(), list[int]()

    def ask() -> None:
        """On one connection, as a balancer does, until the replica says that it is leaving."""
        number = 0
        while not stop.is_set():
            number += 1
            statuses.append(-1)
            answer = writes(leaving, "sample", number)
            statuses[-1] = answer.status_code
            if answer.headers.get("connection") == "close":
                return

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: len(statuses) > 5, "some answers")
    began = time.monotonic()
    assert leaving.terminate() == 0
    assert time.monotonic() - began < 10
    stop.set()
    asking.join()
    assert set(statuses) <= {200, 503}
    until(lambda: holders(database).get("sample", ("",))[0] == staying.replica, "the hand-over")
    assert writes(staying, "sample", 10_000).json()["status"] == "done"
