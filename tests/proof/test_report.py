"""The report says what was found, and nothing else."""

from pathlib import Path

import pytest

from tests.proof import report
from tests.proof.registry import PROOFS
from tests.proof.result import Form, Result


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    return tmp_path / "GUARANTEES.md"


def kept(page_file: Path, name: str, form: Form, figure: str, passed: bool | None) -> str:
    result = Result(f"promise of {name}", figure, passed, 1.0)
    report.keep(page_file, report.Entry.now(name, form, 7, result))
    return report.page(page_file, ["kills", "soak"])


def row_of(page: str, word: str) -> str:
    (row,) = [line for line in page.splitlines() if word in line and line.startswith("|")]
    return row


def test_a_proof_without_a_result_is_not_run(page_file: Path) -> None:
    page = kept(page_file, "kills", Form.FULL, "1,000 kills", True)
    assert "| held | 7 |" in row_of(page, "promise of kills")
    assert "NOT RUN" in row_of(page, "soak")


def test_a_new_result_replaces_that_of_its_form_alone(page_file: Path) -> None:
    kept(page_file, "kills", Form.FULL, "999 kills", True)
    kept(page_file, "kills", Form.LONG, "10,000 kills", True)
    page = kept(page_file, "kills", Form.FULL, "new", False)
    assert "| FAILED |" in row_of(page, "new")
    assert row_of(page, "10,000 kills")
    assert "999 kills" not in page


def test_what_could_not_be_run_says_why(page_file: Path) -> None:
    page = kept(page_file, "soak", Form.LONG, "NOT RUN: no FUSE", None)
    assert "no FUSE | NOT RUN |" in row_of(page, "promise of soak")


def test_every_proof_has_a_row_in_an_empty_report(page_file: Path) -> None:
    page = report.page(page_file, list(PROOFS))
    assert page.count("NOT RUN |") == len(PROOFS)


def test_a_figure_stays_in_its_cell(page_file: Path) -> None:
    page = kept(page_file, "kills", Form.FULL, "a | b\nand c", False)
    assert r"| a \| b and c |" in row_of(page, "promise of kills")
