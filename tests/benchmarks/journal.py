"""What a long journal costs: the time to be ready after a start, and the time of `why`.

Belongs here: building a journal of a million rows as the trading core would, and asking about it.
Keep out: how fast rows are written in earnest (orders.py).
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import psycopg

from execution import store
from execution.domain import engine
from execution.domain.desk import ENGINE_VERSION
from execution.domain.inputs import Input, OpenAccount
from execution.domain.state import Inbox, State
from execution.store import Decided, Head
from tests.benchmarks.report import at_most, heading, say
from tests.benchmarks.stage import ACCOUNT, Stage, config, round_trips, symbols
from tests.execution.books import leased
from tests.execution.factories import signal
from tests.execution.running import RunningCore, running
from tests.servers import Database

SYMBOLS = 500
SESSIONS = 80
BATCH = 5_000
STARTS = 3
QUESTIONS = 1_000
FIRST_DAY = date(2000, 1, 3)


def measure(stage: Stage, rows: int) -> None:
    """Print the part of the table that needs a long journal."""
    heading(f"with {rows:,} journal rows")
    database = stage.database("journal")
    began = time.monotonic()
    fills = asyncio.run(_build(database, rows))
    say("(building it, seconds)", f"{time.monotonic() - began:.0f}", f"{fills:,} fills")
    core = stage.core(database)
    at_most("from start to ready, best", min(_start(core) for _ in range(STARTS)), 5, "s")
    with running(core):
        took = sorted(_why(core, fill) for fill in _random_fills(database))
    say("why over HTTP, p50", f"{took[len(took) // 2]:.1f} ms", f"{len(took):,} random fills")
    at_most("why over HTTP, p99", took[int(0.99 * len(took))], 50, "ms")


async def _build(database: Database, rows: int) -> int:
    """Sessions in which every symbol trades, with signals that came too late between them."""
    state, inbox, head = State(), Inbox(), Head()
    feed = iter(_feed(rows))
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        lease = await leased(connection, config())
        while batch := list(islice(feed, BATCH)):
            decided = [
                Decided(item, engine.handle(state, inbox, seq, item), state.clock)
                for seq, item in enumerate(batch, head.seq + 1)
            ]
            now = datetime.now(UTC)
            written, after = store.journal_rows(head, ACCOUNT, ENGINE_VERSION, decided, now)
            snapshot = store.snapshot(state)
            await store.commit(connection, lease, head, written, decided, snapshot, [])
            head = after
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT count(*) FROM fills").fetchone()
    return int(row[0]) if row else 0


def _feed(rows: int) -> Iterator[Input]:
    days = [FIRST_DAY + timedelta(days=n) for n in range(SESSIONS)]
    late = max(0, rows // SESSIONS - SYMBOLS - 2)
    names = symbols(SYMBOLS)
    traded = round_trips(names, days)
    yield OpenAccount(config=config())
    for number, (previous, _) in enumerate(pairwise([None, *days])):
        yield from traded[number * (SYMBOLS + 2) : (number + 1) * (SYMBOLS + 2)]
        if previous is not None:
            yield from _late(previous, names, late)


def _late(day: date, names: Sequence[str], count: int) -> Iterator[Input]:
    for number in range(count):
        yield signal(day, names[number % len(names)], "0.1", f"late {number}")


def _start(core: RunningCore) -> float:
    """Seconds until it is ready, its process's own start included."""
    began = time.monotonic()
    core.start()
    took = time.monotonic() - began
    core.child.terminate()
    return took


def _random_fills(database: Database) -> list[str]:
    with psycopg.connect(database.owner_url) as connection:
        found = connection.execute("SELECT fill_id FROM fills ORDER BY fill_id").fetchall()
    return random.Random(1).choices([row[0] for row in found], k=QUESTIONS)


def _why(core: RunningCore, fill: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    core.get(f"/api/v1/why/{fill}")
    return 1_000 * (time.perf_counter() - began)
