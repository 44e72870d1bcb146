"""Proof: once the kill switch's row is committed, no order that was decided without it is.

Every turn reads the journal's head inside its own transaction, under the lock that commits share:
rows up to it were committed before the turn, rows after it were not begun to be committed.
Keep out: the switch under single faults (tests/execution/test_kill_switch.py).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

import psycopg

from execution import kill_switch, verify
from router.client import connected, publish
from tests.execution.running import RunningCore, as_messages, running, send
from tests.proof import feed
from tests.proof.api_client import WHO, Client, clients
from tests.proof.result import Form, Result
from tests.proof.stage import Servers, servers

PROMISE = (
    "From the commit of the kill switch on, under load from connections and signals, no order is "
    "accepted; the turn waits for less than 250 ms (p99)"
)
TURNS = {Form.SHORT: 20, Form.FULL: 100, Form.LONG: 1_000}
CONNECTIONS = 4
WITHIN_MS = 250
ACCOUNT = feed.ACCOUNT
WIDE = {
    "orders_per_minute": 10**9,
    "max_open_orders": 10**9,
    "open_order_notional": "1000",
    "drawdown": "1",
    "daily_loss": "1",
    "duplicate_window_seconds": 0,
    "price_collar": "0.99",
}
"""So that nothing but the switch refuses the load."""


@dataclass
class Turns:
    """The journal rows between each turn on and the next turn off, and how long turns took."""

    closed: list[tuple[int, int]] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Turn it as often as the form says, and look for orders between on and off."""
    began = time.monotonic()
    with servers(folder) as at, running(_core(at, folder)) as core:
        turns = asyncio.run(_campaign(at, core, TURNS[form], seed))
        orders = _orders(core, turns)
        sound = verify.verify(core.database.app_url).sound
    waits = sorted(turns.waits_ms)
    p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    held = not orders["accepted while engaged"] and sound and p99 < WITHIN_MS
    loaded = orders["refused while engaged"] > 0 and orders["accepted while released"] > 0
    return Result(
        PROMISE,
        f"{len(turns.closed):,} turns, {orders.total():,} orders, "
        f"{orders['accepted while engaged']} accepted after the commit; "
        f"wait p50 {waits[len(waits) // 2]:.0f} ms, p99 {p99:.0f} ms",
        held and loaded,
        time.monotonic() - began,
        {**orders, "longest wait in ms": round(waits[-1], 1), "verify": sound},
    )


def _core(at: Servers, folder: Path) -> RunningCore:
    database = at.postgres.create("proof_kill_switch", at.template)
    at.nats.clear()
    return RunningCore(database, at.nats.url, folder)


async def _campaign(at: Servers, core: RunningCore, turns: int, seed: int) -> Turns:
    days = feed.sessions(seed)
    first = next(days)
    await asyncio.to_thread(send, at.nats.url, as_messages(first, ACCOUNT))
    await asyncio.to_thread(core.wait_until_closed, first[0].session)
    stop = asyncio.Event()
    async with clients(core.port, core.token, CONNECTIONS + 1) as connections:
        control, *load = connections
        await _prepare(control)
        async with asyncio.TaskGroup() as group:
            for number, client in enumerate(load):
                group.create_task(_place_orders(client, number, stop))
            group.create_task(_send_sessions(at.nats.url, days, control, stop))
            found = await _turn(core, turns, random.Random(f"turns:{seed}"))
            stop.set()
    return found


async def _prepare(control: Client) -> None:
    wide = {"account": ACCOUNT, "version": 1, "changes": WIDE}
    await control.ok("POST", "/api/v1/limits", WHO | wide)
    cash = {"account": ACCOUNT, "sleeve": "manual", "amount": "100000000", "reason": "proof"}
    await control.ok("POST", "/api/v1/cash", cash)


async def _place_orders(client: Client, number: int, stop: asyncio.Event) -> None:
    """Small orders that never fill and end with the session."""
    for n in count():
        if stop.is_set():
            return
        order = {"account": ACCOUNT, "symbol": "AAPL", "side": "buy", "quantity": "1"}
        order |= {"type": "limit", "limit_price": "5.00", "client_order_id": f"load-{number}-{n}"}
        await client.ask("POST", "/api/v1/orders", order)


async def _send_sessions(
    url: str, days: Iterator[list[Any]], control: Client, stop: asyncio.Event
) -> None:
    async with connected(url, "proof") as connection:
        while not stop.is_set():
            chunk = [item for day in islice(days, 2) for item in day]
            await publish(connection.js, as_messages(chunk, ACCOUNT))
            last = str(chunk[-1].session)
            while not stop.is_set():
                told = await control.ok("GET", f"/api/v1/account?account={ACCOUNT}")
                if told["closed_session"] == last:
                    break
                await asyncio.sleep(0.02)


async def _turn(core: RunningCore, turns: int, chance: random.Random) -> Turns:
    found = Turns()
    url = core.database.app_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for _ in range(turns):
            await asyncio.sleep(chance.uniform(0.05, 0.3))
            on = await _turned(connection, found, engaged=True)
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            found.closed.append((on, await _turned(connection, found, engaged=False)))
    return found


async def _turned(connection: kill_switch.Connection, found: Turns, *, engaged: bool) -> int:
    """Turn it, and return the journal's last row before that."""
    began = time.monotonic()
    async with connection.transaction():
        await kill_switch.turn(connection, None, engaged=engaged, reason="proof", by="proof")
        cursor = await connection.execute(
            "SELECT seq FROM engine_state WHERE account = %s", (ACCOUNT,)
        )
        row = await cursor.fetchone()
    found.waits_ms.append(1000 * (time.monotonic() - began))
    assert row is not None
    return int(row[0])


def _orders(core: RunningCore, turns: Turns) -> Counter[str]:
    """How orders ended, by whether the switch was engaged when they were committed."""
    found: Counter[str] = Counter()
    with psycopg.connect(core.database.app_url) as connection:
        rows = connection.execute(
            "SELECT seq, code FROM orders WHERE account = %s ORDER BY seq", (ACCOUNT,)
        ).fetchall()
    closed = iter(turns.closed)
    on, off = next(closed)
    for seq, code in rows:
        while seq > off:
            on, off = next(closed, (2**63, 2**63))
        ended = "accepted" if code is None else "refused"
        found[f"{ended} while {'engaged' if seq > on else 'released'}"] += 1
    return found
