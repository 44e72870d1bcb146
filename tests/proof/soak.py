"""Proof: hours of work with a fault a minute leak no memory and no file descriptor.

The fastest that the system feeds sessions of the S&P 500 by itself is one a minute (the schedule);
this feeds ten a minute. Faults rotate; none kills the core or the router, whose memory is watched.
Keep out: kills of those two (kills.py).
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import psutil

from router import streams
from router.outgoing import Outgoing
from tests.proof import feed, poison
from tests.proof.checks import violations
from tests.proof.processes import Forked
from tests.proof.result import Form, Result
from tests.proof.stage import Stage, quickened, servers, stage

PROMISE = "Long work under faults leaks neither memory nor file descriptors, and breaks nothing"
MINUTES = {Form.SHORT: 1, Form.FULL: 5, Form.LONG: 60}
SYMBOLS = tuple(f"S{number:03d}" for number in range(505))
SESSIONS_A_MINUTE = 10
MINUTE_S = 60.0
SAMPLE_S = 2.0
WARM_UP = 0.25
"""Of the time, left out of the slope."""

SLOPE_MIB_PER_HOUR = 1.0
MIB = 2**20
HOUR_S = 3_600.0
POISON = 200
PAUSE_S = 5.0


@dataclass
class Watch:
    """What one process uses, over time."""

    process: psutil.Process
    seconds: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def sample(self, at: float) -> None:
        """Look once."""
        self.seconds.append(at)
        self.rss.append(self.process.memory_info().rss)
        self.descriptors.append(self.process.num_fds())

    def slope(self) -> float:
        """MiB an hour by least squares, after the warm-up."""
        first = int(len(self.seconds) * WARM_UP)
        hours = np.array(self.seconds[first:]) / HOUR_S
        return float(np.polyfit(hours, np.array(self.rss[first:]) / MIB, 1)[0])

    def more_descriptors(self) -> int:
        """How many more were open at most in the last quarter than in the second."""
        quarter = len(self.descriptors) // 4
        return max(self.descriptors[-quarter:]) - max(self.descriptors[quarter : 2 * quarter])


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Feed, disturb, watch; the slope is judged where the run is long enough to have one."""
    began = time.monotonic()
    with quickened(streams.ACK_WAIT_S), servers(folder) as running, stage(running, seed) as at:
        at.open_account()
        soak = Soak(at, MINUTES[form])
        soak.run()
        wrong = dict(violations(at, soak.sessions, soak.poisoned, SYMBOLS))
    slopes = {name: round(watch.slope(), 2) for name, watch in soak.watched.items()}
    grown = {name: watch.more_descriptors() for name, watch in soak.watched.items()}
    leaks = form is Form.LONG and max(slopes.values()) >= SLOPE_MIB_PER_HOUR
    return Result(
        PROMISE,
        f"{MINUTES[form]} minutes, {soak.sessions} sessions of {len(SYMBOLS)} symbols, "
        f"{sum(soak.faults.values())} faults: memory {_signed(slopes)} MiB/h, file descriptors "
        f"{_signed(grown)}, {sum(wrong.values())} violations",
        not wrong and not leaks and max(grown.values()) <= 0,
        time.monotonic() - began,
        {"faults": soak.faults, "violations": wrong, "MiB": soak.memory()},
    )


def _signed(numbers: dict[str, float] | dict[str, int]) -> str:
    return ", ".join(f"{name} {number:+}" for name, number in numbers.items())


class Soak:
    """The feed, the faults and the watching, by one clock."""

    def __init__(self, stage: Stage, minutes: int) -> None:
        self.sessions = self.poisoned = 0
        self.faults: dict[str, int] = {}
        self._stage, self._seconds = stage, minutes * MINUTE_S
        self._chance = random.Random(f"soak:{stage.seed}")
        self._poison = poison.poison(stage.seed)
        services = {"core": stage.core(), "router": stage.router()}
        self._core: Forked = services["core"]
        self.watched = {n: Watch(psutil.Process(child.pid)) for n, child in services.items()}
        self._feeder = stage.feeder(self._chunks())

    def run(self) -> None:
        """Until the time is over; then everything that waits is finished."""
        began = time.monotonic()
        due = {self._feed: 0.0, self._watch: 0.0, self._disturb: MINUTE_S / 2}
        every = {
            self._feed: MINUTE_S / SESSIONS_A_MINUTE,
            self._watch: SAMPLE_S,
            self._disturb: MINUTE_S,
        }
        while (now := time.monotonic() - began) < self._seconds:
            for action in [each for each, moment in due.items() if moment <= now]:
                action(now)
                due[action] += every[action]
            time.sleep(0.01)
        self._finish()

    def memory(self) -> dict[str, list[int]]:
        """First, greatest and last resident size by process."""
        return {
            name: [round(size / MIB) for size in (watch.rss[0], max(watch.rss), watch.rss[-1])]
            for name, watch in self.watched.items()
        }

    def _chunks(self) -> Iterator[list[Outgoing]]:
        """A session at a time, and poison where the board says that it is wanted."""
        endless, sent = feed.sessions(self._stage.seed, SYMBOLS), 0
        for day in endless:
            yield [feed.message_of(item) for item in day]
            while sent < self._stage.board["poison"]:
                sent += POISON
                yield list(islice(self._poison, POISON))

    def _feed(self, _now: float) -> None:
        self._stage.board["wanted"] += 1
        self.sessions += 1

    def _watch(self, now: float) -> None:
        for watch in self.watched.values():
            watch.sample(now)

    def _disturb(self, now: float) -> None:
        faults: list[Callable[[], None]] = [
            self._kill_nats,
            self._kill_postgres,
            self._pause_core,
            self._send_poison,
        ]
        fault = faults[int(now // MINUTE_S) % len(faults)]
        fault()
        name = fault.__name__.strip("_").replace("_", " ")
        self.faults[name] = self.faults.get(name, 0) + 1

    def _kill_nats(self) -> None:
        self._stage.servers.kill_nats(self._chance.uniform(0, 2))

    def _kill_postgres(self) -> None:
        self._stage.servers.kill_postgres(self._chance.uniform(0, 2))

    def _pause_core(self) -> None:
        """As if the machine had no time for it."""
        process = psutil.Process(self._core.pid)
        process.suspend()
        time.sleep(PAUSE_S)
        process.resume()

    def _send_poison(self) -> None:
        self._stage.board.add("poison", POISON)
        self._stage.board["wanted"] += 1
        self.poisoned += POISON

    def _finish(self) -> None:
        board = self._stage.board
        while board["published"] < board["wanted"] and not self._feeder.ended():
            time.sleep(0.01)
        self._stage.settle()
