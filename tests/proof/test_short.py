"""The short form of every proof, as `make test` runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.registry import PROOFS
from tests.proof.result import Form

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [n for n, proof in PROOFS.items() if Form.SHORT in proof.forms])
def test_the_short_form_holds(name: str) -> None:
    """In a process of its own: proofs fork, and that needs a process without threads."""
    words = [sys.executable, "-m", "tests.proof", "--form", "short", "--only", name]
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "held" in done.stdout or "NOT RUN" in done.stdout
