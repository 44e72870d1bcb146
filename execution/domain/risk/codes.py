"""Reason codes in their fixed order, and what a rule answers with.

Keep out: the rules (permission.py, form.py, flow.py, exposure.py).
"""

from enum import StrEnum

from execution.domain.orders import Check, Outcome


class Code(StrEnum):
    """Reason codes, in the order in which they are evaluated and reported."""

    SCHEMA_INVALID = "SCHEMA_INVALID"
    UNAUTHORIZED_SOURCE = "UNAUTHORIZED_SOURCE"
    SIGNAL_DUPLICATE = "SIGNAL_DUPLICATE"
    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    SIGNAL_FROM_FUTURE = "SIGNAL_FROM_FUTURE"
    SIGNAL_SUPERSEDED = "SIGNAL_SUPERSEDED"
    KILL_SWITCH = "KILL_SWITCH"
    TRADING_HALTED = "TRADING_HALTED"
    TRADING_REDUCING = "TRADING_REDUCING"
    RECONCILING = "RECONCILING"
    SYMBOL_UNKNOWN = "SYMBOL_UNKNOWN"
    NOT_TRADABLE = "NOT_TRADABLE"
    RESTRICTED_LIST = "RESTRICTED_LIST"
    MARKET_CLOSED = "MARKET_CLOSED"
    SYMBOL_HALTED = "SYMBOL_HALTED"
    PRICE_JUMP_UNEXPLAINED = "PRICE_JUMP_UNEXPLAINED"
    QUOTE_MISSING = "QUOTE_MISSING"
    QUOTE_STALE = "QUOTE_STALE"
    QUANTITY_INVALID = "QUANTITY_INVALID"
    LOT_SIZE = "LOT_SIZE"
    PRICE_TICK = "PRICE_TICK"
    MAX_ORDER_QTY = "MAX_ORDER_QTY"
    MAX_ORDER_NOTIONAL = "MAX_ORDER_NOTIONAL"
    MIN_ORDER_NOTIONAL = "MIN_ORDER_NOTIONAL"
    PRICE_COLLAR = "PRICE_COLLAR"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    ADV_PARTICIPATION = "ADV_PARTICIPATION"
    DUPLICATE_ORDER = "DUPLICATE_ORDER"
    ORDER_RATE = "ORDER_RATE"
    REPEATED_EXECUTION = "REPEATED_EXECUTION"
    MAX_OPEN_ORDERS = "MAX_OPEN_ORDERS"
    OPEN_ORDER_NOTIONAL = "OPEN_ORDER_NOTIONAL"
    SELF_TRADE = "SELF_TRADE"
    POSITION_LIMIT = "POSITION_LIMIT"
    CONCENTRATION = "CONCENTRATION"
    GROSS_EXPOSURE = "GROSS_EXPOSURE"
    NET_EXPOSURE = "NET_EXPOSURE"
    LEVERAGE = "LEVERAGE"
    BUYING_POWER = "BUYING_POWER"
    INSUFFICIENT_QTY = "INSUFFICIENT_QTY"
    SHORT_NOT_ALLOWED = "SHORT_NOT_ALLOWED"
    LOCATE_REQUIRED = "LOCATE_REQUIRED"
    REDUCE_ONLY_INCREASE = "REDUCE_ONLY_INCREASE"
    DAILY_LOSS = "DAILY_LOSS"
    DRAWDOWN = "DRAWDOWN"
    STRATEGY_CAPITAL = "STRATEGY_CAPITAL"
    MODEL_UNAPPROVED = "MODEL_UNAPPROVED"
    CONFIDENCE_BOUNDS = "CONFIDENCE_BOUNDS"
    CLOCK_UNTRUSTED = "CLOCK_UNTRUSTED"
    BROKER_UNAVAILABLE = "BROKER_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


Verdict = tuple[bool | None, dict[str, str]]
"""True passes, False fails, None does not apply; and the numbers that were compared."""

PASSED: Verdict = (True, {})
FAILED: Verdict = (False, {})
NOT_APPLICABLE: Verdict = (None, {})

_OUTCOMES = {True: Outcome.PASSED, False: Outcome.FAILED, None: Outcome.NOT_APPLICABLE}
PLAIN = {
    code: {passed: Check(code, outcome) for passed, outcome in _OUTCOMES.items()} for code in Code
}
"""Checks without numbers, made once: most checks of most orders are one of them."""


def check(code: Code, verdict: Verdict) -> Check:
    """A verdict as it is recorded."""
    passed, numbers = verdict
    return Check(code, _OUTCOMES[passed], numbers) if numbers else PLAIN[code][passed]


def broken(where: str, error: Exception) -> Check:
    """What is recorded where a check raised: never "pass on error"."""
    numbers = {"check": where, "error": repr(error)[:200]}
    return Check(Code.INTERNAL_ERROR, Outcome.FAILED, numbers)
