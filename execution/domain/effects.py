"""What the engine decided, as values: the journal keeps them and recovery folds them.

An effect carries results, never instructions to compute: folding decides nothing again, so a later
engine reads an earlier journal. Nothing here names a run, a clock of a machine or a journal row,
so that two runs over the same data have the same effects.
Keep out: the decisions themselves (engine.py) and tables (execution/projection.py).
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from execution.domain.config import AccountConfig, Limits
from execution.domain.inputs import Instrument, Scope, TradingState
from execution.domain.ledger import Transaction
from execution.domain.orders import Fill, Order, Side, Status
from execution.domain.portfolio import Position, Receivable


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


class AccountOpened(_Effect, frozen=True, kw_only=True, tag="account_opened"):
    """The account exists with this configuration; its capital is posted beside it."""

    config: AccountConfig


class KillSwitchTurned(_Effect, frozen=True, kw_only=True, tag="kill_switch_turned"):
    """New orders are refused while it is engaged."""

    engaged: bool
    reason: str


class ClockMoved(_Effect, frozen=True, kw_only=True, tag="clock_moved"):
    """The account's time is that of a command."""

    at: datetime


class LimitsChanged(_Effect, frozen=True, kw_only=True, tag="limits_changed"):
    """Orders are judged by these limits from now on."""

    limits: Limits
    changed_by: str
    reason: str
    at: datetime | None


class RestrictionChanged(_Effect, frozen=True, kw_only=True, tag="restriction_changed"):
    """One cause restricts a scope, or with ACTIVE no longer does.

    `name` is the strategy or symbol, empty for the account. The causes of a scope are apart: the
    strictest counts.
    """

    scope: Scope
    name: str
    cause: str
    state: TradingState
    reason: str


class InstrumentsDescribed(_Effect, frozen=True, kw_only=True, tag="instruments_described"):
    """What is known of these symbols now."""

    instruments: tuple[Instrument, ...]


class CommandRefused(_Effect, frozen=True, kw_only=True, tag="command_refused"):
    """A command that changes nothing: a code for programs, a sentence for people."""

    command_id: str
    code: str
    message: str


class BarsApplied(_Effect, frozen=True, kw_only=True, tag="bars_applied"):
    """The account's clock moved to the end of this session and its marks to its closes."""

    input_id: str
    session: date
    awaiting: tuple[str, ...]
    """Strategies whose set the session now waits for."""
    variances: dict[str, Decimal] = {}
    """By symbol with a bar: the estimate of a session's return squared, where there is one."""
    volumes: dict[str, Decimal] = {}
    """By symbol with a bar: the average daily volume, in shares."""


class BarsRefused(_Effect, frozen=True, kw_only=True, tag="bars_refused"):
    """These bars change nothing: they are not newer than what was seen."""

    input_id: str
    session: date
    code: str


class Split(_Effect, frozen=True, kw_only=True, tag="split"):
    """A symbol's mark after a split without a bar; its positions are effects of their own."""

    symbol: str
    mark: Decimal


class SymbolRenamed(_Effect, frozen=True, kw_only=True, tag="symbol_renamed"):
    """Everything under the one symbol is now under the other; positions move by their effects."""

    symbol: str
    new_symbol: str


class SymbolDelisted(_Effect, frozen=True, kw_only=True, tag="symbol_delisted"):
    """The symbol trades no more and has no mark; positions close by their own effects."""

    symbol: str
    session: date


class OrderCreated(_Effect, frozen=True, kw_only=True, tag="order_created"):
    """A new order, accepted or refused, with every check's numbers."""

    order: Order


class OrderChanged(_Effect, frozen=True, kw_only=True, tag="order_changed"):
    """What is different about an order now."""

    order_id: str
    status: Status
    symbol: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    triggered: bool
    filled_quantity: Decimal
    filled_value: Decimal
    executions: dict[str, str] = {}
    at: datetime


class Filled(_Effect, frozen=True, kw_only=True, tag="filled"):
    """An execution."""

    fill: Fill


class FillSuspended(_Effect, frozen=True, kw_only=True, tag="fill_suspended"):
    """Shares that a venue reports and no order of ours asked for: booked in suspense.

    `report_hash` tells the whole report from another under the same execution id.
    """

    execution_id: str
    report_hash: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    reason: str


