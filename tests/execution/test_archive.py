"""Old journal in the lake: it still verifies, stays known, and tells when it was touched."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from execution import archive, store
from execution.api import queries
from execution.archive import Segment
from execution.errors import ArchiveError, UnknownAccountError
from execution.segments import Segments
from execution.verify import Evidence, verify
from tests.execution.books import write
from tests.execution.factories import DAYS, Core, bars, feed
from tests.servers import Database

SCORES = {"AAPL": "0.6", "IBM": "0.3", "MSFT": "-0.2"}


@pytest.fixture
def core() -> Core:
    """Six sessions."""
    core = Core()
    core.send(*feed(DAYS[:6], SCORES))
    return core


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
async def books(database: Database, core: Core) -> Database:
    await write(database, core)
    return database


def archived(books: Database, lake: Path, day: int) -> Segment:
    segment = archive.archive(books.owner_url, str(lake), "sample", DAYS[day])
    assert segment is not None
    return segment


def rows(books: Database) -> list[int]:
    with psycopg.connect(books.app_url) as connection:
        found = connection.execute("SELECT seq FROM journal ORDER BY seq").fetchall()
    return [seq for (seq,) in found]


def findings(books: Database, lake: Path | None) -> list[str]:
    return verify(books.app_url, Evidence(None, str(lake) if lake else None)).accounts[0].findings


def file_of(lake: Path, segment: Segment) -> Path:
    return lake / segment.file


async def test_what_is_archived_verifies_as_one_chain_with_the_rest(
    books: Database, lake: Path
) -> None:
    whole = verify(books.app_url).accounts[0]
    first, second = archived(books, lake, 2), archived(books, lake, 4)
    assert (first.first, second.first) == (1, first.last + 1)
    assert rows(books) == list(range(second.last + 1, whole.rows + 1))
    report = verify(books.app_url, Evidence(None, str(lake)))
    account = report.accounts[0]
    assert report.sound, account.findings
    assert account.archived == second.last
    assert (account.rows, account.chain_hash, account.decision_hash) == (
        (whole.rows, whole.chain_hash, whole.decision_hash)
    )


async def test_the_row_that_closed_the_session_stays(books: Database, lake: Path) -> None:
    archived(books, lake, 3)
    with psycopg.connect(books.app_url) as connection:
        row = connection.execute("SELECT effects FROM journal ORDER BY seq LIMIT 1").fetchone()
    assert row is not None
    assert f'"session":"{DAYS[3]}"'.encode() in row[0]
    assert b'"session_closed"' in row[0]


async def test_a_day_between_sessions_means_the_session_before(
    database: Database, lake: Path
) -> None:
    core = Core()
    core.send(*feed([DAYS[0], DAYS[1], DAYS[5]], SCORES))
    await write(database, core)
    by_gap = archived(database, lake, 4)
    assert archive.archive(database.owner_url, str(lake), "sample", DAYS[1]) is None
    with psycopg.connect(database.app_url) as connection:
        row = connection.execute("SELECT effects FROM journal ORDER BY seq LIMIT 1").fetchone()
    assert row is not None
    assert f'"session":"{DAYS[1]}"'.encode() in row[0]
    assert by_gap.last > 1


async def test_nothing_is_archived_twice_or_too_early(books: Database, lake: Path) -> None:
    archived(books, lake, 3)
    for day in (DAYS[3], DAYS[1], DAYS[0] - timedelta(days=9)):
        assert archive.archive(books.owner_url, str(lake), "sample", day) is None


async def test_what_waits_and_what_came_after_it_stays(
    database: Database, core: Core, lake: Path
) -> None:
    early = Core()
    items = feed(DAYS[:6], SCORES)
    ahead = bars(DAYS[20], previous=DAYS[19])
    early.send(*items[:8], ahead, *items[8:])
    await write(database, early)
    [waiting] = early.state.pending.values()
    segment = archived(database, lake, 5)
    assert segment.last == waiting - 1
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        loaded = await store.load(connection, "sample")
    assert [each.session for each in loaded.inbox.bars.values()] == [DAYS[20]]
    assert findings(database, lake) == []


async def test_archived_inputs_stay_known(books: Database, core: Core, lake: Path) -> None:
    ids = [item.input_id for item, _ in core.journal]
    archived(books, lake, 4)
    async with await psycopg.AsyncConnection.connect(books.app_url) as connection:
        intake = await store.intake(connection, "sample", ids)
    assert intake.known == set(ids)


async def test_why_names_the_file_that_holds_the_signal(books: Database, lake: Path) -> None:
    before = await why_of_first_fill(books)
    assert "archived" not in before["signal"]
    segment = archived(books, lake, 5)
    why = await why_of_first_fill(books)
    fill, signal = why["fill"], why["signal"]
    assert (signal["archived"], signal["archive_file"]) == (True, segment.file)
    same = ("signal_id", "symbol", "strategy", "disposition", "journal_row")
    assert [signal[name] for name in same] == [before["signal"][name] for name in same]
    assert (fill, why["order"], why["checks"]) == (
        (before["fill"], before["order"], before["checks"])
    )
    assert file_of(lake, segment).exists()


async def why_of_first_fill(books: Database) -> dict[str, Any]:
    async with await psycopg.AsyncConnection.connect(books.app_url) as connection:
        fills = await queries.fills(
            connection, account="sample", limit=1, after_seq=0, after_key=""
        )
        fill = (await queries.fills_by_prefix(connection, fills[0]["fill_id"]))[0]
        return await queries.why(connection, fill)


async def test_every_touched_byte_of_a_segment_is_found(books: Database, lake: Path) -> None:
    segment = archived(books, lake, 4)
    file = file_of(lake, segment)
    whole = file.read_bytes()
    for at in range(0, len(whole), 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert findings(books, lake) == [f"archived journal rows: {segment.file} was changed"]
    file.write_bytes(whole)
    assert findings(books, lake) == []


async def test_a_segment_rewritten_with_its_digest_breaks_the_chain(
    books: Database, lake: Path
) -> None:
    segment = archived(books, lake, 4)
    files = Segments(str(lake))
    held = list(files.read(segment.file))
    row = held[4].row
    held[4] = held[4]._replace(row=row._replace(input=row.input.replace(b"because", b"because!")))
    assert held[4].row != row
    files.write(segment.file, held)
    with psycopg.connect(books.owner_url) as connection:
        digest = files.digest(segment.file)
        connection.execute("UPDATE archive_segments SET sha256 = %s", (digest,))
    assert findings(books, lake)[0] == "journal row 5 does not carry the hash of its contents"


async def test_a_missing_segment_is_named(books: Database, lake: Path) -> None:
    archived(books, lake, 2)
    second = archived(books, lake, 4)
    file_of(lake, second).unlink()
    [finding] = findings(books, lake)
    assert finding.startswith(f"archived journal rows: {second.file} cannot be read")
    [finding] = findings(books, None)
    assert "TRADING_LAKE_URL is not set" in finding


async def test_a_journal_that_is_not_sound_is_not_archived(books: Database, lake: Path) -> None:
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("UPDATE journal SET kind = kind || 'x' WHERE seq = 7")
    before = rows(books)
    with pytest.raises(ArchiveError, match="journal row 7 of account sample"):
        archived(books, lake, 4)
    assert rows(books) == before


async def test_an_archiving_that_was_killed_before_the_delete_is_finished_by_the_next(
    books: Database, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(archive, "_forget", _killed)
        with pytest.raises(KeyboardInterrupt):
            archived(books, lake, 2)
    [left] = (lake / "journal" / "sample").iterdir()
    left.with_name("1-9.parquet.cut.tmp").write_bytes(b"half")
    assert rows(books)[0] == 1
    assert findings(books, lake) == []
    segment = archived(books, lake, 4)
    assert [path.name for path in left.parent.iterdir()] == [Path(segment.file).name]
    assert findings(books, lake) == []


async def test_files_are_not_dropped_where_the_journal_lacks_their_rows(
    books: Database, lake: Path
) -> None:
    segment = archived(books, lake, 2)
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("DELETE FROM archive_segments")
    with pytest.raises(ArchiveError, match="does not go on at row 1"):
        archived(books, lake, 4)
    assert file_of(lake, segment).exists()


async def test_the_application_can_neither_archive_nor_hide_it(books: Database, lake: Path) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        archive.archive(books.app_url, str(lake), "sample", DAYS[4])
    assert findings(books, lake) == []


async def test_the_command_says_what_it_did(books: Database, lake: Path) -> None:
    done = command(books, lake, "--account", "sample", "--before", str(DAYS[4]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sample: journal rows 1 to ")
    again = command(books, lake, "--account", "sample", "--before", str(DAYS[4]))
    assert again.stdout == "sample: no journal row is old enough to archive\n"
    unknown = command(books, lake, "--account", "nobody", "--before", str(DAYS[4]))
    assert (unknown.returncode, unknown.stderr) == (2, "there is no account 'nobody'\n")


async def test_an_unknown_account_or_lake_is_refused(books: Database, lake: Path) -> None:
    with pytest.raises(UnknownAccountError):
        archive.archive(books.owner_url, str(lake), "nobody", DAYS[4])
    with pytest.raises(ArchiveError, match="cannot be opened"):
        archive.archive(books.owner_url, "nowhere://x", "sample", DAYS[4])


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def command(books: Database, lake: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "DATABASE_OWNER_URL": books.owner_url, "TRADING_LAKE_URL": str(lake)}
    return subprocess.run(
        [sys.executable, "-m", "execution.archive", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
