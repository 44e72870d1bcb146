"""The trading core as a process: what it promises when it is fed, killed, and fed again."""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from execution import verify
from router import subjects
from router.client import connected, fetch
from router.messages import Event, digest
from router.outgoing import Outgoing
from tests.execution.factories import DAYS, Core, feed
from tests.execution.running import RunningCore, as_messages, running, send
from tests.servers import Database, ValkeyServer, until

SCORES = {"AAPL": "0.6", "IBM": "0.3", "MSFT": "-0.2"}
SESSIONS = DAYS[:8]


@pytest.fixture
def core(database: Database, nats_url: str, tmp_path: Path) -> Iterator[RunningCore]:
    with running(RunningCore(database, nats_url, tmp_path)) as started:
        yield started


def undisturbed_decisions() -> str:
    """The decision hash of the same feed, decided in memory."""
    from execution.hashing import GENESIS, decisions

    core = Core()
    core.send(*feed(SESSIONS, SCORES))
    return decisions(GENESIS, tuple(core.effects)).hex()


def test_a_feed_is_traded_and_every_signal_ends_once(core: RunningCore) -> None:
    send(core.nats_url, as_messages(feed(SESSIONS, SCORES)))
    account = core.wait_until_closed(SESSIONS[-1])
    assert account["decision_hash"] == undisturbed_decisions()
    assert sum(account["dispositions"].values()) == len(SESSIONS) * len(SCORES)
    assert account["pending"] == {"bars": 0, "signals": 0, "sets": 0}
    assert {f["symbol"] for f in core.get("/api/v1/fills")} == {"AAPL", "IBM"}
    assert verify.verify(core.database.app_url).sound


def test_arrival_order_and_repetition_change_nothing(core: RunningCore) -> None:
    messages = as_messages(feed(SESSIONS, SCORES))
    again = [Outgoing(m.subject, m.payload, m.message_id + ":again") for m in messages]
    shuffled = [*messages, *again]
    random.Random(7).shuffle(shuffled)
    send(core.nats_url, shuffled)
    before = core.wait_until_closed(SESSIONS[-1])
    assert before["decision_hash"] == undisturbed_decisions()
    send(core.nats_url, [Outgoing(m.subject, m.payload, m.message_id + ":third") for m in messages])
    until(lambda: _duplicates(core) >= 2 * len(messages), "the repetition to be read")
    assert core.account() == before


def test_kills_at_random_moments_change_nothing(core: RunningCore) -> None:
    messages = as_messages(feed(SESSIONS, SCORES))
    chance = random.Random(11)
    for start in range(0, len(messages), 6):
        send(core.nats_url, messages[start : start + 6])
        time.sleep(chance.uniform(0, 0.05))  # anywhere between arrival and acknowledgement
        core.kill()
        core.start()
    assert core.wait_until_closed(SESSIONS[-1])["decision_hash"] == undisturbed_decisions()
    assert verify.verify(core.database.app_url).sound


def test_sigterm_ends_cleanly(core: RunningCore) -> None:
    send(core.nats_url, as_messages(feed(SESSIONS, SCORES)))
    assert core.terminate() == 0
    core.start()
    assert core.wait_until_closed(SESSIONS[-1])["decision_hash"] == undisturbed_decisions()


def test_garbage_among_the_inputs_is_set_aside_with_a_reason(core: RunningCore) -> None:
    subject = subjects.account_input("sample", "signal")
    bodies = [b"", b"{}", b"\xff\xfe", b"[" * 5000, b'{"kind":"signal.v1"}', b"NaN"]
    poison = [Outgoing(subject, body, digest(str(n))) for n, body in enumerate(bodies)]
    send(core.nats_url, [*poison, *as_messages(feed(SESSIONS, SCORES))])
    assert core.wait_until_closed(SESSIONS[-1])["decision_hash"] == undisturbed_decisions()
    with psycopg.connect(core.database.app_url) as connection:
        rows = connection.execute("SELECT reason, detail, payload FROM dead_letters").fetchall()
    assert sorted(bytes(row[2]) for row in rows) == sorted(bodies)
    assert all(reason == "UNDECODABLE" and detail for reason, detail, _ in rows)


