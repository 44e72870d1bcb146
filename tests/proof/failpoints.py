"""Places in a process's work where it kills itself with SIGKILL, put there right after the fork.

Belongs here: which places, and how the code that runs there is wrapped. Nothing of this is in the
code that users run.
Keep out: choosing a place and counting kills (campaign.py).
"""

import functools
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from psycopg import AsyncTransaction

import execution.outbox
import execution.store
import router.service
from router.messages import Signal
from tests.proof.board import Board


@dataclass
class Trigger:
    """Kills this process when it is reached for the `nth` time."""

    board: Board
    slot: str
    number: int
    nth: int

    def __call__(self) -> None:
        self.nth -= 1
        if self.nth == 0:
            self.board[self.slot] = self.number
            os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, hook: Callable[..., object]) -> None:
    """Call `hook` with the same arguments before an async function runs."""
    original = getattr(owner, name)

    @functools.wraps(original)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        hook(*args, **kwargs)
        return await original(*args, **kwargs)

    setattr(owner, name, wrapped)


def after(owner: Any, name: str, hook: Callable[..., object]) -> None:
    """Call `hook` with the same arguments once an async function has returned."""
    original = getattr(owner, name)

    @functools.wraps(original)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        hook(*args, **kwargs)
        return result

    setattr(owner, name, wrapped)


def _any(trigger: Trigger) -> Callable[..., None]:
    return lambda *_args, **_kwargs: trigger()


def _inside_transaction(trigger: Trigger) -> None:
    """Everything is written, events among it, and COMMIT is not sent."""
    writing: list[object] = []

    def began(*args: Any) -> None:
        writing[:] = [args[0]] if args[6] else []

    def ends(transaction: AsyncTransaction, *_args: object) -> None:
        if transaction.connection in writing:
            trigger()

    before(execution.store, "commit", began)
    before(AsyncTransaction, "__aexit__", ends)


def _inside_set(trigger: Trigger) -> None:
    """The batch ends with a signal, so the rest of its set is still under way."""

    def committed(*args: Any) -> None:
        if isinstance(args[4][-1].item, Signal):
            trigger()

    after(execution.store, "commit", committed)


def _while_publishing(trigger: Trigger) -> None:
    """Some of the outbox's messages are sent, none is deleted."""

    def sent(_js: object, subject: str, *_args: object, **_kwargs: object) -> None:
        if subject.startswith("events" + "."):
            trigger()

    after(JetStreamContext, "publish", sent)


@dataclass(frozen=True)
class FailPoint:
    """A place: its name in the report, its process, and how often it may be passed at `most`."""

    name: str
    process: str
    most: int
    install: Callable[[Trigger], None]


POINTS = (
    FailPoint("before commit", "core", 4, lambda t: before(execution.store, "commit", _any(t))),
    FailPoint("inside the transaction", "core", 4, _inside_transaction),
    FailPoint(
        "after commit, before acknowledgement",
        "core",
        4,
        lambda t: after(execution.store, "commit", _any(t)),
    ),
    FailPoint("between acknowledgements", "core", 30, lambda t: after(Msg, "ack", _any(t))),
    FailPoint("inside a set", "core", 3, _inside_set),
    FailPoint(
        "outbox before publish", "core", 3, lambda t: before(execution.outbox, "publish", _any(t))
    ),
    FailPoint("outbox while publishing", "core", 20, _while_publishing),
    FailPoint(
        "outbox after publish, before delete",
        "core",
        3,
        lambda t: after(execution.outbox, "publish", _any(t)),
    ),
    FailPoint(
        "router before publish",
        "router",
        3,
        lambda t: before(router.service, "publish_each", _any(t)),
    ),
    FailPoint(
        "router after publish, before acknowledgement",
        "router",
        3,
        lambda t: after(router.service, "publish_each", _any(t)),
    ),
    FailPoint(
        "router between acknowledgements", "router", 30, lambda t: after(Msg, "ack", _any(t))
    ),
)


def draw(chance: random.Random, process: str, names: tuple[str, ...] = ()) -> tuple[int, int]:
    """The number of a place in that process (from 1) and at which passing it kills."""
    fitting = [
        (number, point)
        for number, point in enumerate(POINTS, 1)
        if point.process == process and (not names or point.name in names)
    ]
    number, point = chance.choice(fitting)
    return number, chance.randint(1, point.most)


def arm(board: Board, number: int, nth: int) -> None:
    """Make this process kill itself there."""
    point = POINTS[number - 1]
    point.install(Trigger(board, f"{point.process}_fired", number, nth))
