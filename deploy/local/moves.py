"""Which fills each analysis moved, by what the signals behind them say of themselves.

A signal tells for each analysis what the strategy's score would have been had that analysis said
nothing. The analysis *decided* a fill where sizing would have done something else with that score:
where it lies on the other side of the score that opens or resizes a position (entry), or of the
one below which it is closed (exit); for an account that sells short, of their mirror images too.
It *sized* a fill where sizing would have done the same by another weight: both scores open or
resize, and differ below the one that asks for the full weight.
Keep out: asking the trading core (figures.py) and how it looks (summary.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MOST_NAMED = 3


@dataclass(frozen=True)
class Bounds:
    """Scores of a strategy's sizing; where it sells short their negatives count as well."""

    entry: Decimal
    exit: Decimal
    full: Decimal
    short: bool

    def acts(self, score: Decimal) -> tuple[bool, ...]:
        """What sizing may do with a score: equal for two that it treats alike."""
        sides = (score, -score) if self.short else (score,)
        return tuple(side >= bound for side in sides for bound in (self.entry, self.exit))

    def weight(self, score: Decimal) -> Decimal:
        """The share of the full weight that a score asks for, signed; 0 where it opens nothing."""
        opens = score >= self.entry or (self.short and -score >= self.entry)
        return max(-self.full, min(self.full, score)) if opens else Decimal(0)


@dataclass(frozen=True)
class Fill:
    """A fill, by what people call it."""

    symbol: str
    session: str
    side: str


@dataclass(frozen=True)
class Moved:
    """How many fills an analysis decided and sized, and the first that it decided."""

    analysis: str
    decided: int
    sized: int
    first: list[Fill]


def bounds_of(sizing: Mapping[str, Any]) -> Bounds:
    """The bounds of a strategy's sizing, as the trading core tells it."""
    entry, leave, full = (Decimal(sizing[f"{name}_score"]) for name in ("entry", "exit", "full"))
    return Bounds(entry, leave, full, bool(sizing["short"]))


def by_analysis(fills: Iterable[Mapping[str, Any]], bounds: Bounds) -> list[Moved]:
    """Of each analysis that contributed to a fill, in the order of its first; see the module.

    Input: fills with their signals, oldest first. One whose signal is archived tells nothing.
    """
    decided: dict[str, list[Fill]] = {}
    sized: dict[str, int] = {}
    for fill in fills:
        signal = fill["signal"] or {"score": "0", "contributions": []}
        score = Decimal(signal["score"])
        for each in signal["contributions"]:
            analysis, without = str(each["analysis"]), Decimal(each["without"])
            named = decided.setdefault(analysis, [])
            if bounds.acts(score) != bounds.acts(without):
                named.append(Fill(fill["symbol"], fill["session"], fill["side"]))
            elif bounds.weight(score) != bounds.weight(without):
                sized[analysis] = sized.get(analysis, 0) + 1
    return [
        Moved(analysis, len(named), sized.get(analysis, 0), named[:MOST_NAMED])
        for analysis, named in decided.items()
    ]
