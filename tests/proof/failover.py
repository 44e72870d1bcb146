"""Proof: another trading core follows one that is killed or stopped, and no stale write gets in.

Commands arrive all the while, so that a core is stopped with work in its hands. Keep out: single
hand-overs (tests/execution/test_replicas.py) and the outage of a server (kills.py).
"""

import random
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from execution import verify
from tests.execution.running import RunningCore, pair
from tests.proof import feed
from tests.proof.result import Form, Result
from tests.proof.stage import Servers, servers
from tests.servers import until

PROMISE = (
    "After SIGKILL or SIGSTOP of an account's writer another trading core decides within five "
    "seconds, what the old one still wants to write is refused, and every command is decided once"
)
ROUNDS = {Form.SHORT: 2, Form.FULL: 20, Form.LONG: 100}
"""Of each kind."""

WITHIN_S = 5.0
ACCOUNT = feed.ACCOUNT
REFUSED = "has passed to another replica"


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Take the writer away again and again, and time who follows."""
    began = time.monotonic()
    chance = random.Random(f"failover:{seed}")
    kinds = [signal.SIGKILL, signal.SIGSTOP] * ROUNDS[form]
    chance.shuffle(kinds)
    with servers(folder) as at, _pair(at, folder) as cores:
        took = [(kind, _round(cores, kind, number, chance)) for number, kind in enumerate(kinds)]
        url = cores[0].database.app_url
        until(lambda: not _waiting(url), "every command to be decided")
        sound, decided = verify.verify(url).sound, _decided(url)
        refused = sum(
            (folder / core.replica / "core.log").read_text().count(REFUSED) for core in cores
        )
    by_kind = {kind.name: sorted(s for each, s in took if each == kind) for kind in set(kinds)}
    figures = [
        f"{len(each)} {name}: median {statistics.median(each):.1f} s, longest {each[-1]:.1f} s"
        for name, each in sorted(by_kind.items())
    ]
    held = all(each[-1] < WITHIN_S for each in by_kind.values()) and sound and decided.sound
    return Result(
        PROMISE,
        f"{'; '.join(figures)}; {decided.commands:,} commands, each decided once: "
        f"{'yes' if decided.sound else 'NO'}; {refused} stale writes refused",
        held,
        time.monotonic() - began,
        {"verify": sound},
    )


@contextmanager
def _pair(at: Servers, folder: Path) -> Iterator[tuple[RunningCore, RunningCore]]:
    database = at.postgres.create("proof_failover", at.template)
    at.nats.clear()
    with pair(database, at.nats.url, folder) as cores:
        yield cores


def _round(
    cores: tuple[RunningCore, RunningCore], kind: signal.Signals, number: int, chance: random.Random
) -> float:
    """Seconds from the writer's end to the first command that another decided."""
    one, two = cores
    gone, other = (one, two) if _holder(one) == one.replica else (two, one)
    asking = threading.Event()
    load = threading.Thread(target=_ask, args=(gone, number, asking))
    load.start()
    time.sleep(chance.uniform(0.2, 0.6))
    assert gone.child.process is not None
    gone.child.process.send_signal(kind)
    began = time.monotonic()
    answer = _write(other, f"after-{number}", 30)
    took = time.monotonic() - began
    assert answer.json()["status"] == "done", answer.text
    asking.set()
    if kind == signal.SIGSTOP:
        gone.child.process.send_signal(signal.SIGCONT)
        load.join()
        until(gone._ready, "the stopped core to be ready again")
    else:
        gone.kill()
        load.join()
        gone.start()
    return took


def _ask(core: RunningCore, number: int, stop: threading.Event) -> None:
    """Command after command, until told to stop or the core is gone."""
    for n in range(100_000):
        if stop.is_set():
            return
        try:
            _write(core, f"load-{number}-{n}", 60)
        except httpx.HTTPError:
            return


def _write(core: RunningCore, name: str, timeout_s: float) -> httpx.Response:
    """A command that changes nothing but its reason, and is answered when it is journalled."""
    body = {"account": ACCOUNT, "request_id": name, "scope": "symbol", "name": "AAPL"}
    said = {"state": "reducing", "by": "proof", "reason": name}
    return core.http.post("/api/v1/trading-state", json=body | said, timeout=timeout_s)


@dataclass(frozen=True)
class Decisions:
    """How many commands there are, and whether each stands in the journal once."""

    commands: int
    sound: bool


def _decided(url: str) -> Decisions:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            """SELECT count(*), count(DISTINCT journal.seq), count(*) FILTER (WHERE commands.seq
                   IS DISTINCT FROM journal.seq)
               FROM commands LEFT JOIN journal USING (account, seq)"""
        ).fetchone()
        kinds = connection.execute(
            "SELECT count(*) FROM journal WHERE kind LIKE 'set_trading_state%'"
        ).fetchone()
    assert row is not None
    assert kinds is not None
    commands, rows, apart = row
    return Decisions(commands, not apart and commands == rows == kinds[0])


def _waiting(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM commands WHERE seq IS NULL").fetchone()
    return int(row[0]) if row else 0


def _holder(core: RunningCore) -> str:
    with psycopg.connect(core.database.app_url) as connection:
        row = connection.execute(
            "SELECT holder FROM leases WHERE account = %s", (ACCOUNT,)
        ).fetchone()
    assert row is not None
    return str(row[0])
