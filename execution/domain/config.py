"""What an account is allowed and how it trades: values that travel inside the journal.

Belongs here: frozen settings of an account, their defaults by profile, each with unit and reason.
Keep out: reading files or the environment (execution/accounts.py).
"""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from router.messages import Name

MANUAL_SLEEVE = "manual"
"""Where orders from people are booked, so that no strategy sells what a person bought."""

Fraction = Annotated[Decimal, Meta(description="of 1, not per cent")]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen; unknown fields and figures that are not finite are refused."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, Decimal) and not value.is_finite():
                raise ValueError(f"{name} {value} is not finite")


class Limits(_Settings, frozen=True):
    """Risk limits of an account; fractions are of its equity at the last marks.

    The defaults are the profile `daily`: decided at the close, traded at the next open, so a
    market order has no collar and one order may reach the position limit.
    """

    version: int = 1
    max_order_notional: Fraction = Decimal("0.10")
    position_limit: Fraction = Decimal("0.10")
    gross_exposure: Fraction = Decimal("1.00")
    market_buffer: Fraction = Decimal("0.03")
    """A market order is valued this much worse than the reference price."""
    price_collar: Fraction = Decimal("0.05")
    """How far a limit price may be from the reference price."""
    future_skew_seconds: int = 5
    quote_max_age_sessions: Annotated[int, Meta(ge=1)] = 1
    """1: the reference price must be of the account's present session; 2: or of the one before."""


class Sizing(_Settings, frozen=True):
    """How a strategy's scores become target weights; fractions are of the sleeve's equity."""

    max_weight: Fraction = Decimal("0.10")
    gross_target: Fraction = Decimal("0.95")
    cash_reserve: Fraction = Decimal("0.02")
    max_positions: int = 20
    entry_score: Decimal = Decimal("0.15")
    """A score from here on opens or resizes a position."""
    exit_score: Decimal = Decimal("0.00")
    """A score below closes it; between the two, what is held stays."""
    full_score: Decimal = Decimal("0.50")
    """A score from here on asks for `max_weight`; below, in proportion."""
    no_trade_band: Fraction = Decimal("0.25")
    """A change smaller than this share of the larger of target and position is left alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.full_score <= 0:
            raise ValueError(f"full_score {self.full_score} is not above zero")


class PaperCosts(_Settings, frozen=True):
    """What the paper venue charges: stated, and the same in backtest, replay and paper."""

    commission_per_share: Decimal = Decimal("0.005")
    commission_minimum: Decimal = Decimal("1.00")
    slippage: Fraction = Decimal("0.0005")
    """Added to a market buy's price, taken from a market sale's."""
    volume_share: Fraction = Decimal("0.10")
    """The largest part of a bar's volume that one order may take."""


class AccountConfig(_Settings, frozen=True):
    """One account. `capital` is what each sleeve begins with, in `currency`."""

    account: Name
    mode: Annotated[str, Meta(pattern=r"^(replay|paper|live)\Z")]
    strategies: tuple[Name, ...]
    sources: tuple[Name, ...]
    capital: dict[Name, Decimal]
    currency: str = "USD"
    fractional: bool = False
    set_deadline_seconds: int = 300
    """How long an incomplete set of signals may hold up bars that wait behind it."""
    limits: Limits = Limits()
    sizing: Sizing = Sizing()
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
        for sleeve, amount in self.capital.items():
            if not (amount.is_finite() and amount >= 0):
                raise ValueError(f"capital {amount} of {sleeve} is not zero or more")
        if set(self.capital) != sleeves:
            wanted, found = ", ".join(sorted(sleeves)), ", ".join(sorted(self.capital))
            raise ValueError(f"capital of {self.account} must name {wanted}; it names {found}")
