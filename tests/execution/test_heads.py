"""Kept heads: what a crash may leave in the file, and what the core writes to it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from execution.errors import HeadsUnreadableError
from execution.heads import HeadsFile, KeptHead
from execution.verify import Evidence, verify
from tests.execution.factories import DAYS, feed
from tests.execution.running import RunningCore, as_messages, running, send
from tests.servers import Database, until

SCORES = {"AAPL": "0.6", "IBM": "0.3"}
FIRST = KeptHead(3, "aa" * 32, date(2012, 1, 3))
SECOND = KeptHead(9, "bb" * 32, date(2012, 1, 4))


@pytest.fixture
def file(tmp_path: Path) -> HeadsFile:
    return HeadsFile(tmp_path / "heads", "sample")


def test_what_is_appended_is_read_in_order(file: HeadsFile) -> None:
    assert file.read() is None
    file.append([FIRST])
    file.append([SECOND])
    assert file.read() == [FIRST, SECOND]


def test_only_the_owner_may_read_it(file: HeadsFile) -> None:
    file.append([FIRST])
    assert file.path.stat().st_mode & 0o077 == 0
    assert file.path.parent.stat().st_mode & 0o077 == 0


def test_a_line_that_a_crash_cut_off_is_no_head_and_is_replaced(file: HeadsFile) -> None:
    file.append([FIRST, SECOND])
    whole = file.path.read_bytes()
    for end in range(whole.index(b"\n") + 1, len(whole)):
        file.path.write_bytes(whole[:end])
        assert file.read() == [FIRST]
        file.ensure(SECOND)
        assert file.read() == [FIRST, SECOND]


def test_the_present_head_is_written_once(file: HeadsFile) -> None:
    for _ in range(3):
        file.ensure(FIRST)
    assert file.read() == [FIRST]


def test_a_line_that_is_none_is_named(file: HeadsFile) -> None:
    file.append([FIRST, SECOND])
    file.path.write_bytes(b"x" + file.path.read_bytes())
    with pytest.raises(HeadsUnreadableError, match=r"sample\.jsonl line 1 is no head"):
        file.read()


@pytest.fixture
def core(database: Database, nats_url: str, tmp_path: Path) -> Iterator[RunningCore]:
    with running(RunningCore(database, nats_url, tmp_path)) as started:
        yield started


def kept(core: RunningCore) -> list[KeptHead]:
    return HeadsFile(core.heads, "sample").read() or []


def test_the_core_keeps_the_head_of_every_session(core: RunningCore) -> None:
    send(core.nats_url, as_messages(feed(DAYS[:8], SCORES)))
    core.wait_until_closed(DAYS[7])
    until(lambda: len(kept(core)) >= 8, "the heads")
    assert [head.session for head in kept(core)] == DAYS[:8]
    report = verify(core.database.app_url, Evidence(core.heads))
    sample = next(each for each in report.accounts if each.account == "sample")
    assert (sample.findings, sample.heads) == ([], 8)


def test_a_head_that_a_crash_lost_is_written_at_the_next_start(core: RunningCore) -> None:
    send(core.nats_url, as_messages(feed(DAYS[:3], SCORES)))
    closed = core.wait_until_closed(DAYS[2])
    core.kill()
    path = HeadsFile(core.heads, "sample").path
    path.unlink(missing_ok=True)
    core.start()
    assert [(head.session, head.chain_hash) for head in kept(core)] == [
        (DAYS[2], closed["chain_hash"])
    ]


def test_an_account_that_cannot_keep_its_heads_says_so_and_goes_on_later(
    core: RunningCore,
) -> None:
    core.kill()
    file = HeadsFile(core.heads, "sample").path
    file.unlink(missing_ok=True)
    file.mkdir(parents=True)
    core.child.start()
    send(core.nats_url, as_messages(feed(DAYS[:2], SCORES)))
    until(lambda: _problems(core) == ["account sample cannot go on"], "the account to stop")
    file.rmdir()
    core.wait_until_closed(DAYS[1])
    until(lambda: core.http.get("/health/ready").is_success, "the account to go on")
    with psycopg.connect(core.database.app_url) as connection:
        row = connection.execute("SELECT chain_hash FROM engine_state WHERE account='sample'")
        found = row.fetchone()
    assert found is not None
    assert kept(core)[-1].chain_hash == found[0].hex()


def _problems(core: RunningCore) -> list[str]:
    import httpx

    try:
        body = core.http.get("/health/ready").json()
    except httpx.HTTPError:
        return []
    return [problem.split(":")[0] for problem in body.get("problems", [])]
