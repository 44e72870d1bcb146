"""How the venue's values look in Alpaca's messages: every number a text, every key present.

Keep out: what requests carry (bodies.py), and rules of the market.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from execution.domain import money
from execution.domain.money import ZERO
from execution.domain.orders import Status
from execution.paper_venue import books
from execution.paper_venue.books import Account, Holding, Mark
from execution.paper_venue.orders import FillRecord, VenueOrder, identity
from execution.paper_venue.venue import Event

Document = dict[str, Any]

EXCHANGE = "NASDAQ"
ASSET_CLASS = "us_equity"

_STATUS = {Status.ACCEPTED: "new", Status.CANCELLED: "canceled"}
"""Where Alpaca's name is not the domain's."""

_MOMENTS = ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at")
_NOT_HERE = (
    "expires_at",
    "trail_percent",
    "trail_price",
    "hwm",
    "position_intent",
    "ratio_qty",
)
"""Of an order; the venue has nothing to say in them."""

_NEW_YORK = ZoneInfo("America/New_York")
_OPEN, _CLOSE = time(9, 30), time(16, 0)


def number(value: Decimal) -> str:
    """A decimal in full, without trailing zeros."""
    return format(money.plain(value), "f")


def _maybe(value: Decimal | None) -> str | None:
    return None if value is None else number(value)


def _ratio(part: Decimal, whole: Decimal) -> str:
    return "0" if not whole else number(money.price(part / whole))


def status(value: Status) -> str:
    """Alpaca's name of a status."""
    return _STATUS.get(value, value.value)


def _status_of(each: VenueOrder) -> str:
    waits = each.held and each.order.status is Status.PENDING_NEW
    return "held" if waits else status(each.order.status)


def asset_id(symbol: str) -> str:
    """The same for a symbol for ever."""
    return identity("asset", symbol)


def order(each: VenueOrder, legs: list[VenueOrder] | None = None) -> Document:
    """An Order, with the legs that are given."""
    inner = each.order
    average = inner.filled_value / inner.filled_quantity if inner.filled_quantity else None
    return {
        "id": inner.order_id,
        "client_order_id": inner.client_order_id,
        "created_at": each.created_at,
        "updated_at": each.updated_at,
        "submitted_at": each.created_at,
        **{name: each.moments.get(name) for name in _MOMENTS},
        **dict.fromkeys(_NOT_HERE),
        "replaced_by": each.replaced_by,
        "replaces": inner.replaces,
        "asset_id": asset_id(inner.symbol),
        "symbol": inner.symbol,
        "asset_class": ASSET_CLASS,
        "notional": _maybe(inner.notional),
        "qty": number(inner.quantity) if inner.notional is None else None,
        "filled_qty": number(inner.filled_quantity),
        "filled_avg_price": _maybe(None if average is None else money.price(average)),
        "order_class": each.order_class,
        "legs": [order(leg) for leg in legs] if legs else None,
        "order_type": inner.type,
        "type": inner.type,
        "side": inner.side,
        "time_in_force": each.time_in_force,
        "limit_price": _maybe(inner.limit_price),
        "stop_price": _maybe(inner.stop_price),
        "status": _status_of(each),
        "extended_hours": False,
    }


def update(event: Event) -> Document:
    """The data of a trade update; an execution also tells its commission, which Alpaca has not."""
    found: Document = {
        "event": event.name,
        "event_id": str(event.number),
        "timestamp": event.at,
        "order": order(event.order),
    }
    if event.fill is not None:
        found |= {
            "execution_id": event.fill.execution_id,
            "price": number(event.fill.price),
            "qty": number(event.fill.quantity),
            "position_qty": number(event.position or ZERO),
            "commission": number(event.fill.commission),
        }
    plain: Document = msgspec.to_builtins(found)
    return plain


