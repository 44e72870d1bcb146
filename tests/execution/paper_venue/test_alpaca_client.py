"""Alpaca's own Python client against the venue, unmodified: the messages are those of Alpaca."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.execution.paper_venue.running import RunningVenue, bar
from tests.servers import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Sessions = Callable[[], str]


def client_of(venue: RunningVenue, account: str) -> Any:
    from alpaca.trading.client import TradingClient

    return TradingClient(*venue.pair(account), url_override=venue.url)


def test_orders_are_placed_found_replaced_listed_and_cancelled(
    venue: RunningVenue, account: str, next_session: Sessions
) -> None:
    from alpaca.common.exceptions import APIError
    from alpaca.trading import requests as ask
    from alpaca.trading.enums import OrderSide, OrderStatus, OrderType, TimeInForce
    from alpaca.trading.enums import QueryOrderStatus as Which

    client = client_of(venue, account)
    common = {"symbol": "AAPL", "qty": 10, "side": OrderSide.BUY}
    market = client.submit_order(
        ask.MarketOrderRequest(**common, time_in_force=TimeInForce.DAY, client_order_id="m")
    )
    assert market.status is OrderStatus.PENDING_NEW
    limit = client.submit_order(
        ask.LimitOrderRequest(**common, time_in_force=TimeInForce.GTC, limit_price=50.5)
    )
    stop = client.submit_order(
        ask.StopOrderRequest(**common, time_in_force=TimeInForce.GTC, stop_price=150)
    )
    both = client.submit_order(
        ask.StopLimitOrderRequest(
            **common, time_in_force=TimeInForce.GTC, stop_price=150, limit_price=151
        )
    )
    by_money = client.submit_order(
        ask.MarketOrderRequest(
            symbol="MSFT", notional=500, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
        )
    )
    assert (limit.order_type, stop.order_type) == (OrderType.LIMIT, OrderType.STOP)
    assert (both.limit_price, by_money.notional) == ("151", "500")

    assert client.get_order_by_client_id("m").status is OrderStatus.NEW
    listed = client.get_orders(ask.GetOrdersRequest(status=Which.OPEN, symbols=["AAPL"], limit=3))
    assert [each.id for each in listed] == [both.id, stop.id, limit.id]

    replaced = client.replace_order_by_id(limit.id, ask.ReplaceOrderRequest(qty=5, limit_price=51))
    assert (replaced.replaces, replaced.qty, replaced.limit_price) == (limit.id, "5", "51")
    assert client.get_order_by_id(limit.id).replaced_by == replaced.id

    client.cancel_order_by_id(stop.id)
    with pytest.raises(APIError) as refused:
        client.cancel_order_by_id(stop.id)
    assert (refused.value.status_code, refused.value.code) == (422, 42210000)
    with pytest.raises(APIError) as repeated:
        client.submit_order(
            ask.MarketOrderRequest(**common, time_in_force=TimeInForce.DAY, client_order_id="m")
        )
    assert (repeated.value.status_code, repeated.value.code) == (422, 40010001)

    venue.step(next_session(), bar("AAPL"), bar("MSFT"))
    filled = client.get_order_by_id(market.id)
    assert (filled.status, filled.filled_avg_price) == (OrderStatus.FILLED, "100.05")
    assert {each.id for each in client.cancel_orders()} == {both.id, replaced.id}
    assert client.get_orders() == []
    everything = client.get_orders(ask.GetOrdersRequest(status=Which.ALL))
    assert len(everything) == 6


def test_a_bracket_and_an_oco_order(
    venue: RunningVenue, account: str, next_session: Sessions
) -> None:
    from alpaca.trading import requests as ask
    from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, TimeInForce

    client = client_of(venue, account)
    exits = {
        "take_profit": ask.TakeProfitRequest(limit_price=110),
        "stop_loss": ask.StopLossRequest(stop_price=90),
        "time_in_force": TimeInForce.GTC,
        "symbol": "AAPL",
        "qty": 10,
    }
    bracket = client.submit_order(
        ask.MarketOrderRequest(side=OrderSide.BUY, order_class=OrderClass.BRACKET, **exits)
    )
    assert [leg.status for leg in bracket.legs] == [OrderStatus.HELD] * 2
    venue.step(next_session(), bar("AAPL"))
    nested = client.get_order_by_id(bracket.id, ask.GetOrderByIdRequest(nested=True))
    assert [leg.status for leg in nested.legs] == [OrderStatus.NEW] * 2
    client.cancel_orders()
    oco = client.submit_order(
        ask.LimitOrderRequest(side=OrderSide.SELL, order_class=OrderClass.OCO, **exits)
    )
    assert (oco.order_class, oco.limit_price, len(oco.legs)) == (OrderClass.OCO, "110", 1)
    venue.step(next_session(), bar("AAPL", low="85"))
    assert client.get_order_by_id(oco.id).status is OrderStatus.CANCELED
    assert client.get_all_positions() == []


def test_positions_account_clock_assets_and_fills(
    venue: RunningVenue, account: str, next_session: Sessions
) -> None:
    from alpaca.trading import models
    from alpaca.trading import requests as ask
    from alpaca.trading.enums import AccountStatus, OrderSide, PositionSide, TimeInForce

    client = client_of(venue, account)
    client.submit_order(
        ask.MarketOrderRequest(
            symbol="AAPL", qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
        )
    )
    venue.step(next_session(), bar("AAPL", "100", high="110", close="110"))
    [held] = client.get_all_positions()
    assert (held.qty, held.side, held.avg_entry_price) == ("10", PositionSide.LONG, "100.05")
    assert client.get_open_position("AAPL").unrealized_pl == "99.5"
    money = client.get_account()
    assert (money.status, money.cash, money.equity) == (
        AccountStatus.ACTIVE,
        "98998.5",
        "100098.5",
    )
    assert not client.get_clock().is_open
    assert client.get_asset("AAPL").fractionable
    assert "MSFT" in {each.symbol for each in client.get_all_assets()}
    [fill] = client.get("/account/activities/FILL")
    activity = models.TradeActivity(**fill)
    assert (activity.qty, activity.price, activity.symbol) == (10, 100.05, "AAPL")


def test_the_clients_own_retry_of_a_lost_answer_makes_one_order(
    venue: RunningVenue, account: str
) -> None:
    from alpaca.common.exceptions import APIError
    from alpaca.trading import requests as ask
    from alpaca.trading.enums import OrderSide, TimeInForce

    client = client_of(venue, account)
    client._retry_wait = 0
    venue.fault("gateway_timeout", "/v2/orders", method="POST")
    with pytest.raises(APIError) as repeated:
        client.submit_order(
            ask.MarketOrderRequest(
                symbol="AAPL",
                qty=1,
                side=OrderSide.BUY,
                time_in_force=TimeInForce.DAY,
                client_order_id="retried",
            )
        )
    assert repeated.value.code == 40010001
    assert [each.client_order_id for each in client.get_orders()] == ["retried"]


def test_the_stream_tells_an_orders_life(
    venue: RunningVenue, account: str, next_session: Sessions
) -> None:
    from alpaca.trading import requests as ask
    from alpaca.trading.enums import OrderSide, TimeInForce, TradeEvent
    from alpaca.trading.stream import TradingStream

    told: list[Any] = []
    stream = TradingStream(*venue.pair(account), url_override=venue.stream_url)

    async def hear(update: Any) -> None:
        told.append(update)

    stream.subscribe_trade_updates(hear)
    thread = threading.Thread(target=stream.run)
    thread.start()
    client = client_of(venue, account)
    common = {"symbol": "AAPL", "side": OrderSide.BUY, "time_in_force": TimeInForce.GTC}
    until(lambda: _is_listening(client, told), "the stream")
    told.clear()

    kept = client.submit_order(ask.MarketOrderRequest(**common, qty=1500))
    venue.step(next_session(), bar("AAPL"))
    client.replace_order_by_id(kept.id, ask.ReplaceOrderRequest(qty=400))
    venue.step(next_session(), bar("AAPL"))
    dropped = client.submit_order(ask.LimitOrderRequest(**common, qty=1, limit_price=1))
    client.cancel_order_by_id(dropped.id)
    day = {**common, "time_in_force": TimeInForce.DAY}
    client.submit_order(ask.LimitOrderRequest(**day, qty=1, limit_price=1))
    venue.step(next_session(), bar("AAPL"))
    first = ["pending_new", "new", "partial_fill"]
    second = ["pending_replace", "replaced", "pending_new", "new", "fill"]
    third = ["pending_new", "new", "pending_cancel", "canceled"]
    expected = [*first, *second, *third, "pending_new", "new", "expired"]
    until(lambda: len(told) >= len(expected), "all updates")
    stream.stop()
    thread.join()
    assert [TradeEvent(each.event).value for each in told] == expected
    part, fill = told[2], told[7]
    assert (part.qty, part.price, part.position_qty) == (1000, 100.05, 1000)
    assert (fill.qty, fill.position_qty, fill.order.replaces) == (400, 1400, kept.id)
    assert part.execution_id != fill.execution_id
    assert json.loads(part.model_dump_json())["order"]["status"] == "partially_filled"


def _is_listening(client: Any, told: list[Any]) -> bool:
    """Whether an order that was placed and cancelled is heard of to its end."""
    from alpaca.trading import requests as ask
    from alpaca.trading.enums import OrderSide, TimeInForce

    made = client.submit_order(
        ask.LimitOrderRequest(
            symbol="AAPL",
            qty=1,
            limit_price=1,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.DAY,
        )
    )
    client.cancel_order_by_id(made.id)
    heard = [each.event for each in told if each.order.id == made.id]
    return bool(heard) and heard[-1] == "canceled"
