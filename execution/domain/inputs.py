"""Everything that can change an account, as values: what the engine is given.

Belongs here: the inputs that do not come over the wire, and the union with those that do.
Keep out: how inputs arrive (consumer, API), and what they cause (engine.py).
"""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from execution.domain.config import AccountConfig
from execution.domain.orders import OrderType, Side, TimeInForce
from router.messages import Bars, Signal, SignalSet, digest

LARGEST = Decimal(10) ** 15
"""What a quantity or price stays below, so that their product fits its column."""


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen; unknown fields refused."""


class OpenAccount(_Input, frozen=True, tag="open_account.v1", tag_field="kind"):
    """The first input of every account."""

    config: AccountConfig

    @property
    def input_id(self) -> str:
        """An account opens once."""
        return digest("open_account", self.config.account)


class PlaceOrder(_Input, frozen=True, tag="place_order.v1", tag_field="kind"):
    """A person's or a program's order, through the API."""

    account: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce

    def __post_init__(self) -> None:
        for name, value in (("quantity", self.quantity), ("limit_price", self.limit_price)):
            if value is not None and not (value.is_finite() and 0 < value < LARGEST):
                raise ValueError(f"{name} {value} is not above zero and below {LARGEST}")
        if (self.type == OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("limit_price is needed for a limit order and for no other")

    @property
    def input_id(self) -> str:
        """One order per client order id, whatever is asked the second time."""
        return digest("place_order", self.account, self.client_order_id)


class TurnKillSwitch(_Input, frozen=True, tag="kill_switch.v1", tag_field="kind"):
    """The switch's row in PostgreSQL says something else than before."""

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


Input = OpenAccount | PlaceOrder | TurnKillSwitch | Deadline | Bars | Signal | SignalSet
Pending = Bars | Signal | SignalSet
"""Inputs that may have to wait for others."""

_decoder = msgspec.json.Decoder(Input)


def decode_input(payload: bytes) -> Input:
    """Read an input back from the journal; raises msgspec.ValidationError."""
    decoded: Input = _decoder.decode(payload)
    return decoded
