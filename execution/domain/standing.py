"""Whether an account, a strategy and a symbol trade freely, and by which limits.

Belongs here: restrictions by cause, the measures of loss that set them, and new limits.
Keep out: the checks that read them (risk).
"""

from collections.abc import Mapping
from decimal import Decimal

from execution.domain import effects as fx
from execution.domain.desk import Desk
from execution.domain.inputs import (
    ChangeLimits,
    DescribeInstruments,
    Scope,
    SetTradingState,
    TradingState,
)
from execution.domain.risk import reached
from execution.domain.state import Restriction, scope_key

STRATEGY_UNKNOWN = "STRATEGY_UNKNOWN"
LIMITS_VERSION = "LIMITS_VERSION"

OPERATOR = "operator"
"""Causes: a person's word, losses, and an analysis that is not to be relied on."""
DAILY_LOSS = "daily_loss"
DRAWDOWN = "drawdown"
ANALYSIS = "analysis"


def set_trading_state(desk: Desk, command: SetTradingState) -> None:
    """A person's word on a scope; ACTIVE lifts every cause, and losses begin anew."""
    scope, name = command.scope, command.name
    if scope == Scope.STRATEGY and name not in desk.config.capital:
        known = ", ".join(sorted(desk.config.capital))
        desk.refuse(command, STRATEGY_UNKNOWN, f"{name} is no strategy here; there are {known}")
        return
    reason = f"{command.reason} ({command.changed_by})"
    if command.state != TradingState.ACTIVE:
        _restrict(desk, scope, name, OPERATOR, command.state, reason)
        return
    lifted = sorted(_causes(desk, scope, name))
    for cause in lifted:
        _lift(desk, scope, name, cause, reason)
    if scope == Scope.ACCOUNT:
        _rebase(desk, lifted)


def _rebase(desk: Desk, lifted: list[str]) -> None:
    """What a person lets pass does not restrict the account again at the next valuation."""
    state = desk.state
    opening = state.equity if DAILY_LOSS in lifted else state.opening_equity
    peak = state.equity if DRAWDOWN in lifted else state.peak_equity
    if (opening, peak) != (state.opening_equity, state.peak_equity):
        desk.emit(fx.LossesRebased(opening=opening, peak=peak))


def change_limits(desk: Desk, command: ChangeLimits) -> None:
    """New limits, if they are the next version."""
    present, offered = desk.state.limits.version, command.limits.version
    if offered != present + 1:
        message = f"limits are at version {present}: the next is {present + 1}, not {offered}"
        desk.refuse(command, LIMITS_VERSION, message)
        return
    desk.emit(
        fx.LimitsChanged(
            limits=command.limits,
            changed_by=command.changed_by,
            reason=command.reason,
            at=command.at or desk.state.clock,
        )
    )


def describe_instruments(desk: Desk, command: DescribeInstruments) -> None:
    """What is known of these symbols from now on."""
    desk.emit(fx.InstrumentsDescribed(instruments=command.instruments))


def measure_losses(desk: Desk) -> None:
    """After a valuation: restrict the account where it lost too much, or lift that again.

    A day's loss restricts until a session ends without one, a drawdown until a person says so.
    """
    state, limits = desk.state, desk.state.limits
    if state.equity is None:
        return
    if _lost(state.opening_equity, state.equity, limits.daily_loss):
        reason = _loss(state.opening_equity, state.equity, limits.daily_loss)
        _restrict(desk, Scope.ACCOUNT, "", DAILY_LOSS, TradingState.REDUCING, reason)
    else:
        _lift(desk, Scope.ACCOUNT, "", DAILY_LOSS, f"no loss of {limits.daily_loss} any more")
    if DRAWDOWN not in _causes(desk, Scope.ACCOUNT, "") and _lost(
        state.peak_equity, state.equity, limits.drawdown
    ):
        reason = _loss(state.peak_equity, state.equity, limits.drawdown)
        _restrict(desk, Scope.ACCOUNT, "", DRAWDOWN, TradingState.REDUCING, reason)


def _lost(before: Decimal | None, now: Decimal, fraction: Decimal) -> bool:
    return before is not None and reached(before, now, fraction)


def _loss(before: Decimal | None, now: Decimal, fraction: Decimal) -> str:
    return f"equity fell from {before:.2f} to {now:.2f}; the limit is {fraction} of it"


def withhold(desk: Desk, strategy: str, withheld: Mapping[str, str]) -> None:
    """With a strategy's set: restrict the symbols whose analysis failed, and lift the others."""
    cause = f"{ANALYSIS}:{strategy}"
    for symbol, reason in sorted(withheld.items()):
        _restrict(desk, Scope.SYMBOL, symbol, cause, TradingState.REDUCING, reason)
    prefix = f"{Scope.SYMBOL}/"
    held_back = [key for key, causes in desk.state.restrictions.items() if cause in causes]
    for symbol in sorted(key.removeprefix(prefix) for key in held_back):
        if symbol not in withheld:
            _lift(desk, Scope.SYMBOL, symbol, cause, f"{strategy} analysed it again")


def close_incomplete(desk: Desk, strategy: str, missing: tuple[str, ...]) -> None:
    """A set that did not come whole: the strategy only reduces until one does.

    `missing` names the signals, or the set itself where not even that came.
    """
    what = "its set" if missing == ("set",) else f"{len(missing)} of its signals"
    reason = f"{what} of {desk.session} did not come in time"
    _restrict(desk, Scope.STRATEGY, strategy, ANALYSIS, TradingState.REDUCING, reason)


def trust(desk: Desk, strategy: str) -> None:
    """A complete set: what an incomplete one restricted is lifted."""
    _lift(desk, Scope.STRATEGY, strategy, ANALYSIS, f"its set of {desk.session} is complete")


def _causes(desk: Desk, scope: Scope, name: str) -> Mapping[str, Restriction]:
    return desk.state.restrictions.get(scope_key(scope, name), {})


def _restrict(
    desk: Desk, scope: Scope, name: str, cause: str, state: TradingState, reason: str
) -> None:
    """Set a cause, unless it stands just so."""
    if _causes(desk, scope, name).get(cause) != Restriction(state, reason):
        desk.emit(
            fx.RestrictionChanged(scope=scope, name=name, cause=cause, state=state, reason=reason)
        )


def _lift(desk: Desk, scope: Scope, name: str, cause: str, reason: str) -> None:
    """End a cause, if it stands."""
    if cause in _causes(desk, scope, name):
        active = TradingState.ACTIVE
        desk.emit(
            fx.RestrictionChanged(scope=scope, name=name, cause=cause, state=active, reason=reason)
        )
