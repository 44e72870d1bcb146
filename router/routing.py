"""Where a message goes; pure.

Belongs here: the decision from (subject, payload, registry) to the accounts' inputs or to a
dead letter with its reason, and how a dead letter is written.
Keep out: NATS, clocks, and what an account does with a message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from router import messages, subjects
from router.messages import Bars, Input, InvalidMessageError, Signal, SignalSet
from router.outgoing import Outgoing, message_id
from router.registry import REPLAY_MODE, Registry, takes

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024 - 16 * 1024
"""What a stream takes in one message, less room for the headers that the router adds."""

MAX_HEADER_CHARACTERS = 500

KINDS: Mapping[str, type[Input]] = {"bars": Bars, "signal": Signal, "set": SignalSet}
"""The word in a subject to the message that belongs there."""


class Reason(StrEnum):
    """Why a message went nowhere."""

    UNDECODABLE = "UNDECODABLE"
    KIND_MISMATCH = "KIND_MISMATCH"
    NAME_MISMATCH = "NAME_MISMATCH"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    MODE_MISMATCH = "MODE_MISMATCH"
    STRATEGY_NOT_TRADED = "STRATEGY_NOT_TRADED"
    SOURCE_NOT_TAKEN = "SOURCE_NOT_TAKEN"
    NO_ACCOUNT = "NO_ACCOUNT"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody can use, and why."""

    reason: Reason
    detail: str


Routing = tuple[Outgoing, ...] | DeadLetter


def route(subject: str, payload: bytes, registry: Registry) -> Routing:
    """One input for each account that takes the message, or a dead letter; never raises."""
    feed = subjects.read_feed(subject)
    if feed is None:
        return DeadLetter(Reason.UNDECODABLE, f"subject {subject} names no feed")
    message = _read(payload)
    if isinstance(message, DeadLetter):
        return message
    misfit = _misfit(feed, message)
    if misfit is not None:
        return misfit
    accounts = _takers(feed.account, message, registry)
    if isinstance(accounts, DeadLetter):
        return accounts
    return tuple(_to_account(account, feed.kind, message, payload) for account in accounts)


def dead_letter(letter: DeadLetter, subject: str, payload: bytes, origin: str) -> Outgoing:
    """The message to the dead-letter stream; `origin` (stream and sequence) makes it unique.

    A payload too large for the stream is left out: `origin` says where it can be read.
    """
    target = subjects.dead(letter.reason)
    headers = {
        "Trading-Reason": letter.reason.value,
        "Trading-Detail": header_value(letter.detail),
        "Trading-Subject": header_value(subject),
        "Trading-Origin": header_value(origin),
    }
    kept = payload if len(payload) <= MAX_PAYLOAD_BYTES else b""
    return Outgoing(target, kept, message_id(target, origin), headers)


def header_value(text: str) -> str:
    """`text` as one line of printable ASCII: what a NATS header can carry."""
    line = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return line[:MAX_HEADER_CHARACTERS].strip() or "-"


def _read(payload: bytes) -> Input | DeadLetter:
    if len(payload) > MAX_PAYLOAD_BYTES:
        detail = f"payload has {len(payload)} bytes and {MAX_PAYLOAD_BYTES} are allowed"
        return DeadLetter(Reason.UNDECODABLE, detail)
    try:
        message = messages.decode(payload)
    except InvalidMessageError as error:
        return DeadLetter(Reason.UNDECODABLE, str(error))
    if isinstance(message, messages.AccountRegistered):
        return DeadLetter(Reason.KIND_MISMATCH, "an account's announcement is no input")
    return message


def _misfit(feed: subjects.Feed, message: Input) -> DeadLetter | None:
    """What the subject claims and the message contradicts."""
    if KINDS.get(feed.kind) is not type(message):
        detail = f"subject says {feed.kind} and the message is a {type(message).__name__}"
        return DeadLetter(Reason.KIND_MISMATCH, detail)
    name = _name(message)
    if name != feed.name:
        detail = f"subject says {feed.name} and the message {name}"
        return DeadLetter(Reason.NAME_MISMATCH, detail)
    return None


def _takers(
    account: str | None, message: Input, registry: Registry
) -> tuple[str, ...] | DeadLetter:
    if account is not None:
        return _replay_taker(account, message, registry)
    names = tuple(each.account for each in registry.live_takers(message))
    if not names:
        return DeadLetter(Reason.NO_ACCOUNT, f"no paper or live account takes {_name(message)}")
    return names


def _replay_taker(name: str, message: Input, registry: Registry) -> tuple[str, ...] | DeadLetter:
    account = registry.find(name)
    if account is None:
        return DeadLetter(Reason.ACCOUNT_UNKNOWN, f"account {name} is not registered")
    if account.mode != REPLAY_MODE:
        detail = f"account {name} is a {account.mode} account and takes no replay"
        return DeadLetter(Reason.MODE_MISMATCH, detail)
    if takes(account, message):
        return (name,)
    if isinstance(message, Bars):
        detail = f"account {name} takes no source {message.source}"
        return DeadLetter(Reason.SOURCE_NOT_TAKEN, detail)
    detail = f"account {name} does not trade strategy {message.strategy}"
    return DeadLetter(Reason.STRATEGY_NOT_TRADED, detail)


def _to_account(account: str, kind: str, message: Input, payload: bytes) -> Outgoing:
    """The sender's very bytes under the account's own subject."""
    subject = subjects.account_input(account, kind)
    return Outgoing(subject, payload, message_id(subject, message.input_id))


def _name(message: Input) -> str:
    return message.source if isinstance(message, Bars) else message.strategy
