"""New orders: what a signal or a person gets, and what is recorded about it."""

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from execution.api.commands import ClientOrderId
from execution.domain import effects as fx
from execution.domain.effects import Disposition
from execution.domain.orders import Order, OrderType, Outcome, Side, Status, TimeInForce
from tests.execution import feeds, laws
from tests.execution.factories import (
    CONFIG,
    DAYS,
    Core,
    bar,
    bars,
    order,
    session,
    signal,
    signal_set,
)

D1, D2, D3 = DAYS[:3]


def orders(core: Core) -> list[Order]:
    return [created.order for created in core.all(fx.OrderCreated)]


def held_by_technical() -> Core:
    """The strategy holds 90 AAPL: 10 % of its 90,000 at 100."""
    core = feeds.run(session(D1, {"AAPL": "0.5"}))
    core.send(bars(D2, previous=D1))
    assert core.state.positions["technical"]["AAPL"].quantity == 90
    return core


def test_an_executed_signal_names_its_order_and_the_order_its_signal() -> None:
    core = feeds.run(session(D1, {"AAPL": "0.5"}))
    (made,), (disposed,) = orders(core), core.all(fx.SignalDisposed)
    assert (made.signal_id, disposed.order_id) == (disposed.signal_id, made.order_id)
    assert (made.quantity, made.type, made.time_in_force) == (90, OrderType.MARKET, TimeInForce.DAY)
    assert made.sizing["target"] == "90"
    assert {check.outcome for check in made.checks} == {Outcome.PASSED, Outcome.NOT_APPLICABLE}


def test_a_refused_signal_names_the_code_and_the_order_with_its_numbers() -> None:
    limits = msgspec.structs.replace(CONFIG.limits, position_limit=Decimal("0.09"))
    core = feeds.run(session(D1, {"AAPL": "0.5"}), msgspec.structs.replace(CONFIG, limits=limits))
    (made,), (disposed,) = orders(core), core.all(fx.SignalDisposed)
    assert (made.status, made.code) == (Status.REFUSED, "POSITION_LIMIT")
    assert (disposed.disposition, disposed.code) == (Disposition.REJECTED, "POSITION_LIMIT")
    numbers = {check.code: check.numbers for check in made.checks}["POSITION_LIMIT"]
    # 90 shares at 103 are 9,270; 9 % of 100,000 are 9,000
    assert numbers == {"found": "9270.00", "limit": "9000.00"}
    assert not core.state.orders


def test_a_signal_that_asks_for_what_is_held_is_held() -> None:
    core = held_by_technical()
    again = signal(D2)
    core.send(again, signal_set(D2, [again]))
    disposed = core.all(fx.SignalDisposed)[-1]
    assert (disposed.disposition, disposed.order_id) == (Disposition.HELD, None)


def test_reductions_come_before_purchases() -> None:
    core = held_by_technical()
    core.send(signal_set(D2, []), bars(D3, bar("AAPL"), bar("AA"), previous=D2))
    wants = [signal(D3, "AA", "0.5"), signal(D3, "AAPL", "-0.5")]
    core.send(*wants, signal_set(D3, wants))
    assert [(o.side, o.symbol) for o in orders(core)[1:]] == [(Side.SELL, "AAPL"), (Side.BUY, "AA")]


def test_purchases_of_one_set_are_judged_together() -> None:
    limits = msgspec.structs.replace(CONFIG.limits, gross_exposure=Decimal("0.15"))
    core = feeds.run(
        session(D1, {"AAPL": "0.5", "MSFT": "0.5"}), msgspec.structs.replace(CONFIG, limits=limits)
    )
    # each is worth 9,270 at worst: one fits 15,000, two do not
    assert [o.code for o in orders(core)] == [None, "GROSS_EXPOSURE"]


