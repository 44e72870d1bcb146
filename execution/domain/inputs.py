"""Everything that can change an account, as values: what the engine is given.

Belongs here: the inputs that do not come over the wire, and the union with those that do.
Keep out: how inputs arrive (consumer, API), and what they cause (engine.py).
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from execution.domain import money
from execution.domain.config import AccountConfig, Limits
from execution.domain.orders import LIMITED, STOPPED, OrderType, Side, TimeInForce
from router.messages import Bars, Moment, Name, Signal, SignalSet, Symbol, Text, digest

LARGEST = Decimal(10) ** 15
"""What a quantity, price or amount stays below, so that their product fits its column."""

RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,48}\Z")]
"""Chosen by who asks, unique in the account for ever; 48 characters fit every venue."""

ClientOrderId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:~-]{1,48}\Z")]
"""A request id, or with a ~ in it one that the engine made for a strategy's order."""

ExecutionId = Annotated[str, Meta(pattern=r"^[ -~]{1,128}\Z")]


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen; unknown fields refused."""


class OpenAccount(_Input, frozen=True, tag="open_account.v1", tag_field="kind"):
    """The first input of every account."""

    config: AccountConfig

    @property
    def input_id(self) -> str:
        """An account opens once."""
        return digest("open_account", self.config.account)


class _Command(_Input, frozen=True):
    """From a person or a program, through the API; `request_id` is theirs and makes it unique.

    `at` is the database's time when it was taken; None on replay accounts, whose time is their
    bars'.
    """

    account: Name
    request_id: RequestId
    at: Moment | None = None

    @property
    def command_id(self) -> str:
        """Unique in the account's command table."""
        return f"{self.__struct_config__.tag}/{self.request_id}"

    @property
    def input_id(self) -> str:
        """One input per request, whatever is asked the second time."""
        return digest(str(self.__struct_config__.tag), self.account, self.request_id)


class _NewOrder(_Command, frozen=True):
    """`request_id` is the client order id: one order has it, whichever command asked first."""

    @property
    def command_id(self) -> str:
        """The same whether the order is placed or replaces another."""
        return f"order/{self.request_id}"

    @property
    def input_id(self) -> str:
        """The same whether the order is placed or replaces another."""
        return digest("place_order", self.account, self.request_id)


class PlaceOrder(_NewOrder, frozen=True, kw_only=True, tag="place_order.v1", tag_field="kind"):
    """A new order: `quantity` shares, or as many as `notional` of the account's currency buys.

    `request_id` is the client order id, and has that name in the journal.
    """

    request_id: RequestId = msgspec.field(name="client_order_id")
    symbol: Symbol
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False

    def __post_init__(self) -> None:
        _require_figures(
            quantity=self.quantity,
            notional=self.notional,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
        )
        if (self.quantity is None) == (self.notional is None):
            raise ValueError("an order names a quantity or a notional, and not both")
        _require_prices(self.type, self.limit_price, self.stop_price)


class CancelOrder(_Command, frozen=True, kw_only=True, tag="cancel_order.v1", tag_field="kind"):
    """End a working order."""

    client_order_id: ClientOrderId


class ReplaceOrder(_NewOrder, frozen=True, kw_only=True, tag="replace_order.v1", tag_field="kind"):
    """Put a new order in a working one's place; where it is refused, the old one keeps working.

    `request_id` is the new client order id, `quantity` the shares still to trade. What is None
    stays as it was.
    """

    client_order_id: ClientOrderId
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None

    def __post_init__(self) -> None:
        _require_figures(
            quantity=self.quantity, limit_price=self.limit_price, stop_price=self.stop_price
        )


class ChangeLimits(_Command, frozen=True, kw_only=True, tag="change_limits.v1", tag_field="kind"):
    """New limits from now on; `limits.version` is the next number, or somebody was quicker."""

    limits: Limits
    changed_by: Text
    reason: Text


