"""Deliberately wrong designs of the trading core, to see whether the proofs notice them.

Belongs here: for each, what makes a core wrong right after the fork, and what its database lacks.
Keep out: killing and judging (mutants.py). Nothing of this is in the code that users run.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
import redis
from nats.js import JetStreamContext

import execution.outbox
import execution.store
from execution.domain import engine
from execution.domain.inputs import OpenAccount, decode_input
from execution.domain.state import Inbox, State
from execution.processor import Processor
from execution.store import Loaded
from router.client import publish
from router.messages import InvalidMessageError, decode
from tests.proof.failpoints import before

Wrap = Callable[..., Any]


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(original)` in the place of a function."""
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(make(original)))


def acknowledge_first(_valkey: str) -> None:
    """Acknowledges a batch before it is committed."""

    def make(process: Wrap) -> Wrap:
        async def wrong(self: Processor, messages: list) -> None:
            for message in messages:
                await message.ack_sync()
            await process(self, [_Acknowledged(m) for m in messages])

        return wrong

    replace(Processor, "process", make)


class _Acknowledged:
    """A message that was acknowledged already."""

    def __init__(self, message: Any) -> None:
        self.data, self.subject, self.metadata = message.data, message.subject, message.metadata

    async def ack(self) -> None:
        """Done before."""

    async def ack_sync(self) -> None:
        """The same, where the batch is taken again."""


def remember_in_valkey(valkey: str) -> None:
    """Recognises what was delivered before by SETNX in Valkey instead of by the journal."""
    cache = redis.Redis.from_url(valkey)

    def make(process: Wrap) -> Wrap:
        async def wrong(self: Processor, messages: list) -> None:
            known = [not cache.setnx(f"seen:{_input_id(m.data)}", 1) for m in messages]
            for message, old in zip(messages, known, strict=True):
                if old:
                    await message.ack()
            await process(self, [m for m, old in zip(messages, known, strict=True) if not old])

        return wrong

    replace(Processor, "process", make)


def _input_id(payload: bytes) -> str:
    try:
        return str(getattr(decode(payload), "input_id", payload))
    except InvalidMessageError:
        return repr(payload)


def know_nothing(_valkey: str) -> None:
    """Asks the journal for nothing that it has."""

    def make(intake: Wrap) -> Wrap:
        async def wrong(*args: Any) -> Any:
            return (await intake(*args))._replace(known=frozenset())

        return wrong

    replace(execution.store, "intake", make)


def trust_the_order(_valkey: str) -> None:
    """Takes bars that arrive as the end of the session before, whatever is missing of it."""

    def make(handle: Wrap) -> Wrap:
        def wrong(
            state: State, inbox: Inbox, seq: int, item: Any, at: Any = None
        ) -> tuple[Any, ...]:
            effects = handle(state, inbox, seq, item, at)
            while (deadline := engine.held_up(state, inbox)) is not None:
                effects += handle(state, inbox, seq, deadline)
            return tuple(effects)

        return wrong

    replace(engine, "handle", make)


def tell_first(_valkey: str) -> None:
    """Publishes events, and only then commits what they tell."""
    found: list[JetStreamContext] = []
    before(execution.outbox.Publisher, "run", lambda publisher, *_: found.append(publisher._js))

    def make(commit: Wrap) -> Wrap:
        async def wrong(*args: Any) -> None:
            *others, outbox = args
            await publish(found[0], outbox)
            await commit(*others, [])

        return wrong

    replace(execution.store, "commit", make)


def decide_again(_valkey: str) -> None:
    """After a start decides the journal's inputs anew, by an engine with other costs."""

    def make(load: Wrap) -> Wrap:
        async def wrong(connection: Any, account: str) -> Loaded:
            loaded: Loaded = await load(connection, account)
            cursor = await connection.execute(
                "SELECT seq, input FROM journal WHERE account = %s ORDER BY seq", (account,)
            )
            state, inbox = State(), Inbox()
            for seq, payload in await cursor.fetchall():
                engine.handle(state, inbox, seq, _upgraded(decode_input(payload)))
            await connection.commit()
            return Loaded(loaded.head, state, inbox)

        return wrong

    replace(execution.store, "load", make)


def _upgraded(item: Any) -> Any:
    if not isinstance(item, OpenAccount):
        return item
    costs = item.config.costs
    dearer = msgspec.structs.replace(costs, slippage=2 * costs.slippage)
    return OpenAccount(config=msgspec.structs.replace(item.config, costs=dearer))


UNIQUE = """SELECT conrelid::regclass::text, conname FROM pg_constraint
    WHERE contype IN ('p', 'u', 'f') AND conrelid IN ('journal'::regclass,
        'dispositions'::regclass, 'orders'::regclass, 'fills'::regclass, 'ledger'::regclass,
        'equity'::regclass)
    ORDER BY contype"""


def drop_unique_keys(owner_url: str) -> None:
    """Take from the journal and from what follows from it every key that refuses a repetition."""
    with psycopg.connect(owner_url) as connection:
        for table, name in connection.execute(UNIQUE).fetchall():
            connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        connection.execute("DROP INDEX IF EXISTS one_execution")


def leave_schema(_owner_url: str) -> None:
    """Most variants are wrong in code alone."""


@dataclass(frozen=True)
class Mutant:
    """A wrong design; `points` are the gaps in which it shows, and `prepare` gets the database."""

    name: str
    install: Callable[[str], None]
    points: tuple[str, ...]
    prepare: Callable[[str], None] = leave_schema


RIGHT = Mutant("as it is", lambda _valkey: None, ("before commit", "inside a set"))
"""What runs beside the wrong ones, to see that it is not the harness that is noticed."""

MUTANTS = (
    Mutant("acknowledge before commit", acknowledge_first, ("before commit",)),
    Mutant("deduplicate in Valkey", remember_in_valkey, ("before commit",)),
    Mutant(
        "no unique key",
        know_nothing,
        ("after commit, before acknowledgement",),
        drop_unique_keys,
    ),
    Mutant("trust the order of arrival", trust_the_order, ("inside a set", "before commit")),
    Mutant("publish the outbox before commit", tell_first, ("inside the transaction",)),
    Mutant(
        "decide again after an upgrade", decide_again, ("after commit, before acknowledgement",)
    ),
)
