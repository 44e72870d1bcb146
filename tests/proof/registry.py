"""Every proof by name, in the order of the report.

Keep out: what a proof does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.proof import (
    failover,
    kill_switch,
    kills,
    machines,
    mutants,
    mutation,
    poison,
    powercut,
    races,
    redelivery,
    risk_codes,
    soak,
)
from tests.proof.result import Form, Result

ALL = (Form.SHORT, Form.FULL, Form.LONG)
LONG = (Form.LONG,)


class Proof(NamedTuple):
    """`prove` takes the form, the seed and an empty folder, and raises NotRunError where the
    machine lacks something; `forms` are those that include it unless it is asked for by name."""

    prove: Callable[[Form, int, Path], Result]
    forms: tuple[Form, ...] = ALL


PROOFS: dict[str, Proof] = {
    "kills": Proof(kills.prove),
    "mutants": Proof(mutants.prove),
    "redelivery": Proof(redelivery.prove),
    "machines": Proof(machines.prove),
    "risk_codes": Proof(risk_codes.prove),
    "poison": Proof(poison.prove),
    "kill_switch": Proof(kill_switch.prove),
    "races": Proof(races.prove),
    "failover": Proof(failover.prove),
    "mutation": Proof(mutation.prove, LONG),
    "powercut": Proof(powercut.prove, LONG),
    "soak": Proof(soak.prove, LONG),
}
