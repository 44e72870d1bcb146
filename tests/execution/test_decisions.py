"""New orders: what a signal or a person gets, and what is recorded about it."""

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from execution.api.bodies import RequestId
from execution.domain import effects as fx
from execution.domain.config import Sizing
from execution.domain.effects import Disposition
from execution.domain.inputs import ChangeLimits, DescribeInstruments, Instrument, TradingState
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


def test_volatility_sector_and_lots_are_those_of_the_account() -> None:
    core = feeds.run([bars(D1, bar(price="80")), signal_set(D1, [])])
    about = Instrument(symbol="AAPL", sector="Technology", lot_size=4)
    core.send(DescribeInstruments(account="sample", request_id="a", instruments=(about,)))
    wants = signal(D2)
    core.send(bars(D2, bar(price="100"), previous=D1), wants, signal_set(D2, [wants]))
    (made,) = orders(core)
    # +25 % in a session is a volatility of 0.25 x sqrt(252) a year, ten times the target: a tenth
    # of 10 % of 90,000 is 9 shares, or two lots
    assert made.sizing["volatility"] == "3.9686"
    assert made.sizing["weight"] == "0.010079"
    assert (made.sizing["target"], made.quantity, made.limits_version) == ("8", 8, 1)


def test_symbols_of_one_sector_share_its_cap_and_orders_name_the_limits_that_judged_them() -> None:
    rows = bar("AAPL"), bar("MSFT")
    core = feeds.run(
        [bars(D1, *rows), signal_set(D1, [])],
        msgspec.structs.replace(CONFIG, sizing=Sizing(max_sector_weight=Decimal("0.10"))),
    )
    about = tuple(Instrument(symbol=each.symbol, sector="Technology") for each in rows)
    limits = msgspec.structs.replace(CONFIG.limits, version=2)
    by: dict[str, str] = {"account": "sample", "changed_by": "me", "reason": "why not"}
    core.send(DescribeInstruments(account="sample", request_id="a", instruments=about))
    core.send(ChangeLimits(request_id="b", limits=limits, **by))
    wants = [signal(D2, each.symbol) for each in rows]
    core.send(bars(D2, *rows, previous=D1), *wants, signal_set(D2, wants))
    # 10 % of 90,000 at 100 for both together
    assert [(made.quantity, made.limits_version) for made in orders(core)] == [(45, 2), (45, 2)]


@pytest.mark.parametrize(("allowed", "sides"), [(True, [Side.SELL]), (False, [])])
def test_short_positions_need_the_strategys_and_the_accounts_word(
    allowed: bool, sides: list[Side]
) -> None:
    limits = msgspec.structs.replace(CONFIG.limits, shorting=allowed)
    config = msgspec.structs.replace(CONFIG, limits=limits, sizing=Sizing(short=True))
    core = feeds.run(session(D1, {"AAPL": "-0.5"}), config)
    assert [made.side for made in orders(core) if made.code is None] == sides
    # and turned the other way, it is closed before anything is bought
    for previous, day in ((D1, D2), (D2, D3)):
        core.send(*session(day, {"AAPL": "0.5"}, previous=previous))
    assert [(made.side, made.quantity) for made in orders(core)][-2:] == (
        [(Side.BUY, 90), (Side.BUY, 89)] if allowed else [(Side.BUY, 90)]  # 89: less the costs
    )
    laws.check_all(core)


def test_withheld_symbols_are_restricted_before_the_set_is_decided() -> None:
    bought = signal(D1)
    marker = msgspec.structs.replace(
        signal_set(D1, [bought]), withheld={"AAPL": "no good bar", "IBM": "no good bar"}
    )
    core = feeds.run([bars(D1), bought, marker])
    changed = [(each.name, each.state) for each in core.all(fx.RestrictionChanged)]
    assert changed == [("AAPL", TradingState.REDUCING), ("IBM", TradingState.REDUCING)]
    assert [made.code for made in orders(core)] == ["TRADING_REDUCING"]
    # the next set names them no more
    again = signal(D2)
    core.send(bars(D2, previous=D1), again, signal_set(D2, [again]))
    assert orders(core)[-1].code is None
    laws.check_all(core)


