"""Which faults are switched on, and whether one strikes now.

They live in memory: a restart ends them all.
Keep out: what a fault does to a request (fault_gate.py), to the stream (stream.py) and to a
message (lies.py).
"""

import random
from collections.abc import Collection
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Kind(StrEnum):
    """What can be switched on."""

    DROP_ANSWER = "drop_answer"
    """Done, then the connection is closed without an answer."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """Done, then answered with 504."""
    HOLD = "hold"
    """Not done: held for `milliseconds`, then the connection is closed."""
    RATE_LIMIT = "rate_limit"
    """Not done: 429 with Retry-After of `milliseconds` in whole seconds."""
    UNAVAILABLE = "unavailable"
    """Not done: answered with `status`."""
    SLOW = "slow"
    """Done after `milliseconds`."""
    HUGE_ANSWER = "huge_answer"
    """Done, then answered with a body of `bytes` bytes."""
    REJECT_LATER = "reject_later"
    """An order is taken and then rejected."""
    FILL_AFTER_CANCEL = "fill_after_cancel"
    """A cancel is answered, and after `milliseconds` the order fills, at a time before it."""
    DUPLICATE_FILL = "duplicate_fill"
    """On the stream: an execution twice."""
    OUT_OF_ORDER = "out_of_order"
    """On the stream: an event after the one that follows it."""
    DROP_EVENT = "drop_event"
    """On the stream: an event never."""
    CLOSE_STREAM = "close_stream"
    """On the stream: the sockets are closed instead of the event."""
    OVERFILL = "overfill"
    """A lie: more is filled than was ordered."""
    NEGATIVE_PRICE = "negative_price"
    """A lie: prices are below zero."""
    UNKNOWN_SYMBOL = "unknown_symbol"
    """A lie: another symbol, which nobody knows."""
    UNKNOWN_STATUS = "unknown_status"
    """A lie: a status that Alpaca has not."""
    EXECUTION_CONFLICT = "execution_conflict"
    """A lie: an execution is told again with other numbers."""
    CLOCK_OFF = "clock_off"
    """A lie: times are `milliseconds` later."""


BEFORE = frozenset({Kind.HOLD, Kind.RATE_LIMIT, Kind.UNAVAILABLE})
"""Of a request that is then not done."""
LIES = frozenset(
    {
        Kind.OVERFILL,
        Kind.NEGATIVE_PRICE,
        Kind.UNKNOWN_SYMBOL,
        Kind.UNKNOWN_STATUS,
        Kind.EXECUTION_CONFLICT,
        Kind.CLOCK_OFF,
    }
)
OF_REQUESTS = (
    BEFORE | LIES | frozenset({Kind.DROP_ANSWER, Kind.GATEWAY_TIMEOUT, Kind.SLOW, Kind.HUGE_ANSWER})
)
OF_THE_STREAM = LIES | frozenset(
    {Kind.DUPLICATE_FILL, Kind.OUT_OF_ORDER, Kind.DROP_EVENT, Kind.CLOSE_STREAM}
)
OF_FILLS = frozenset(
    {Kind.DUPLICATE_FILL, Kind.OVERFILL, Kind.NEGATIVE_PRICE, Kind.EXECUTION_CONFLICT}
)
"""On the stream they wait for an execution."""

STREAM = "/stream"
"""The path that a fault of the stream names."""

_NEEDS = {
    Kind.HOLD: "milliseconds",
    Kind.RATE_LIMIT: "milliseconds",
    Kind.SLOW: "milliseconds",
    Kind.FILL_AFTER_CANCEL: "milliseconds",
    Kind.CLOCK_OFF: "milliseconds",
    Kind.UNAVAILABLE: "status",
    Kind.HUGE_ANSWER: "bytes",
}


class Fault(BaseModel):
    """A fault to switch on: for the next `count` matches, or for each with a probability.

    `path` is exact or a pattern with `*`; `event` a name of the stream's. The first fault switched
    on that matches strikes alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    path: Annotated[str, Field(max_length=200)]
    method: Annotated[str, Field(max_length=10)] = "*"
    event: Annotated[str, Field(max_length=20)] = "*"
    account: str | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[Decimal, Field(gt=0, le=1)] | None = None
    seed: int = 0
    milliseconds: Annotated[int, Field(ge=-(10**9), le=10**9)] | None = None
    status: Annotated[int, Field(ge=500, le=503)] | None = None
    bytes: Annotated[int, Field(ge=1, le=10**9)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.count is None) == (self.probability is None):
            raise ValueError("a fault has a count or a probability, and not both")
        needed = _NEEDS.get(self.kind)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"{self.kind} needs {needed}")
        if self.kind is not Kind.CLOCK_OFF and (self.milliseconds or 0) < 0:
            raise ValueError("milliseconds is below zero")
        return self


class _Armed:
    """A fault that is on, and how often it struck."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number, self.fault, self.struck = number, fault, 0
        self._chance = random.Random(fault.seed)  # noqa: S311 - the same seed, the same faults

    def strikes(self) -> bool:
        """Whether it strikes this match."""
        fault = self.fault
        if fault.probability is not None:
            hit = self._chance.random() < fault.probability
        else:
            hit = self.struck < (fault.count or 0)
        self.struck += hit
        return hit

    def shown(self) -> dict[str, Any]:
        """For the operator."""
        return {"id": self.number, "struck": self.struck, **self.fault.model_dump(mode="json")}


class Faults:
    """Those that are on, in the order in which they were switched on."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._number = 0

    def add(self, fault: Fault) -> dict[str, Any]:
        """Switch one on."""
        self._number += 1
        armed = _Armed(self._number, fault)
        self._armed.append(armed)
        return armed.shown()

    def clear(self) -> None:
        """Switch all off."""
        self._armed.clear()

    def shown(self) -> list[dict[str, Any]]:
        """All that are on, also those whose count is used up."""
        return [each.shown() for each in self._armed]

    def strike(
        self, kinds: Collection[Kind], account: str | None, method: str, path: str, event: str = ""
    ) -> Fault | None:
        """The fault of these kinds that strikes a request or event, None where none does."""
        for each in self._armed:
            fault = each.fault
            if (
                fault.kind in kinds
                and fault.account in (None, account)
                and fault.method in ("*", method)
                and fault.event in ("*", event)
                and fnmatchcase(path, fault.path)
                and each.strikes()
            ):
                return fault
        return None
