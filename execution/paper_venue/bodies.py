"""What requests carry, checked field by field in Alpaca's names, and what they ask of the venue.

A field that the venue cannot honour is refused, never left out in silence.
Keep out: what depends on the market or the account (venue.py).
"""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from execution.domain import money
from execution.domain.orders import LIMITED, STOPPED, OrderType, Side
from execution.paper_venue.composite import Exit, OrderClass
from execution.paper_venue.errors import unprocessable
from execution.paper_venue.exits import (
    Number,
    Price,
    StopLoss,
    TakeProfit,
    require_exits,
    require_terms,
)
from execution.paper_venue.orders import AUCTIONS, OrderRequest, TimeInForce
from execution.paper_venue.store import EARLIEST, LATEST, FillQuery, OrderQuery
from execution.paper_venue.venue import Change
from router.messages import SYMBOL, Bar


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


ClientOrderId = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,128}$")]
Ticker = Annotated[str, StringConstraints(pattern=SYMBOL.replace(r"\Z", "$"))]
Moment = Annotated[datetime, AfterValidator(_aware)]


class _Body(BaseModel):
    """A field that is null is a field that is not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        if not isinstance(value, dict):
            return value
        return {name: each for name, each in value.items() if each is not None}


def _new_id() -> str:
    return str(uuid.uuid4())


class OrderBody(_Body):
    """POST /v2/orders."""

    symbol: Ticker
    side: Side
    type: Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
    time_in_force: TimeInForce
    qty: Number | None = None
    notional: Number | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    client_order_id: ClientOrderId = Field(default_factory=_new_id)
    order_class: OrderClass | Literal[""] = OrderClass.SIMPLE
    extended_hours: bool = False
    trail_price: Any = None
    trail_percent: Any = None
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    legs: Any = None
    position_intent: Any = None

    def request(self) -> OrderRequest:
        """What is asked of the venue; raises a RefusalError for what it has not."""
        self._require_supported()
        kind, limit = OrderType(self.type), self._limit()
        self._require_prices(kind, limit)
        self._require_size(kind)
        if self.time_in_force in AUCTIONS and kind in STOPPED:
            raise unprocessable(f"{self.time_in_force} takes only market and limit orders")
        return OrderRequest(
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=self.side,
            type=kind,
            time_in_force=self.time_in_force,
            quantity=self.qty,
            notional=self.notional,
            limit_price=limit,
            stop_price=self.stop_price,
        )

    def exits(self) -> tuple[OrderClass, tuple[Exit, ...]]:
        """The order's class, and its legs; raises a RefusalError for what cannot be."""
        kind = OrderClass(self.order_class or OrderClass.SIMPLE)
        oco = kind is OrderClass.OCO
        whole = self.qty is not None and self.qty == money.whole(self.qty)
        require_terms(kind, OrderType(self.type), self.time_in_force, whole=whole)
        sells = (self.side is Side.SELL) == oco
        require_exits(kind, self.take_profit, self.stop_loss, Side.SELL if sells else Side.BUY)
        profit = None if oco else self.take_profit
        return kind, tuple(each.exit() for each in (profit, self.stop_loss) if each is not None)

    def _limit(self) -> Decimal | None:
        """An oco order is itself the exit that takes the profit."""
        if self.order_class != OrderClass.OCO or self.take_profit is None:
            return self.limit_price
        if self.limit_price not in (None, self.take_profit.limit_price):
            raise unprocessable("limit_price and take_profit.limit_price of an oco order differ")
        return self.take_profit.limit_price

    def _require_supported(self) -> None:
        if self.type == "trailing_stop":
            raise unprocessable("type trailing_stop is not supported here")
        if self.extended_hours:
            raise unprocessable("extended_hours is not supported: a bar has no extended hours")
        for name in ("trail_price", "trail_percent", "legs", "position_intent"):
            if getattr(self, name) is not None:
                raise unprocessable(f"{name} is not supported here")

    def _require_prices(self, kind: OrderType, limit: Decimal | None) -> None:
        for name, price, wanted in (
            ("limit_price", limit, kind in LIMITED),
            ("stop_price", self.stop_price, kind in STOPPED),
        ):
            if wanted and price is None:
                raise unprocessable(f"{self.type} orders require {name}")
            if not wanted and price is not None:
                raise unprocessable(f"{self.type} orders must not have a {name}")

    def _require_size(self, kind: OrderType) -> None:
        if (self.qty is None) == (self.notional is None):
            raise unprocessable("one of qty and notional is required, and not both")
        day = self.time_in_force is TimeInForce.DAY
        if self.notional is not None and not (day and kind is OrderType.MARKET):
            raise unprocessable("notional orders must be DAY market orders")
        if self.qty is not None and self.qty != money.whole(self.qty) and not day:
            raise unprocessable("fractional orders must be DAY orders")


class ReplaceBody(_Body):
    """PATCH /v2/orders/{id}; `qty` is what the new order trades, whatever the old one filled."""

    qty: Number | None = None
    time_in_force: TimeInForce | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    trail: Any = None
    client_order_id: ClientOrderId = Field(default_factory=_new_id)

    def change(self) -> Change:
        """What is asked of the venue; raises a RefusalError for what it has not."""
        if self.trail is not None:
            raise unprocessable("trail is not supported here")
        return Change(
            self.qty,
            self.limit_price,
            self.stop_price,
            self.time_in_force,
            self.client_order_id,
        )


class OrderPage(_Body):
    """The query of GET /v2/orders; `nested` shows legs within their order."""

    status: Literal["open", "closed", "all"] = "open"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    after: Moment = EARLIEST
    until: Moment = LATEST
    direction: Literal["asc", "desc"] = "desc"
    nested: bool = False
    side: Side | None = None
    symbols: str = ""

    def query(self) -> OrderQuery:
        """The same for the store."""
        return OrderQuery(
            working={"open": True, "closed": False, "all": None}[self.status],
            after=self.after,
            until=self.until,
            side=self.side.value if self.side else None,
            symbols=tuple(name for name in self.symbols.split(",") if name),
            oldest_first=self.direction == "asc",
            limit=self.limit,
            without_legs=self.nested,
        )


class ActivityPage(_Body):
    """The query of GET /v2/account/activities/FILL; `page_token` is the last id of a page."""

    after: Moment = EARLIEST
    until: Moment = LATEST
    direction: Literal["asc", "desc"] = "desc"
    page_size: Annotated[int, Field(ge=1, le=100)] = 100
    page_token: str | None = None
    activity_types: str = "FILL"

    def query(self) -> FillQuery:
        """The same for the store."""
        beyond = self.page_token.rpartition("::")[2] if self.page_token else None
        return FillQuery(self.after, self.until, beyond, self.direction == "asc", self.page_size)


class BarsBody(_Body):
    """POST /sim/v1/bars: one session's bars, a symbol at most once."""

    session: date
    bars: Annotated[list[dict[str, Any]], Field(max_length=20_000)]

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [each.get("symbol") for each in self.bars]
        if len(set(map(str, names))) != len(names):
            raise ValueError("a symbol has more than one bar")
        return self

    def taken(self) -> tuple[Bar, ...]:
        """The bars as the wire's own; raises a RefusalError for what cannot be true."""
        try:
            return msgspec.convert(self.bars, tuple[Bar, ...], strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            raise unprocessable(f"bars: {error}") from error
