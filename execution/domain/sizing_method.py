"""What a sizing method is given and what it answers with: the interface of one's own sizing.

Keep out: any arithmetic (target_weights.py) and which methods there are (sizing.py).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

from execution.domain.config import Sizing
from execution.domain.orders import Side

NO_PRICE = "no reference price"
"""Why a signal that asks for shares gets none; it ends as a refusal."""


class Facts(NamedTuple):
    """What is known of a symbol; None where it is not. `variance` is of a session's return."""

    price: Decimal | None = None
    variance: Decimal | None = None
    sector: str | None = None
    lot: int = 1


class Sleeve(NamedTuple):
    """What sizing may work with: amounts in the account's currency, `held` in signed shares.

    `facts` is of every symbol that is scored or held. `buffer` is how much worse than its reference
    price an order may fill. `cash` holds the proceeds of short sales.
    """

    equity: Decimal
    cash: Decimal
    held: Mapping[str, Decimal]
    facts: Mapping[str, Facts]
    buffer: Decimal
    fractional: bool = False
    shorting: bool = False


class Wish(NamedTuple):
    """What one signal asks for, in shares above zero; `side` is None where nothing is to be done.

    `detail` is shown by `trading why`: the numbers, as text.
    """

    symbol: str
    side: Side | None
    quantity: Decimal
    detail: dict[str, str]


class SizingMethod(Protocol):
    """Pure: the same arguments give the same wishes, for ever, in whatever order scores come."""

    def size(self, scores: Mapping[str, Decimal], sleeve: Sleeve, rules: Sizing) -> Iterable[Wish]:
        """One wish for each scored symbol; scores are in [-1, 1]."""
