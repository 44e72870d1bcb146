"""Every query of the API, each with a name.

Belongs here: SQL that reads for people and programs; rows come back as dictionaries.
Keep out: writing (store.py, accounts.py, commands.py) and HTTP.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from execution.domain.config import Limits
from execution.domain.money import ZERO, plain
from execution.domain.state import State, decode_state
from router.messages import decode

SHARES = ("quantity", "filled_quantity")

Connection = AsyncConnection[Any]
Row = dict[str, Any]


async def _all(connection: Connection, query: LiteralString, args: Mapping[str, Any]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, args)
        return [_plain(row) for row in await cursor.fetchall()]


def _plain(row: Row) -> Row:
    """Shares as people write them: 10, not 10.000000000."""
    return row | {name: plain(row[name]) for name in SHARES if row.get(name) is not None}


async def _counts(
    connection: Connection, query: LiteralString, args: Mapping[str, Any]
) -> dict[str, int]:
    return {row["name"]: row["count"] for row in await _all(connection, query, args)}


async def state_of(connection: Connection, account: str) -> tuple[State, Row] | None:
    """The engine's state with its head, or None before the account's first input."""
    query: LiteralString = """SELECT seq, encode(chain_hash, 'hex') AS chain_hash,
        encode(decision_hash, 'hex') AS decision_hash, state
        FROM engine_state WHERE account = %(account)s"""
    rows = await _all(connection, query, {"account": account})
    if not rows:
        return None
    return decode_state(rows[0].pop("state")), rows[0]


async def orders_by_status(connection: Connection, account: str) -> dict[str, int]:
    """How many orders there are in each status."""
    query: LiteralString = """SELECT status AS name, count(*) FROM orders
        WHERE account = %(account)s GROUP BY 1 ORDER BY 1"""
    return await _counts(connection, query, {"account": account})


async def refusals(connection: Connection, account: str) -> dict[str, int]:
    """Why orders were refused and signals ended unused, by reason code."""
    query: LiteralString = """SELECT code AS name, count(*) FROM (
            SELECT code FROM orders WHERE account = %(account)s AND status = 'refused'
            UNION ALL
            SELECT code FROM dispositions
            WHERE account = %(account)s AND code IS NOT NULL AND order_id IS NULL
        ) AS refused GROUP BY 1 ORDER BY 1"""
    return await _counts(connection, query, {"account": account})


async def dispositions(connection: Connection, account: str) -> dict[str, int]:
    """How signals ended."""
    query: LiteralString = """SELECT disposition AS name, count(*) FROM dispositions
        WHERE account = %(account)s GROUP BY 1 ORDER BY 1"""
    return await _counts(connection, query, {"account": account})


async def fills_by_symbol(connection: Connection, account: str) -> dict[str, int]:
    """How often each symbol was traded."""
    query: LiteralString = """SELECT symbol AS name, count(*) FROM fills
        WHERE account = %(account)s GROUP BY 1 ORDER BY 1"""
    return await _counts(connection, query, {"account": account})


async def first_session(connection: Connection, account: str) -> date | None:
    """Where the account began."""
    query: LiteralString = "SELECT min(session) AS session FROM equity WHERE account = %(account)s"
    first: date | None = (await _all(connection, query, {"account": account}))[0]["session"]
    return first


async def realised(connection: Connection, account: str) -> dict[tuple[str, str], Decimal]:
    """Realised profit before commissions, by sleeve and symbol, of trades and corporate actions."""
    query: LiteralString = """SELECT sleeve, symbol, -sum(amount) AS realised FROM ledger
        WHERE account = %(account)s AND ledger_account = 'realised' GROUP BY 1, 2"""
    rows = await _all(connection, query, {"account": account})
    return {(row["sleeve"], row["symbol"]): row["realised"] for row in rows}


async def capital(connection: Connection, account: str) -> dict[str, Decimal]:
    """What was paid in by sleeve, less what was withdrawn; nothing before the first session."""
    query: LiteralString = """SELECT sleeve, -sum(amount) AS capital FROM ledger
        WHERE account = %(account)s AND ledger_account = 'capital' GROUP BY 1"""
    rows = await _all(connection, query, {"account": account})
    return {row["sleeve"]: row["capital"] for row in rows}


async def equity(
    connection: Connection, account: str, start: date | None, end: date | None
) -> list[Row]:
    """The account at each session's closes, ascending."""
    query: LiteralString = """SELECT session, equity, cash, exposure, receivable, sleeves
        FROM equity
        WHERE account = %(account)s AND session >= coalesce(%(start)s, '-infinity'::date)
        AND session <= coalesce(%(end)s, 'infinity'::date) ORDER BY session"""
    return await _all(connection, query, {"account": account, "start": start, "end": end})


