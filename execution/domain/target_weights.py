"""The shipped sizing method: target weights from scores.

In this order, each step with its numbers in the detail: what the score asks for, volatility, cap
per sector, gross target, whole lots, no-trade band, cash. A position that is to turn from long to
short, or back, is closed in one session and opened in a later one.
Keep out: the interface (sizing_method.py) and whether an order may be sent (risk).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from execution.domain import money
from execution.domain.config import Sizing
from execution.domain.money import ONE, ZERO
from execution.domain.orders import Side
from execution.domain.sizing_method import NO_PRICE, Facts, Sleeve, Wish

SESSIONS_A_YEAR = Decimal(252)


class TargetWeights:
    """Scores in proportion, scaled down until every cap holds."""

    def size(self, scores: Mapping[str, Decimal], sleeve: Sleeve, rules: Sizing) -> list[Wish]:
        """One wish per score.

        New targets together stay within `gross_target` less what is left alone, and purchases at
        their worst price within the cash less its reserve and less what open shorts may cost.
        """
        lines = [_line(symbol, scores[symbol], sleeve) for symbol in sorted(scores)]
        _ask(lines, _unscored(scores, sleeve), sleeve, rules)
        _scale_to_volatility(lines, rules)
        kept = _kept(lines, _unscored(scores, sleeve), sleeve)
        _cap_sectors(lines, kept, rules)
        _cap_gross(lines, kept, rules)
        wishes = [_wish(line, sleeve, rules) for line in lines]
        return _afford(wishes, sleeve, rules)


@dataclass(slots=True)
class _Line:
    """One symbol on its way to a wish; `weight` is signed, None leaves what is held."""

    symbol: str
    score: Decimal
    held: Decimal
    facts: Facts
    weight: Decimal | None = ZERO
    detail: dict[str, str] = field(default_factory=dict)


def _line(symbol: str, score: Decimal, sleeve: Sleeve) -> _Line:
    held = sleeve.held.get(symbol, ZERO)
    detail = {"score": str(score), "held": str(money.plain(held))}
    return _Line(symbol, score, held, sleeve.facts.get(symbol, Facts()), ZERO, detail)


def _unscored(scores: Mapping[str, Decimal], sleeve: Sleeve) -> list[str]:
    """What is held and has no score is left alone, and takes up its share of every cap."""
    return [symbol for symbol, held in sleeve.held.items() if held and symbol not in scores]


def _direction(line: _Line, rules: Sizing, *, shorting: bool) -> int:
    """1 where the score opens a long position, -1 a short one, 0 none."""
    if line.score >= rules.entry_score:
        return 1
    return -1 if shorting and -line.score >= rules.entry_score else 0


def _keeps(line: _Line, rules: Sizing, *, shorting: bool) -> bool:
    if line.held < 0:
        return shorting and -line.score >= rules.exit_score
    return line.held > 0 and line.score >= rules.exit_score


def _ask(lines: list[_Line], unscored: list[str], sleeve: Sleeve, rules: Sizing) -> None:
    """What each score asks for; the strongest newcomers take the places that are left."""
    shorting = rules.short and sleeve.shorting
    places, newcomers = rules.max_positions - len(unscored), []
    for line in lines:
        direction = _direction(line, rules, shorting=shorting)
        if direction * line.held < 0:
            line.detail["reason"] = "closed before it is turned"
        elif _keeps(line, rules, shorting=shorting):
            places -= 1
            line.weight = _weight(line, direction, rules) if direction else None
        elif direction and not line.facts.price:
            line.detail["reason"] = NO_PRICE
        elif direction:
            newcomers.append((-abs(line.score), line.symbol, line, direction))
    newcomers.sort()
    for number, (_, _, line, direction) in enumerate(newcomers):
        if number < places:
            line.weight = _weight(line, direction, rules)
        else:
            line.detail["reason"] = f"all {rules.max_positions} places are taken"


def _weight(line: _Line, direction: int, rules: Sizing) -> Decimal:
    weight = direction * rules.max_weight * min(ONE, abs(line.score) / rules.full_score)
    line.detail["weight_of_score"] = f"{weight:.6f}"
    return weight


def _scale_to_volatility(lines: list[_Line], rules: Sizing) -> None:
    """A symbol that moves more than the target gets less, in proportion."""
    if rules.volatility_target is None:
        return
    for line in lines:
        if not line.weight:
            continue
        if line.facts.variance is None:
            line.detail["volatility"] = "unknown"
            continue
        volatility = (line.facts.variance * SESSIONS_A_YEAR).sqrt()
        line.detail["volatility"] = f"{volatility:.4f}"
        if volatility > rules.volatility_target:
            line.weight *= rules.volatility_target / volatility
            line.detail["weight_of_volatility"] = f"{line.weight:.6f}"


def _kept(lines: list[_Line], unscored: list[str], sleeve: Sleeve) -> dict[str | None, Decimal]:
    """By sector, the share of the equity that what is left alone takes up."""
    if sleeve.equity <= 0:
        return {}
    found: dict[str | None, Decimal] = {}
    for symbol in (*unscored, *(line.symbol for line in lines if line.weight is None)):
        facts = sleeve.facts.get(symbol, Facts())
        share = abs(sleeve.held[symbol]) * (facts.price or ZERO) / sleeve.equity
        found[facts.sector] = found.get(facts.sector, ZERO) + share
    return found


def _cap_sectors(lines: list[_Line], kept: Mapping[str | None, Decimal], rules: Sizing) -> None:
    by_sector: dict[str, list[_Line]] = {}
    for line in lines:
        if line.weight and line.facts.sector is not None:
            by_sector.setdefault(line.facts.sector, []).append(line)
    for sector, members in by_sector.items():
        room = rules.max_sector_weight - kept.get(sector, ZERO)
        _scale(members, room, "sector_factor", {"sector": sector})


def _cap_gross(lines: list[_Line], kept: Mapping[str | None, Decimal], rules: Sizing) -> None:
    room = rules.gross_target - sum(kept.values(), ZERO)
    _scale([line for line in lines if line.weight], room, "gross_factor", {})


def _scale(lines: list[_Line], room: Decimal, name: str, detail: dict[str, str]) -> None:
    """Shrink the weights together into the room that there is."""
    total = sum((abs(line.weight or ZERO) for line in lines), ZERO)
    if total <= room:
        return
    room = max(ZERO, room)
    for line in lines:
        # Rounded towards zero, so that the sum stays within the room.
        line.weight = money.quantity((line.weight or ZERO) * room / total)
        line.detail |= detail | {name: f"{room / total:.6f}"}


def _wish(line: _Line, sleeve: Sleeve, rules: Sizing) -> Wish:
    if line.weight is None:
        return _nothing(line, "between exit and entry")
    price = line.facts.price
    if not price:
        return _nothing(line, NO_PRICE if line.weight or line.held else "at target")
    target = _shares(max(ZERO, sleeve.equity) * line.weight / price, line, sleeve)
    change = target - line.held
    if target:
        change = _shares(change, line, sleeve)
    line.detail |= {
        "weight": f"{line.weight:.6f}",
        "price": str(money.plain(price)),
        "target": str(money.plain(target)),
    }
    if change == 0:
        return _nothing(line, "at target")
    if target and abs(change) < rules.no_trade_band * max(abs(target), abs(line.held)):
        return _nothing(line, "within the no-trade band")
    side = Side.BUY if change > 0 else Side.SELL
    return Wish(line.symbol, side, abs(change), line.detail)


def _nothing(line: _Line, reason: str) -> Wish:
    return Wish(line.symbol, None, ZERO, {"reason": reason} | line.detail)


def _shares(wanted: Decimal, line: _Line, sleeve: Sleeve) -> Decimal:
    """Towards zero: whole lots, or parts of shares where the account may hold them."""
    return _rounded(wanted, line.facts.lot, fractional=sleeve.fractional)


def _rounded(wanted: Decimal, lot: int, *, fractional: bool) -> Decimal:
    if fractional and lot == 1:
        return money.quantity(wanted)
    return money.whole(wanted) if lot == 1 else money.whole(wanted / lot) * lot


def _afford(wishes: list[Wish], sleeve: Sleeve, rules: Sizing) -> list[Wish]:
    """Shrink all new purchases by one factor where the cash does not cover them.

    What closes a short position is never shrunk; its cost, as that of every open one, comes first.
    """
    worst = ONE + sleeve.buffer
    shorts = sum(_values({s: -q for s, q in sleeve.held.items() if q < 0}, sleeve), ZERO)
    opens = {w.symbol: w.quantity for w in wishes if _opens_long(w, sleeve)}
    needed = sum(_values(opens, sleeve), ZERO) * worst
    free = max(ZERO, sleeve.cash - shorts * worst - rules.cash_reserve * sleeve.equity)
    if needed <= free:
        return wishes
    factor = free / needed
    return [_shrunk(w, factor, sleeve) if w.symbol in opens else w for w in wishes]


def _values(shares: Mapping[str, Decimal], sleeve: Sleeve) -> Iterable[Decimal]:
    for symbol, quantity in shares.items():
        yield quantity * (sleeve.facts.get(symbol, Facts()).price or ZERO)


def _opens_long(wish: Wish, sleeve: Sleeve) -> bool:
    return wish.side == Side.BUY and sleeve.held.get(wish.symbol, ZERO) >= 0


def _shrunk(wish: Wish, factor: Decimal, sleeve: Sleeve) -> Wish:
    lot = sleeve.facts[wish.symbol].lot
    quantity = _rounded(wish.quantity * factor, lot, fractional=sleeve.fractional)
    detail = wish.detail | {"cash_factor": f"{factor:.6f}"}
    if quantity == 0:
        return Wish(wish.symbol, None, ZERO, {"reason": "no cash left"} | detail)
    return Wish(wish.symbol, wish.side, quantity, detail)