def test_what_an_incomplete_set_withholds_is_restricted_all_the_same() -> None:
    marker = msgspec.structs.replace(signal_set(D1, [signal(D1)]), withheld={"IBM": "no good bar"})
    core = feeds.run([bars(D1), marker, bars(D2, previous=D1)])
    feeds.give_up(core)
    assert [each.name for each in core.all(fx.RestrictionChanged)] == ["IBM", "technical"]


def test_an_expired_signal_gets_no_order() -> None:
    stale = msgspec.structs.replace(signal(D1), valid_until=signal(D1).as_of)
    core = feeds.run([bars(D1), stale, signal_set(D1, [stale])])
    disposed = core.all(fx.SignalDisposed)[0]
    assert (disposed.disposition, disposed.code) == (Disposition.EXPIRED, "SIGNAL_EXPIRED")


def test_the_manual_sleeve_cannot_sell_what_a_strategy_bought() -> None:
    core = held_by_technical()
    core.send(order(quantity="1", side=Side.SELL))
    assert orders(core)[-1].code == "SHORT_NOT_ALLOWED"


def test_a_strategy_does_not_sell_what_a_person_bought() -> None:
    core = feeds.run([bars(D1), order(quantity="5"), signal_set(D1, []), bars(D2, previous=D1)])
    bearish = signal(D2, score="-1")
    core.send(bearish, signal_set(D2, [bearish]))
    assert core.all(fx.SignalDisposed)[-1].disposition == Disposition.HELD
    assert core.state.positions["manual"]["AAPL"].quantity == 5


def test_two_manual_orders_share_the_sleeves_cash() -> None:
    core = feeds.run([bars(D1)])
    # 60 x 103 + 1 = 6,181 of 10,000; the second finds 3,819
    core.send(order("AAPL", "60", request_id="a"), order("AAPL", "59", request_id="b"))
    codes = [o.code for o in orders(core)]
    assert codes == [None, "POSITION_LIMIT"]
    failed = {c.code for c in orders(core)[1].checks if c.outcome == Outcome.FAILED}
    assert failed == {"POSITION_LIMIT", "BUYING_POWER", "STRATEGY_CAPITAL"}


def test_two_manual_sales_share_the_shares() -> None:
    core = feeds.run([bars(D1), order(quantity="5"), signal_set(D1, []), bars(D2, previous=D1)])
    core.send(*(order("AAPL", q, request_id=q, side=Side.SELL) for q in ("3", "4")))
    assert [o.code for o in orders(core)[1:]] == [None, "INSUFFICIENT_QTY"]


def test_a_working_order_frees_what_it_reserved_when_it_ends() -> None:
    core = feeds.run([bars(D1), order("AAPL", "60", type=OrderType.LIMIT, limit_price=Decimal(96))])
    core.send(signal_set(D1, []), bars(D2, previous=D1))  # 96 is not touched: the day order expires
    core.send(order("AAPL", "60", request_id="b"))
    assert [o.code for o in orders(core)] == [None, None]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "IBM"}, "SYMBOL_UNKNOWN"),
        ({"quantity": "1.5"}, "QUANTITY_INVALID"),
        ({"quantity": "0.0000000001"}, "SCHEMA_INVALID"),  # rounds to nothing
        ({"type": OrderType.LIMIT, "limit_price": Decimal("105.01")}, "PRICE_COLLAR"),
        ({"quantity": "98"}, "MAX_ORDER_NOTIONAL"),  # 98 x 103 = 10,094 > 10,000
        ({"quantity": "999999999999999"}, "MAX_ORDER_QTY"),
    ],
)
def test_a_manual_order_is_refused_by_name(fields: dict[str, Any], code: str) -> None:
    core = feeds.run([bars(D1), order(**fields)])
    assert [(o.status, o.code) for o in orders(core)] == [(Status.REFUSED, code)]
    laws.check_all(core)


def test_no_person_can_send_the_client_order_id_of_a_strategy() -> None:
    (made,) = orders(feeds.run(session(D1, {"AAPL": "0.5"})))
    (rule,) = (m.pattern for m in RequestId.__metadata__)  # type: ignore[attr-defined]
    assert made.client_order_id == f"sample~{made.order_id[:15]}"
    assert not re.fullmatch(rule, made.client_order_id)


def test_a_score_is_recorded_in_six_decimals() -> None:
    core = feeds.run(session(D1, {"AAPL": "0.123456789"}))
    assert str(core.all(fx.SignalDisposed)[0].score) == "0.123457"
