"""What a proof hands back, and how much of it is done.

Keep out: running proofs (registry.py) and writing about them (report.py).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Form(StrEnum):
    """How long a run may take: inside `make test`, `make prove`, `make prove-long`."""

    SHORT = "short"
    FULL = "full"
    LONG = "long"


class NotRunError(Exception):
    """This machine cannot run the proof; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report; `passed` is None where the proof was not run."""

    promise: str
    figure: str
    passed: bool | None
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)
