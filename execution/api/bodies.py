"""What requests carry: bodies and pages, checked field by field, and the commands they become.

Belongs here: the shape of a request, described well enough for OpenAPI.
Keep out: what a command causes (domain), and carrying it to its writer (commands.py).
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from execution.domain import inputs
from execution.domain.config import PROFILES, Limits, Profile, Sizing
from execution.domain.orders import OrderType, Side, Status, TimeInForce
from router.messages import MAX_SCALE, NAME, SYMBOL

MOST_SECONDS = 10**9
"""What a whole number of a limit stays below: as a time span it must not overflow."""


NAME_OR_TICKER = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,31})?\Z"
"""A strategy or a symbol, or nothing."""


def _limits_schema(schema: dict[str, Any]) -> None:
    """Every limit with its meaning, for OpenAPI."""
    described = msgspec.json.schema(Limits)["$defs"]
    fields = dict(described["Limits"]["properties"])
    fields["profile"] = described["Profile"]
    schema["properties"] = {name: each for name, each in fields.items() if name != "version"}


def _sizing_schema(schema: dict[str, Any]) -> None:
    """Every field of sizing with its meaning, for OpenAPI."""
    schema["properties"] = msgspec.json.schema(Sizing)["$defs"]["Sizing"]["properties"]


def _matching(pattern: str) -> Callable[[str], str]:
    """The wire's own patterns, which are Python's and not pydantic's."""

    def check(value: str) -> str:
        if not re.match(pattern, value):
            raise ValueError(f"{value[:40]!r} does not match {pattern}")
        return value

    return check


Shares = Annotated[Decimal, Field(gt=0, max_digits=24, decimal_places=9, allow_inf_nan=False)]
Price = Annotated[Decimal, Field(gt=0, max_digits=23, decimal_places=8, allow_inf_nan=False)]
Money = Annotated[Decimal, Field(gt=0, max_digits=17, decimal_places=2, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(max_digits=17, decimal_places=2, allow_inf_nan=False)]
AccountName = Annotated[str, AfterValidator(_matching(NAME))]
Ticker = Annotated[str, AfterValidator(_matching(SYMBOL))]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,48}$")]
ClientOrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:~-]{1,48}$")]
Said = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$"),
]
"""A person's words, or who the person is: the token tells programs apart, not people."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Identified(_Body):
    """What may be sent again: the same `request_id` is the same request, for ever.

    The header Idempotency-Key says the same; without either one is made.
    """

    ID_FIELD: ClassVar[str] = "request_id"

    account: AccountName

    @property
    def given_id(self) -> str | None:
        """The id in the body."""
        found: str | None = getattr(self, self.ID_FIELD)
        return found

    def fields(self, *without: str) -> dict[str, Any]:
        """Everything but the id, and but what is named."""
        return {name: value for name, value in self if name not in {self.ID_FIELD, *without}}


class _Request(_Identified):
    """A request that says all that its command needs."""

    @model_validator(mode="after")
    def _obeys_the_rules_of_the_domain(self) -> Self:
        self.command("checked", None)
        return self

    def command(self, request_id: str, at: datetime | None) -> inputs.Command:
        """The input that the engine will see; raises ValueError."""
        raise NotImplementedError


class OrderRequest(_Request):
    """A manual order: `quantity` in shares, or `notional` in the account's currency.

    Figures are strings or numbers; prices are per share. `client_order_id` is the request's id.
    """

    ID_FIELD: ClassVar[str] = "client_order_id"

    account: AccountName = "sample"
    client_order_id: RequestId | None = None
    symbol: Ticker
    side: Side
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    quantity: Shares | None = None
    notional: Money | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    reduce_only: StrictBool = False

    def command(self, request_id: str, at: datetime | None) -> inputs.PlaceOrder:
        """The input that the engine will see; raises ValueError."""
        fields = self.fields()
        return inputs.PlaceOrder(request_id=request_id, at=at, **fields)


class ReplaceRequest(_Request):
    """A new order in a working one's place; what is left out stays as it was.

    `quantity` is the shares still to trade, `client_order_id` the new order's id.
    """

    ID_FIELD: ClassVar[str] = "client_order_id"

    account: AccountName = "sample"
    client_order_id: RequestId | None = None
    quantity: Shares | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    time_in_force: TimeInForce | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not any((self.quantity, self.limit_price, self.stop_price, self.time_in_force)):
            raise ValueError(
                "name what to change: quantity, limit_price, stop_price, time_in_force"
            )
        return self

    def command(
        self, request_id: str, at: datetime | None, replaced: str = "checked"
    ) -> inputs.ReplaceOrder:
        """The input that the engine will see, for the order `replaced`; raises ValueError."""
        fields = self.fields()
        return inputs.ReplaceOrder(request_id=request_id, at=at, client_order_id=replaced, **fields)


class FlattenRequest(_Request):
    """Cancel every order and close every position; `confirm` is the text `flatten ACCOUNT`."""

    request_id: RequestId | None = None
    confirm: Annotated[str, StringConstraints(max_length=50)]
    by: Said
    reason: Said

    @property
    def expected(self) -> str:
        """What a person must type."""
        return f"flatten {self.account}"

    def command(self, request_id: str, at: datetime | None) -> inputs.Flatten:
        """The input that the engine will see."""
        return inputs.Flatten(
            account=self.account,
            request_id=request_id,
            at=at,
            requested_by=self.by,
            reason=self.reason,
        )


class StateRequest(_Request):
    """How a scope may trade; `name` is the strategy or symbol, left out for the account."""

    request_id: RequestId | None = None
    scope: inputs.Scope
    name: Annotated[str, AfterValidator(_matching(NAME_OR_TICKER))] = ""
    state: inputs.TradingState
    by: Said
    reason: Said

    def command(self, request_id: str, at: datetime | None) -> inputs.SetTradingState:
        """The input that the engine will see; raises ValueError."""
        fields = self.fields("by")
        return inputs.SetTradingState(request_id=request_id, at=at, changed_by=self.by, **fields)


class CashRequest(_Request):
    """A deposit into a sleeve, or with a negative amount a withdrawal; at most 2 decimals."""

    request_id: RequestId | None = None
    sleeve: AccountName
    amount: Amount
    reason: Said

    def command(self, request_id: str, at: datetime | None) -> inputs.MoveCash:
        """The input that the engine will see; raises ValueError."""
        return inputs.MoveCash(request_id=request_id, at=at, **self.fields())


class InstrumentFacts(_Body):
    """What is known of a symbol beside its prices."""

    symbol: Ticker
    sector: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")] | None = None
    tradable: StrictBool = True
    lot_size: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1


class InstrumentsRequest(_Request):
    """Facts of symbols, in place of earlier ones; other symbols keep theirs."""

    request_id: RequestId | None = None
    instruments: Annotated[tuple[InstrumentFacts, ...], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _names_each_symbol_once(self) -> Self:
        if len({each.symbol for each in self.instruments}) < len(self.instruments):
            raise ValueError("instruments names a symbol twice")
        return self

    def command(self, request_id: str, at: datetime | None) -> inputs.DescribeInstruments:
        """The input that the engine will see."""
        found = tuple(inputs.Instrument(**dict(each)) for each in self.instruments)
        return inputs.DescribeInstruments(
            account=self.account, request_id=request_id, at=at, instruments=found
        )


class LimitsRequest(_Identified):
    """Limits to change; `version` is the one that the change was thought out on.

    Where somebody changed them meanwhile, nothing happens: look again.
    """

    request_id: RequestId | None = None
    version: Annotated[int, Field(strict=True, ge=1, lt=2**31)]
    changes: Annotated[dict[str, Any], Field(min_length=1, json_schema_extra=_limits_schema)]
    by: Said
    reason: Said

    def changed(self, limits: Limits) -> Limits:
        """`limits` with the changes, as the next version; raises ValueError naming the field.

        A profile brings its own figures, but for those that are named beside it.
        """
        profile = self.changes.get("profile")
        begun = PROFILES[Profile(profile)] if profile else limits
        fields = msgspec.structs.asdict(begun) | self.changes | {"version": self.version + 1}
        if "version" in self.changes:
            raise ValueError("version: it counts by itself")
        found = msgspec.convert(fields, Limits)
        for name in self.changes:
            _require_sensible(name, getattr(found, name))
        return found

    def command(self, request_id: str, at: datetime | None, limits: Limits) -> inputs.ChangeLimits:
        """The input that the engine will see, given the limits of `version`; ValueError."""
        return inputs.ChangeLimits(
            account=self.account,
            request_id=request_id,
            at=at,
            limits=self.changed(limits),
            changed_by=self.by,
            reason=self.reason,
        )


def _require_sensible(name: str, value: object) -> None:
    """Not negative, and small enough to be computed with."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        fine = 0 <= value < inputs.LARGEST and isinstance(exponent, int) and exponent >= -MAX_SCALE
        if not fine:
            raise ValueError(
                f"{name}: {value:.40} is not from 0 to {inputs.LARGEST} with at most "
                f"{MAX_SCALE} decimal places"
            )
    elif isinstance(value, int) and not 0 <= value <= MOST_SECONDS:
        raise ValueError(f"{name}: it is not from 0 to {MOST_SECONDS}")


