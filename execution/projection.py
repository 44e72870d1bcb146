"""From effects to table rows: pure, and used alike to write and to verify.

Belongs here: which row of which table an effect becomes.
Keep out: SQL and connections (store.py).
"""

from collections.abc import Iterator
from functools import singledispatch
from typing import Any, NamedTuple

import msgspec

from execution.domain import effects as fx
from execution.domain.orders import Order


class Row(NamedTuple):
    """`values` of None deletes the row; `key` and `values` map columns to values."""

    table: str
    key: dict[str, Any]
    values: dict[str, Any] | None


KEYS = {
    "dispositions": ("signal_id",),
    "orders": ("order_id",),
    "fills": ("fill_id",),
    "ledger": ("txn_id", "line"),
    "equity": ("session",),
    "positions": ("sleeve", "symbol"),
}
"""Primary key of each projected table, after the account."""


@singledispatch
def rows(_effect: fx.Effect, _seq: int) -> Iterator[Row]:
    """The rows that an effect of journal row `seq` writes; most effects write none."""
    return iter(())


@rows.register
def _(effect: fx.SignalDisposed, seq: int) -> Iterator[Row]:
    values = {
        "strategy": effect.strategy,
        "symbol": effect.symbol,
        "session": effect.session,
        "as_of": effect.as_of,
        "score": effect.score,
        "disposition": str(effect.disposition),
        "code": effect.code,
        "order_id": effect.order_id,
        "detail": _json(effect.detail),
        "seq": seq,
    }
    yield Row("dispositions", {"signal_id": effect.signal_id}, values)


@rows.register
def _(effect: fx.OrderCreated, seq: int) -> Iterator[Row]:
    order = effect.order
    yield Row("orders", {"order_id": order.order_id}, _order_values(order) | {"seq": seq})


@rows.register
def _(effect: fx.OrderChanged, _seq: int) -> Iterator[Row]:
    values = {
        "status": str(effect.status),
        "quantity": effect.quantity,
        "limit_price": effect.limit_price,
        "filled_quantity": effect.filled_quantity,
        "filled_value": effect.filled_value,
        "changed_at": effect.at,
    }
    yield Row("orders", {"order_id": effect.order_id}, values)


@rows.register
def _(effect: fx.Filled, seq: int) -> Iterator[Row]:
    values = msgspec.structs.asdict(effect.fill) | {"side": str(effect.fill.side), "seq": seq}
    yield Row("fills", {"fill_id": values.pop("fill_id")}, values)


@rows.register
def _(effect: fx.PositionChanged, _seq: int) -> Iterator[Row]:
    position = effect.position
    key = {"sleeve": effect.sleeve, "symbol": effect.symbol}
    if not position.quantity:
        yield Row("positions", key, None)
        return
    lots = _json(position.lots)
    yield Row(
        "positions", key, {"quantity": position.quantity, "cost": position.cost, "lots": lots}
    )


@rows.register
def _(effect: fx.Posted, seq: int) -> Iterator[Row]:
    txn = effect.transaction
    common = {
        "kind": txn.kind,
        "sleeve": txn.sleeve,
        "currency": txn.currency,
        "at": txn.at,
        "seq": seq,
    }
    for number, line in enumerate(txn.lines):
        values = {
            "ledger_account": str(line.account),
            "symbol": line.symbol,
            "amount": line.amount,
        }
        yield Row("ledger", {"txn_id": txn.txn_id, "line": number}, common | values)


@rows.register
def _(effect: fx.SessionValued, seq: int) -> Iterator[Row]:
    values = {
        "equity": effect.equity,
        "cash": effect.cash,
        "exposure": effect.exposure,
        "sleeves": _json(effect.sleeves),
        "seq": seq,
    }
    yield Row("equity", {"session": effect.session}, values)


def _order_values(order: Order) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "sleeve": order.sleeve,
        "symbol": order.symbol,
        "side": str(order.side),
        "quantity": order.quantity,
        "type": str(order.type),
        "limit_price": order.limit_price,
        "time_in_force": str(order.time_in_force),
        "status": str(order.status),
        "code": order.code,
        "reference_price": order.reference_price,
        "filled_quantity": order.filled_quantity,
        "filled_value": order.filled_value,
        "session": order.session,
        "accepted_at": order.accepted_at,
        "changed_at": order.accepted_at,
        "signal_id": order.signal_id,
        "sizing": _json(order.sizing),
        "checks": _json(order.checks),
    }


def _json(value: object) -> str:
    """JSON text in one form, as a jsonb column takes it."""
    return msgspec.json.encode(value, order="deterministic").decode()
