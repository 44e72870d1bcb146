"""Proof: orders, lots, ledger and corporate actions keep their laws over random histories.

Keep out: the machines themselves and what they compare with (tests/execution).
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.execution.machines import OrdersOnPaper, OrdersOutside
from tests.execution.machines_books import BooksMachine, FractionalBooksMachine
from tests.proof.result import Form, Result

PROMISE = "Orders, lots, ledger and corporate actions keep their laws over random histories"
MACHINES: tuple[type[RuleBasedStateMachine], ...] = (
    BooksMachine,
    FractionalBooksMachine,
    OrdersOnPaper,
    OrdersOutside,
)
EVENTS = {Form.SHORT: 1_000, Form.FULL: 100_000, Form.LONG: 1_000_000}
"""Inputs in all, of each machine as many as of the next."""

BATCH = {Form.SHORT: 5, Form.FULL: 100, Form.LONG: 500}
"""Histories with one seed."""

STEPS = 60
"""Of one history."""


def prove(form: Form, first_seed: int, folder: Path) -> Result:
    """Run each machine with one seed after the other until there are inputs enough."""
    began = time.monotonic()
    inputs, broken = Counter[str](), dict[str, str]()
    for machine in MACHINES:
        name, number = machine.__name__, first_seed
        while inputs[name] < EVENTS[form] / len(MACHINES) and name not in broken:
            try:
                _run(machine, number, BATCH[form], inputs)
            except Exception as error:  # noqa: BLE001 - whatever a machine raises is a finding
                broken[name] = f"seed {number}: {error!r}"[:500]
            number += 1
    return Result(
        PROMISE,
        f"{inputs.total():,} inputs to {len(MACHINES)} machines: {len(broken)} broke a law",
        not broken,
        time.monotonic() - began,
        {"inputs": dict(inputs), "broken": broken},
    )


def _run(
    machine: type[RuleBasedStateMachine], number: int, examples: int, inputs: Counter[str]
) -> None:
    class Counted(machine):  # type: ignore[misc, valid-type]
        def teardown(self) -> None:
            core: Any = getattr(self, "core", None)
            inputs[machine.__name__] += len(core.journal) if core else 0
            super().teardown()

    run_state_machine_as_test(
        seed(number)(Counted),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
