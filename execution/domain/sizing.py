"""Asking an account's sizing method, and which methods there are.

Belongs here: the registry, and the rules that every answer must obey, whoever wrote the method.
Keep out: arithmetic (target_weights.py), loading methods (execution/plugins.py), and whether an
order may be sent (risk).
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from types import MappingProxyType

from execution.domain import money
from execution.domain.config import Sizing
from execution.domain.inputs import LARGEST
from execution.domain.money import ZERO
from execution.domain.orders import Side
from execution.domain.sizing_method import SizingMethod, Sleeve, Wish
from execution.domain.target_weights import TargetWeights

TARGET_WEIGHTS = "target_weights"
METHODS: dict[str, SizingMethod] = {TARGET_WEIGHTS: TargetWeights()}
"""By the name that `Sizing.method` says; filled once, before the first input."""

MOST_TEXT = 200


class SizingError(Exception):
    """A method failed or answered what cannot be meant: correct it, its signals are dead."""


def wishes_of(scores: Mapping[str, Decimal], sleeve: Sleeve, rules: Sizing) -> list[Wish]:
    """One wish per score, reductions first, then by symbol; raises SizingError."""
    method = METHODS.get(rules.method)
    if method is None:
        raise SizingError(f"there is no sizing method {rules.method}")
    ordered = MappingProxyType(dict(sorted(scores.items())))
    try:
        with localcontext(money.CONTEXT):
            wishes = list(method.size(ordered, sleeve, rules))
    except Exception as error:
        text = _printable(f"{type(error).__name__}: {error}")
        raise SizingError(f"sizing method {rules.method} failed: {text}") from error
    for wish in wishes:
        if (fault := _fault(wish)) is not None:
            raise SizingError(f"sizing method {rules.method} answered {fault}")
    if sorted(wish.symbol for wish in wishes) != sorted(scores):
        raise SizingError(f"sizing method {rules.method} did not answer each score with one wish")
    return sorted(wishes, key=lambda wish: (not _reduces(wish, sleeve), wish.symbol))


def _reduces(wish: Wish, sleeve: Sleeve) -> bool:
    return wish.side is not None and wish.side.sign * sleeve.held.get(wish.symbol, ZERO) < 0


def _fault(wish: object) -> str | None:
    """What is wrong with a wish, in words; the journal and the tables could not hold it."""
    return _fault_in(*wish) if isinstance(wish, Wish) else "something that is no wish"


def _fault_in(symbol: object, side: object, quantity: object, detail: object) -> str | None:
    if not isinstance(symbol, str):
        return "a wish without a symbol"
    if not (isinstance(detail, dict) and all(map(_is_text, detail.items()))):
        return f"a detail for {_printable(symbol)} that is not text"
    if side is None:
        return None
    if not (isinstance(side, Side) and isinstance(quantity, Decimal)):
        return f"no side and number of shares for {_printable(symbol)}"
    if not (quantity.is_finite() and 0 < quantity < LARGEST):
        return f"{quantity:.40} shares of {_printable(symbol)}"
    if quantity != money.quantity(quantity):
        return f"more than 9 decimal places for {_printable(symbol)}"
    return None


def _is_text(item: tuple[object, object]) -> bool:
    return all(isinstance(p, str) and p.isprintable() and len(p) <= MOST_TEXT for p in item)


def _printable(text: str) -> str:
    """What every column takes and a terminal shows."""
    return "".join(each if each.isprintable() else " " for each in text[:MOST_TEXT])
