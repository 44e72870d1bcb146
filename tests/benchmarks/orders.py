"""How fast orders are decided durably, and how long a person waits for one.

Belongs here: the trading core as a process on real servers, against pgbench on the same disk.
Keep out: the engine alone (engine.py).
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from execution.domain.inputs import Input
from tests.benchmarks import pgbench
from tests.benchmarks.report import at_least, at_most, heading, say
from tests.benchmarks.stage import ACCOUNT, Stage, round_trips, symbols
from tests.execution.factories import DAYS, session
from tests.execution.running import RunningCore, as_messages, running, send
from tests.servers import until

SYMBOLS = 500
SESSIONS = 40
ROUNDS = 3
PGBENCH_S = 10
MANUAL_ORDERS = 200
REFERENCE_PGBENCH, REFERENCE_ORDERS = 2_800, 5_000
WITHIN_S = 300.0


@dataclass(frozen=True)
class Yardstick:
    """What pgbench reached: orders per second with one and with many account rows; a commit."""

    hot: float
    spread: float
    commit_ms: float


def measure(stage: Stage) -> None:
    """Print the part of the table that needs servers."""
    heading("durable, on this disk")
    feed = round_trips(symbols(SYMBOLS), DAYS[:SESSIONS])
    before = _yardstick(stage, "before")
    rates = [_decided_per_second(stage, feed, number) for number in range(ROUNDS)]
    after = _yardstick(stage, "after")
    _say_rates(rates, before, after)
    _say_manual(stage, min(before.commit_ms, after.commit_ms))


def _yardstick(stage: Stage, name: str) -> Yardstick:
    database = stage.postgres.create(f"pgbench_{name}")
    pgbench.prepare(database)
    return Yardstick(
        pgbench.orders_per_second(database, stage.folder, 1, PGBENCH_S),
        pgbench.orders_per_second(database, stage.folder, 1_000, PGBENCH_S),
        pgbench.commit_ms(database, stage.folder, PGBENCH_S // 2),
    )


def _decided_per_second(stage: Stage, feed: Sequence[Input], number: int) -> float:
    """Orders accepted or refused per second, from the first input's receipt to the last commit.

    Every signal of the feed becomes one order and, but for the last session's, one fill with its
    ledger lines; all inputs wait in the stream before the core starts, and events are published.
    """
    stage.nats.clear()
    send(stage.nats.url, as_messages(feed, ACCOUNT))
    database = stage.database(f"orders_{number}")
    with running(stage.core(database)) as core, psycopg.connect(database.owner_url) as connection:
        connection.autocommit = True
        until(lambda: core.child.running() and _head(connection) > len(feed), "orders", WITHIN_S)
        seconds, orders = _span(connection)
    return orders / seconds


def _head(connection: psycopg.Connection[Any]) -> int:
    query = "SELECT coalesce(max(seq), 0) FROM engine_state WHERE account = %s"
    row = connection.execute(query, (ACCOUNT,)).fetchone()
    return int(row[0]) if row else 0


def _span(connection: psycopg.Connection[Any]) -> tuple[float, int]:
    """Seconds from the first input until now, and the orders that were decided."""
    query = """SELECT extract(epoch FROM clock_timestamp() - min(received_at)) FROM journal
        WHERE account = %s AND kind <> 'open_account.v1'"""
    (seconds,) = connection.execute(query, (ACCOUNT,)).fetchone() or (0,)
    query = "SELECT count(*) FROM orders WHERE account = %s"
    (orders,) = connection.execute(query, (ACCOUNT,)).fetchone() or (0,)
    return float(seconds), int(orders)


def _say_rates(rates: list[float], before: Yardstick, after: Yardstick) -> None:
    hot, spread = max(before.hot, after.hot), max(before.spread, after.spread)
    what = f"{SYMBOLS} symbols x {SESSIONS} sessions, each a decided order and its fill"
    say("pgbench, 32 clients, an order as 5 statements, one account row", f"{hot:,.0f}/s")
    say("pgbench, the same over 1,000 account rows", f"{spread:,.0f}/s")
    say(f"{what}; all rounds", ", ".join(f"{rate:,.0f}/s" for rate in rates))
    best = max(rates)
    at_least("order decisions, best round, against pgbench on one row", best, 2 * hot, "/s")
    at_least("order decisions, best round, against 1,000 rows", best, 2 * spread, "/s")
    scaled = REFERENCE_ORDERS * spread / REFERENCE_PGBENCH
    at_least("the same, 5,000/s where pgbench reaches 2,800/s", best, scaled, "/s")


def _say_manual(stage: Stage, commit_ms: float) -> None:
    stage.nats.clear()
    database = stage.database("manual")
    quiet = session(DAYS[0], dict.fromkeys(symbols(SYMBOLS), "0"))
    send(stage.nats.url, as_messages(quiet, ACCOUNT))
    with running(stage.core(database)) as core:
        core.wait_until_closed(DAYS[0], ACCOUNT)
        found = sorted(_manual_ms(core, number) for number in range(MANUAL_ORDERS))
    say("one committed insert, pgbench, 1 client", f"{commit_ms:.2f} ms")
    p50 = statistics.median(found)
    what = f"manual order over HTTP, {SYMBOLS} symbols known, {MANUAL_ORDERS} in a row, p50"
    at_most(what, p50, 3 * commit_ms + 5, "ms")
    say("manual order over HTTP, p99", f"{found[int(0.99 * len(found))]:.1f} ms")


def _manual_ms(core: RunningCore, number: int) -> float:
    """From the command to its committed answer."""
    body = {
        "account": ACCOUNT,
        "symbol": f"S{number % SYMBOLS:04d}",
        "side": "buy",
        "quantity": "1",
        "client_order_id": f"bench-{number}",
    }
    began = time.perf_counter()
    answer = core.http.post("/api/v1/orders", json=body)
    took = time.perf_counter() - began
    assert answer.status_code == 201, answer.text
    return 1_000 * took
