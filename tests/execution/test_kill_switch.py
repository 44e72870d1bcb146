"""The kill switch on a running core: with servers killed, over restarts, and with its row gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local import kill
from execution import verify
from tests.execution.api_account import ORDER, SCORES, SESSIONS
from tests.execution.factories import DAYS, feed, session
from tests.execution.running import RunningCore, as_messages, running, send
from tests.servers import Database, NatsServer, ValkeyServer, until

NEXT = DAYS[3]


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that the test may kill."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def core(
    database: Database, nats: NatsServer, valkey: ValkeyServer, tmp_path: Path
) -> Iterator[RunningCore]:
    with running(RunningCore(database, nats.url, tmp_path, valkey.url)) as started:
        send(nats.url, as_messages(feed(SESSIONS, SCORES)))
        started.wait_until_closed(SESSIONS[-1])
        yield started


def turn(core: RunningCore, *, engaged: bool, account: str | None = None) -> dict[str, Any]:
    """As the command line turns it: PostgreSQL alone."""
    return kill.turn(core.database.app_url, account, engaged=engaged, reason="a test", by="me")


def order(core: RunningCore, name: str, **fields: object) -> Any:
    body = ORDER | {"client_order_id": name} | fields
    return core.http.post("/api/v1/orders", json=body).json()


def owner(core: RunningCore, statement: str) -> None:
    with psycopg.connect(core.database.owner_url) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def accepted(core: RunningCore, name: str) -> bool:
    return bool(order(core, name).get("status") == "accepted")


def test_it_works_with_nats_killed(core: RunningCore, nats: NatsServer) -> None:
    nats.kill()
    assert turn(core, engaged=True)["engaged"]
    assert order(core, "a")["error"] == "KILL_SWITCH"
    turn(core, engaged=False)
    assert order(core, "b")["status"] == "accepted"
    nats.start()


def test_it_works_with_valkey_killed(core: RunningCore, valkey: ValkeyServer) -> None:
    valkey.stop()
    turn(core, engaged=True)
    assert order(core, "a")["error"] == "KILL_SWITCH"
    told = core.http.post(
        "/api/v1/kill-switch", json={"engaged": False, "by": "me", "reason": "a test"}
    )
    assert told.is_success
    assert order(core, "b")["status"] == "accepted"


def test_signals_are_refused_and_exits_are_not(core: RunningCore, nats: NatsServer) -> None:
    turn(core, engaged=True)
    scores = SCORES | {"AAPL": "-0.9", "FB": "0.9"}
    send(nats.url, as_messages(session(NEXT, scores, previous=SESSIONS[-1])))
    core.wait_until_closed(NEXT)
    ended = {s["symbol"]: s for s in core.get("/api/v1/signals", session=str(NEXT))}
    assert (ended["FB"]["disposition"], ended["FB"]["code"]) == ("rejected", "KILL_SWITCH")
    assert ended["AAPL"]["code"] == "KILL_SWITCH"
    body = {"account": "sample", "confirm": "flatten sample", "by": "me", "reason": "a test"}
    done = core.http.post("/api/v1/flatten", json=body).json()
    assert {each["status"] for each in done["closing"]} == {"accepted"}


def test_it_survives_a_restart(core: RunningCore) -> None:
    turn(core, engaged=True)
    core.kill()
    core.start()
    assert core.account()["kill_switch"] is True
    assert order(core, "a")["error"] == "KILL_SWITCH"
    core.kill()
    turn(core, engaged=False)
    core.start()
    assert order(core, "b")["status"] == "accepted"


def test_what_was_turned_while_the_core_was_down_holds_from_its_start(core: RunningCore) -> None:
    core.kill()
    turn(core, engaged=True)
    core.start()
    assert order(core, "a")["error"] == "KILL_SWITCH"


def test_without_its_row_it_is_engaged_however_often_the_row_goes(core: RunningCore) -> None:
    owner(core, "CREATE TABLE kept AS SELECT * FROM kill_switches")
    for attempt in range(3):
        owner(core, "DELETE FROM kill_switches")
        assert order(core, f"a-{attempt}")["error"] == "KILL_SWITCH"
        assert core.account()["kill_switch"] is True
        owner(core, "INSERT INTO kill_switches SELECT * FROM kept")
        assert order(core, f"b-{attempt}", quantity=str(attempt + 1))["status"] == "accepted"
    assert verify.verify(core.database.app_url).sound


def test_a_switch_of_the_account_alone_is_not_enough(core: RunningCore) -> None:
    turn(core, engaged=False, account="sample")
    owner(core, "DELETE FROM kill_switches WHERE scope = '*'")
    assert order(core, "a")["error"] == "KILL_SWITCH"


def test_while_it_cannot_be_read_nothing_is_decided(core: RunningCore) -> None:
    head = core.account()["seq"]
    owner(core, "REVOKE SELECT ON kill_switches FROM trading_app")
    before = count(core, "SELECT count(*) FROM orders")
    with pytest.raises(Exception, match="timed out"):
        core.http.post("/api/v1/orders", json=ORDER, timeout=3)
    until(lambda: not core.http.get("/health/ready").is_success, "the core to say so")
    assert count(core, "SELECT count(*) FROM orders") == before
    assert count(core, "SELECT max(seq) FROM journal WHERE account = 'sample'") == head
    owner(core, "GRANT SELECT ON kill_switches TO trading_app")
    until(lambda: core.http.get("/health/ready").is_success, "the core to go on")
    assert order(core, ORDER["client_order_id"])["status"] == "accepted"


def test_an_open_commit_is_waited_for_and_the_next_one_sees_it(core: RunningCore) -> None:
    """The lock itself: a turn waits for a commit at work, and a commit after it knows."""
    with psycopg.connect(core.database.app_url) as connection:
        connection.execute("SELECT kill_switch_engaged('sample')")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner(core, "SET lock_timeout = '100ms'; UPDATE kill_switches SET engaged = true")
    turn(core, engaged=True)
    with psycopg.connect(core.database.app_url) as connection:
        row = connection.execute("SELECT kill_switch_engaged('sample')").fetchone()
    assert row == (True,)


def count(core: RunningCore, statement: str) -> int:
    with psycopg.connect(core.database.owner_url) as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
    return int(row[0])
