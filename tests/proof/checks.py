"""What must hold of a database and a JetStream after a run, counted.

Belongs here: each violation has a name and a count; a sound run has none.
Keep out: what was done to the run.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator

import psycopg

from execution import events, verify
from execution.domain.effects import decode_effects
from execution.domain.inputs import decode_input
from execution.hashing import JournalRow
from execution.store import Decided, Head
from router import subjects
from router.client import connected, fetch
from tests.proof import feed
from tests.proof.stage import Stage

READ = 1_000


def violations(
    stage: Stage,
    sessions: int,
    dead_letters: int = 0,
    symbols: tuple[str, ...] = feed.SYMBOLS,
) -> Counter[str]:
    """Everything that is wrong with a settled run over so many sessions of its feed.

    `dead_letters` is how many messages nobody could read; one that is delivered twice may be kept
    twice, and where there was none, every dead letter is a good message.
    """
    wanted = feed.expected(stage.seed, sessions, symbols)
    found: Counter[str] = Counter()
    with psycopg.connect(stage.database.app_url) as connection:
        found += _dispositions(connection, wanted)
        found += _journal(connection, wanted)
        found["unbalanced transactions"] += _count(connection, UNBALANCED)
        found["messages left in the outbox"] += _count(connection, "SELECT count(*) FROM outbox")
        dead = _count(connection, "SELECT count(*) FROM dead_letters WHERE detail <> ''")
    dead += stage.stored(subjects.DEAD_STREAM)
    found["dead letters missing"] += max(0, dead_letters - dead)
    found["good messages in the dead letters"] += 0 if dead_letters else dead
    found += _books(stage, wanted)
    found += _events(stage)
    return +found


def _dispositions(connection: psycopg.Connection, wanted: feed.Expected) -> Counter[str]:
    rows = connection.execute(
        "SELECT signal_id, count(*) FROM dispositions GROUP BY signal_id"
    ).fetchall()
    disposed = {signal_id for signal_id, _ in rows}
    return Counter(
        {
            "signals lost": len(wanted.signal_ids - disposed),
            "signals from nowhere": len(disposed - wanted.signal_ids),
            "signals disposed twice": sum(count > 1 for _, count in rows),
            "signals executed twice": _count(connection, EXECUTED_TWICE),
            "orders twice for a signal": _count(connection, ORDERED_TWICE),
        }
    )


EXECUTED_TWICE = """SELECT count(*) FROM (
    SELECT FROM dispositions WHERE disposition = 'executed'
    GROUP BY account, strategy, symbol, as_of HAVING count(*) > 1) twice"""
ORDERED_TWICE = """SELECT count(*) FROM (
    SELECT FROM orders WHERE signal_id IS NOT NULL
    GROUP BY account, signal_id HAVING count(*) > 1) twice"""
UNBALANCED = """SELECT count(*) FROM (
    SELECT FROM ledger GROUP BY account, txn_id, currency HAVING sum(amount) <> 0) wrong"""


def _journal(connection: psycopg.Connection, wanted: feed.Expected) -> Counter[str]:
    rows = connection.execute("SELECT input_id FROM journal WHERE kind <> 'open_account.v1'")
    found = Counter(input_id for (input_id,) in rows)
    return Counter(
        {
            "inputs lost": len(wanted.input_ids - found.keys()),
            "inputs from nowhere": len(found.keys() - wanted.input_ids),
            "inputs journalled twice": sum(count > 1 for count in found.values()),
        }
    )


def _books(stage: Stage, wanted: feed.Expected) -> Counter[str]:
    report = verify.verify(stage.database.app_url, verify.Evidence(stage.folder / "heads"))
    (account,) = report.accounts
    return Counter(
        {
            "findings of verify": len(account.findings),
            "other decisions than undisturbed": account.decision_hash != wanted.decision_hash,
        }
    )


def _events(stage: Stage) -> Counter[str]:
    committed = set(_committed_events(stage))
    told = asyncio.run(_told_events(stage.servers.nats.url))
    return Counter(
        {
            "committed events never told": len(committed - told),
            "events told and never committed": len(told - committed),
        }
    )


def _committed_events(stage: Stage) -> Iterator[bytes]:
    """The events that follow from the journal, as the outbox would carry them."""
    with psycopg.connect(stage.database.app_url) as connection, connection.cursor("rows") as cursor:
        cursor.execute(
            """SELECT seq, input_id, kind, input, effects, engine_version, stamped_at, received_at,
                      chain_hash, decision_hash FROM journal ORDER BY seq"""
        )
        for row in cursor:
            journalled, head = JournalRow(*row[:8]), Head(row[0], row[8], row[9])
            decided = Decided(decode_input(row[3]), decode_effects(row[4]), row[6])
            for message in events.of_batch(feed.ACCOUNT, [(journalled, head)], [decided]):
                yield message.payload


async def _told_events(url: str) -> set[bytes]:
    async with connected(url, "proof") as connection:
        subscription = await connection.js.pull_subscribe(
            subjects.ALL_EVENTS, stream=subjects.EVENTS_STREAM
        )
        left = (await subscription.consumer_info()).num_pending or 0
        found: set[bytes] = set()
        while left:
            batch = await fetch(subscription, READ, 5.0)
            if not batch:
                raise TimeoutError(f"{left} events did not arrive")
            found |= {bytes(message.data) for message in batch}
            left = batch[-1].metadata.num_pending
            for message in batch:
                await message.ack()
        return found


def _count(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])
