"""Proof: what nats-server acknowledged survives a power cut.

Publishes with acknowledgements to a nats-server whose files lie on a file system that loses what
was not synced, kills it with publishes under way, cuts, starts it again, and counts.
Keep out: the file system (powercut_fs.py).
"""

import asyncio
import importlib.util
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from router import streams, subjects
from router.client import connected, fetch
from router.messages import digest
from tests.proof.result import Form, NotRunError, Result
from tests.servers import Child, NatsServer, until

PROMISE = "No acknowledged signal is lost in a power cut"
CUTS = {Form.SHORT: 1, Form.FULL: 5, Form.LONG: 50}
ACKNOWLEDGED = 400
"""Messages acknowledged before each cut; more are under way."""

AT_ONCE = 32
DEFAULT_SYNC = "2m"
"""What nats-server does unless told otherwise; the contrast shows that the cut cuts."""


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Cut as often as the form says, and once under nats-server's default."""
    _require_fuse()
    began = time.monotonic()
    with _powered(folder / "always", "always") as machine:
        results = [asyncio.run(machine.round(f"{seed}-{n}")) for n in range(CUTS[form])]
        kept = asyncio.run(machine.stored())
    with _powered(folder / "default", DEFAULT_SYNC) as machine:
        contrast_acked, contrast_kept = asyncio.run(machine.round("contrast"))
    acked, found = sum(r[0] for r in results), sum(r[1] for r in results)
    lost = max(acked - found, acked - kept)
    return Result(
        PROMISE,
        f"{len(results)} cuts: {lost} of {acked:,} acknowledged messages lost; with nats-server's "
        f"default instead of sync_interval always, {contrast_acked - contrast_kept} of "
        f"{contrast_acked} lost",
        lost == 0 and contrast_kept < contrast_acked,
        time.monotonic() - began,
        {"by cut": results, "stored in the end": kept},
    )


def _require_fuse() -> None:
    if importlib.util.find_spec("fuse") is None:
        raise NotRunError("the package fusepy is not installed: install the extra `proof`")
    if not Path("/dev/fuse").exists() or shutil.which("fusermount") is None:
        raise NotRunError("this machine has no FUSE 2: install libfuse2 and fuse")
    try:
        importlib.import_module("fuse")
    except OSError as error:
        raise NotRunError(f"libfuse 2 cannot be loaded: {error}") from error


class Machine:
    """A nats-server on a file system of its own, and the switch of its power."""

    def __init__(self, server: NatsServer, filesystem: Child) -> None:
        self._server, self._filesystem = server, filesystem

    async def round(self, name: str) -> tuple[int, int]:
        """Publish, cut, start again; says how many were acknowledged and how many are there."""
        subject = subjects.replay(name, "signal", "powercut")
        async with connected(self._server.url, "proof") as connection:
            await streams.ensure(connection.js)
        acknowledged = await self._publish_until_cut(subject)
        try:
            self._server.start()
        except TimeoutError:  # it runs, and says that its streams cannot be read any more
            return len(acknowledged), 0
        return len(acknowledged), len(acknowledged & await self._found(subject))

    async def stored(self) -> int:
        """Messages of all rounds."""
        async with connected(self._server.url, "proof") as connection:
            info = await connection.js.stream_info(subjects.REPLAY_STREAM)
            return info.state.messages

    async def _publish_until_cut(self, subject: str) -> set[bytes]:
        """Publish many at once; the power goes as soon as enough are acknowledged."""
        acknowledged: set[bytes] = set()
        connection = Client()
        await connection.connect(self._server.url, allow_reconnect=False, error_cb=_expected)
        js = connection.jetstream()
        senders = [
            asyncio.create_task(_send(js, subject, sender, acknowledged))
            for sender in range(AT_ONCE)
        ]
        while len(acknowledged) < ACKNOWLEDGED:  # noqa: ASYNC110 - any of them may be the last
            await asyncio.sleep(0.001)
        self._server.kill()
        self._cut()
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        return acknowledged

    def _cut(self) -> None:
        assert self._filesystem.process is not None
        self._filesystem.process.send_signal(signal.SIGUSR1)

    async def _found(self, subject: str) -> set[bytes]:
        async with connected(self._server.url, "proof") as connection:
            await streams.ensure(connection.js)  # the stream itself may be what was lost
            subscription = await connection.js.pull_subscribe(
                subject, stream=subjects.REPLAY_STREAM
            )
            found: set[bytes] = set()
            while batch := await fetch(subscription, ACKNOWLEDGED, 0.5):
                found |= {bytes(message.data) for message in batch}
                for message in batch:
                    await message.ack()
            return found


async def _expected(_error: Exception) -> None:
    """The connection ends with the server."""


async def _send(js: JetStreamContext, subject: str, sender: int, acknowledged: set[bytes]) -> None:
    number = 0
    while True:
        payload = digest(str(sender), str(number)).encode()
        try:
            await js.publish(subject, payload, timeout=5)
        except (NatsError, TimeoutError, OSError):
            return
        acknowledged.add(payload)
        number += 1


@contextmanager
def _powered(folder: Path, sync_interval: str) -> Iterator[Machine]:
    """A started nats-server whose store is on the file system; config and log are not."""
    disk, mount = folder / "disk", folder / "store"
    for each in (disk, mount):
        each.mkdir(parents=True)
    words = [sys.executable, "-m", "tests.proof.powercut_fs", str(disk), str(mount)]
    filesystem = Child(words, folder / "filesystem.log")
    filesystem.start()
    server = NatsServer(folder, sync_interval)
    try:
        until(lambda: filesystem.running() and mount.is_mount(), "the file system")
        server.start()
        yield Machine(server, filesystem)
    finally:
        server.kill()
        subprocess.run(["fusermount", "-u", "-z", str(mount)], check=False)
        filesystem.terminate()
