"""Every rule on an order, in the order of the codes.

Keep out: the rules themselves.
"""

from collections.abc import Callable

from execution.domain.orders import Check, Order, Outcome
from execution.domain.risk import exposure, flow, form, permission
from execution.domain.risk.book import Book
from execution.domain.risk.case import Case
from execution.domain.risk.codes import PASSED, PLAIN, Code, Verdict, broken, check

RULES: tuple[tuple[Code, Callable[[Case], Verdict]], ...] = (
    (Code.UNAUTHORIZED_SOURCE, permission.source),
    (Code.SIGNAL_DUPLICATE, permission.duplicate),
    (Code.SIGNAL_EXPIRED, permission.expired),
    (Code.SIGNAL_FROM_FUTURE, permission.from_future),
    (Code.SIGNAL_SUPERSEDED, permission.superseded),
    (Code.KILL_SWITCH, permission.kill_switch),
    (Code.TRADING_HALTED, permission.halted),
    (Code.TRADING_REDUCING, permission.reducing),
    (Code.RECONCILING, permission.no_data),
    (Code.SYMBOL_UNKNOWN, permission.known),
    (Code.NOT_TRADABLE, permission.tradable),
    (Code.RESTRICTED_LIST, permission.listed),
    (Code.MARKET_CLOSED, permission.no_data),
    (Code.SYMBOL_HALTED, permission.no_data),
    (Code.PRICE_JUMP_UNEXPLAINED, permission.jump),
    (Code.QUOTE_MISSING, permission.quoted),
    (Code.QUOTE_STALE, permission.fresh),
    (Code.QUANTITY_INVALID, form.quantity),
    (Code.LOT_SIZE, form.lot_size),
    (Code.PRICE_TICK, form.tick),
    (Code.MAX_ORDER_QTY, form.max_quantity),
    (Code.MAX_ORDER_NOTIONAL, form.max_notional),
    (Code.MIN_ORDER_NOTIONAL, form.min_notional),
    (Code.PRICE_COLLAR, form.collar),
    (Code.SPREAD_TOO_WIDE, permission.no_data),
    (Code.ADV_PARTICIPATION, form.participation),
    (Code.DUPLICATE_ORDER, flow.duplicate),
    (Code.ORDER_RATE, flow.rate),
    (Code.REPEATED_EXECUTION, flow.repeated),
    (Code.MAX_OPEN_ORDERS, flow.open_orders),
    (Code.OPEN_ORDER_NOTIONAL, flow.open_notional),
    (Code.SELF_TRADE, flow.self_trade),
    (Code.POSITION_LIMIT, exposure.position),
    (Code.CONCENTRATION, exposure.concentration),
    (Code.GROSS_EXPOSURE, exposure.gross),
    (Code.NET_EXPOSURE, exposure.net),
    (Code.LEVERAGE, permission.no_data),
    (Code.BUYING_POWER, exposure.buying_power),
    (Code.INSUFFICIENT_QTY, exposure.sellable),
    (Code.SHORT_NOT_ALLOWED, exposure.shortable),
    (Code.LOCATE_REQUIRED, permission.no_data),
    (Code.REDUCE_ONLY_INCREASE, exposure.reduce_only),
    (Code.DAILY_LOSS, exposure.daily_loss),
    (Code.DRAWDOWN, exposure.drawdown),
    (Code.STRATEGY_CAPITAL, exposure.capital),
    (Code.MODEL_UNAPPROVED, permission.approved),
    (Code.CONFIDENCE_BOUNDS, permission.confident),
    (Code.CLOCK_UNTRUSTED, permission.no_data),
    (Code.BROKER_UNAVAILABLE, permission.no_data),
)
_READABLE = check(Code.SCHEMA_INVALID, PASSED)


def evaluate(order: Order, book: Book) -> tuple[Check, ...]:
    """Every check's verdict on `order`, in the order of `Code`.

    Figures that cannot be read are the one finding: nothing can be compared with them.
    """
    try:
        if found := permission.unreadable(order):
            return (check(Code.SCHEMA_INVALID, (False, found)),)
        case = Case(order, book)
    except Exception as error:  # noqa: BLE001 - whatever it is, the order must not pass
        return (broken("order", error),)
    return (_READABLE, *_answers(case))


def _answers(case: Case) -> list[Check]:
    """One loop and no call around each rule: an order passes here fifty times."""
    found = []
    for code, rule in RULES:
        try:
            passed, numbers = rule(case)
            plain = PLAIN[code][passed]
            found.append(Check(code, plain.outcome, numbers) if numbers else plain)
        except Exception as error:  # noqa: BLE001 - whatever it is, the order must not pass
            found.append(broken(code, error))
    return found


def refusal(checks: tuple[Check, ...]) -> str | None:
    """The code of the first failure, or None where all passed."""
    return next((check.code for check in checks if check.outcome is Outcome.FAILED), None)
