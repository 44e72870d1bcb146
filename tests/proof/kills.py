"""Proof: whatever is killed, whenever, each signal is decided once and the books are right.

Keep out: how kills are made (campaign.py) and what is checked (checks.py).
"""

import time
from pathlib import Path

from tests.proof.campaign import Campaign, Plan, Tally
from tests.proof.checks import violations
from tests.proof.feed import SYMBOLS
from tests.proof.result import Form, Result
from tests.proof.stage import quickened, servers, stage

PROMISE = (
    "Every signal ends in exactly one disposition, none is lost, none is executed twice, and the "
    "ledger balances, wherever the core, the router, nats-server or PostgreSQL is killed"
)
KILLS = {Form.SHORT: 200, Form.FULL: 1_000, Form.LONG: 10_000}
RUN = 1_000
"""Kills per run; the long form is several runs, each with its own database and seed."""


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Kill as often as the form says, and count what is wrong afterwards."""
    began = time.monotonic()
    kills = KILLS[form]
    totals, wrong, signals = Tally(), dict[str, int](), 0
    with quickened(), servers(folder) as running:
        for number, start in enumerate(range(0, kills, RUN)):
            with stage(running, seed + number) as at:
                campaign = Campaign(at, Plan(min(RUN, kills - start)))
                tally = campaign.run()
                found = violations(at, campaign.sessions)
                signals += at.board["head"]
            totals.add(tally)
            wrong = {k: wrong.get(k, 0) + found[k] for k in wrong.keys() | found.keys()}
    seconds = time.monotonic() - began
    return Result(
        PROMISE,
        _figure(totals, wrong, signals, seconds),
        not wrong and not totals.crashes,
        seconds,
        {
            "kills": dict(totals.kills),
            "violations": wrong,
            "inputs": signals,
            "symbols": len(SYMBOLS),
            "ended without a server": dict(totals.ended),
            "crashes": totals.crashes[:3],
        },
    )


def _figure(tally: Tally, wrong: dict[str, int], inputs: int, seconds: float) -> str:
    share = 100 * tally.at_fail_points // max(1, tally.total)
    verdict = (
        "0 lost, 0 twice, 0 unbalanced; the journal's fold equals the live state, every committed "
        "event was told, and the decision hash is that of an undisturbed run"
    )
    if wrong or tally.crashes:
        verdict = ", ".join(f"{count} {name}" for name, count in sorted(wrong.items()))
        verdict += f"; {len(tally.crashes)} crashes" if tally.crashes else ""
    return (
        f"{tally.total:,} kills ({share} % at fail points, {tally.total / seconds:.1f}/s) over "
        f"{inputs:,} inputs: {verdict}"
    )
