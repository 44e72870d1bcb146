"""Projected rows on their way into PostgreSQL, a batch at a time.

Joins are never prepared: a plan that was made while a table was small would be kept.

Belongs here: what a batch leaves of each row, and the statements that write it.
Keep out: which rows an effect becomes (projection.py), the journal and the transaction (store.py).
"""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncCursor, sql

from execution import projection
from execution.domain.effects import Effect

Cells = tuple[Any, ...]
Values = dict[str, Any]

_encoder = msgspec.json.Encoder()


async def write(
    cursor: AsyncCursor[Any], account: str, effects: Iterable[tuple[int, Effect]]
) -> None:
    """Write what these effects become, each with its journal row, in their order."""
    appended: dict[str, list[Cells]] = {}
    columns: dict[str, tuple[str, ...]] = {}
    changing: dict[str, dict[Cells, Values | None]] = {"orders": {}, "positions": {}}
    for seq, effect in effects:
        for table, names, cells in projection.changes(effect, seq):
            if table in projection.CHANGING:
                _merge(changing[table], len(projection.KEYS[table]), names, cells)
            else:
                columns[table] = names
                appended.setdefault(table, []).append((account, *cells))
    await _write_orders(cursor, account, changing["orders"])  # fills refer to them
    for table, rows in appended.items():
        write_rows = copy if table in FREE_TEXT else _copy_plain
        await write_rows(cursor, table, ("account", *columns[table]), rows)
    await _write_positions(cursor, account, changing["positions"])


FREE_TEXT = frozenset({"limits", "suspense"})
"""Tables with words of people and venues, which may hold any character."""


async def copy(
    cursor: AsyncCursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Append rows by COPY."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _names(columns))
    async with cursor.copy(statement) as copying:
        for row in rows:
            await copying.write_row(row)


async def _copy_plain(
    cursor: AsyncCursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    r"""The same, ten times as fast, for text without control characters.

    Without its brackets a JSON array of scalars is a line of CSV with \ as the escape; only control
    characters look different in the two.
    """
    statement = sql.SQL(
        r"COPY {} ({}) FROM STDIN (FORMAT csv, ESCAPE '\', NULL 'null', ENCODING 'UTF8')"
    ).format(sql.Identifier(table), _names(columns))
    async with cursor.copy(statement) as copying:
        await copying.write(b"\n".join([_encoder.encode(row)[1:-1] for row in rows]))


def _merge(
    table: dict[Cells, Values | None], width: int, columns: tuple[str, ...], cells: Cells
) -> None:
    """A later change of the same row within a batch adds to the earlier one, or undoes it."""
    key = cells[:width]
    if len(cells) == width:
        table[key] = None
        return
    values = dict(zip(columns, cells, strict=True))
    earlier = table.get(key)
    table[key] = earlier | values if earlier else values


async def _write_orders(
    cursor: AsyncCursor[Any], account: str, orders: dict[Cells, Values | None]
) -> None:
    """Orders made in this batch are whole; of others only what changed is known."""
    made = [values for values in orders.values() if values and "seq" in values]
    if made:
        rows = ((account, *values.values()) for values in made)
        await _copy_plain(cursor, "orders", ("account", *made[0]), rows)
    changed = [values for values in orders.values() if values and "seq" not in values]
    if changed:
        await cursor.execute(_UPDATE_ORDERS, (_encoder.encode(changed), account), prepare=False)


_UPDATE_ORDERS: LiteralString = """UPDATE orders SET status = new.status, symbol = new.symbol,
        quantity = new.quantity, limit_price = new.limit_price, stop_price = new.stop_price,
        filled_quantity = new.filled_quantity, filled_value = new.filled_value,
        changed_at = new.changed_at
    FROM json_populate_recordset(NULL::orders, convert_from(%s, 'UTF8')::json) AS new
    WHERE orders.account = %s AND orders.order_id = new.order_id"""


async def _write_positions(
    cursor: AsyncCursor[Any], account: str, positions: dict[Cells, Values | None]
) -> None:
    held = [values for values in positions.values() if values]
    if held:
        for values in held:
            values["lots"] = msgspec.Raw(values["lots"].encode())
        await cursor.execute(_UPSERT_POSITIONS, (account, _encoder.encode(held)), prepare=False)
    emptied = [
        {"sleeve": sleeve, "symbol": symbol}
        for (sleeve, symbol), values in positions.items()
        if not values
    ]
    if emptied:
        await cursor.execute(_DELETE_POSITIONS, (_encoder.encode(emptied), account), prepare=False)


_UPSERT_POSITIONS: LiteralString = """INSERT INTO positions
        (account, sleeve, symbol, quantity, cost, lots)
    SELECT %s, sleeve, symbol, quantity, cost, lots
    FROM json_populate_recordset(NULL::positions, convert_from(%s, 'UTF8')::json)
    ON CONFLICT (account, sleeve, symbol) DO UPDATE
        SET quantity = EXCLUDED.quantity, cost = EXCLUDED.cost, lots = EXCLUDED.lots"""
_DELETE_POSITIONS: LiteralString = """DELETE FROM positions
    USING json_populate_recordset(NULL::positions, convert_from(%s, 'UTF8')::json) AS emptied
    WHERE positions.account = %s AND positions.sleeve = emptied.sleeve
        AND positions.symbol = emptied.symbol"""


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
