"""What an account is allowed and how it trades: values that travel inside the journal.

Belongs here: frozen settings of an account, their defaults by profile, each with unit and reason.
Keep out: reading files or the environment (execution/accounts.py).
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from router.messages import Name, Symbol, Text

MANUAL_SLEEVE = "manual"
"""Where orders from people are booked, so that no strategy sells what a person bought."""

PAPER = "paper"
"""The venue inside the engine; orders to any other leave the house."""

Fraction = Annotated[Decimal, Meta(description="of 1, not per cent")]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen; unknown fields and figures that are not finite are refused."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, Decimal) and not value.is_finite():
                raise ValueError(f"{name} {value} is not finite")


class Profile(StrEnum):
    """DAILY: decided at the close, traded at the next open. INTRADAY: traded at once."""

    DAILY = "daily"
    INTRADAY = "intraday"


class Limits(_Settings, frozen=True):
    """Risk limits of an account; fractions are of its equity at the last marks.

    The defaults are the profile `daily`: decided at the close, traded at the next open, so a
    market order has no collar, one order may reach the position limit, and a whole set of signals
    becomes orders in one instant. `intraday()` gives the strict figures.
    """

    version: int = 1
    profile: Profile = Profile.DAILY
    signal_max_age_seconds: Annotated[int, Meta(ge=1)] | None = None
    """None: a signal's own `valid_until` is enough."""
    future_skew_seconds: int = 5
    restricted: tuple[Symbol, ...] = ()
    """Never bought or sold short; what is held may be closed."""
    allowed: tuple[Symbol, ...] | None = None
    """Where it is given, nothing else is opened."""
    quote_max_age_sessions: Annotated[int, Meta(ge=1)] = 1
    """1: the reference price must be of the account's present session; 2: or of the one before."""
    quote_max_age_seconds: Annotated[int, Meta(ge=1)] | None = None
    max_order_quantity: Decimal = Decimal(1_000)
    """Shares; or `adv_participation` of the average daily volume, where that is more."""
    max_order_notional: Fraction = Decimal("0.10")
    min_order_notional: Decimal = Decimal(1)
    """In the account's currency; what closes a position may be smaller."""
    price_collar: Fraction = Decimal("0.05")
    """How far a limit or stop price may be from the reference price."""
    collar_market_orders: bool = False
    """Market orders become limit orders at the collar."""
    market_buffer: Fraction = Decimal("0.03")
    """A market order is valued this much worse than the reference price."""
    adv_participation: Fraction = Decimal("0.01")
    """Of the average daily volume that one order may be."""
    duplicate_window_seconds: int = 5
    orders_per_second: Annotated[int, Meta(ge=1)] | None = None
    """Of the account; None: not limited."""
    orders_per_minute: Annotated[int, Meta(ge=1)] = 2_000
    repeated_executions: Annotated[int, Meta(ge=1)] = 20
    """Fills of one strategy in one symbol and direction within `repeated_window_seconds`."""
    repeated_window_seconds: int = 600
    max_open_orders: int = 1_000
    open_order_notional: Fraction = Decimal("2.00")
    position_limit: Fraction = Decimal("0.10")
    concentration: Fraction = Decimal("0.25")
    """Of one sector, where sectors are known."""
    gross_exposure: Fraction = Decimal("1.00")
    net_exposure: Fraction = Decimal("1.00")
    shorting: bool = False
    daily_loss: Fraction = Decimal("0.02")
    """Of the equity at the session before, from which on the account only reduces."""
    drawdown: Fraction = Decimal("0.10")
    """From the highest equity at a session's end, from which on the account only reduces."""
    approved_versions: dict[Name, tuple[Text, ...]] | None = None
    """By strategy, where only named versions of it may trade."""


def intraday() -> Limits:
    """The strict figures: orders trade at once, so prices are seconds old and orders are few."""
    return Limits(
        profile=Profile.INTRADAY,
        signal_max_age_seconds=120,
        quote_max_age_seconds=15,
        max_order_notional=Decimal("0.02"),
        collar_market_orders=True,
        orders_per_second=10,
        orders_per_minute=200,
        max_open_orders=50,
        open_order_notional=Decimal("0.20"),
    )


PROFILES: dict[Profile, Limits] = {Profile.DAILY: Limits(), Profile.INTRADAY: intraday()}
"""The limits that an account begins with, by profile."""


