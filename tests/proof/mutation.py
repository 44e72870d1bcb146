"""Proof: the tests of the risk checks notice small wrong changes to them.

Each change runs in a forked process that reads the changed source instead of the module's own.
Keep out: which changes are made (mutations.py).
"""

import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import pytest

from tests import conftest
from tests.proof.mutations import Mutation, mutations
from tests.proof.result import Form, Result

assert conftest.__doc__, "what tests import at first is here before the first fork"

PROMISE = "Tests of the risk checks notice wrong changes to them (mutation testing)"
WANTED = 0.90
ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "execution" / "domain" / "risk"
MODULES = ("book", "case", "codes", "evaluation", "exposure", "flow", "form", "permission")
TESTS = (
    "test_risk.py",
    "test_risk_rules.py",
    "test_risk_book.py",
    "test_risk_flow.py",
    "test_standing.py",
    "test_risk_laws.py",
)
"""The quick ones first: a change that they notice needs no more."""
FOLDER = ROOT / "tests" / "execution"
RELOADED = ("execution.domain", "tests.execution")
"""What may hold on to the true module: each forked process imports it anew."""
OPTIONS = ("-x", "-q", "--assert=plain")
PLUGINS = ("no:randomly", "no:cacheprovider")
LONGEST_SECONDS = 300
"""A change that leads into an endless loop is noticed, too."""


class Mutant(NamedTuple):
    """One changed module."""

    module: str
    mutation: Mutation

    def __str__(self) -> str:
        return f"risk/{self.module}.py:{self.mutation.line}: {self.mutation.what}"


def prove(_form: Form, _seed: int, _folder: Path) -> Result:
    """Run the tests against every change; those that pass all the same are named."""
    began = time.monotonic()
    mutants = every_mutant()
    if not survivors_of([unchanged()]):
        raise RuntimeError("the tests fail without any change: nothing can be told from them")
    survivors = survivors_of(mutants)
    killed = len(mutants) - len(survivors)
    return Result(
        PROMISE,
        f"{killed}/{len(mutants)} changes noticed ({killed / len(mutants):.1%})",
        killed >= WANTED * len(mutants),
        time.monotonic() - began,
        {"survivors": [str(mutant) for mutant in survivors]},
    )


def every_mutant() -> list[Mutant]:
    """Of all modules of the risk checks."""
    return [
        Mutant(module, mutation)
        for module in MODULES
        for mutation in mutations((PACKAGE / f"{module}.py").read_text())
    ]


def unchanged() -> Mutant:
    """The control: a module as it is."""
    module = MODULES[0]
    return Mutant(module, Mutation(0, "nothing", (PACKAGE / f"{module}.py").read_text()))


def survivors_of(mutants: list[Mutant]) -> list[Mutant]:
    """Those that no test notices; as many at a time as there are processors."""
    waiting, running, survivors = list(reversed(mutants)), dict[int, Mutant](), list[Mutant]()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop()
            running[_fork(mutant)] = mutant
        pid, status = os.wait()
        mutant = running.pop(pid)
        if os.waitstatus_to_exitcode(status) == 0:
            survivors.append(mutant)
    return survivors


def _fork(mutant: Mutant) -> int:
    """A process that ends with 0 where the tests pass."""
    pid = os.fork()
    if pid == 0:
        os._exit(_tested(mutant))
    return pid


def _tested(mutant: Mutant) -> int:
    """Judge by the table first, which notices most changes, then run the tests."""
    signal.alarm(LONGEST_SECONDS)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    for name in [name for name in sys.modules if name.startswith(RELOADED)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder(mutant))
    try:
        table = importlib.import_module("tests.execution.risk_table")
        if any(case.wrong() for case in table.TABLE):
            return 1
    except Exception:  # noqa: BLE001 - a module that no longer works is noticed, too
        return 1
    options = [*OPTIONS, *(word for name in PLUGINS for word in ("-p", name))]
    return int(any(pytest.main([*options, str(FOLDER / test)]) for test in TESTS))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the changed module in place of the true one."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"execution.domain.risk.{mutant.module}"
        self.loader = _Loader(self.name, str(PACKAGE / f"{mutant.module}.py"))
        self.loader.source = mutant.mutation.source

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """The changed module, or None for any other."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.loader.path, loader=self.loader)


class _Loader(SourceFileLoader):
    """Reads the changed source, never a compiled one, and leaves nothing compiled behind."""

    source = ""

    def get_code(self, _fullname: str) -> CodeType:
        """The changed source, compiled."""
        return compile(self.source, self.path, "exec")
