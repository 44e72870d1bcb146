"""`trading backup`, `restore` and `archive` from outside, where nothing needs to run."""

from pathlib import Path

import pytest

from deploy.local import home as homes
from deploy.local.home import Home
from tests.deploy.test_cli import trading

FILE = "books.tar.gz"


@pytest.mark.parametrize(
    "words", [["backup", FILE], ["archive", "--account", "sample", "--before", "2012-01-31"]]
)
def test_without_a_stack_the_exit_code_is_3(tmp_path: Path, words: list[str]) -> None:
    done = trading(tmp_path / "home", *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1


def test_a_day_that_is_none_is_bad_input(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "archive", "--account", "sample", "--before", "soon")
    assert done.returncode == 2
    assert done.stderr.startswith("--before is 'soon' and must be a day")


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    homes.prepare(home)
    before = sorted(home.root.iterdir())
    done = trading(home.root, "restore", str(tmp_path / FILE))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{home.root} is not empty: ")
    assert sorted(home.root.iterdir()) == before


def test_an_external_database_is_refused(tmp_path: Path) -> None:
    urls = dict.fromkeys(
        ("DATABASE_URL", "DATABASE_OWNER_URL", "DAGSTER_DATABASE_URL"), "postgresql://db/x"
    )
    done = trading(tmp_path / "home", "restore", str(tmp_path / FILE), **urls)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("DATABASE_URL names an external PostgreSQL")


@pytest.mark.parametrize("content", [None, b"", b"a shopping list"])
def test_what_is_no_backup_leaves_nothing_behind(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / FILE
    if content is not None:
        file.write_bytes(content)
    done = trading(tmp_path / "home", "restore", str(file))
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path != file] == []
