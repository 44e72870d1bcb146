"""A backup of a running stack, restored elsewhere, trades on as the original does."""

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Child, until
from tests.system.stack import TRADING, LocalStack, up, wait_until_gone

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

FIRST, ARCHIVED_TO, BACKED_UP, END = "2012-01-03", "2012-01-10", "2012-01-18", "2012-01-31"


@dataclass
class Original:
    """What the stack that was backed up said."""

    file: Path
    said: str
    at_backup: dict[str, Any]
    at_end: dict[str, Any]
    verified: dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup")


@pytest.fixture(scope="module")
def original(folder: Path) -> Original:
    """Sessions, an archive, a backup, more sessions."""
    file = folder / "books.tar.gz"
    with up(folder / "original") as stack:
        traded(stack, FIRST, BACKED_UP)
        done = stack.call("archive", "--account", "sample", "--before", ARCHIVED_TO)
        assert done.returncode == 0, done.stderr
        at_backup = account(stack)
        made = stack.call("backup", str(file))
        assert made.returncode == 0, made.stderr
        again = stack.call("backup", str(file))
        assert (again.returncode, again.stderr) == (2, f"{file} exists: choose another name.\n")
        traded(stack, "2012-01-19", END)
        told = Original(file, made.stdout, at_backup, account(stack), verified(stack))
    wait_until_gone(folder)
    return told


@pytest.fixture(scope="module")
def restored(folder: Path, original: Original) -> LocalStack:
    """A state folder of its own, restored but not started, after an attempt that was killed."""
    stack = LocalStack(folder / "restored")
    attempt = Child(
        [*TRADING, "restore", str(original.file)], stack.folder / "killed.log", stack.env
    )
    attempt.start()
    half = stack.home.with_name("home-restoring") / "postgres"
    until(lambda: attempt.running() and half.exists(), "the restore to be half done")
    attempt.kill()
    wait_until_gone(folder)
    assert not stack.home.exists()
    done = stack.call("restore", str(original.file))
    assert done.returncode == 0, done.stderr
    assert original.at_backup["decision_hash"] in done.stdout
    assert not half.parent.exists()
    return stack


def test_the_backup_says_where_each_journal_ends_and_holds_no_secret(
    original: Original, folder: Path
) -> None:
    with tarfile.open(original.file) as tar:
        names = tar.getnames()
        texts = [tar.extractfile(each).read() for each in tar if each.isfile()]  # type: ignore[union-attr]
    assert "heads/sample.jsonl" in names
    assert any(name.startswith("lake/journal/sample/1-") for name in names)
    assert any(name.startswith("lake/bars/") for name in names)
    assert original.at_backup["decision_hash"] in original.said
    home = folder / "original" / "home"
    secrets = [*json.loads((home / "secrets.json").read_text()).values()]
    secrets.append((home / "api-token").read_text().strip())
    assert not [secret for secret in secrets for text in texts if secret.encode() in text]


def test_a_folder_that_is_not_empty_is_refused(original: Original, folder: Path) -> None:
    stack = LocalStack(folder / "taken")
    stack.home.mkdir()
    (stack.home / "mine").write_text("x")
    done = stack.call("restore", str(original.file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{stack.home} is not empty: ")
    assert done.stderr.count("\n") == 1


def test_a_changed_backup_is_refused_and_leaves_nothing(original: Original, folder: Path) -> None:
    stack = LocalStack(folder / "tampered")
    whole = original.file.read_bytes()
    changed = folder / "changed.tar.gz"
    middle = len(whole) // 2
    changed.write_bytes(whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :])
    done = stack.call("restore", str(changed))
    assert done.returncode == 2
    assert f"{changed} was refused at " in done.stderr
    assert [path.name for path in stack.folder.iterdir()] == []


def test_the_restored_books_are_those_of_the_backup_and_trade_on_to_the_same_end(
    original: Original, restored: LocalStack
) -> None:
    with up(restored.folder) as stack:
        hashes = ("decision_hash", "chain_hash", "equity", "closed_session")
        found = account(stack)
        assert [found[name] for name in hashes] == [original.at_backup[name] for name in hashes]
        traded(stack, FIRST, END)  # on a new bus: what is in the journal or its archive is known
        assert account(stack)["decision_hash"] == original.at_end["decision_hash"]
        after = verified(stack)
        assert (after["findings"], after["notes"]) == ([], [])
        assert after["archived"] == original.verified["archived"] > 0
        assert after["heads"] >= original.verified["heads"] > 0


def traded(stack: LocalStack, start: str, end: str) -> None:
    stack.run("--from", start, "--to", end)


def account(stack: LocalStack) -> dict[str, Any]:
    return dict(stack.get("/api/v1/account", account="sample"))


def verified(stack: LocalStack) -> dict[str, Any]:
    """The verifier's report of the account; the verdict of the whole is in its findings."""
    done: subprocess.CompletedProcess[str] = stack.call("verify", "--json")
    accounts = json.loads(done.stdout)["accounts"]
    return dict(next(each for each in accounts if each["account"] == "sample"))