class SwitchRequest(_Body):
    """The kill switch of an account, or without one of all accounts."""

    account: AccountName | None = None
    engaged: StrictBool
    by: Said
    reason: Said


class AccountRequest(_Body):
    """An account to open; `sizing` is by strategy, where it differs from the defaults.

    A replay account lives in the time of the bars that it is fed, a paper account in ours. Live
    accounts cannot be opened over HTTP.
    """

    account: AccountName
    strategies: Annotated[tuple[AccountName, ...], Field(min_length=1, max_length=8)]
    sources: Annotated[tuple[AccountName, ...], Field(min_length=1, max_length=1)]
    sizing: dict[
        AccountName, Annotated[dict[str, Any], Field(json_schema_extra=_sizing_schema)]
    ] = {}
    mode: Literal["replay", "paper"] = "replay"
    profile: Profile = Profile.DAILY
    fractional: bool = False


class Page(_Body):
    """A page of a list; `after` is the Next-Cursor header of the page before."""

    account: AccountName = "sample"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    after: Annotated[str, StringConstraints(pattern=r"^\d{1,18}:[ -~]{0,128}$")] = "0:"

    def bounds(self) -> dict[str, Any]:
        """What the queries take."""
        seq, _, key = self.after.partition(":")
        return {
            "account": self.account,
            "limit": self.limit,
            "after_seq": int(seq),
            "after_key": key,
        }


class OrderPage(Page):
    """Orders, of one status or of all."""

    status: Status | None = None


class SignalPage(Page):
    """Signals, of one session or symbol or of all."""

    session: date | None = None
    symbol: Ticker | None = None
