"""docs/GUARANTEES.md, written from what the proofs found: nobody types it.

Belongs here: keeping results as lines of JSON beside the report, and the report's form.
Keep out: running proofs.
"""

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.proof.result import Form, Result

ROOT = Path(__file__).parent.parent.parent

HEAD = """\
# Guarantees

What the system promises, and what was found when it was tried. This page is written by the proofs
themselves (`make prove`, `make prove-long`; `python -m tests.proof --help`): change the code, not
the page. A proof that has no result reads NOT RUN.

| promise | form | figure | verdict | seed | commit | date |
| --- | --- | --- | --- | --- | --- | --- |
"""

LIMITS = """
## Not proven here

- The loss of the disk: one PostgreSQL and one JetStream node hold the state.
- Damage inside the servers: nats-server and PostgreSQL are the published programs, killed and not
  corrupted. Kills run with PostgreSQL's `fsync` off and files in memory where there is room, which
  changes nothing: a SIGKILL takes nothing that was written. A power cut is a proof of its own.
- The services' waiting times (redelivery, pauses between attempts) are shortened during kills, so
  that more kills fit into an hour; nothing else about the services is different.
- A kill of the whole machine at once, and clocks that jump.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One result with all that is needed to try it again."""

    name: str
    form: str
    seed: int
    commit: str
    machine: str
    at: str
    promise: str
    figure: str
    passed: bool | None
    seconds: float
    details: dict[str, object]

    @classmethod
    def now(cls, name: str, form: Form, seed: int, result: Result) -> "Entry":
        """The result of just now, on this machine and commit."""
        at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return cls(name, str(form), seed, _commit(), _machine(), at, **asdict(result))


def verdict(result: Result | Entry) -> str:
    """One word for people."""
    return {True: "held", False: "FAILED", None: "NOT RUN"}[result.passed]


def keep(page_file: Path, entry: Entry) -> None:
    """Add a result to the lines beside the report, in the place of an earlier one of its form."""
    kept = [e for e in _kept(page_file) if (e.name, e.form) != (entry.name, entry.form)]
    lines = [msgspec.json.encode(each).decode() for each in [*kept, entry]]
    _lines_file(page_file).write_text("\n".join(lines) + "\n")


def page(page_file: Path, names: list[str]) -> str:
    """The whole report: every result there is of every proof, and what is not proven."""
    kept = _kept(page_file)
    rows = [row for name in names for row in _rows(name, [e for e in kept if e.name == name])]
    machines = sorted({f"- {entry.machine}" for entry in kept})
    return HEAD + "\n".join(rows) + "\n\n## Machine\n\n" + "\n".join(machines) + "\n" + LIMITS


def _rows(name: str, entries: list[Entry]) -> list[str]:
    if not entries:
        return [f"| {name} | | | NOT RUN | | | |"]
    order = list(Form)
    return [
        _row(e.promise, e.form, e.figure, verdict(e), e.seed, e.commit, e.at)
        for e in sorted(entries, key=lambda e: order.index(Form(e.form)))
    ]


def _row(*cells: object) -> str:
    """A line of the table; what an error says may hold anything."""
    texts = (" ".join(str(cell).split()).replace("|", r"\|") for cell in cells)
    return "| " + " | ".join(texts) + " |"


def _kept(page_file: Path) -> list[Entry]:
    lines = _lines_file(page_file)
    if not lines.exists():
        return []
    return [msgspec.json.decode(line, type=Entry) for line in lines.read_text().splitlines()]


def _lines_file(page_file: Path) -> Path:
    return page_file.with_suffix(".jsonl")


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changes = _git("status", "--porcelain", "--", ".", ":!docs/GUARANTEES.*")
    return commit + ("+changes" if changes else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _machine() -> str:
    python = f"Python {platform.python_version()}"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {python}"
