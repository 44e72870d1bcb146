"""From a session's scores to the orders that a strategy wants. Pure.

Long only: a score asks for a share of the sleeve's equity, never for a short position.
Keep out: whether an order may be sent (risk.py).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from execution.domain import money
from execution.domain.config import Sizing
from execution.domain.money import ONE, ZERO
from execution.domain.orders import Side

NO_PRICE = "no reference price"
"""Why a signal that asks for shares gets none."""


class Scored(NamedTuple):
    """A symbol's score in [-1, 1] and its reference price, None where none is known."""

    symbol: str
    score: Decimal
    price: Decimal | None


class Sleeve(NamedTuple):
    """What sizing may work with, in the account's currency and in shares."""

    equity: Decimal
    cash: Decimal
    held: Mapping[str, Decimal]


class Wish(NamedTuple):
    """What one signal asks for; `side` is None where nothing is to be done."""

    symbol: str
    side: Side | None
    quantity: Decimal
    detail: dict[str, str]


def size(
    scores: Iterable[Scored], sleeve: Sleeve, rules: Sizing, buffer: Decimal, *, fractional: bool
) -> list[Wish]:
    """One wish per score: sales first, then purchases, each by symbol.

    `buffer` is how much worse than the reference price a purchase may turn out; purchases together
    stay within the sleeve's cash less its reserve.
    """
    ordered = sorted(scores)
    weights = _weights(ordered, sleeve, rules)
    wishes = [
        _wish(scored, weights[scored.symbol], sleeve, rules, fractional=fractional)
        for scored in ordered
    ]
    affordable = _afford(wishes, ordered, sleeve, rules, buffer, fractional=fractional)
    return sorted(affordable, key=lambda wish: (wish.side == Side.BUY, wish.symbol))


def _weights(scores: list[Scored], sleeve: Sleeve, rules: Sizing) -> dict[str, Decimal | None]:
    """Target weight by symbol; None means: leave what is held."""
    held = sleeve.held
    targets: dict[str, Decimal | None] = {}
    entries: list[Scored] = []
    for scored in scores:
        if scored.score >= rules.entry_score:
            entries.append(scored)
        keeps = held.get(scored.symbol, ZERO) > 0 and scored.score >= rules.exit_score
        targets[scored.symbol] = None if keeps else ZERO
    kept = sum(1 for target in targets.values() if target is None)
    strongest = sorted(entries, key=lambda s: (s.symbol not in held, -s.score, s.symbol))
    newcomers = max(0, rules.max_positions - kept)
    for scored in strongest:
        if scored.symbol not in held:
            if newcomers == 0:
                continue
            newcomers -= 1
        targets[scored.symbol] = rules.max_weight * min(ONE, scored.score / rules.full_score)
    return _scaled(targets, max(ZERO, rules.gross_target - _kept_weight(scores, targets, sleeve)))


def _kept_weight(
    scores: list[Scored], targets: Mapping[str, Decimal | None], sleeve: Sleeve
) -> Decimal:
    """The share of the equity that what is left alone takes up."""
    if sleeve.equity <= 0:
        return ZERO
    kept = (s for s in scores if targets[s.symbol] is None)
    value = sum((sleeve.held[s.symbol] * (s.price or ZERO) for s in kept), ZERO)
    return value / sleeve.equity


def _scaled(targets: dict[str, Decimal | None], gross: Decimal) -> dict[str, Decimal | None]:
    total = sum((weight for weight in targets.values() if weight), ZERO)
    if total <= gross:
        return targets
    return {symbol: w * gross / total if w else w for symbol, w in targets.items()}


def _wish(
    scored: Scored, weight: Decimal | None, sleeve: Sleeve, rules: Sizing, *, fractional: bool
) -> Wish:
    held = sleeve.held.get(scored.symbol, ZERO)
    detail = {"score": str(scored.score), "held": str(money.plain(held))}
    if weight is None:
        return Wish(scored.symbol, None, ZERO, detail | {"reason": "between exit and entry"})
    if not scored.price:
        reason = NO_PRICE if weight or held else "at target"
        return Wish(scored.symbol, None, ZERO, detail | {"reason": reason})
    wanted = max(ZERO, sleeve.equity) * weight / scored.price
    target = money.quantity(wanted) if fractional else money.whole(wanted)
    change = target - held
    detail |= {"weight": f"{weight:.6f}", "price": str(scored.price), "target": str(target)}
    if change == 0:
        return Wish(scored.symbol, None, ZERO, detail | {"reason": "at target"})
    if target and abs(change) < rules.no_trade_band * max(target, held):
        return Wish(scored.symbol, None, ZERO, detail | {"reason": "within the no-trade band"})
    return Wish(scored.symbol, Side.BUY if change > 0 else Side.SELL, abs(change), detail)


def _afford(
    wishes: list[Wish],
    scores: list[Scored],
    sleeve: Sleeve,
    rules: Sizing,
    buffer: Decimal,
    *,
    fractional: bool,
) -> list[Wish]:
    """Shrink all purchases by one factor where the cash does not cover them."""
    prices = {scored.symbol: scored.price or ZERO for scored in scores}
    buys = [wish for wish in wishes if wish.side == Side.BUY]
    needed = sum((w.quantity * prices[w.symbol] * (1 + buffer) for w in buys), ZERO)
    available = max(ZERO, sleeve.cash - rules.cash_reserve * sleeve.equity)
    if needed <= available:
        return wishes
    factor = available / needed
    return [_shrunk(w, factor, fractional) if w.side == Side.BUY else w for w in wishes]


def _shrunk(wish: Wish, factor: Decimal, fractional: bool) -> Wish:
    smaller = wish.quantity * factor
    quantity = money.quantity(smaller) if fractional else money.whole(smaller)
    detail = wish.detail | {"cash_factor": f"{factor:.6f}"}
    if quantity == 0:
        return Wish(wish.symbol, None, ZERO, detail | {"reason": "no cash left"})
    return Wish(wish.symbol, wish.side, quantity, detail)
