"""Rules on what the account may come to hold at worst, and on what it can afford and has lost.

An order that reduces skips them: getting out is never refused for having too much.
Keep out: rules on orders as such (form.py, flow.py).
"""

from collections.abc import Callable
from decimal import Decimal

from execution.domain.money import ZERO
from execution.domain.paper import commission
from execution.domain.risk.case import Case
from execution.domain.risk.codes import FAILED, NOT_APPLICABLE, Verdict
from execution.domain.risk.form import compared


def _unless_reducing(case: Case, judge: Callable[[Decimal, Decimal], Verdict]) -> Verdict:
    """Judge by worst value and by what it adds; a worth that nobody knows fails."""
    if case.reducing:
        return NOT_APPLICABLE
    if case.value is None or case.added is None:
        return FAILED
    return judge(case.value, case.added)


def position(case: Case) -> Verdict:
    """What the sleeves may come to hold of the symbol together."""
    book, symbol = case.book, case.order.symbol
    limit = case.limits.position_limit * book.equity
    held = book.exposure.get(symbol, ZERO)
    return _unless_reducing(case, lambda _, added: compared(held + added, limit))


def concentration(case: Case) -> Verdict:
    """What the account may come to hold of the symbol's sector, where it is known."""
    instrument = case.book.instruments.get(case.order.symbol)
    if instrument is None or instrument.sector is None:
        return NOT_APPLICABLE
    held = case.book.sectors.get(instrument.sector, ZERO)
    limit = case.limits.concentration * case.book.equity
    return _unless_reducing(case, lambda _, added: compared(held + added, limit))


def gross(case: Case) -> Verdict:
    """Long and short together."""
    limit = case.limits.gross_exposure * case.book.equity
    return _unless_reducing(case, lambda _, added: compared(case.book.gross + added, limit))


def net(case: Case) -> Verdict:
    """Long less short, if only the orders of this one's side fill."""
    book = case.book
    limit = case.limits.net_exposure * book.equity
    before = book.net + book.purchases if case.buying else book.sales - book.net
    return _unless_reducing(case, lambda value, _: compared(before + value, limit))


def buying_power(case: Case) -> Verdict:
    """The sleeve's free cash covers what the order opens, long or short, and its commission."""
    if case.reducing:
        return NOT_APPLICABLE
    if case.price is None:
        return FAILED
    fee = commission(case.order.quantity, case.book.costs)
    free = case.book.cash.get(case.order.sleeve, ZERO)
    return compared(case.opening * case.price + fee, free)


def sellable(case: Case) -> Verdict:
    """Where selling short is off, a sale of a held symbol fits what no working sale has claimed."""
    held = case.holding.quantity
    if case.buying or case.limits.shorting or held <= 0:
        return NOT_APPLICABLE
    requested = case.order.quantity
    numbers = {"requested": str(requested), "available": str(case.free), "held": str(held)}
    return requested <= case.free, numbers


def shortable(case: Case) -> Verdict:
    """A sale of what the sleeve does not hold needs selling short to be on."""
    if case.buying or case.holding.quantity > 0:
        return NOT_APPLICABLE
    return case.limits.shorting, {"requested": str(case.order.quantity), "available": "0"}


def reduce_only(case: Case) -> Verdict:
    """An order that says that it only reduces does."""
    if not case.order.reduce_only:
        return NOT_APPLICABLE
    return case.reducing, {"requested": str(case.order.quantity), "reducible": str(case.free)}


def reached(before: Decimal, now: Decimal, fraction: Decimal) -> bool:
    """Whether the loss from `before` to `now` is that fraction of `before`, or more."""
    return before - now >= fraction * before and before > now


def daily_loss(case: Case) -> Verdict:
    """The last session did not lose the limit or more."""
    return _loss(case, case.book.opening, case.limits.daily_loss)


def drawdown(case: Case) -> Verdict:
    """The account is not below its highest equity by the limit or more."""
    return _loss(case, case.book.peak, case.limits.drawdown)


def _loss(case: Case, before: Decimal | None, fraction: Decimal) -> Verdict:
    now = case.book.valued
    if case.reducing or before is None or now is None:
        return NOT_APPLICABLE
    numbers = {"equity": f"{now:.2f}", "from": f"{before:.2f}", "limit": str(fraction)}
    return not reached(before, now, fraction), numbers


def capital(case: Case) -> Verdict:
    """What the sleeve may come to hold is within its own equity."""
    sleeve = case.order.sleeve
    held = case.book.sleeve_gross.get(sleeve, ZERO)
    equity = case.book.sleeve_equity.get(sleeve, ZERO)
    return _unless_reducing(case, lambda _, added: compared(held + added, equity))
