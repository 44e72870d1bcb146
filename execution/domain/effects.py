"""What the engine decided, as values: the journal keeps them and recovery folds them.

An effect carries results, never instructions to compute: folding decides nothing again, so a later
engine reads an earlier journal. Nothing here names a run, a clock of a machine or a journal row,
so that two runs over the same data have the same effects.
Keep out: the decisions themselves (engine.py) and tables (execution/projection.py).
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from execution.domain.config import AccountConfig
from execution.domain.ledger import Transaction
from execution.domain.orders import Fill, Order, Status
from execution.domain.portfolio import Position


class Disposition(StrEnum):
    """How a signal ended; every signal ends in exactly one."""

    EXECUTED = "executed"
    """An order was accepted for it."""
    HELD = "held"
    """The position is already what it asks for, or near enough."""
    REJECTED = "rejected"
    """An order was refused by a risk check, named by its code."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    DEAD_LETTER = "dead_letter"


class _Effect(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Frozen and tagged by its name."""


class AccountOpened(_Effect, frozen=True, tag="account_opened"):
    """The account exists with this configuration; its capital is posted beside it."""

    config: AccountConfig


class KillSwitchTurned(_Effect, frozen=True, tag="kill_switch_turned"):
    """New orders are refused while it is engaged."""

    engaged: bool
    reason: str


class BarsApplied(_Effect, frozen=True, tag="bars_applied"):
    """The account's clock moved to the end of this session and its marks to its closes."""

    input_id: str
    session: date
    awaiting: tuple[str, ...]
    """Strategies whose set the session now waits for."""


class BarsRefused(_Effect, frozen=True, tag="bars_refused"):
    """These bars change nothing: they are not newer than what was seen."""

    input_id: str
    session: date
    code: str


class Split(_Effect, frozen=True, tag="split"):
    """A symbol's mark after a split without a bar; its positions are effects of their own."""

    symbol: str
    mark: Decimal


class OrderCreated(_Effect, frozen=True, tag="order_created"):
    """A new order, accepted or refused, with every check's numbers."""

    order: Order


class OrderChanged(_Effect, frozen=True, tag="order_changed"):
    """What is different about an order now."""

    order_id: str
    status: Status
    quantity: Decimal
    limit_price: Decimal | None
    filled_quantity: Decimal
    filled_value: Decimal
    at: datetime


class Filled(_Effect, frozen=True, tag="filled"):
    """An execution."""

    fill: Fill


class Posted(_Effect, frozen=True, tag="posted"):
    """Ledger lines; the sleeve's cash follows from them."""

    transaction: Transaction


class PositionChanged(_Effect, frozen=True, tag="position_changed"):
    """A position as it is now."""

    sleeve: str
    symbol: str
    position: Position


class SignalDisposed(_Effect, frozen=True, tag="signal_disposed"):
    """The end of a signal; `detail` holds the numbers that sizing worked with."""

    signal_id: str
    strategy: str
    symbol: str
    session: date
    as_of: datetime
    score: Decimal
    disposition: Disposition
    code: str | None = None
    order_id: str | None = None
    detail: dict[str, str] = {}


class SetDecided(_Effect, frozen=True, tag="set_decided"):
    """A strategy's signals of a session are all disposed; `missing` names what never came."""

    strategy: str
    session: date
    signals: int
    missing: tuple[str, ...] = ()


class SetRefused(_Effect, frozen=True, tag="set_refused"):
    """This set came after its session was decided: its signals are disposed one by one."""

    strategy: str
    session: date


class SessionValued(_Effect, frozen=True, tag="session_valued"):
    """The account at the session's closes: equity = cash + exposure, in its currency."""

    session: date
    cash: Decimal
    exposure: Decimal
    sleeves: dict[str, Decimal]
    """Equity by sleeve."""

    @property
    def equity(self) -> Decimal:
        """What the account is worth."""
        return self.cash + self.exposure


class SessionClosed(_Effect, frozen=True, tag="session_closed"):
    """Nothing more will be decided on this session's data."""

    session: date


Effect = (
    AccountOpened
    | KillSwitchTurned
    | BarsApplied
    | BarsRefused
    | Split
    | OrderCreated
    | OrderChanged
    | Filled
    | Posted
    | PositionChanged
    | SignalDisposed
    | SetDecided
    | SetRefused
    | SessionValued
    | SessionClosed
)

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(tuple[Effect, ...])


def encode_effects(effects: tuple[Effect, ...]) -> bytes:
    """The one byte form of a row's effects, which the hashes are taken over."""
    return _encoder.encode(effects)


def decode_effects(payload: bytes) -> tuple[Effect, ...]:
    """Read them back; raises msgspec.ValidationError."""
    decoded: tuple[Effect, ...] = _decoder.decode(payload)
    return decoded