class Sizing(_Settings, frozen=True):
    """How a strategy's scores become target weights; fractions are of the sleeve's equity."""

    method: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}\Z")] = "target_weights"
    """A name of the entry point group `trading.sizing`."""
    max_weight: Fraction = Decimal("0.10")
    max_sector_weight: Fraction = Decimal("0.25")
    """Of the symbols of one sector together, where sectors are known."""
    gross_target: Fraction = Decimal("0.95")
    cash_reserve: Fraction = Decimal("0.02")
    max_positions: int = 20
    entry_score: Decimal = Decimal("0.15")
    """A score from here on opens or resizes a position."""
    exit_score: Decimal = Decimal("0.00")
    """A score below closes it; between the two, what is held stays."""
    full_score: Decimal = Decimal("0.50")
    """A score from here on asks for `max_weight`; below, in proportion."""
    short: bool = False
    """Scores below -`entry_score` open short positions, as mirror images of long ones."""
    volatility_target: Fraction | None = Decimal("0.40")
    """Annualised; a symbol that moves more gets a smaller weight, in proportion."""
    no_trade_band: Fraction = Decimal("0.25")
    """A change smaller than this share of the larger of target and position is left alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.full_score <= 0:
            raise ValueError(f"full_score {self.full_score} is not above zero")
        if self.volatility_target is not None and self.volatility_target <= 0:
            raise ValueError(f"volatility_target {self.volatility_target} is not above zero")
        for name in ("max_weight", "max_sector_weight", "gross_target", "cash_reserve"):
            _require_between(name, getattr(self, name), 0, 10)
        _require_between("no_trade_band", self.no_trade_band, 0, 1)
        _require_between("max_positions", self.max_positions, 0, 10_000)
        _require_between("entry_score", self.entry_score, 0, 1)
        _require_between("exit_score", self.exit_score, -1, self.entry_score)


def _require_between(name: str, value: Decimal | int, least: int, most: Decimal | int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} {value!s:.40} is not from {least} to {most}")


class PaperCosts(_Settings, frozen=True):
    """What the paper venue charges: stated, and the same in backtest, replay and paper."""

    commission_per_share: Decimal = Decimal("0.005")
    commission_minimum: Decimal = Decimal("1.00")
    slippage: Fraction = Decimal("0.0005")
    """Added to a market or stop buy's price, taken from a sale's."""
    volume_share: Fraction = Decimal("0.10")
    """The largest part of a bar's volume that the account's orders may take together."""


class AccountConfig(_Settings, frozen=True):
    """One account. `capital` is what each sleeve begins with, in `currency`."""

    account: Name
    mode: Annotated[str, Meta(pattern=r"^(replay|paper|live)\Z")]
    strategies: tuple[Name, ...]
    sources: tuple[Name, ...]
    capital: dict[Name, Decimal]
    currency: str = "USD"
    venue: Name = PAPER
    fractional: bool = False
    set_deadline_seconds: int = 300
    """How long an incomplete set of signals may hold up bars that wait behind it."""
    interest_rate: Fraction = Decimal(0)
    """A year, on positive cash, by calendar days over 365, paid monthly."""
    limits: Limits = Limits()
    sizing: Sizing = Sizing()
    strategy_sizing: dict[Name, Sizing] = {}
    """Of single strategies, instead of `sizing`."""
    costs: PaperCosts = PaperCosts()

    def __post_init__(self) -> None:
        super().__post_init__()
        sleeves = {*self.strategies, MANUAL_SLEEVE}
        if len(sleeves) != len(self.strategies) + 1:
            raise ValueError(
                f"strategies of {self.account} must differ from each other and from {MANUAL_SLEEVE}"
            )
        if len(self.sources) != 1:
            raise ValueError(f"{self.account} needs exactly one source, not {len(self.sources)}")
        if self.venue != PAPER and self.mode == "replay":
            raise ValueError(f"{self.account} replays history: its venue is {PAPER}")
        unknown = sorted(set(self.strategy_sizing) - set(self.strategies))
        if unknown:
            raise ValueError(f"{self.account} sizes {unknown[0]}, which is none of its strategies")
        for sleeve, amount in self.capital.items():
            if not (amount.is_finite() and amount >= 0):
                raise ValueError(f"capital {amount} of {sleeve} is not zero or more")
        if set(self.capital) != sleeves:
            wanted, found = ", ".join(sorted(sleeves)), ", ".join(sorted(self.capital))
            raise ValueError(f"capital of {self.account} must name {wanted}; it names {found}")

    def sizing_of(self, strategy: str) -> Sizing:
        """How this strategy's scores become orders."""
        return self.strategy_sizing.get(strategy, self.sizing)
