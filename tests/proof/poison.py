"""Proof: messages that nobody can read stop nothing, change nothing, and are all kept.

Belongs here: the poison, how it is mixed with good messages, and what becomes of both.
Keep out: single messages and their errors (tests/router/test_messages.py).
"""

import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import psycopg

from router import streams, subjects
from router.messages import encode
from router.outgoing import Outgoing
from tests.proof import feed
from tests.proof.checks import violations
from tests.proof.result import Form, Result
from tests.proof.stage import Servers, Stage, quickened, servers, stage

PROMISE = (
    "Poison between good messages crashes nothing, ends in the dead letters with a reason, and "
    "does not delay the good ones"
)
POISON = {Form.SHORT: 2_000, Form.FULL: 100_000, Form.LONG: 100_000}
PER_CHUNK = 250
"""Poison for one chunk of good messages: about ten to one."""

LARGE = 64 * 1024
LARGE_SHARE = 0.01
MS = 1_000

Spoil = Callable[[bytes, random.Random], bytes]


def _swap(old: bytes, new: bytes) -> Spoil:
    def spoil(payload: bytes, _chance: random.Random) -> bytes:
        assert old in payload, payload
        return payload.replace(old, new, 1)

    return spoil


def _truncated(payload: bytes, chance: random.Random) -> bytes:
    return payload[: chance.randrange(len(payload))]


def _flipped(payload: bytes, chance: random.Random) -> bytes:
    """A byte that is no UTF-8 in a random place."""
    at = chance.randrange(len(payload))
    return payload[:at] + b"\xff" + payload[at + 1 :]


SCORE, REASON, ZONE = b'"score":"0.5"', b'"because"', b"Z"
SPOILS: dict[str, Spoil] = {
    "truncated": _truncated,
    "no UTF-8": _flipped,
    "NaN": _swap(SCORE, b'"score":NaN'),
    "NaN in quotes": _swap(SCORE, b'"score":"NaN"'),
    "infinity": _swap(SCORE, b'"score":"-Infinity"'),
    "1e400": _swap(SCORE, b'"score":1e400'),
    "40 decimals": _swap(SCORE, b'"score":0.' + b"1" * 40),
    "out of range": _swap(SCORE, b'"score":"1.5"'),
    "a boolean score": _swap(SCORE, b'"score":true'),
    "a lone surrogate": _swap(REASON, rb'"\ud800"'),
    "a raw surrogate": _swap(REASON, b'"\xed\xa0\x80"'),
    "a NUL": _swap(REASON, rb'"\u0000"'),
    "no zone": _swap(ZONE, b""),
    "a key twice": _swap(SCORE, SCORE + b',"score":"0.9"'),
    "an unknown field": _swap(SCORE, SCORE + b',"force":true'),
    "an unknown kind": _swap(b"signal.v1", b"signal.v9"),
    "the kind of an account": _swap(b"signal.v1", b"account.v1"),
    "a year beyond all": _swap(b'"session":"', b'"session":"9'),
    "a list": lambda payload, _: b"[" + payload + b"]",
    "deep": lambda _payload, chance: b"[" * chance.randint(1, 5_000),
    "two messages": lambda payload, _: payload + payload,
    "nothing": lambda _payload, _chance: b"",
}


def _large(payload: bytes, _chance: random.Random) -> bytes:
    return payload.replace(b'"AAPL"', b'"' + b"A" * LARGE + b'"', 1)


def poison(seed: int) -> Iterator[Outgoing]:
    """Endless spoiled signals, half to the router, half past it to the account itself."""
    chance = random.Random(f"poison:{seed}")
    good = encode(feed.signal(feed.FIRST_DAY, "AAPL", "0.5"))
    targets = (
        subjects.replay(feed.ACCOUNT, "signal", feed.STRATEGY),
        subjects.account_input(feed.ACCOUNT, "signal"),
    )
    spoils = list(SPOILS.values())
    number = 0
    while True:
        spoil = _large if chance.random() < LARGE_SHARE else chance.choice(spoils)
        number += 1
        yield Outgoing(chance.choice(targets), spoil(good, chance), f"poison:{number}")


def poisoned(seed: int) -> Iterator[list[Outgoing]]:
    """The chunks of the feed, each with its poison strewn among the good messages."""
    chance, endless = random.Random(f"strewn:{seed}"), poison(seed)
    for chunk in feed.chunks(seed):
        bad = list(islice(endless, PER_CHUNK))
        mixed = chunk + bad
        chance.shuffle(mixed)
        yield mixed


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Time the feed alone and with poison among it, and account for every message."""
    began = time.monotonic()
    rounds = POISON[form] // PER_CHUNK
    with quickened(streams.ACK_WAIT_S), servers(folder) as running:
        clean, _, sound = _trade(running, seed, rounds, feed.chunks(seed), 0)
        spoiled, reasons, wrong = _trade(running, seed, rounds, poisoned(seed), PER_CHUNK * rounds)
    wrong = {**sound, **wrong}
    return Result(
        PROMISE,
        f"{PER_CHUNK * rounds:,} poison messages, {sum(reasons.values()):,} in the dead letters, "
        f"{len(wrong)} kinds of violations; {PER_CHUNK} of them among the messages of "
        f"{feed.CHUNK} sessions: p50 {_at(clean, 50)} -> {_at(spoiled, 50)} ms, "
        f"p99 {_at(clean, 99)} -> {_at(spoiled, 99)} ms from sending to commit",
        not wrong,
        time.monotonic() - began,
        {"violations": wrong, "reasons": reasons},
    )


def _trade(
    running: Servers, seed: int, rounds: int, chunks: Iterator[list[Outgoing]], bad: int
) -> tuple[list[float], dict[str, int], dict[str, int]]:
    """Seconds from sending to commit by chunk, dead letters by reason, and what is wrong."""
    with stage(running, seed) as at:
        at.open_account()
        children = [at.core(), at.router(), at.feeder(chunks)]
        seconds = [_round(at, head) for head in islice(_heads(seed), rounds)]
        at.settle()
        ended = sum(child.ended() for child in children)
        reasons = _reasons(at)
        found = dict(violations(at, rounds * feed.CHUNK, dead_letters=bad))
    return seconds, reasons, found | ({"processes that ended": ended} if ended else {})


def _heads(seed: int) -> Iterator[int]:
    """The journal's last row once each chunk of good messages is decided."""
    head, endless = 1, feed.sessions(seed)
    while True:
        head += sum(len(day) for day in islice(endless, feed.CHUNK))
        yield head


def _round(at: Stage, head: int) -> float:
    began = time.monotonic()
    at.board["wanted"] += 1
    at.wait_for_head(head)
    return time.monotonic() - began


def _reasons(at: Stage) -> dict[str, int]:
    with psycopg.connect(at.database.app_url) as connection:
        rows = connection.execute(
            "SELECT reason, count(*) FROM dead_letters WHERE detail <> '' GROUP BY reason"
        ).fetchall()
    return {str(reason): int(count) for reason, count in rows} | {
        "at the router": at.stored(subjects.DEAD_STREAM)
    }


def _at(seconds: list[float], percent: int) -> int:
    """A percentile, in whole milliseconds."""
    ordered = sorted(seconds)
    return round(MS * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)])
