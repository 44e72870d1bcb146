"""What a finished run is told with: figures only.

Belongs here: the report's fields and its JSON form.
Keep out: where the figures come from (figures.py) and how they look (summary.py).
"""

from dataclasses import asdict, dataclass
from typing import Any

from deploy.local.moves import Moved
from deploy.local.set_aside import SetAside


@dataclass(frozen=True)
class Stage:
    """One step of the job and its wall time."""

    name: str
    seconds: float | None


@dataclass(frozen=True)
class Report:
    """One run and the account after it, as the trading core's API gives it.

    `dispositions`, `refusals`, `fills`, `moved`, `set_aside` and `equity` are of the range's
    sessions; `account`, `positions` and `first_fill` are of the whole account.
    """

    run_id: str
    run_url: str
    dagster_url: str
    core_url: str
    first_session: str
    last_session: str
    sessions: int
    seconds: float
    stages: list[Stage]
    account: dict[str, Any]
    dispositions: dict[str, int]
    refusals: dict[str, int]
    fills: int
    moved: list[Moved]
    set_aside: SetAside | None
    equity: list[dict[str, Any]]
    positions: list[dict[str, Any]]
    first_fill: str | None

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return asdict(self)
