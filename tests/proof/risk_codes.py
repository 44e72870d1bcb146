"""Proof: every reason code of the risk checks fires at its limit, and not one tick earlier.

Keep out: the table of limits (tests/execution/risk_table.py).
"""

import time
from pathlib import Path

from execution.domain.risk import Code
from tests.execution.risk_table import TABLE
from tests.proof.result import Form, Result

PROMISE = "Every risk code fires at its limit, and not one tick earlier"


def prove(_form: Form, _seed: int, _folder: Path) -> Result:
    """Judge an order before each limit, at it and beyond it; no other code may fire with it."""
    began = time.monotonic()
    wrong = {case: found for case in TABLE if (found := case.wrong())}
    right = {case.code for case in TABLE} - {case.code for case in wrong}
    return Result(
        PROMISE,
        f"{len(right)}/{len(Code)} codes, at {len(TABLE)} limits",
        not wrong and right == set(Code),
        time.monotonic() - began,
        {"wrong": [line for found in wrong.values() for line in found]},
    )