def test_an_expired_signal_gets_no_order() -> None:
    stale = msgspec.structs.replace(signal(D1), valid_until=signal(D1).as_of)
    core = feeds.run([bars(D1), stale, signal_set(D1, [stale])])
    disposed = core.all(fx.SignalDisposed)[0]
    assert (disposed.disposition, disposed.code) == (Disposition.EXPIRED, "SIGNAL_EXPIRED")


def test_the_manual_sleeve_cannot_sell_what_a_strategy_bought() -> None:
    core = held_by_technical()
    core.send(order(quantity="1", side=Side.SELL))
    assert orders(core)[-1].code == "INSUFFICIENT_QTY"


def test_a_strategy_does_not_sell_what_a_person_bought() -> None:
    core = feeds.run([bars(D1), order(quantity="5"), signal_set(D1, []), bars(D2, previous=D1)])
    bearish = signal(D2, score="-1")
    core.send(bearish, signal_set(D2, [bearish]))
    assert core.all(fx.SignalDisposed)[-1].disposition == Disposition.HELD
    assert core.state.positions["manual"]["AAPL"].quantity == 5


def test_two_manual_orders_share_the_sleeves_cash() -> None:
    core = feeds.run([bars(D1)])
    # 60 x 103 + 1 = 6,181 of 10,000; the second finds 3,819
    core.send(*(order("AAPL", "60", client_order_id=name) for name in ("a", "b")))
    codes = [o.code for o in orders(core)]
    assert codes == [None, "POSITION_LIMIT"]
    failed = {c.code for c in orders(core)[1].checks if c.outcome == Outcome.FAILED}
    assert failed == {"POSITION_LIMIT", "BUYING_POWER"}


def test_two_manual_sales_share_the_shares() -> None:
    core = feeds.run([bars(D1), order(quantity="5"), signal_set(D1, []), bars(D2, previous=D1)])
    sales: dict[str, Any] = {"quantity": "3", "side": Side.SELL}
    core.send(*(order("AAPL", client_order_id=name, **sales) for name in ("a", "b")))
    assert [o.code for o in orders(core)[1:]] == [None, "INSUFFICIENT_QTY"]


def test_a_working_order_frees_what_it_reserved_when_it_ends() -> None:
    core = feeds.run([bars(D1), order("AAPL", "60", type=OrderType.LIMIT, limit_price=Decimal(96))])
    core.send(signal_set(D1, []), bars(D2, previous=D1))  # 96 is not touched: the day order expires
    core.send(order("AAPL", "60", client_order_id="b"))
    assert [o.code for o in orders(core)] == [None, None]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "IBM"}, "QUOTE_MISSING"),
        ({"quantity": "1.5"}, "QUANTITY_INVALID"),
        ({"quantity": "0.0000000001"}, "QUANTITY_INVALID"),  # rounds to nothing
        ({"type": OrderType.LIMIT, "limit_price": Decimal("105.01")}, "PRICE_COLLAR"),
        ({"quantity": "98"}, "MAX_ORDER_NOTIONAL"),  # 98 x 103 = 10,094 > 10,000
        ({"quantity": "999999999999999"}, "MAX_ORDER_NOTIONAL"),
    ],
)
def test_a_manual_order_is_refused_by_name(fields: dict[str, Any], code: str) -> None:
    core = feeds.run([bars(D1), order(**fields)])
    assert [(o.status, o.code) for o in orders(core)] == [(Status.REFUSED, code)]
    laws.check_all(core)


def test_no_person_can_send_the_client_order_id_of_a_strategy() -> None:
    (made,) = orders(feeds.run(session(D1, {"AAPL": "0.5"})))
    (rule,) = (m.pattern for m in ClientOrderId.__metadata__)  # type: ignore[attr-defined]
    assert made.client_order_id == f"sample/{made.order_id[:16]}"
    assert not re.fullmatch(rule, made.client_order_id)


def test_a_score_is_recorded_in_six_decimals() -> None:
    core = feeds.run(session(D1, {"AAPL": "0.123456789"}))
    assert str(core.all(fx.SignalDisposed)[0].score) == "0.123457"
