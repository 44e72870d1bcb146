"""Fills of waiting orders, expiry and valuation, session by session."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain.config import Limits
from execution.domain.orders import OrderType, Side, Status, TimeInForce
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, bar, order, quiet

D1, D2, D3, D4 = DAYS[:4]
ROOMY = Limits(max_order_notional=Decimal(1), price_collar=Decimal(1), duplicate_window_seconds=0)
FREE = msgspec.structs.replace(CONFIG, limits=ROOMY)
GTC = TimeInForce.GTC
STOP: dict[str, Any] = {"type": OrderType.STOP, "stop_price": Decimal(110)}
LIMIT: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(95)}
STOP_LIMIT: dict[str, Any] = STOP | {"type": OrderType.STOP_LIMIT, "limit_price": Decimal(115)}


def opened() -> Core:
    return feeds.run(quiet(D1, bar("AAPL")), FREE)


def standing(core: Core) -> dict[str, tuple[Status, Decimal]]:
    """By client order id: the status and what was filled."""
    names = {c.order.order_id: c.order.client_order_id for c in core.all(fx.OrderCreated)}
    return {names[c.order_id]: (c.status, c.filled_quantity) for c in core.all(fx.OrderChanged)}


def test_a_partial_fill_of_a_day_order_expires_and_of_a_gtc_order_goes_on() -> None:
    core = feeds.run(quiet(D1, bar("AAPL"), bar("IBM")), FREE)
    core.send(
        order("AAPL", "10", request_id="day"),
        order("IBM", "10", request_id="gtc", time_in_force=GTC),
    )
    few = [bar(symbol, volume="60") for symbol in ("AAPL", "IBM")]  # 6 of 60 may be ours
    core.send(*quiet(D2, *few, previous=D1))
    assert standing(core) == {
        "day": (Status.EXPIRED, 6),
        "gtc": (Status.PARTIALLY_FILLED, 6),
    }
    core.send(*quiet(D3, bar("IBM"), previous=D2))
    assert standing(core)["gtc"] == (Status.FILLED, 10)
    assert not core.state.orders
    laws.check_all(core)


def test_all_orders_together_take_no_more_than_their_share_of_a_bar() -> None:
    core = opened()
    core.send(order("AAPL", "20"), *quiet(D2, bar("AAPL"), previous=D1))
    buys = [order("AAPL", "7", request_id=f"buy-{n}", time_in_force=GTC) for n in range(3)]
    sale = order("AAPL", "5", request_id="sale", side=Side.SELL, **LIMIT)
    core.send(sale, *buys)
    refused = {c.order.client_order_id for c in core.all(fx.OrderCreated) if c.order.code}
    assert refused == {"buy-0", "buy-1", "buy-2"}  # they would trade with the sale
    core.send(
        *[
            msgspec.structs.replace(b, request_id=f"{b.request_id}-x", side=Side.SELL)
            for b in buys[:2]
        ]
    )
    core.send(*quiet(D3, bar("AAPL", volume="140"), previous=D2))  # 14 of 140 may be ours
    fills = [f.fill for f in core.all(fx.Filled) if f.fill.session == D3]
    assert sum(fill.quantity for fill in fills) == 14
    laws.check_all(core)


def test_sales_come_before_purchases_of_the_same_volume() -> None:
    core = feeds.run(quiet(D1, bar("AAPL")), FREE)
    core.send(order("AAPL", "20"), *quiet(D2, bar("AAPL"), previous=D1))
    core.send(
        order("AAPL", "8", request_id="buy", **LIMIT),
        order(
            "AAPL", "8", request_id="sale", side=Side.SELL, **LIMIT | {"limit_price": Decimal(96)}
        ),
    )
    core.send(*quiet(D3, bar("AAPL", low="90", volume="100"), previous=D2))
    assert standing(core)["sale"] == (Status.FILLED, 8)
    assert standing(core)["buy"] == (Status.EXPIRED, 2)
    laws.check_all(core)


@pytest.mark.parametrize(
    ("time_in_force", "ending"),
    [
        (TimeInForce.DAY, Status.EXPIRED),
        (TimeInForce.IOC, Status.CANCELLED),
        (TimeInForce.FOK, Status.CANCELLED),
    ],
)
@pytest.mark.parametrize("rows", [[bar("AAPL", volume="0")], [bar("IBM")]])
def test_what_does_not_fill_in_its_one_session_ends(
    time_in_force: TimeInForce, ending: Status, rows: list[Any]
) -> None:
    core = opened()
    core.send(order("AAPL", "1", time_in_force=time_in_force))
    core.send(*quiet(D2, *rows, previous=D1))
    assert standing(core) == {"mine": (ending, 0)}
    assert not core.state.orders


@pytest.mark.parametrize(
    ("time_in_force", "ending"),
    [
        (TimeInForce.DAY, (Status.EXPIRED, 6)),
        (GTC, (Status.PARTIALLY_FILLED, 6)),
        (TimeInForce.IOC, (Status.CANCELLED, 6)),
        (TimeInForce.FOK, (Status.CANCELLED, 0)),
    ],
)
def test_what_becomes_of_an_order_that_the_volume_fills_in_part(
    time_in_force: TimeInForce, ending: tuple[Status, int]
) -> None:
    core = opened()
    core.send(order("AAPL", "10", time_in_force=time_in_force))
    core.send(*quiet(D2, bar("AAPL", volume="60"), previous=D1))
    assert standing(core) == {"mine": ending}
    laws.check_all(core)


def test_a_stop_limit_beyond_its_limit_works_as_a_limit_order_from_the_next_bar_on() -> None:
    core = opened()
    core.send(order("AAPL", "10", time_in_force=GTC, **STOP_LIMIT))
    core.send(*quiet(D2, bar("AAPL", "120", low="112"), previous=D1))  # it gapped over both
    (working,) = core.state.orders.values()
    assert working.triggered
    assert not core.all(fx.Filled)
    core.send(*quiet(D3, bar("AAPL", "118", low="114"), previous=D2))
    assert [f.fill.price for f in core.all(fx.Filled)] == [115]
    laws.check_all(core)


def test_a_stop_without_volume_is_a_market_order_from_the_next_bar_on() -> None:
    core = opened()
    core.send(order("AAPL", "10", time_in_force=GTC, **STOP))
    core.send(*quiet(D2, bar("AAPL", "100", high="110", volume="0"), previous=D1))
    core.send(*quiet(D3, bar("AAPL", "80"), previous=D2))
    assert [f.fill.price for f in core.all(fx.Filled)] == [Decimal("80.04")]  # 80 x 1.0005


def test_a_day_order_whose_stop_traded_still_ends_with_its_session() -> None:
    core = opened()
    core.send(order("AAPL", "10", **STOP_LIMIT))
    core.send(*quiet(D2, bar("AAPL", "120"), previous=D1))
    (change,) = core.all(fx.OrderChanged)
    assert (change.status, change.triggered) == (Status.EXPIRED, True)


def test_an_order_that_nothing_happens_to_leaves_no_trace() -> None:
    core = opened()
    core.send(order("AAPL", "10", time_in_force=GTC, **STOP))
    core.send(*quiet(D2, bar("AAPL"), previous=D1), *quiet(D3, bar("IBM"), previous=D2))
    assert not core.all(fx.OrderChanged)
    core.send(*quiet(D4, bar("AAPL", "111"), previous=D3))
    assert standing(core) == {"mine": (Status.FILLED, 10)}


def test_capital_is_posted_with_the_first_session_and_never_again() -> None:
    core = feeds.run([*quiet(D1), *quiet(D2, previous=D1)])
    assert core.state.cash == {"technical": 90_000, "manual": 10_000}
    assert [v.equity for v in core.all(fx.SessionValued)] == [100_000, 100_000]
