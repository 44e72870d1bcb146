"""The route from fills to the signals behind them: what each analysis had to do with them.

Keep out: other reading (routes.py), and what is made of it (the caller).
"""

from datetime import date
from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Query
from psycopg.rows import dict_row
from pydantic import Field

from execution.api.access import Read
from execution.api.answers import Answer
from execution.api.bodies import Page
from execution.api.lookups import existing, page_of
from execution.api.queries import Connection, Row
from execution.api.strict_json import StrictRoute
from router.messages import Signal, decode

router = APIRouter(route_class=StrictRoute)

_QUERY: LiteralString = """SELECT f.fill_id, f.order_id, f.symbol, f.side, f.session, f.seq,
        o.signal_id, j.input
    FROM fills f JOIN orders o ON (o.account, o.order_id) = (f.account, f.order_id)
    LEFT JOIN journal j ON (j.account, j.input_id) = (o.account, o.signal_id)
    WHERE f.account = %(account)s AND o.signal_id IS NOT NULL
    AND f.session >= coalesce(%(start)s, '-infinity'::date)
    AND f.session <= coalesce(%(end)s, 'infinity'::date)
    AND (f.seq, f.fill_id) > (%(after_seq)s, %(after_key)s)
    ORDER BY f.seq, f.fill_id LIMIT %(limit)s"""


class FillPage(Page):
    """Fills of a range of sessions, or of all."""

    start: Annotated[date | None, Field(alias="from")] = None
    end: Annotated[date | None, Field(alias="to")] = None


@router.get("/api/v1/fills/signals")
async def list_fills_with_signals(connection: Read, page: Annotated[FillPage, Query()]) -> Answer:
    """Fills whose order came from a signal, oldest first, each with what its signal says.

    `signal` has the strategy, the session that decided, the score and each analysis' contribution;
    it is null where the journal's row is in the archive.
    """
    await existing(connection, page.account)
    args = page.bounds() | {"start": page.start, "end": page.end}
    return page_of(await _rows(connection, args), "fill_id", page.limit)


async def _rows(connection: Connection, args: dict[str, Any]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_QUERY, args)
        return [row | {"signal": _told(row.pop("input"))} for row in await cursor.fetchall()]


def _told(payload: bytes | None) -> Row | None:
    signal = decode(payload) if payload is not None else None
    if not isinstance(signal, Signal):
        return None
    return {
        "strategy": signal.strategy,
        "session": signal.session,
        "score": signal.score,
        "confidence": signal.confidence,
        "contributions": [
            {"analysis": each.analysis, "part": each.part, "without": each.without}
            for each in signal.contributions
        ],
    }
