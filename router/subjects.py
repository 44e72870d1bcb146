"""Every NATS subject and stream name, and nothing else.

Belongs here: functions that build or read a subject, and the patterns to subscribe to.
Keep out: connections, stream settings (streams.py), and message contents (messages.py).

    replay.<account>.<kind>.<name>   what a replay account is fed by a pipeline
    live.<kind>.<name>               what paper and live accounts are fed
    inputs.<account>.<kind>          what the router hands to one account
    events.<account>.<kind>          what the trading core did
    registry.account.<account>       the accounts that exist
    dead.<reason>                    what could not be decoded or routed
    router.status                    a request: what the router has done
    agents.<name>                    a request: an analysis, of the agent of that name

`kind` of an input is bars, signal or set; `name` is the source or the strategy.
"""

import re
from typing import NamedTuple

REPLAY_STREAM = "REPLAY"
LIVE_STREAM = "LIVE"
INPUTS_STREAM = "INPUTS"
EVENTS_STREAM = "EVENTS"
REGISTRY_STREAM = "REGISTRY"
DEAD_STREAM = "DEAD"

ALL_REPLAY = "replay.>"
ALL_LIVE = "live.>"
ALL_INPUTS = "inputs.>"
ALL_EVENTS = "events.>"
ALL_REGISTRY = "registry.>"
ALL_DEAD = "dead.>"

ROUTER_STATUS = "router.status"

_TOKEN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")


class InvalidTokenError(ValueError):
    """A name has characters that a NATS subject must not carry: use a-z, 0-9, _ and -."""


class Feed(NamedTuple):
    """What a subject that feeds accounts says; `account` is None on the live feed."""

    account: str | None
    kind: str
    name: str


def replay(account: str, kind: str, name: str) -> str:
    """Where a pipeline sends `kind` (bars, signal, set) of `name` for a replay account."""
    return _join("replay", account, kind, name)


def live(kind: str, name: str) -> str:
    """Where a pipeline sends `kind` of `name` for paper and live accounts."""
    return _join("live", kind, name)


def account_input(account: str, kind: str) -> str:
    """Where the router sends an input of an account."""
    return _join("inputs", account, kind)


def account_inputs(account: str) -> str:
    """Everything that the router sends to one account."""
    return _join("inputs", account) + ".>"


def event(account: str, kind: str) -> str:
    """Where the trading core tells what it did: order, fill, position, signal or session."""
    return _join("events", account, kind)


def registered_account(account: str) -> str:
    """Where the trading core announces an account."""
    return _join("registry", "account", account)


def dead(reason: str) -> str:
    """Where a message ends that nobody can use; `reason` is a code such as UNDECODABLE."""
    return _join("dead", reason.lower())


def agent(name: str) -> str:
    """Where an agent, such as sentiment-analysis, takes requests."""
    return _join("agents", name)


def read_feed(subject: str) -> Feed | None:
    """The inverse of `replay` and `live`; None for any other subject."""
    match subject.split("."):
        case ["replay", account, kind, name]:
            return Feed(account, kind, name)
        case ["live", kind, name]:
            return Feed(None, kind, name)
        case _:
            return None


def _join(*tokens: str) -> str:
    for token in tokens:
        if not _TOKEN.match(token):
            raise InvalidTokenError(f"{token!r} cannot be part of a NATS subject")
    return ".".join(tokens)