async def sessions(
    connection: Connection, account: str, start: date | None, end: date | None
) -> list[Row]:
    """Each session's value, whether it is closed, its fills, and how its signals ended."""
    query: LiteralString = """SELECT session, equity, cash, exposure, receivable, sleeves,
            (SELECT count(*) FROM fills f WHERE (f.account, f.session) = (e.account, e.session))
                AS fills,
            (SELECT coalesce(jsonb_object_agg(disposition, n), '{}') FROM (
                SELECT disposition, count(*) AS n FROM dispositions d
                WHERE (d.account, d.session) = (e.account, e.session) GROUP BY 1) AS ended
            ) AS dispositions,
            (SELECT coalesce(jsonb_object_agg(code, n), '{}') FROM (
                SELECT code, count(*) AS n FROM (
                    SELECT code FROM orders o WHERE status = 'refused'
                    AND (o.account, o.session) = (e.account, e.session)
                    UNION ALL
                    SELECT code FROM dispositions d WHERE code IS NOT NULL AND order_id IS NULL
                    AND (d.account, d.session) = (e.account, e.session)
                ) AS refused GROUP BY 1) AS codes
            ) AS refusals
        FROM equity e WHERE account = %(account)s
        AND session >= coalesce(%(start)s, '-infinity'::date)
        AND session <= coalesce(%(end)s, 'infinity'::date) ORDER BY session"""
    rows = await _all(connection, query, {"account": account, "start": start, "end": end})
    found = await state_of(connection, account)
    closed = found[0].closed_session if found else None
    return [row | {"closed": closed is not None and row["session"] <= closed} for row in rows]


_ORDER_COLUMNS: LiteralString = """order_id, client_order_id, sleeve, symbol, side, quantity,
    type, limit_price, stop_price, notional, time_in_force, reduce_only, flatten, replaces, status,
    code, reference_price, filled_quantity,
    CASE WHEN filled_quantity > 0 THEN round(filled_value / filled_quantity, 8) END
        AS average_price,
    session, accepted_at, changed_at, signal_id, limits_version, seq"""


async def orders(connection: Connection, **args: Any) -> list[Row]:  # noqa: ANN401
    """A page of orders, oldest first: account, status, limit, after_seq, after_key."""
    query: LiteralString = f"""SELECT {_ORDER_COLUMNS}
        FROM orders WHERE account = %(account)s
        AND (%(status)s::text IS NULL OR status = %(status)s)
        AND (seq, order_id) > (%(after_seq)s, %(after_key)s)
        ORDER BY seq, order_id LIMIT %(limit)s"""  # noqa: S608 - of constants
    return await _all(connection, query, args)


async def order(connection: Connection, account: str, client_order_id: str) -> Row | None:
    """One order with its checks and sizing, or None while it is not decided."""
    query: LiteralString = f"""SELECT {_ORDER_COLUMNS}, sizing, checks
        FROM orders WHERE account = %(account)s AND client_order_id = %(client_order_id)s
        """  # noqa: S608 - of constants
    args = {"account": account, "client_order_id": client_order_id}
    found = next(iter(await _all(connection, query, args)), None)
    return found and found | {"checks": _named(found["checks"])}


