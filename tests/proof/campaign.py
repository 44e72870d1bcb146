"""A campaign of kills: services and servers are killed and started while a feed is worked on.

Belongs here: when what is killed, whether a kill counts, and how many there were of which kind.
Keep out: how a process is started (stage.py), and what must hold afterwards (checks.py).

A kill counts where work was waiting or under way. About half of the services' lives end at a fail
point (failpoints.py), the others at a random moment, some of those while they are still starting.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.proof import failpoints
from tests.proof.feed import CHUNK
from tests.proof.processes import Forked
from tests.proof.stage import Stage, logs

TICK_S = 0.001
PATIENCE_S = 5.0
"""How long an armed life may go without reaching its fail point before it is killed anyway."""

BACKLOG = 500
"""Messages that the feed stays ahead, so that work is waiting at each kill."""

ROUTER_SHARE = 0.7
"""Kills of the router for one of the core, which takes longer to start."""

SERVER_EVERY = 12
"""Kills of services between two kills of a server."""

STALLED_S = 30.0


@dataclass(frozen=True)
class Plan:
    """What is killed; `points` limits the fail points, and `armed` is the share of lives that
    end at one."""

    kills: int
    armed: float = 0.55
    points: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ("core", "router")
    servers: bool = True


@dataclass
class Tally:
    """What was done: kills by place, and services that ended by themselves."""

    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count another run's."""
        self.kills += other.kills
        self.ended += other.ended
        self.crashes += other.crashes

    @property
    def total(self) -> int:
        """All kills that count."""
        return self.kills.total()

    @property
    def at_fail_points(self) -> int:
        """Kills inside a gap that was chosen beforehand."""
        return sum(self.kills[point.name] for point in failpoints.POINTS)


class Lane:
    """One service: started, killed, started again."""

    def __init__(self, stage: Stage, name: str, chance: random.Random, plan: Plan) -> None:
        self.name = name
        self.armed: tuple[int, int] | None = None
        self.spared = False
        """Left alone for now, because another service has to catch up in kills."""
        self._stage, self._chance, self._plan = stage, chance, plan
        self._start: Callable[..., Forked] = stage.core if name == "core" else stage.router
        self.start(armed=False)

    def start(self, armed: bool | None = None) -> None:
        """A new life; where nothing is said, chance decides how it is to end."""
        if armed is None:
            armed = not self.spared and self._chance.random() < self._plan.armed
        self._stage.board[f"{self.name}_fired"] = 0
        self.armed = failpoints.draw(self._chance, self.name, self._plan.points) if armed else None
        self._begun = self._batches()
        self._born = time.monotonic()
        starting = not armed and self._chance.random() < 0.15
        self._kill_at = self._born + self._chance.uniform(0.01, 0.2) if starting else None
        self.child = self._start(self._chance.choice((4, 12, 40)), self.armed)

    def due(self) -> str | None:
        """How this life ended, if it did just now; kills it where its moment has come."""
        if self.child.ended():
            number = self._stage.board[f"{self.name}_fired"]
            if self.child.killed and number:
                return failpoints.POINTS[number - 1].name
            return "ended by itself"
        now = time.monotonic()
        if self.spared:
            return None
        if self.armed:
            if now - self._born < PATIENCE_S:
                return None
        elif self._kill_at is None and self._batches() > self._begun:
            self._kill_at = now + self._chance.uniform(0, 0.05)
        if not self.armed and (self._kill_at is None or now < self._kill_at):
            return None
        working = self._batches() > self._begun
        self.child.kill()
        return f"{self.name} at random, {'working' if working else 'starting'}"

    def _batches(self) -> int:
        return self._stage.board[f"{self.name}_batches"]


class Campaign:
    """Kills until the plan is fulfilled."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self.tally = Tally()
        self._stage, self._plan = stage, plan
        self._chance = random.Random(f"kills:{stage.seed}")
        self._killed: Counter[str] = Counter()
        self._server_at = SERVER_EVERY
        self._server_killed = 0.0
        self._head, self._moved = 0, time.monotonic()

    def run(self) -> Tally:
        """Feed and kill; then let everything finish undisturbed, and stop the services."""
        self._stage.open_account()
        feeder = self._stage.feeder()
        self._feed()
        lanes = [Lane(self._stage, n, self._chance, self._plan) for n in self._plan.lanes]
        others = [n for n in ("core", "router") if n not in self._plan.lanes]
        running = [Lane(self._stage, n, self._chance, Plan(0)).child for n in others]
        while self.tally.total < self._plan.kills:
            self._feed()
            for lane in lanes:
                lane.spared = lane.name == "router" and self._ahead()
                self._visit(lane)
            self._kill_server_if_due()
            self._notice_stall(feeder)
            time.sleep(TICK_S)
        self._finish(lanes, feeder)
        for child in [*running, *(lane.child for lane in lanes)]:
            child.kill()
        return self.tally

    def _ahead(self) -> bool:
        """Whether the router was killed often enough for now."""
        others = self._killed["core"] if "core" in self._plan.lanes else self._plan.kills
        return self._killed["router"] > ROUTER_SHARE * others

    def _feed(self) -> None:
        board = self._stage.board
        if board["messages"] - board["head"] < BACKLOG and board["wanted"] == board["published"]:
            board["wanted"] += 1

    def _visit(self, lane: Lane) -> None:
        how = lane.due()
        if how is None:
            return
        if how != "ended by itself":
            self.tally.kills[how] += 1
            self._killed[lane.name] += 1
        elif time.monotonic() - self._server_killed < PATIENCE_S:
            self.tally.ended[lane.name] += 1  # it could not reach a server: it is started again
        else:
            self.tally.crashes.append(f"{lane.name} ended: {logs(self._stage.folder, 3)}")
        lane.start()

    def _kill_server_if_due(self) -> None:
        if not self._plan.servers or self.tally.total < self._server_at:
            return
        if self._stage.board["head"] == self._head:
            return
        self._server_at = self.tally.total + SERVER_EVERY
        name = self._chance.choice(("nats-server", "PostgreSQL"))
        servers, wait_s = self._stage.servers, self._chance.uniform(0, 0.05)
        (servers.kill_nats if name == "nats-server" else servers.kill_postgres)(wait_s)
        self._server_killed = time.monotonic()
        self.tally.kills[name] += 1

    def _notice_stall(self, feeder: Forked) -> None:
        """A wrong variant may stop for good; the kills end then, and the checks say why."""
        if feeder.ended():
            raise RuntimeError(f"the feeder ended: {logs(self._stage.folder)}")
        head, now = self._stage.board["head"], time.monotonic()
        if head != self._head:
            self._head, self._moved = head, now
        elif now - self._moved > STALLED_S:
            raise TimeoutError(f"nothing was committed for {STALLED_S:.0f} s")

    def _finish(self, lanes: list[Lane], feeder: Forked) -> None:
        for lane in lanes:
            lane.child.kill()
            lane.child = self._stage.core() if lane.name == "core" else self._stage.router()
        board = self._stage.board
        while board["published"] < board["wanted"] and not feeder.ended():
            time.sleep(TICK_S)
        self._stage.settle()
        feeder.kill()

    @property
    def sessions(self) -> int:
        """How many sessions the feed sent."""
        return self._stage.board["published"] * CHUNK
