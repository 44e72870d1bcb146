"""From effects to table rows: pure, and used alike to write and to verify.

Belongs here: which row of which table an effect becomes.
Keep out: SQL and connections (store.py).
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from execution.domain import effects as fx
from execution.domain.config import Limits


class Change(NamedTuple):
    """One row's `cells`, in the order of `columns`, its table's key first; a key alone deletes."""

    table: str
    columns: tuple[str, ...]
    cells: tuple[Any, ...]


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
    "limits": ("version",),
    "suspense": ("execution_id", "seq"),
}
"""Primary key of each projected table, after the account."""

CHANGING = frozenset({"orders", "positions"})
"""Tables whose rows are written more than once; the others are appended to."""


def changes(effect: fx.Effect, seq: int) -> Iterator[Change]:
    """What an effect of journal row `seq` writes; most effects write nothing."""
    project = _PROJECTIONS.get(type(effect))
    return project(effect, seq) if project else iter(())


def rows(effect: fx.Effect, seq: int) -> Iterator[Row]:
    """The same as rows with named cells."""
    for table, columns, cells in changes(effect, seq):
        width = len(KEYS[table])
        values = dict(zip(columns[width:], cells[width:], strict=True))
        yield Row(table, dict(zip(KEYS[table], cells, strict=False)), values or None)


_DISPOSITION = (
    "signal_id", "strategy", "symbol", "session", "as_of", "score", "disposition", "code",
    "order_id", "detail", "seq",
)  # fmt: skip


def _disposed(effect: fx.SignalDisposed, seq: int) -> Iterator[Change]:
    cells = (
        effect.signal_id,
        effect.strategy,
        effect.symbol,
        effect.session,
        effect.as_of,
        effect.score,
        effect.disposition.value,
        effect.code,
        effect.order_id,
        _json(effect.detail),
        seq,
    )
    yield Change("dispositions", _DISPOSITION, cells)


_ORDER = (
    "order_id", "client_order_id", "sleeve", "symbol", "side", "quantity", "type", "limit_price",
    "stop_price", "notional", "replaces", "reduce_only", "flatten", "limits_version",
    "time_in_force", "status", "code", "reference_price", "filled_quantity", "filled_value",
    "session", "accepted_at", "changed_at", "signal_id", "sizing", "checks", "seq",
)  # fmt: skip


def _created(effect: fx.OrderCreated, seq: int) -> Iterator[Change]:
    order = effect.order
    cells = (
        order.order_id,
        order.client_order_id,
        order.sleeve,
        order.symbol,
        order.side.value,
        order.quantity,
        order.type.value,
        order.limit_price,
        order.stop_price,
        order.notional,
        order.replaces,
        order.reduce_only,
        order.flatten,
        order.limits_version,
        order.time_in_force.value,
        order.status.value,
        order.code,
        order.reference_price,
        order.filled_quantity,
        order.filled_value,
        order.session,
        order.accepted_at,
        order.accepted_at,
        order.signal_id,
        _json(order.sizing),
        _json(order.checks),
        seq,
    )
    yield Change("orders", _ORDER, cells)


_ORDER_CHANGE = (
    "order_id", "status", "symbol", "quantity", "limit_price", "stop_price", "filled_quantity",
    "filled_value", "changed_at",
)  # fmt: skip


def _changed(effect: fx.OrderChanged, _seq: int) -> Iterator[Change]:
    cells = (
        effect.order_id,
        effect.status.value,
        effect.symbol,
        effect.quantity,
        effect.limit_price,
        effect.stop_price,
        effect.filled_quantity,
        effect.filled_value,
        effect.at,
    )
    yield Change("orders", _ORDER_CHANGE, cells)


_FILL = (
    "fill_id", "order_id", "sleeve", "symbol", "side", "quantity", "price", "commission",
    "realised", "session", "at", "seq",
)  # fmt: skip


def _filled(effect: fx.Filled, seq: int) -> Iterator[Change]:
    fill = effect.fill
    cells = (
        fill.fill_id,
        fill.order_id,
        fill.sleeve,
        fill.symbol,
        fill.side.value,
        fill.quantity,
        fill.price,
        fill.commission,
        fill.realised,
        fill.session,
        fill.at,
        seq,
    )
    yield Change("fills", _FILL, cells)


_POSITION = ("sleeve", "symbol", "quantity", "cost", "lots")


def _position(effect: fx.PositionChanged, _seq: int) -> Iterator[Change]:
    position = effect.position
    key = (effect.sleeve, effect.symbol)
    if position.quantity:
        cells = (*key, position.quantity, position.cost, _json(position.lots))
        yield Change("positions", _POSITION, cells)
    else:
        yield Change("positions", KEYS["positions"], key)


_LINE = (
    "txn_id", "line", "kind", "sleeve", "currency", "at", "seq", "ledger_account", "symbol",
    "amount",
)  # fmt: skip


def _posted(effect: fx.Posted, seq: int) -> Iterator[Change]:
    txn = effect.transaction
    common = (txn.kind, txn.sleeve, txn.currency, txn.at, seq)
    for number, line in enumerate(txn.lines):
        cells = (txn.txn_id, number, *common, line.account.value, line.symbol, line.amount)
        yield Change("ledger", _LINE, cells)


_EQUITY = ("session", "equity", "cash", "exposure", "receivable", "sleeves", "seq")


def _valued(effect: fx.SessionValued, seq: int) -> Iterator[Change]:
    cells = (
        effect.session,
        effect.equity,
        effect.cash,
        effect.exposure,
        effect.receivable,
        _json(effect.sleeves),
        seq,
    )
    yield Change("equity", _EQUITY, cells)


_LIMITS = ("version", "limits", "changed_by", "reason", "at", "seq")


def _opened(effect: fx.AccountOpened, seq: int) -> Iterator[Change]:
    limits = effect.config.limits
    yield _limits(limits, "configuration", "the account's first limits", None, seq)


def _limited(effect: fx.LimitsChanged, seq: int) -> Iterator[Change]:
    yield _limits(effect.limits, effect.changed_by, effect.reason, effect.at, seq)


def _limits(limits: Limits, changed_by: str, reason: str, at: datetime | None, seq: int) -> Change:
    cells = (limits.version, _json(limits), changed_by, reason, at, seq)
    return Change("limits", _LIMITS, cells)


_SUSPENSE = (
    "execution_id", "seq", "client_order_id", "symbol", "side", "quantity", "price", "reason",
)  # fmt: skip


def _suspended(effect: fx.FillSuspended, seq: int) -> Iterator[Change]:
    cells = (
        effect.execution_id,
        seq,
        effect.client_order_id,
        effect.symbol,
        effect.side.value,
        effect.quantity,
        effect.price,
        effect.reason,
    )
    yield Change("suspense", _SUSPENSE, cells)


_PROJECTIONS: dict[type[fx.Effect], Callable[[Any, int], Iterator[Change]]] = {
    fx.SignalDisposed: _disposed,
    fx.OrderCreated: _created,
    fx.OrderChanged: _changed,
    fx.Filled: _filled,
    fx.PositionChanged: _position,
    fx.Posted: _posted,
    fx.SessionValued: _valued,
    fx.AccountOpened: _opened,
    fx.LimitsChanged: _limited,
    fx.FillSuspended: _suspended,
}
"""Every effect that writes rows; a dictionary, because this is done for every effect there is."""

_encoder = msgspec.json.Encoder(order="deterministic")


def _json(value: object) -> str:
    """JSON text in one form, as a json column takes it."""
    return _encoder.encode(value).decode()
