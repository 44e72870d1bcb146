"""Rows arrive in PostgreSQL as they were meant, by whatever way they are sent."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from execution import store, tables
from execution.domain import effects as fx
from tests.execution.factories import CONFIG
from tests.servers import Database

NOW = datetime(2012, 1, 2, 21, tzinfo=UTC)

AWKWARD = {
    "quotes": 'a "b" c',
    "backslash": "a\\b \\n \\.",
    "lines": "one\ntwo\r\n\tthree",
    "null": "null",
    "comma": ",,",
    "unicode": "é ☃ \x7f",
}


def disposed(signal_id: str, **fields: Any) -> fx.SignalDisposed:
    given = {
        "strategy": "technical",
        "symbol": "AAPL",
        "session": date(2012, 1, 2),
        "as_of": NOW,
        "score": Decimal("-0.500000"),
        "disposition": fx.Disposition.HELD,
    } | fields
    return fx.SignalDisposed(signal_id=signal_id, **given)


async def written(database: Database, *found: fx.Effect) -> list[tuple]:
    """The dispositions that these effects leave."""
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        await store.register(connection, CONFIG)
        async with connection.transaction(), connection.cursor() as cursor:
            await tables.write(cursor, "sample", [(n, effect) for n, effect in enumerate(found, 1)])
            await cursor.execute(
                "SELECT symbol, as_of, score, code, order_id, detail, seq FROM dispositions "
                "ORDER BY seq"
            )
            return await cursor.fetchall()


@pytest.mark.asyncio
async def test_any_text_in_json_arrives_as_it_was(database: Database) -> None:
    (row,) = await written(database, disposed("a", detail=AWKWARD))
    assert row[5] == AWKWARD


@pytest.mark.asyncio
async def test_nothing_is_null_and_the_word_null_is_a_word(database: Database) -> None:
    found = await written(database, disposed("a"), disposed("b", code="null", symbol="NULL"))
    assert found[0] == ("AAPL", NOW, Decimal("-0.500000"), None, None, {}, 1)
    assert found[1] == ("NULL", NOW, Decimal("-0.500000"), "null", None, {}, 2)


@pytest.mark.asyncio
async def test_words_of_people_may_hold_any_character(database: Database) -> None:
    changed = fx.LimitsChanged(
        limits=CONFIG.limits, changed_by="a\tb", reason='one\ntwo \\n "three"', at=NOW
    )
    async with await psycopg.AsyncConnection.connect(database.app_url) as connection:
        await store.register(connection, CONFIG)
        async with connection.transaction(), connection.cursor() as cursor:
            await tables.write(cursor, "sample", [(1, changed)])
            await cursor.execute("SELECT changed_by, reason FROM limits")
            assert await cursor.fetchone() == ("a\tb", 'one\ntwo \\n "three"')