def _named(checks: Sequence[Sequence[Any]]) -> list[Row]:
    """Checks as people read them; they are stored as arrays."""
    return [dict(zip(("code", "outcome", "numbers"), check, strict=True)) for check in checks]


async def fills(connection: Connection, **args: Any) -> list[Row]:  # noqa: ANN401
    """A page of fills, oldest first: account, limit, after_seq, after_key."""
    query: LiteralString = """SELECT fill_id, order_id, sleeve, symbol, side, quantity, price,
            commission, realised, session, at, seq
        FROM fills WHERE account = %(account)s AND (seq, fill_id) > (%(after_seq)s, %(after_key)s)
        ORDER BY seq, fill_id LIMIT %(limit)s"""
    return await _all(connection, query, args)


async def transactions(connection: Connection, **args: Any) -> list[Row]:  # noqa: ANN401
    """A page of the ledger, by transaction: account, limit, after_seq, after_key."""
    query: LiteralString = """SELECT txn_id, kind, sleeve, currency, at, seq,
            jsonb_agg(jsonb_build_object('ledger_account', ledger_account, 'symbol', symbol,
                'amount', amount::text) ORDER BY line) AS lines
        FROM ledger WHERE account = %(account)s AND seq >= %(after_seq)s
        AND (seq, txn_id) > (%(after_seq)s, %(after_key)s)
        GROUP BY seq, txn_id, kind, sleeve, currency, at ORDER BY seq, txn_id LIMIT %(limit)s"""
    return await _all(connection, query, args)


