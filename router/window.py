"""A window of messages on its way to JetStream: all sent at once, all answers awaited together.

One subscription takes the answers of the whole window. A request for each message, as nats-py makes
it, costs about three times the processor time; its `publish_async` hides a server's refusal.
Belongs here: one attempt. Keep out: sending again (client.py).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.api import Header

from router.errors import PublishError
from router.outgoing import Outgoing

STREAM_FULL = 10077
"""JetStream's error code for a stream that takes no more: sending again does not help."""

HTTP_CLIENT_ERRORS = range(400, 500)
NO_STREAM = "nats: no response from stream: no stream takes this subject, or its server is away"


class Refused(msgspec.Struct, frozen=True):
    """JetStream's no, with its codes."""

    code: int
    err_code: int = 0
    description: str = ""


class Acknowledged(msgspec.Struct, frozen=True):
    """JetStream's answer to a message: it is stored, or was already, unless there is an error."""

    duplicate: bool = False
    error: Refused | None = None


Outcome = Acknowledged | PublishError

_decoder = msgspec.json.Decoder(Acknowledged)


async def send(nc: Client, messages: Sequence[Outgoing], within_s: float) -> list[Outcome]:
    """What became of each message, in order; without an answer in time it is a PublishError."""
    answers = _Answers(messages)
    inbox = nc.new_inbox()
    try:
        subscription = await nc.subscribe(f"{inbox}.*", cb=answers.take)
    except (NatsError, OSError) as error:
        return [_failed(message, error) for message in messages]
    try:
        for number, message in enumerate(messages):
            headers = {**message.headers, Header.MSG_ID.value: message.message_id}
            try:
                reply = f"{inbox}.{number}"
                await nc.publish(message.subject, message.payload, reply, headers)
            except (NatsError, OSError) as error:
                answers.settle(number, _failed(message, error))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await answers.complete.wait()
    finally:
        with suppress(NatsError, OSError):
            await subscription.unsubscribe()
    return answers.outcomes(within_s)


class _Answers:
    """The outcomes that are known so far, by the message's number in its window."""

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self._messages = messages
        self._found: dict[int, Outcome] = {}
        self.complete = asyncio.Event()
        if not messages:
            self.complete.set()

    async def take(self, answer: Msg) -> None:
        number = int(answer.subject.rpartition(".")[2])
        self.settle(number, _outcome(self._messages[number], answer))

    def settle(self, number: int, outcome: Outcome) -> None:
        self._found[number] = outcome
        if len(self._found) == len(self._messages):
            self.complete.set()

    def outcomes(self, within_s: float) -> list[Outcome]:
        reason = (
            f"no acknowledgement within {within_s:.0f} s "
            "(a missing permission looks the same: see nats.failed in the log)"
        )
        return [
            self._found.get(number) or _refused(message, reason, permanent=False)
            for number, message in enumerate(self._messages)
        ]


def _outcome(message: Outgoing, answer: Msg) -> Outcome:
    if answer.headers and answer.headers.get(Header.STATUS.value) == "503":
        return _refused(message, NO_STREAM, permanent=False)
    try:
        found = _decoder.decode(answer.data)
    except msgspec.DecodeError as error:
        return _refused(message, f"JetStream's answer cannot be read: {error}", permanent=False)
    if found.error is None:
        return found
    permanent = found.error.err_code == STREAM_FULL or found.error.code in HTTP_CLIENT_ERRORS
    return _refused(message, found.error.description, permanent=permanent)


def _failed(message: Outgoing, error: Exception) -> PublishError:
    return _refused(message, str(error), permanent=isinstance(error, MaxPayloadError))


def _refused(message: Outgoing, reason: str, *, permanent: bool) -> PublishError:
    return PublishError(message.subject, message.message_id, reason, permanent=permanent)
