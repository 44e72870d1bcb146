"""What an execution does to the books, and what the account is worth at a session's end.

Belongs here: from shares and a price to ledger lines, lots and the order's new standing.
Keep out: whether and at what price an order fills (paper.py, venue.py); corporate actions
(corporate.py); cash that moves without a trade (cash.py).
"""

from decimal import Decimal

from execution.domain import effects as fx
from execution.domain import ledger, money, portfolio
from execution.domain.desk import Desk, exposures, sleeve_equity
from execution.domain.ledger import Line
from execution.domain.money import ZERO
from execution.domain.orders import LATE_FILLS, Fill, Order, Status, moved
from execution.domain.portfolio import Position
from router.messages import digest

_KEPT = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE}) | LATE_FILLS
"""A partial fill leaves these as they are: an end that was asked for, or had come already."""


def book_execution(
    desk: Desk,
    order: Order,
    execution_id: str,
    quantity: Decimal,
    price: Decimal,
    commission: Decimal,
) -> Order:
    """Book `quantity` shares at `price` each, and `commission` in cents; returns the order.

    Shares close what the sleeve holds the other way, oldest lots first; what is left opens. Where
    an execution does both it is two transactions, which share its commission by shares. Raises
    IllegalTransitionError where the order may not fill, or has less left.
    """
    position, realised, postings = _traded(desk, order, quantity, price, commission)
    fill = Fill(
        fill_id=execution_id,
        order_id=order.order_id,
        sleeve=order.sleeve,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        commission=commission,
        session=desk.session,
        at=desk.now,
        realised=realised,
    )
    order = moved(order, _standing(order, quantity), fill)
    desk.emit(fx.Filled(fill=fill))
    for number, lines in enumerate(postings):
        key = digest("opening", execution_id) if number else execution_id
        desk.post("fill", key, order.sleeve, lines)
    desk.emit(fx.PositionChanged(sleeve=order.sleeve, symbol=order.symbol, position=position))
    desk.change(order)
    return order


def _standing(order: Order, quantity: Decimal) -> Status:
    if order.leaves == quantity:
        return Status.FILLED
    return order.status if order.status in _KEPT else Status.PARTIALLY_FILLED


def _traded(
    desk: Desk, order: Order, quantity: Decimal, price: Decimal, commission: Decimal
) -> tuple[Position, Decimal, list[tuple[Line, ...]]]:
    """The position after an execution, what it realised, and the lines of each transaction."""
    position, sign = desk.position(order.sleeve, order.symbol), order.side.sign
    value, realised, postings = money.cents(quantity * price), ZERO, []
    shares = portfolio.closing(position, sign * quantity)
    if shares:
        whole = shares == quantity
        part = value if whole else money.cents(shares * price)
        fee = commission if whole else money.cents(commission * shares / quantity)
        position, cost = portfolio.reduced(position, shares)
        realised = -sign * part - cost
        postings.append(ledger.closing(order.symbol, -sign * part, cost, fee))
        quantity, value, commission = quantity - shares, value - part, commission - fee
    if quantity:
        position = portfolio.enlarged(position, desk.session, sign * quantity, sign * value)
        postings.append(ledger.opening(order.symbol, sign * value, commission))
    return position, realised, postings


def value_session(desk: Desk) -> None:
    """Record what the account is worth at the closes; interest counts once it is paid."""
    state = desk.state
    exposure = sum((v for held in exposures(state).values() for v in held.values()), ZERO)
    sleeves = {name: money.cents(equity) for name, equity in sleeve_equity(state).items()}
    desk.emit(
        fx.SessionValued(
            session=desk.session,
            cash=sum(state.cash.values(), ZERO),
            exposure=money.cents(exposure),
            receivable=sum((owed.amount for owed in state.receivables.values()), ZERO),
            sleeves=sleeves,
        )
    )