async def balances(connection: Connection, account: str) -> list[Row]:
    """The sum of every ledger account by sleeve: read from every line there is."""
    query: LiteralString = """SELECT sleeve, ledger_account, currency, sum(amount) AS balance
        FROM ledger WHERE account = %(account)s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    return await _all(connection, query, {"account": account})


async def limits(connection: Connection, account: str) -> list[Row]:
    """Every version of the limits, the newest first: who changed them, when and why."""
    query: LiteralString = """SELECT version, limits, changed_by, reason, at, seq FROM limits
        WHERE account = %(account)s ORDER BY version DESC"""
    return await _all(connection, query, {"account": account})


async def limits_of(connection: Connection, account: str, version: int) -> Limits | None:
    """One version of the limits."""
    query: LiteralString = """SELECT limits FROM limits
        WHERE account = %(account)s AND version = %(version)s"""
    rows = await _all(connection, query, {"account": account, "version": version})
    return msgspec.convert(rows[0]["limits"], Limits) if rows else None


async def standing(connection: Connection, account: str) -> Row | None:
    """An account's configuration, whether it has seen a session, and the database's time."""
    query: LiteralString = """SELECT config, clock_timestamp() AS now,
            EXISTS (SELECT FROM equity WHERE account = %(account)s) AS has_session
        FROM accounts WHERE account = %(account)s"""
    return next(iter(await _all(connection, query, {"account": account})), None)


async def decision(connection: Connection, account: str, command_id: str) -> Row | None:
    """The journal row and effects of a command, or None while it is not decided."""
    query: LiteralString = """SELECT c.seq, j.effects FROM commands c
        LEFT JOIN journal j ON (j.account, j.seq) = (c.account, c.seq)
        WHERE c.account = %(account)s AND c.command_id = %(id)s AND c.seq IS NOT NULL"""
    return next(iter(await _all(connection, query, {"account": account, "id": command_id})), None)


async def signals(connection: Connection, **args: Any) -> list[Row]:  # noqa: ANN401
    """A page of signals by their end: account, session, symbol, limit, after_seq, after_key."""
    query: LiteralString = """SELECT signal_id, strategy, symbol, session, as_of, score,
            disposition, code, order_id, detail, seq
        FROM dispositions WHERE account = %(account)s
        AND (%(session)s::date IS NULL OR session = %(session)s)
        AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
        AND (seq, signal_id) > (%(after_seq)s, %(after_key)s)
        ORDER BY seq, signal_id LIMIT %(limit)s"""
    return await _all(connection, query, args)


async def pending(connection: Connection, account: str, rows: Sequence[int]) -> dict[str, int]:
    """How many inputs wait, by kind, given their journal rows."""
    query: LiteralString = """SELECT split_part(kind, '.', 1) AS name, count(*) FROM journal
        WHERE account = %(account)s AND seq = ANY(%(rows)s) GROUP BY 1"""
    found = await _counts(connection, query, {"account": account, "rows": list(rows)})
    return {
        "bars": found.get("bars", 0),
        "signals": found.get("signal", 0),
        "sets": found.get("signal_set", 0),
    }


async def fills_by_prefix(connection: Connection, prefix: str) -> list[Row]:
    """The fills whose id begins so, two at most: enough to see that a prefix is not unique."""
    query: LiteralString = "SELECT * FROM fills WHERE fill_id LIKE %(prefix)s LIMIT 2"
    return await _all(connection, query, {"prefix": f"{prefix}%"})


async def why(connection: Connection, fill: Row) -> Row:
    """What led to a fill: its order with every check, its signal, and where that came from."""
    args = {"account": fill["account"], "order_id": fill["order_id"]}
    order = (await _all(connection, _ORDER, args))[0]
    signals = await _all(connection, _SIGNAL, args | {"signal_id": order["signal_id"]})
    checks, sizing = _named(order.pop("checks")), order.pop("sizing")
    answer: Row = {"fill": fill, "order": order, "checks": checks, "sizing": sizing}
    if not signals:
        return answer | {"signal": None, "provenance": None}
    ended = signals[0]
    payload, file = ended.pop("input"), ended.pop("archive_file")
    if payload is None:
        archived = {"archived": True, "archive_file": file}
        return answer | {"provenance": None, "signal": ended | archived}
    signal = msgspec.to_builtins(decode(payload))
    return answer | {"provenance": signal.pop("provenance"), "signal": ended | signal}


_ORDER: LiteralString = (
    "SELECT * FROM orders WHERE account = %(account)s AND order_id = %(order_id)s"
)
_SIGNAL: LiteralString = """SELECT d.signal_id, d.strategy, d.symbol, d.session, d.as_of, d.score,
        d.disposition, d.code, coalesce(j.seq, a.seq) AS journal_row, j.received_at, j.input,
        s.file AS archive_file
    FROM dispositions d
    LEFT JOIN journal j ON (j.account, j.input_id) = (d.account, d.signal_id)
    LEFT JOIN archived_inputs a ON (a.account, a.input_id) = (d.account, d.signal_id)
    LEFT JOIN archive_segments s
        ON s.account = a.account AND a.seq BETWEEN s.first_seq AND s.last_seq
    WHERE d.account = %(account)s AND d.signal_id = %(signal_id)s"""


def positions(state: State, profits: Mapping[tuple[str, str], Decimal]) -> list[Row]:
    """What is held, valued at the last marks."""
    found = []
    for sleeve, held in sorted(state.positions.items()):
        for symbol, position in sorted(held.items()):
            mark = state.marks.get(symbol)
            value = position.quantity * mark.price if mark else ZERO
            row = {
                "sleeve": sleeve,
                "symbol": symbol,
                "quantity": plain(position.quantity),
                "cost": position.cost,
                "average_price": (position.cost / position.quantity).quantize(Decimal("0.0001")),
                "mark": mark.price if mark else None,
                "mark_session": mark.session if mark else None,
                "market_value": value.quantize(Decimal("0.01")),
                "unrealised": (value - position.cost).quantize(Decimal("0.01")),
                "realised": profits.get((sleeve, symbol), ZERO),
            }
            found.append(row)
    return found


def restrictions(state: State) -> list[Row]:
    """Every cause that keeps a scope from trading freely, with its reason; the strictest counts."""
    found = []
    for key, causes in sorted(state.restrictions.items()):
        scope, _, name = key.partition("/")
        for cause, why_not in sorted(causes.items()):
            row = {"scope": scope, "name": name, "state": why_not.state, "cause": cause}
            found.append(row | {"reason": why_not.reason})
    return found
