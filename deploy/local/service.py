"""What the supervisor must know about a child, as data.

Belongs here: the description of one service.
Keep out: the services there are (services.py) and running them (child.py).
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Service:
    """A child: a server that stays, or (without a probe) a task that ends by itself.

    `after` names the services that must be ready before this one starts. Services of a lower
    `stop_wave` are stopped before those of a higher one. A task whose `done_marker` exists is
    not run again.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    probe: Callable[[], bool] | None = None
    on_ready: Callable[[], None] | None = None
    stop_signal: int = signal.SIGTERM
    stop_wave: int = 0
    grace_s: float = 10.0
    start_timeout_s: float = 60.0
    done_marker: Path | None = None

    @property
    def is_task(self) -> bool:
        """Whether it runs once and ends."""
        return self.probe is None