class FillRefused(_Effect, frozen=True, kw_only=True, tag="fill_refused"):
    """A report that was booked before, word for word or with other numbers: it changes nothing."""

    execution_id: str
    client_order_id: str
    code: str


class ReceivableRecorded(_Effect, frozen=True, kw_only=True, tag="receivable_recorded"):
    """A dividend that is owed until its pay date; negative: owed by us, on a short position."""

    receivable: Receivable


class ReceivablePaid(_Effect, frozen=True, kw_only=True, tag="receivable_paid"):
    """It is settled in cash."""

    key: str


class InterestAccrued(_Effect, frozen=True, kw_only=True, tag="interest_accrued"):
    """Interest that a sleeve has earned and not received yet, in all, not rounded to cents."""

    sleeve: str
    accrued: Decimal


class CapitalMoved(_Effect, frozen=True, kw_only=True, tag="capital_moved"):
    """A deposit or withdrawal: not a profit or loss, so the measures of loss move with it."""

    sleeve: str
    amount: Decimal
    reason: str


class Posted(_Effect, frozen=True, kw_only=True, tag="posted"):
    """Ledger lines; the sleeve's cash follows from them."""

    transaction: Transaction


class PositionChanged(_Effect, frozen=True, kw_only=True, tag="position_changed"):
    """A position as it is now."""

    sleeve: str
    symbol: str
    position: Position


class SignalDisposed(_Effect, frozen=True, kw_only=True, tag="signal_disposed"):
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


class SetDecided(_Effect, frozen=True, kw_only=True, tag="set_decided"):
    """A strategy's signals of a session are all disposed; `missing` names what never came."""

    strategy: str
    session: date
    signals: int
    missing: tuple[str, ...] = ()


class SetRefused(_Effect, frozen=True, kw_only=True, tag="set_refused"):
    """This set came after its session was decided: its signals are disposed one by one."""

    strategy: str
    session: date


class SessionValued(_Effect, frozen=True, kw_only=True, tag="session_valued"):
    """The account at the session's closes: equity = cash + exposure + receivable."""

    session: date
    cash: Decimal
    exposure: Decimal
    receivable: Decimal
    sleeves: dict[str, Decimal]
    """Equity by sleeve."""

    @property
    def equity(self) -> Decimal:
        """What the account is worth, in its currency."""
        return self.cash + self.exposure + self.receivable


class LossesRebased(_Effect, frozen=True, kw_only=True, tag="losses_rebased"):
    """A person let the account go on: losses are measured from these figures now."""

    opening: Decimal | None
    peak: Decimal | None


class SessionClosed(_Effect, frozen=True, kw_only=True, tag="session_closed"):
    """Nothing more will be decided on this session's data."""

    session: date


Effect = (
    AccountOpened
    | KillSwitchTurned
    | ClockMoved
    | LimitsChanged
    | RestrictionChanged
    | InstrumentsDescribed
    | CommandRefused
    | BarsApplied
    | BarsRefused
    | Split
    | SymbolRenamed
    | SymbolDelisted
    | OrderCreated
    | OrderChanged
    | Filled
    | FillSuspended
    | FillRefused
    | ReceivableRecorded
    | ReceivablePaid
    | InterestAccrued
    | CapitalMoved
    | Posted
    | PositionChanged
    | SignalDisposed
    | SetDecided
    | SetRefused
    | SessionValued
    | LossesRebased
    | SessionClosed
)

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(tuple[Effect, ...])


def encode_effect(effect: Effect) -> bytes:
    """The one byte form of an effect, which the decision hash is taken over."""
    return _encoder.encode(effect)


def join_effects(encoded: Iterable[bytes]) -> bytes:
    """The one byte form of a row's effects, which the chain hash is taken over."""
    return b"[%b]" % b",".join(encoded)


def decode_effects(payload: bytes) -> tuple[Effect, ...]:
    """Read them back; raises msgspec.ValidationError."""
    decoded: tuple[Effect, ...] = _decoder.decode(payload)
    return decoded
