"""Proof: whatever is delivered again, and in whatever order, changes nothing.

Keep out: kills (kills.py); here every process runs undisturbed.
"""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from nats.js import JetStreamContext
from psycopg import sql

from router import streams, subjects
from router.client import connected, fetch, publish
from router.outgoing import Outgoing
from tests.proof import feed
from tests.proof.result import Form, Result
from tests.proof.stage import Stage, quickened, servers, stage
from tests.servers import until

PROMISE = "The whole stream delivered again, and in another order, changes nothing"
CHUNKS = {Form.SHORT: 40, Form.FULL: 400, Form.LONG: 2_000}
READ = 500

Snapshot = dict[str, str]


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Trade a feed, deliver all of it again in three ways, and compare every table after each."""
    began = time.monotonic()
    with quickened(), servers(folder) as running, stage(running, seed) as at:
        _trade(at, CHUNKS[form])
        before, inputs = snapshot(at), at.board["head"]
        delivered, changed = {}, dict[str, list[str]]()
        for name, again in WAYS.items():
            delivered[name] = again(at)
            after = snapshot(at)
            changed[name] = sorted(t for t in before if before[t] != after[t])
    count, wrong = sum(delivered.values()), sum(map(len, changed.values()))
    return Result(
        PROMISE,
        f"{count:,} messages again over {inputs:,} inputs: {wrong} tables or streams changed, "
        f"{sum('orders' in tables for tables in changed.values())} with new orders",
        not wrong and min(delivered.values()) > 0,
        time.monotonic() - began,
        {"delivered again": delivered, "changed": changed},
    )


def _trade(at: Stage, chunks: int) -> None:
    at.open_account()
    at.start_services()
    at.feeder()
    at.board["wanted"] = chunks
    while at.board["published"] < chunks:
        time.sleep(0.01)
    at.settle()


def snapshot(at: Stage) -> Snapshot:
    """A digest of every table's rows, but for signs of life, and the length of what was told."""
    found: Snapshot = {"stream EVENTS": str(at.stored(subjects.EVENTS_STREAM))}
    with psycopg.connect(at.database.owner_url) as connection:
        tables = connection.execute(
            """SELECT tablename FROM pg_tables WHERE schemaname = 'public'
               AND tablename NOT IN ('leases', 'replicas') ORDER BY tablename"""
        ).fetchall()
        for (table,) in tables:
            statement = sql.SQL(
                "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
            ).format(sql.Identifier(table))
            row = connection.execute(statement).fetchone()
            found[table] = str(row)
    return found


def _to_the_core(at: Stage) -> int:
    """A new consumer that begins at the first message of INPUTS."""
    return _consume_again(at, subjects.INPUTS_STREAM, f"core-{feed.ACCOUNT}")


def _to_the_router(at: Stage) -> int:
    """A new consumer that begins at the first message of REPLAY."""
    return _consume_again(at, subjects.REPLAY_STREAM, streams.ROUTER_CONSUMER)


def _consume_again(at: Stage, stream: str, consumer: str) -> int:
    """Kill the services, delete a consumer, start again; says how many messages it delivered."""

    async def delete() -> None:
        async with connected(at.servers.nats.url, "proof") as connection:
            await connection.js.delete_consumer(stream, consumer)

    at.kill_services()
    asyncio.run(delete())
    at.start_services()
    until(lambda: at.delivered(stream, consumer) >= at.stored(stream), f"{consumer} to take all")
    at.settle()
    return at.delivered(stream, consumer)


def _shuffled_under_other_ids(at: Stage) -> int:
    """Every input of the account published again, shuffled, as messages that JetStream takes."""

    async def work() -> int:
        async with connected(at.servers.nats.url, "proof") as connection:
            found = await _read_all(connection.js)
            random.Random(at.seed).shuffle(found)
            published = await publish(connection.js, found)
            return published.stored

    stored = asyncio.run(work())
    at.settle()
    return stored


async def _read_all(js: JetStreamContext) -> list[Outgoing]:
    subscription = await js.pull_subscribe(subjects.ALL_INPUTS, stream=subjects.INPUTS_STREAM)
    left = (await subscription.consumer_info()).num_pending or 0
    found: list[Outgoing] = []
    while left:
        batch = await fetch(subscription, READ, 5.0)
        if not batch:
            raise TimeoutError(f"{left} inputs did not arrive")
        for message in batch:
            await message.ack()
            found.append(Outgoing(message.subject, message.data, f"shuffled:{len(found)}"))
        left = batch[-1].metadata.num_pending
    await subscription.unsubscribe()
    return found


WAYS: dict[str, Callable[[Stage], int]] = {
    "to the core by a new consumer": _to_the_core,
    "to the router by a new consumer": _to_the_router,
    "shuffled, under other message ids": _shuffled_under_other_ids,
}
"""How everything comes again; each says how many messages did."""
