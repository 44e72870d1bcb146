"""Which rows of which tables effects become."""

from collections import Counter

import pytest
from hypothesis import given

from execution import projection
from execution.domain import effects as fx
from execution.domain.inputs import Input
from execution.domain.portfolio import Position
from tests.execution import feeds
from tests.execution.factories import DAYS, Core, bars, order, session
from tests.execution.laws import check_all

Tables = dict[str, dict[tuple, dict]]


def tables_of(core: Core) -> Tables:
    """The tables as the database would hold them."""
    tables: Tables = {name: {} for name in projection.KEYS}
    for seq, (_, effects) in enumerate(core.journal, 1):
        for effect in effects:
            for row in projection.rows(effect, seq):
                _write(tables[row.table], row)
    return tables


def _write(table: dict[tuple, dict], row: projection.Row) -> None:
    key = tuple(row.key.values())
    if row.values is None:
        table.pop(key, None)
    elif row.table in ("orders", "positions"):
        table[key] = table.get(key, {}) | row.values
    else:
        assert key not in table, f"{row.table} {key} is written twice"
        table[key] = row.values


@given(feeds.traded())
def test_the_tables_hold_what_the_state_and_the_effects_say(items: list[Input]) -> None:
    core = feeds.run(items)
    tables = tables_of(core)
    held = {
        (sleeve, symbol): (position.quantity, position.cost)
        for sleeve, positions in core.state.positions.items()
        for symbol, position in positions.items()
    }
    assert {k: (row["quantity"], row["cost"]) for k, row in tables["positions"].items()} == held
    working = {
        key
        for (key,), row in tables["orders"].items()
        if row["status"] in ("accepted", "partially_filled")
    }
    assert working == set(core.state.orders)
    assert len(tables["fills"]) == len(core.all(fx.Filled))
    assert len(tables["dispositions"]) == len(core.all(fx.SignalDisposed))
    assert len(tables["equity"]) == len(core.all(fx.SessionValued))
    lines = Counter(txn_id for txn_id, _ in tables["ledger"])
    assert lines == {p.transaction.txn_id: len(p.transaction.lines) for p in core.all(fx.Posted)}
    assert sum(row["amount"] for row in tables["ledger"].values()) == 0
    for (key,), row in tables["fills"].items():
        assert row["order_id"] in {order_id for (order_id,) in tables["orders"]}, key


@given(feeds.traded())
def test_every_figure_fits_its_column(items: list[Input]) -> None:
    scales = {"quantity": 9, "filled_quantity": 9, "price": 8, "limit_price": 8, "amount": 2,
              "cost": 2, "commission": 2, "realised": 2, "equity": 2, "score": 6}  # fmt: skip
    core = feeds.run(items)
    check_all(core)
    for table in tables_of(core).values():
        for row in table.values():
            for name, scale in scales.items():
                if row.get(name) is not None:
                    assert row[name] == round(row[name], scale), name


def test_a_flat_position_deletes_its_row() -> None:
    effect = fx.PositionChanged(sleeve="manual", symbol="AAPL", position=Position())
    (row,) = projection.rows(effect, 1)
    assert row == projection.Row("positions", {"sleeve": "manual", "symbol": "AAPL"}, None)


@pytest.mark.parametrize(
    "effect",
    [
        fx.KillSwitchTurned(engaged=True, reason="drill"),
        fx.SessionClosed(session=DAYS[0]),
        fx.SetRefused(strategy="technical", session=DAYS[0]),
    ],
)
def test_other_effects_write_no_row(effect: fx.Effect) -> None:
    assert list(projection.rows(effect, 1)) == []


def test_a_change_of_an_order_names_what_it_changes_alone() -> None:
    core = feeds.run([*session(DAYS[0], {"AAPL": "0"}), order(quantity="2")])
    core.send(bars(DAYS[1], previous=DAYS[0]))
    (change,) = core.all(fx.OrderChanged)
    (row,) = projection.rows(change, 9)
    assert row.key == {"order_id": core.all(fx.OrderCreated)[0].order.order_id}
    assert row.values is not None
    assert "seq" not in row.values
    assert (row.values["status"], row.values["filled_quantity"]) == ("filled", 2)