def test_events_tell_what_was_committed(core: RunningCore) -> None:
    send(core.nats_url, as_messages(feed(SESSIONS, SCORES)))
    account = core.wait_until_closed(SESSIONS[-1])
    until(lambda: _waiting_events(core) == 0, "the outbox to empty")
    told = asyncio.run(_events(core.nats_url))
    assert [e.seq for e in told] == sorted(e.seq for e in told)
    fills = [e for e in told if b'"filled"' in bytes(e.effect) and b'"fill"' in bytes(e.effect)]
    assert len(fills) == len(core.get("/api/v1/fills"))
    assert told[-1].chain_hash == account["chain_hash"]


def test_flushing_the_cache_changes_no_decision(
    database: Database, nats_url: str, valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    messages = as_messages(feed(SESSIONS, SCORES))
    half = len(messages) // 2
    with running(RunningCore(database, nats_url, tmp_path, valkey_server.url)) as core:
        send(nats_url, messages[:half])
        core.wait_until_closed(SESSIONS[len(SESSIONS) // 2 - 1])
        until(lambda: _quote(core)["cached"] is True, "a quote in the cache")
        valkey_server.clear()
        assert _quote(core)["cached"] is False
        send(nats_url, messages[half:])
        assert core.wait_until_closed(SESSIONS[-1])["decision_hash"] == undisturbed_decisions()


def test_the_kill_switch_row_refuses_new_orders(core: RunningCore) -> None:
    messages = as_messages(feed(SESSIONS, SCORES))
    with psycopg.connect(core.database.app_url) as connection:
        connection.execute("UPDATE kill_switches SET engaged = true, reason = 'drill'")
    send(core.nats_url, messages)
    account = core.wait_until_closed(SESSIONS[-1])
    assert account["kill_switch"] is True
    assert set(account["orders"]) == {"refused"}
    assert set(account["refusals"]) == {"KILL_SWITCH"}


def test_an_account_that_cannot_go_on_says_so_and_stops_no_other(core: RunningCore) -> None:
    with psycopg.connect(core.database.owner_url) as connection:
        connection.execute("INSERT INTO commands VALUES ('files', 'broken', 'no json')")
    until(lambda: core.http.get("/health/ready").status_code == 503, "the account to fail")
    problems = core.http.get("/health/ready").json()["problems"]
    assert [problem.split(":")[0] for problem in problems] == ["account files cannot go on"]
    send(core.nats_url, as_messages(feed(SESSIONS, SCORES)))
    assert core.wait_until_closed(SESSIONS[-1])["decision_hash"] == undisturbed_decisions()
    with psycopg.connect(core.database.owner_url) as connection:
        connection.execute("DELETE FROM commands")
    until(lambda: core.http.get("/health/ready").is_success, "the account to go on")


@pytest.mark.parametrize("table", ["journal", "ledger", "fills", "dispositions", "equity"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET account = account", "DELETE FROM {}"])
def test_the_application_cannot_rewrite_history(database: Database, table: str, verb: str) -> None:
    statement = verb.format(table)
    connection = psycopg.connect(database.app_url)
    with connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[arg-type]


def _duplicates(core: RunningCore) -> float:
    lines = core.http.get("/metrics").text.splitlines()
    name = 'trading_duplicate_inputs_total{account="sample"}'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def _quote(core: RunningCore) -> dict[str, object]:
    answer = core.http.get("/api/v1/quotes/AAPL")
    return dict(answer.json()) if answer.is_success else {"cached": None}


def _waiting_events(core: RunningCore) -> int:
    with psycopg.connect(core.database.app_url) as connection:
        row = connection.execute("SELECT count(*) FROM outbox").fetchone()
    assert row is not None
    return int(row[0])


async def _events(nats_url: str) -> list[Event]:
    import msgspec

    async with connected(nats_url, "test") as connection:
        subscription = await connection.js.pull_subscribe("events.sample.>", durable="test")
        found: list[Event] = []
        while batch := await fetch(subscription, 200, 1.0):
            found += [msgspec.json.decode(m.data, type=Event) for m in batch]
            for message in batch:
                await message.ack()
        return found
