"""Proof: the kills and checks of this harness notice wrong designs, so that they can fail.

Keep out: the wrong designs themselves (variants.py).
"""

import time
from collections import Counter
from functools import partial
from pathlib import Path

from tests.proof.campaign import Campaign, Plan
from tests.proof.checks import violations
from tests.proof.result import Form, Result
from tests.proof.stage import Servers, quickened, servers, stage
from tests.proof.variants import MUTANTS, RIGHT, Mutant
from tests.servers import ValkeyServer

PROMISE = "The proof by kills can fail: it catches deliberately wrong designs of the core"
TELLING = (
    "inputs lost",
    "inputs journalled twice",
    "events told and never committed",
    "findings of verify",
)
"""Which check is named where several noticed."""

KILLS = {Form.SHORT: 8, Form.FULL: 20, Form.LONG: 120}


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Kill each wrong design as the right one is killed; each must be caught."""
    began = time.monotonic()
    valkey = ValkeyServer(folder / "valkey")
    valkey.start()
    with quickened(), servers(folder) as running:
        caught = {
            mutant.name: dict(_caught(running, valkey.url, mutant, seed, KILLS[form]))
            for mutant in (RIGHT, *MUTANTS)
        }
    valkey.stop()
    right = caught.pop(RIGHT.name)
    count = sum(bool(found) for found in caught.values())
    found = "; ".join(map(_words, caught, caught.values()))
    control = f"{sum(right.values())} violations of the right design under the same kills"
    return Result(
        PROMISE,
        f"{count}/{len(MUTANTS)} caught ({found}); {control}",
        count == len(MUTANTS) and not right,
        time.monotonic() - began,
        {"kills of each": KILLS[form], "caught by": caught, "right design": right},
    )


def _caught(running: Servers, valkey: str, mutant: Mutant, seed: int, kills: int) -> Counter[str]:
    """What the checks say about one wrong design."""
    plan = Plan(kills, armed=0.8, points=mutant.points, lanes=("core",), servers=False)
    with stage(running, seed, partial(mutant.install, valkey)) as at:
        mutant.prepare(at.database.owner_url)
        campaign = Campaign(at, plan)
        campaign.run()
        return violations(at, campaign.sessions)


def _words(name: str, found: dict[str, int]) -> str:
    if not found:
        return f"{name}: NOT CAUGHT"
    what = next((check for check in TELLING if check in found), next(iter(found)))
    return f"{name}: {found[what]} {what}"
