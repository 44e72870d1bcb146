"""A message on its way out, as plain data.

Belongs here: `Outgoing` and how its id is made.
Keep out: connections and publishing (client.py), so that pure modules may use it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from router import messages


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes for a subject; the server keeps one of equal `message_id` within two minutes."""

    subject: str
    payload: bytes
    message_id: str
    headers: Mapping[str, str] = field(default_factory=dict)


def message_id(subject: str, input_id: str) -> str:
    """What the server deduplicates by; with the subject, so that one input may go to many."""
    return f"{subject}:{input_id}"


def outgoing(subject: str, message: messages.Input) -> Outgoing:
    """An input for a subject, under the id that every sender of it would use."""
    return Outgoing(subject, messages.encode(message), message_id(subject, message.input_id))


_decoder = msgspec.json.Decoder(list[tuple[str, str, msgspec.Raw]])


def pack(found: Iterable[Outgoing]) -> bytes:
    """Several messages of JSON without headers as one piece of JSON, to be kept for a while."""
    return msgspec.json.encode([(m.subject, m.message_id, msgspec.Raw(m.payload)) for m in found])


def unpack(packed: bytes) -> list[Outgoing]:
    """The messages again, byte for byte and in their order; raises msgspec.DecodeError."""
    return [Outgoing(subject, bytes(raw), key) for subject, key, raw in _decoder.decode(packed)]
