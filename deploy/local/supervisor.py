"""Starts services in order, keeps them alive, and stops them all.

Belongs here: the state of each child and the rules that move it, step by step (`tick`).
Keep out: which services there are, printing, signals of this process, and files but the logs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from deploy.local.child import Child
from deploy.local.errors import ChildFailedError
from deploy.local.service import Service
from deploy.local.watch import Watch

MOST_DEATHS = 4
DEATH_WINDOW_S = 60.0
FIRST_BACKOFF_S = 0.25


class State(StrEnum):
    """Where a child stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    STOPPED = "stopped"


@dataclass
class Supervised:
    """A child and its history."""

    child: Child
    state: State = State.WAITING
    restarts: int = 0
    not_before_s: float = 0.0
    start_deadline_s: float = 0.0
    deaths_s: list[float] = field(default_factory=list)

    @property
    def service(self) -> Service:
        """What the child is."""
        return self.child.service

    @property
    def is_up(self) -> bool:
        """Whether others may rely on it."""
        return self.state in {State.READY, State.DONE}


class Supervisor:
    """Runs services until told to stop; `tick` must be called several times a second.

    `say` receives sentences for people; `changed` is called after each change of a state;
    `all_ready` each time when the last of the services has become ready (again).
    """

    def __init__(
        self,
        services: Sequence[Service],
        logs: Path,
        *,
        say: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
        all_ready: Callable[[], None] = lambda: None,
    ) -> None:
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.children = {each.name: Supervised(Child(each, logs)) for each in services}
        self._say, self._changed, self._all_ready = say, changed, all_ready
        self._watch = Watch()
        self._was_ready = False
        for supervised in self.children.values():
            supervised.child.rotate_log()

    @property
    def ready(self) -> bool:
        """Whether every service is up."""
        return all(each.is_up for each in self.children.values())

    @property
    def watchdog_pid(self) -> int:
        """The process that cleans up if this one is killed."""
        return self._watch.pid

    def tick(self) -> None:
        """Move every child one step; raises ChildFailedError when one cannot be kept alive."""
        self._watch.keep()
        for supervised in self.children.values():
            self._step(supervised)
        if self.ready and not self._was_ready:
            self._all_ready()
        self._was_ready = self.ready

    def stop(self) -> None:
        """Stop everything, dependants first, and leave no process behind."""
        started = [each for each in self.children.values() if each.child.process]
        started.sort(key=lambda each: each.service.stop_wave)
        for _, wave in groupby(started, key=lambda each: each.service.stop_wave):
            self._stop_wave(list(wave))
        self._watch.close()

    def _step(self, supervised: Supervised) -> None:
        match supervised.state:
            case State.WAITING:
                self._start_if_due(supervised)
            case State.STARTING if supervised.service.is_task:
                self._check_task(supervised)
            case State.STARTING:
                self._check_start(supervised)
            case State.READY if supervised.child.exit_code() is not None:
                self._bury(supervised)
            case _:
                pass

    def _start_if_due(self, supervised: Supervised) -> None:
        service = supervised.service
        marker = service.done_marker
        if marker and marker.exists():
            self._move(supervised, State.DONE)
            return
        due = time.monotonic() >= supervised.not_before_s
        if due and all(self.children[name].is_up for name in service.after):
            group = supervised.child.start()
            self._watch.add(group, service.stop_signal)
            supervised.start_deadline_s = time.monotonic() + service.start_timeout_s
            self._move(supervised, State.STARTING)

    def _check_task(self, supervised: Supervised) -> None:
        code = supervised.child.exit_code()
        if code is None:
            self._require_in_time(supervised)
            return
        self._forget_process(supervised)
        if code != 0:
            raise ChildFailedError(f"{_died(supervised, code)}.\n{supervised.child.tail()}")
        if supervised.service.done_marker:
            supervised.service.done_marker.touch()
        self._move(supervised, State.DONE)

    def _check_start(self, supervised: Supervised) -> None:
        if supervised.child.exit_code() is not None:
            self._bury(supervised)
        elif supervised.service.probe and supervised.service.probe():
            if supervised.service.on_ready:
                supervised.service.on_ready()
            self._move(supervised, State.READY)
        else:
            self._require_in_time(supervised)

    def _require_in_time(self, supervised: Supervised) -> None:
        if time.monotonic() < supervised.start_deadline_s:
            return
        service = supervised.service
        raise ChildFailedError(
            f"{service.name} was not ready after {service.start_timeout_s:g} seconds; its log "
            f"({supervised.child.log}) ends:\n{supervised.child.tail()}"
        )

    def _bury(self, supervised: Supervised) -> None:
        """Report a death, and start the child again unless it keeps dying."""
        code = supervised.child.exit_code()
        self._forget_process(supervised)
        now = time.monotonic()
        recent = [each for each in supervised.deaths_s if now - each < DEATH_WINDOW_S]
        supervised.deaths_s = [*recent, now]
        died, tail = _died(supervised, code), supervised.child.tail()
        if len(supervised.deaths_s) >= MOST_DEATHS:
            raise ChildFailedError(
                f"{died}, {len(supervised.deaths_s)} times within a minute: giving up.\n{tail}"
            )
        backoff_s = FIRST_BACKOFF_S * 2 ** len(recent)
        self._say(f"{died}; starting it again in {backoff_s:g} s. The end of its log:\n{tail}")
        supervised.restarts += 1
        supervised.not_before_s = now + backoff_s
        self._move(supervised, State.WAITING)

    def _forget_process(self, supervised: Supervised) -> None:
        pid = supervised.child.pid
        supervised.child.finish(time.monotonic() + 2)
        if pid is not None:
            self._watch.remove(pid)

    def _stop_wave(self, wave: list[Supervised]) -> None:
        for supervised in wave:
            supervised.child.request_stop()
        for supervised in wave:
            pid = supervised.child.pid
            supervised.child.finish(time.monotonic() + supervised.service.grace_s)
            if pid is not None:
                self._watch.remove(pid)
            self._move(supervised, State.STOPPED)

    def _move(self, supervised: Supervised, state: State) -> None:
        supervised.state = state
        self._changed()


def _died(supervised: Supervised, code: int | None) -> str:
    name, log = supervised.service.name, supervised.child.log
    if code is not None and code < 0:
        return f"{name} was killed by signal {-code} (log: {log})"
    return f"{name} ended with exit code {code} (log: {log})"
