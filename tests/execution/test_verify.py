"""`verify` finds whatever is done to the books behind the journal's back."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from execution import store
from execution.errors import ConcurrentWriterError
from execution.hashing import JournalRow
from execution.store import Head, Loaded
from execution.verify import Evidence, verify
from tests.execution.books import keep_heads, write
from tests.execution.factories import DAYS, Core, feed, session
from tests.servers import Database

SCORES = {"AAPL": "0.6", "IBM": "0.3", "MSFT": "-0.2"}


@dataclass(frozen=True)
class Books(Database):
    """The account's database, with the heads that were kept of it."""

    core: Core
    rows: list[tuple[JournalRow, Head]]
    heads: Path


@pytest.fixture
async def books(database: Database, tmp_path: Path) -> Books:
    """A database with four sessions of the account `sample`, written as the core writes it."""
    core = Core()
    core.send(*feed(DAYS[:4], SCORES))
    rows = await write(database, core)
    keep_heads(tmp_path, core, rows)
    return Books(database.name, database.owner_url, database.app_url, core, rows, tmp_path)


async def test_what_is_loaded_is_what_was_written(books: Books) -> None:
    core = Core()
    core.send(*feed(DAYS[:4], SCORES))
    async with await psycopg.AsyncConnection.connect(books.app_url) as connection:
        loaded: Loaded = await store.load(connection, "sample")
    assert loaded.state == core.state
    assert loaded.head.seq == len(core.journal)


async def test_untouched_books_are_sound(books: Books) -> None:
    report = verify(books.app_url, Evidence(books.heads))
    assert report.sound, report.accounts[0].findings
    assert report.accounts[0].rows > 0
    assert (report.accounts[0].heads, report.accounts[0].notes) == (4, [])


FLIP = "set_byte({0}, 5, get_byte({0}, 5) # 1)"
TAMPERINGS = {
    "an input's byte": f"UPDATE journal SET input = {FLIP.format('input')} WHERE seq = 5",
    "an effect's byte": f"UPDATE journal SET effects = {FLIP.format('effects')} WHERE seq = 7",
    "a hash": f"UPDATE journal SET chain_hash = {FLIP.format('chain_hash')} WHERE seq = 3",
    "a time": "UPDATE journal SET received_at = received_at + interval '1 us' WHERE seq = 4",
    "a missing row": "DELETE FROM journal WHERE seq = 6",
    "a missing tail": "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",
    "a missing head": "DELETE FROM journal WHERE seq = 1",
    "a position": "UPDATE positions SET quantity = quantity + 1 WHERE symbol = 'AAPL'",
    "a lot": "UPDATE positions SET lots = '[]' WHERE symbol = 'AAPL'",
    "a fill's price": "UPDATE fills SET price = price + 0.00000001",
    "a vanished order": "DELETE FROM orders WHERE symbol = 'IBM'",
    "an order's check": "UPDATE orders SET checks = '[]'",
    "a disposition": "UPDATE dispositions SET disposition = 'held'",
    "an added disposition": """INSERT INTO dispositions SELECT account, 'x', strategy, 'ZZZ',
        session, as_of, score, 'held', code, NULL, detail, seq FROM dispositions LIMIT 1""",
    "an equity": "UPDATE equity SET equity = equity + 0.01",
    "a state": f"UPDATE engine_state SET state = {FLIP.format('state')}",
    "a balanced pair of ledger lines": """UPDATE ledger SET amount = amount + CASE line
        WHEN 0 THEN 1 ELSE -1 END WHERE kind = 'capital'""",
}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=str)
async def test_every_tampering_is_found(books: Books, tampering: str) -> None:
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("ALTER TABLE fills DROP CONSTRAINT fills_account_order_id_fkey")
        cursor = connection.execute(TAMPERINGS[tampering])  # type: ignore[arg-type]
        assert cursor.rowcount > 0
    assert verify(books.app_url).accounts[0].findings


async def test_a_tail_that_its_owner_rewrote_is_found_by_the_kept_heads_alone(
    books: Books,
) -> None:
    """Everything in the database agrees: journal, hashes, state and tables of another history."""
    await replace(
        books, [*feed(DAYS[:3], SCORES), *session(DAYS[3], SCORES | {"AAPL": "-1"}, None, DAYS[2])]
    )
    assert verify(books.app_url).sound
    account = verify(books.app_url, Evidence(books.heads)).accounts[0]
    assert len(account.findings) == 1
    assert f"(session {DAYS[3]} closed)" in account.findings[0]
    assert "rewritten" in account.findings[0]


async def test_a_journal_that_was_cut_off_consistently_is_found(books: Books) -> None:
    await replace(books, feed(DAYS[:2], SCORES))
    assert verify(books.app_url).sound
    [finding] = verify(books.app_url, Evidence(books.heads)).accounts[0].findings
    assert finding.startswith("the journal ends at row ")
    assert f"(session {DAYS[3]} closed)" in finding


async def test_heads_that_were_taken_away_or_changed_are_found(books: Books) -> None:
    path = books.heads / "sample.jsonl"
    whole = path.read_bytes()
    place = whole.index(b'"chain_hash":"') + 20
    path.write_bytes(
        whole[:place] + (b"0" if whole[place] != ord("0") else b"1") + whole[place + 1 :]
    )
    assert "rewritten" in verify(books.app_url, Evidence(books.heads)).accounts[0].findings[0]
    path.write_bytes(b"garbage\n" + whole)
    assert (
        "line 1 is no head" in verify(books.app_url, Evidence(books.heads)).accounts[0].findings[0]
    )
    path.unlink()
    assert "is missing" in verify(books.app_url, Evidence(books.heads)).accounts[0].findings[0]


async def test_without_the_heads_the_report_says_what_it_cannot_find(books: Books) -> None:
    report = verify(books.app_url)
    assert report.sound
    assert report.accounts[0].notes == ["no heads kept: a rewritten tail cannot be found"]


async def test_an_account_that_closed_no_session_needs_no_heads(
    database: Database, tmp_path: Path
) -> None:
    await write(database, Core())
    report = verify(database.app_url, Evidence(tmp_path))
    assert report.sound
    assert report.accounts[0].notes == ["no heads kept: a rewritten tail cannot be found"]


async def replace(books: Books, items: list) -> None:
    """Write another history over the account's, as whoever owns the database can."""
    tables = (
        "journal, engine_state, dispositions, fills, orders, positions, ledger, equity, accounts"
    )
    with psycopg.connect(books.owner_url) as connection:
        connection.execute(f"TRUNCATE {tables} CASCADE")  # type: ignore[arg-type]
    core = Core()
    core.send(*items)
    await write(books, core, books.rows[0][0].received_at)


async def test_a_transaction_that_does_not_balance_cannot_be_committed(books: Books) -> None:
    unbalanced = """INSERT INTO ledger SELECT account, 'x', line, kind, sleeve, ledger_account,
        symbol, currency, amount, at, seq FROM ledger WHERE line = 0 LIMIT 1"""
    with psycopg.connect(books.app_url) as connection:
        connection.execute(unbalanced)
        with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
            connection.commit()


async def test_another_writer_is_noticed(books: Books) -> None:
    core = Core()
    core.send(*feed(DAYS[:1], SCORES))
    with pytest.raises(ConcurrentWriterError):
        await write(books, core)
    assert verify(books.app_url).sound
