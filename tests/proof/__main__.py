"""`python -m tests.proof --form short|full|long [--only NAME ...] [--seed N] [--report FILE]`.

Runs the proofs one after the other and prints a line for each; exits with 1 when one failed.
Keep out: what a proof does, and how the report looks (report.py).
"""

import argparse
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.proof import report
from tests.proof.registry import PROOFS
from tests.proof.result import Form, NotRunError, Result
from tests.proof.stage import workplace


def main() -> int:
    """Run what was asked for; 1 when anything failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and folders go with us
    wanted = _arguments()
    failed = False
    included = [name for name, proof in PROOFS.items() if wanted.form in proof.forms]
    for name in wanted.only or included:
        result = _run(name, wanted.form, wanted.seed)
        failed = failed or result.passed is False
        line = f"{report.verdict(result)}  {name}: {result.figure} ({result.seconds:.0f} s)"
        print(line, flush=True)  # noqa: T201 - what the command is for
        if wanted.report:
            report.keep(wanted.report, report.Entry.now(name, wanted.form, wanted.seed, result))
    if wanted.report:
        wanted.report.write_text(report.page(wanted.report, list(PROOFS)))
    return 1 if failed else 0


def _run(name: str, form: Form, seed: int) -> Result:
    began = time.monotonic()
    try:
        with workplace() as folder:
            return PROOFS[name].prove(form, seed, folder)
    except NotRunError as error:
        return Result(name, f"NOT RUN: {error}", None, time.monotonic() - began)
    except Exception as error:  # noqa: BLE001 - the other proofs go on
        traceback.print_exc()
        return Result(name, f"ended with {error!r}", False, time.monotonic() - began)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--form", type=Form, choices=list(Form), default=Form.FULL)
    parser.add_argument("--only", nargs="+", choices=list(PROOFS), metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