class TradingState(StrEnum):
    """REDUCING: only orders that make a position smaller; HALTED: none at all. Cancels pass."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Scope(StrEnum):
    """What a trading state is of."""

    ACCOUNT = "account"
    STRATEGY = "strategy"
    SYMBOL = "symbol"


class SetTradingState(
    _Command, frozen=True, kw_only=True, tag="set_trading_state.v1", tag_field="kind"
):
    """A person's word on a scope; ACTIVE lifts every restriction on it, the engine's own too.

    `name` is the strategy or symbol, and empty for the account.
    """

    scope: Scope
    name: Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,31})?\Z")] = ""
    state: TradingState
    changed_by: Text
    reason: Text

    def __post_init__(self) -> None:
        if (self.scope == Scope.ACCOUNT) != (not self.name):
            raise ValueError("a strategy or symbol is named, an account is not")


class Flatten(_Command, frozen=True, kw_only=True, tag="flatten.v1", tag_field="kind"):
    """Cancel every order, close every position at market, and reduce only from then on."""

    requested_by: Text
    reason: Text


class MoveCash(_Command, frozen=True, kw_only=True, tag="move_cash.v1", tag_field="kind"):
    """A deposit into a sleeve, or with a negative amount a withdrawal from it."""

    sleeve: Name
    amount: Decimal
    reason: Text

    def __post_init__(self) -> None:
        _require_figures(amount=abs(self.amount))
        _require_scale("amount", self.amount, 2)


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a symbol beside its prices."""

    symbol: Symbol
    sector: Annotated[str, Meta(pattern=r"^[ -~]{1,64}\Z")] | None = None
    tradable: bool = True
    lot_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class DescribeInstruments(
    _Command, frozen=True, kw_only=True, tag="instruments.v1", tag_field="kind"
):
    """Facts of these symbols, in place of earlier ones; other symbols keep theirs."""

    instruments: tuple[Instrument, ...]


class ReportFill(_Input, frozen=True, tag="fill_report.v1", tag_field="kind"):
    """A venue outside says that an order filled; the same execution id is the same fill."""

    account: Name
    execution_id: ExecutionId
    client_order_id: ClientOrderId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    at: Moment

    def __post_init__(self) -> None:
        _require_figures(quantity=self.quantity, price=self.price)
        if not (self.commission.is_finite() and abs(self.commission) < LARGEST):
            raise ValueError(f"commission {self.commission} is not below {LARGEST}")
        _require_scale("quantity", self.quantity, 9)
        _require_scale("price", self.price, 8)
        _require_scale("commission", self.commission, 2)
        _require_figures(value=self.quantity * self.price)

    @property
    def report_hash(self) -> str:
        """What was traded, whenever it is told: another one under the same id is a conflict."""
        figures = (money.plain(each) for each in (self.quantity, self.price, self.commission))
        return digest(self.client_order_id, self.symbol, self.side, *map(str, figures))

    @property
    def input_id(self) -> str:
        """The report's contents: the same id with other numbers is another input."""
        body = msgspec.json.encode(self, order="deterministic").decode()
        return digest("fill_report", body)


class TurnKillSwitch(_Input, frozen=True, tag="kill_switch.v1", tag_field="kind"):
    """The switch's rows in PostgreSQL say something else than before."""

    engaged: bool
    reason: str
    changed_at: datetime

    @property
    def input_id(self) -> str:
        """One input per change of the row."""
        return digest("kill_switch", str(self.engaged), self.changed_at.isoformat())


class Deadline(_Input, frozen=True, tag="deadline.v1", tag_field="kind"):
    """The sets that `session` waits for will not come in time: go on without them."""

    session: date

    @property
    def input_id(self) -> str:
        """A session has one deadline."""
        return digest("deadline", self.session.isoformat())


Command = (
    PlaceOrder
    | CancelOrder
    | ReplaceOrder
    | ChangeLimits
    | SetTradingState
    | Flatten
    | MoveCash
    | DescribeInstruments
)
Input = OpenAccount | Command | ReportFill | TurnKillSwitch | Deadline | Bars | Signal | SignalSet
Pending = Bars | Signal | SignalSet
"""Inputs that may have to wait for others."""

_decoder = msgspec.json.Decoder(Input)
_commands = msgspec.json.Decoder(Command)


def decode_input(payload: bytes) -> Input:
    """Read an input back from the journal; raises msgspec.ValidationError."""
    decoded: Input = _decoder.decode(payload)
    return decoded


def decode_command(payload: bytes) -> Command:
    """Read a command back from its table; raises msgspec.ValidationError."""
    decoded: Command = _commands.decode(payload)
    return decoded


def _require_figures(**figures: Decimal | None) -> None:
    for name, value in figures.items():
        if value is not None and not (value.is_finite() and 0 < value < LARGEST):
            raise ValueError(f"{name} {value} is not above zero and below {LARGEST}")


def _require_scale(name: str, value: Decimal, places: int) -> None:
    if value != round(value, places):
        raise ValueError(f"{name} {value} has more than {places} decimal places")


def _require_prices(kind: OrderType, limit: Decimal | None, stop: Decimal | None) -> None:
    if (kind in LIMITED) != (limit is not None):
        raise ValueError("limit_price is needed for limit and stop_limit orders and for no other")
    if (kind in STOPPED) != (stop is not None):
        raise ValueError("stop_price is needed for stop and stop_limit orders and for no other")
