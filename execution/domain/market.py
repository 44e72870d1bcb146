"""What a session's bars say about how much a symbol moves and how much of it is traded.

Exponentially weighted averages with the decay of RiskMetrics (1996) for daily data.
Keep out: what is done with them (target_weights.py, risk).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from execution.domain.money import ONE, ZERO
from execution.domain.state import State
from router.messages import Action, Bars, Dividend, Rename, Split

DECAY = Decimal("0.94")
_NEW = ONE - DECAY

_VARIANCE = Decimal("1e-12")
_VOLUME = Decimal("0.01")
"""Fixed scales: nothing finer matters, and a state's size does not grow with its history."""

_MOST = Decimal(10) ** 6
"""A squared return beyond it, a thousandfold in a session, counts as this: no column overflows."""

Observed = tuple[dict[str, Decimal], dict[str, Decimal]]


class _Carried(NamedTuple):
    """How a symbol's last session compares with this one: shares per old share, cash for it."""

    symbol: str
    shares: Decimal = ONE
    dividend: Decimal = ZERO


def observe(state: State, bars: Bars) -> Observed:
    """Variance of a session's return and average daily volume, by symbol with a bar.

    `state` is as before these bars. A return is close to close, with splits and dividends taken
    out; the first one begins the variance, the first volume (in shares) the average.
    """
    carried = _carried(bars.actions)
    variances: dict[str, Decimal] = {}
    volumes: dict[str, Decimal] = {}
    for bar in bars.bars:
        symbol = bar.symbol
        before, shares, dividend = carried.get(symbol) or _Carried(symbol)
        volume = state.volumes.get(before)
        average = bar.volume if volume is None else DECAY * volume * shares + _NEW * bar.volume
        volumes[symbol] = average.quantize(_VOLUME)
        if (last := state.marks.get(before)) is not None and last.price:
            change = (bar.close * shares + dividend) / last.price - ONE
            squared, known = min(change * change, _MOST), state.variances.get(before)
            estimate = squared if known is None else DECAY * known + _NEW * squared
            variances[symbol] = estimate.quantize(_VARIANCE)
    return variances, volumes


def _carried(actions: Sequence[Action]) -> dict[str, _Carried]:
    """By the symbol as it is now; a dividend is of the shares before a split."""
    found: dict[str, _Carried] = {}
    for action in actions:
        now = found.get(action.symbol, _Carried(action.symbol))
        if isinstance(action, Split):
            shares = now.shares * action.new_shares / action.old_shares
            found[action.symbol] = now._replace(shares=shares)
        elif isinstance(action, Dividend):
            found[action.symbol] = now._replace(dividend=now.dividend + action.amount)
    for action in actions:
        if isinstance(action, Rename):
            before = found.pop(action.symbol, _Carried(action.symbol))
            found[action.new_symbol] = before
    return found
