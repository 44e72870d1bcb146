"""`verify` finds whatever is done to the books behind the journal's back."""

import psycopg
import pytest

from execution import store
from execution.domain.desk import ENGINE_VERSION
from execution.store import Decided, Head, Loaded
from execution.verify import verify
from tests.execution.factories import CONFIG, DAYS, Core, feed
from tests.servers import Database

SCORES = {"AAPL": "0.6", "IBM": "0.3", "MSFT": "-0.2"}


@pytest.fixture
async def books(database: Database) -> Database:
    """A database with four sessions of the account `sample`, written as the core writes it."""
    core = Core()
    core.send(*feed(DAYS[:4], SCORES))
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        await store.register(connection, CONFIG)
        received_at = (await store.intake(connection, "sample", [])).received_at
        batch = [Decided(item, effects, None) for item, effects in core.journal]
        rows, _ = store.journal_rows(Head(), "sample", ENGINE_VERSION, batch, received_at)
        await store.commit(connection, "sample", Head(), rows, batch, core.state, [])
    return database


async def test_what_is_loaded_is_what_was_written(books: Database) -> None:
    core = Core()
    core.send(*feed(DAYS[:4], SCORES))
    async with await psycopg.AsyncConnection.connect(books.app_url) as connection:
        loaded: Loaded = await store.load(connection, "sample")
    assert loaded.state == core.state
    assert loaded.head.seq == len(core.journal)


async def test_untouched_books_are_sound(books: Database) -> None:
    report = verify(books.app_url)
    assert report.sound, report.accounts[0].findings
    assert report.accounts[0].rows > 0


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
async def test_every_tampering_is_found(books: Database, tampering: str) -> None:
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("ALTER TABLE fills DROP CONSTRAINT fills_account_order_id_fkey")
        cursor = connection.execute(TAMPERINGS[tampering])  # type: ignore[arg-type]
        assert cursor.rowcount > 0
    assert verify(books.app_url).accounts[0].findings


async def test_a_transaction_that_does_not_balance_cannot_be_committed(books: Database) -> None:
    unbalanced = """INSERT INTO ledger SELECT account, 'x', line, kind, sleeve, ledger_account,
        symbol, currency, amount, at, seq FROM ledger WHERE line = 0 LIMIT 1"""
    with psycopg.connect(books.app_url) as connection:
        connection.execute(unbalanced)
        with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
            connection.commit()


async def test_another_writer_is_noticed(books: Database) -> None:
    from execution.errors import ConcurrentWriterError

    core = Core()
    core.send(*feed(DAYS[:1], SCORES))
    batch = [Decided(item, effects, None) for item, effects in core.journal]
    async with await psycopg.AsyncConnection.connect(books.app_url) as connection:
        received_at = (await store.intake(connection, "sample", [])).received_at
        rows, _ = store.journal_rows(Head(), "sample", ENGINE_VERSION, batch, received_at)
        with pytest.raises(ConcurrentWriterError):
            await store.commit(connection, "sample", Head(), rows, batch, core.state, [])
    assert verify(books.app_url).sound
