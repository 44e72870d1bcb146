"""Cash that moves without a trade: capital, dividends on their pay date, interest.

Keep out: what trades do to cash (books.py), and what dividends there are (corporate.py).
"""

from datetime import date
from decimal import Decimal

from execution.domain import effects as fx
from execution.domain import ledger, money
from execution.domain.desk import Desk, book_of
from execution.domain.inputs import MoveCash
from execution.domain.money import ZERO
from execution.domain.portfolio import Receivable
from router.messages import digest

NO_SESSION = "NO_SESSION"
SLEEVE_UNKNOWN = "SLEEVE_UNKNOWN"
INSUFFICIENT_CASH = "INSUFFICIENT_CASH"

_YEAR = Decimal(365)
"""Days of an interest year, leap years too: ACT/365."""


def post_capital(desk: Desk) -> None:
    """An account's clock, and so its books, begin with its first session."""
    for sleeve, amount in sorted(desk.config.capital.items()):
        key = digest("capital", desk.config.account, sleeve)
        desk.post("capital", key, sleeve, ledger.deposit(money.cents(amount)))


def move_cash(desk: Desk, command: MoveCash) -> None:
    """A deposit or withdrawal; one that cannot be is refused with a reason."""
    state, sleeve, amount = desk.state, command.sleeve, command.amount
    if state.session is None:
        message = "the account begins with its first session; its capital is in its configuration"
        desk.refuse(command, NO_SESSION, message)
    elif sleeve not in state.cash:
        known = ", ".join(sorted(state.cash))
        desk.refuse(command, SLEEVE_UNKNOWN, f"{sleeve} is no sleeve; there are {known}")
    elif amount < 0 and -amount > (free := book_of(desk).cash[sleeve]):
        message = f"{sleeve} has {max(free, ZERO):.2f} that no working order may need"
        desk.refuse(command, INSUFFICIENT_CASH, message)
    else:
        key = digest("move_cash", desk.config.account, command.request_id)
        desk.post("capital", key, sleeve, ledger.deposit(amount))
        desk.emit(fx.CapitalMoved(sleeve=sleeve, amount=amount, reason=command.reason))


def pay_receivables(desk: Desk) -> None:
    """Settle what is due by this session."""
    due = [owed for owed in desk.state.receivables.values() if owed.pay_date <= desk.session]
    for owed in sorted(due, key=lambda owed: owed.key):
        settle(desk, owed)


def settle(desk: Desk, owed: Receivable) -> None:
    """What was owed arrives, or is paid by a sleeve that was short."""
    lines = ledger.payment(owed.symbol, owed.amount)
    desk.post("payment", digest("payment", owed.key), owed.sleeve, lines)
    desk.emit(fx.ReceivablePaid(key=owed.key))


def accrue_interest(desk: Desk, before: date | None) -> None:
    """Earn on each sleeve's cash since the session `before`, and pay with a new month's first.

    Earned on what is there before this session moves any, for each calendar day since. Whole cents
    are paid, the rest stays accrued.
    """
    if before is None or not desk.config.interest_rate:
        return
    days = (desk.session - before).days
    pays = (before.year, before.month) != (desk.session.year, desk.session.month)
    for sleeve, held in sorted(desk.state.cash.items()):
        earned = max(held, ZERO) * desk.config.interest_rate * days / _YEAR
        accrued = desk.state.accrued.get(sleeve, ZERO) + money.accrual(earned)
        if pays and (paid := money.whole_cents(accrued)):
            key = digest("interest", sleeve, desk.session.isoformat())
            desk.post("interest", key, sleeve, ledger.interest(paid))
            accrued -= paid
        desk.emit(fx.InterestAccrued(sleeve=sleeve, accrued=accrued))
