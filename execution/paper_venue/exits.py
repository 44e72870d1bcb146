"""What an order's body may ask for beside the order itself: its class, and its exits.

Keep out: what becomes of them (composite.py), and the rest of the body (bodies.py).
"""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from execution.domain import money
from execution.domain.inputs import LARGEST
from execution.domain.orders import OrderType, Side
from execution.paper_venue.composite import Exit, OrderClass
from execution.paper_venue.errors import unprocessable
from execution.paper_venue.orders import TimeInForce

_NINE = Decimal("1e-9")


def _rounded(value: Decimal) -> Decimal:
    """Clients send floats: 0.1 + 0.2 arrives as 0.30000000000000004."""
    found = money.plain(value.quantize(_NINE, context=money.CONTEXT))
    if found <= 0:
        raise ValueError("it must be above zero")
    return found


def _whole_ticks(value: Decimal) -> Decimal:
    if value != round(value, money.price_decimals(value)):
        raise ValueError(f"sub-penny increment {value} does not fulfill minimum pricing criteria")
    return value


Number = Annotated[Decimal, Field(gt=0, lt=LARGEST, allow_inf_nan=False), AfterValidator(_rounded)]
Price = Annotated[Number, AfterValidator(_whole_ticks)]


class TakeProfit(BaseModel):
    """An exit at a better price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit_price: Price

    def exit(self) -> Exit:
        """As an order's own terms."""
        return Exit(OrderType.LIMIT, limit_price=self.limit_price)


class StopLoss(BaseModel):
    """An exit at a worse price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop_price: Price
    limit_price: Price | None = None

    def exit(self) -> Exit:
        """As an order's own terms."""
        kind = OrderType.STOP if self.limit_price is None else OrderType.STOP_LIMIT
        return Exit(kind, self.limit_price, self.stop_price)


def require_exits(
    kind: OrderClass, profit: TakeProfit | None, loss: StopLoss | None, exit_side: Side
) -> None:
    """The exits that the class has, in the right order; raises a RefusalError."""
    given = (profit is not None) + (loss is not None)
    needed = {OrderClass.SIMPLE: 0, OrderClass.OTO: 1}.get(kind, 2)
    if given != needed:
        said = ("neither", "one", "both")[needed]
        raise unprocessable(f"{kind} orders take {said} of take_profit and stop_loss")
    if profit is None or loss is None:
        return
    better, worse = profit.limit_price, loss.stop_price
    if (better - worse) * exit_side.sign >= 0:
        where = "above" if exit_side is Side.SELL else "below"
        raise unprocessable(f"take_profit.limit_price must be {where} stop_loss.stop_price")


def require_terms(kind: OrderClass, entry: OrderType, tif: TimeInForce, *, whole: bool) -> None:
    """What an order of a class may be; raises a RefusalError."""
    if kind is OrderClass.SIMPLE:
        return
    if tif not in (TimeInForce.DAY, TimeInForce.GTC):
        raise unprocessable(f"{kind} orders must be day or gtc")
    if not whole:
        raise unprocessable(f"{kind} orders must be of whole shares")
    if kind is OrderClass.OCO and entry is not OrderType.LIMIT:
        raise unprocessable("oco orders must be of type limit")
    if kind is OrderClass.BRACKET and entry not in (OrderType.MARKET, OrderType.LIMIT):
        raise unprocessable("bracket orders must be of type market or limit")
