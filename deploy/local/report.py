"""What a finished run is told with: figures only.

Belongs here: the report's fields and its JSON form.
Keep out: where the figures come from (runs.py) and how they look (summary.py).
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One step of the job and its wall time."""

    name: str
    seconds: float | None


@dataclass(frozen=True)
class Report:
    """One run and the account after it, as the trading core's API gives it."""

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
    equity: list[dict[str, Any]]
    positions: list[dict[str, Any]]
    example_fill: str | None

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return asdict(self)
