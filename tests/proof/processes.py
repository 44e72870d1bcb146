"""The system's processes, forked from one that has imported them: a start costs milliseconds.

Belongs here: forking, and what a child runs: the services' own entry functions.
Keep out: when a process is killed (campaign.py), and servers (stage.py).
"""

import asyncio
import ctypes
import gc
import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import execution.service
import execution.settings
import execution.store
import execution.writer
import router.service
import router.settings
from execution.processor import Processor
from router import streams
from router.client import connected, publish
from router.outgoing import Outgoing
from tests.proof.board import Board
from tests.proof.failpoints import after, before

POLL_S = 0.005
IMPORTED_LATE = (
    "anyio._backends._asyncio",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""What the services import while they start; done here, once, before the first fork."""

PR_SET_PDEATHSIG = 1


@dataclass
class Forked:
    """A child process; `status` is its wait status once it has ended."""

    pid: int
    status: int | None = None

    def ended(self) -> bool:
        """Whether it runs no more."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            _, self.status = os.waitpid(self.pid, 0)

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return (
            self.status is not None
            and os.WIFSIGNALED(self.status)
            and os.WTERMSIG(self.status) == signal.SIGKILL
        )


def fork(work: Callable[[], Awaitable[None]], log: Path) -> Forked:
    """Run `work` on an event loop of its own in a child that ends with this process."""
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    gc.freeze()
    pid = os.fork()
    if pid:
        return Forked(pid)
    status = 1
    try:
        _become_child(log)
        asyncio.run(work())  # type: ignore[arg-type]
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may come back from a child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _become_child(log: Path) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(process)d %(message)s", force=True
    )


def serve_core(settings: execution.settings.Settings, board: Board) -> Awaitable[None]:
    """The trading core, which tells the board how far it is."""

    def began(_self: Processor, messages: list) -> None:
        if messages:
            board.add("core_batches")
            board.add("redelivered", sum(m.metadata.num_delivered > 1 for m in messages))

    def committed(*args: object, **_kwargs: object) -> None:
        board["head"] = args[3][-1][0].seq  # type: ignore[index]

    before(Processor, "process", began)
    after(execution.store, "commit", committed)
    return execution.service.serve(settings)


def serve_router(settings: router.settings.Settings, board: Board) -> Awaitable[None]:
    """The central router, which tells the board when it works."""

    def began(*_args: object) -> None:
        board.add("router_batches")

    before(router.service, "route_batch", began)
    return router.service.run(settings, asyncio.Event())


async def send_feed(url: str, chunks: Iterable[list[Outgoing]], board: Board) -> None:
    """Send chunks of a feed for as long as the board wants more; it is never killed."""
    async with connected(url, "feeder") as connection:
        await streams.ensure(connection.js)
        for number, chunk in enumerate(chunks):
            while board["wanted"] <= number:  # noqa: ASYNC110 - another process says when
                await asyncio.sleep(POLL_S)
            await publish(connection.js, chunk)
            board["messages"] += len({message.payload for message in chunk})
            board["published"] = number + 1