def activity(fill: FillRecord, account: str) -> Document:
    """A trade activity; its id ends with the execution's id."""
    return {
        "id": f"{fill.at:%Y%m%d%H%M%S}{fill.at.microsecond // 1000:03d}::{fill.execution_id}",
        "account_id": account_id(account),
        "activity_type": "FILL",
        "transaction_time": fill.at,
        "type": "fill" if fill.complete else "partial_fill",
        "price": number(fill.price),
        "qty": number(fill.quantity),
        "side": fill.side,
        "symbol": fill.symbol,
        "leaves_qty": number(fill.leaves),
        "cum_qty": number(fill.cumulative),
        "order_id": fill.order_id,
        "order_status": "filled" if fill.complete else "partially_filled",
        "commission": number(fill.commission),
    }


def position(holding: Holding, marks: Mapping[str, Mark]) -> Document:
    """A Position; of shares owed, quantity, cost and value are negative."""
    average = holding.cost / holding.quantity
    mark = marks.get(holding.symbol) or Mark(money.price(average), money.price(average))
    value = books.worth(holding, marks)
    gain, today = value - holding.cost, holding.quantity * (mark.price - mark.previous)
    return {
        "asset_id": asset_id(holding.symbol),
        "symbol": holding.symbol,
        "exchange": EXCHANGE,
        "asset_class": ASSET_CLASS,
        "asset_marginable": True,
        "avg_entry_price": number(money.price(average)),
        "qty": number(holding.quantity),
        "qty_available": number(holding.quantity),
        "side": "long" if holding.quantity > 0 else "short",
        "market_value": number(value),
        "cost_basis": number(holding.cost),
        "unrealized_pl": number(gain),
        "unrealized_plpc": _ratio(gain, abs(holding.cost)),
        "unrealized_intraday_pl": number(money.cents(today)),
        "unrealized_intraday_plpc": _ratio(mark.price - mark.previous, mark.previous),
        "current_price": number(mark.price),
        "lastday_price": number(mark.previous),
        "change_today": _ratio(mark.price - mark.previous, mark.previous),
    }


def account_id(name: str) -> str:
    """The same for an account for ever."""
    return identity("account", name)


def account(
    each: Account, holdings: list[Holding], marks: Mapping[str, Mark], free: Decimal
) -> Document:
    """A TradeAccount, with equity at the last closes."""
    values = [books.worth(holding, marks) for holding in holdings]
    long = sum((value for value in values if value > 0), ZERO)
    short = sum((value for value in values if value < 0), ZERO)
    equity = number(each.cash + long + short)
    blocks = ("trading_blocked", "transfers_blocked", "account_blocked", "trade_suspended_by_user")
    return {
        "id": account_id(each.name),
        "account_number": each.name,
        "status": "ACTIVE",
        "currency": "USD",
        "cash": number(each.cash),
        "equity": equity,
        "portfolio_value": equity,
        "last_equity": number(each.last_equity),
        "buying_power": number(free),
        "long_market_value": number(long),
        "short_market_value": number(short),
        "multiplier": str(books.MULTIPLIER),
        "shorting_enabled": True,
        "created_at": each.opened_at,
        **dict.fromkeys(blocks, False),
    }


def asset(symbol: str) -> Document:
    """An Asset."""
    return {
        "id": asset_id(symbol),
        "class": ASSET_CLASS,
        "exchange": EXCHANGE,
        "symbol": symbol,
        "name": symbol,
        "status": "active",
        "tradable": True,
        "marginable": True,
        "shortable": True,
        "easy_to_borrow": True,
        "borrow_status": "easy_to_borrow",
        "fractionable": True,
    }


def clock(now: datetime, session: date | None) -> Document:
    """A Clock: the market is only open in the moment in which a session is traded."""
    following = (session or now.astimezone(_NEW_YORK).date()) + timedelta(days=1)
    while following.isoweekday() > 5:
        following += timedelta(days=1)
    return {
        "timestamp": now,
        "is_open": False,
        "next_open": datetime.combine(following, _OPEN, _NEW_YORK).astimezone(UTC),
        "next_close": datetime.combine(following, _CLOSE, _NEW_YORK).astimezone(UTC),
    }
