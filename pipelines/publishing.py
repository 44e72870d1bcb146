"""Messages onto NATS: which subject, which id, and one connection per call.

Keep out: building messages (feed.py) and deciding whether to send them (locks.py).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from router import subjects
from router.client import Published, connected, publish
from router.messages import Bars, Input, Signal
from router.outgoing import Outgoing, outgoing
from router.streams import ensure

Address = Callable[[str, str], str]
"""From a kind (bars, signal, set) and the name of its source or strategy to a subject."""


def to_replay(account: str) -> Address:
    """Subjects of one replay account."""
    return lambda kind, name: subjects.replay(account, kind, name)


def to_live() -> Address:
    """Subjects of every paper and live account."""
    return subjects.live


def address(messages: Iterable[Input], subject_of: Address) -> Iterator[Outgoing]:
    """Each message with its subject, and the id that makes sending it twice harmless."""
    for message in messages:
        yield outgoing(subject_of(*_kind_and_name(message)), message)


def send(nats_url: str, outgoing: Iterable[Outgoing]) -> Published:
    """Publish everything in order and wait until every message is stored."""
    return asyncio.run(_send(nats_url, outgoing))


async def _send(nats_url: str, outgoing: Iterable[Outgoing]) -> Published:
    async with connected(nats_url, "pipelines") as connection:
        await ensure(connection.js)
        return await publish(connection.js, outgoing)


def _kind_and_name(message: Input) -> tuple[str, str]:
    if isinstance(message, Bars):
        return "bars", message.source
    return ("signal" if isinstance(message, Signal) else "set"), message.strategy
