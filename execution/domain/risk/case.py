"""One order before its judges: what several rules need to know of it, worked out once.

Keep out: verdicts (the rules).
"""

from decimal import Decimal

from execution.domain.money import ZERO
from execution.domain.orders import Order, Side
from execution.domain.risk.book import NOTHING, Book, worst_price


class Case:
    """An order whose figures are readable, beside the book that it is judged by.

    `reducing`: it makes the sleeve's position smaller without crossing zero, working orders of its
    side counted first; `opening` is the shares beyond that. `price` and `value` are the worst ones,
    `added` is what it adds to the account's exposure; None where there is no reference price.
    """

    __slots__ = (
        "added",
        "book",
        "buying",
        "free",
        "holding",
        "limits",
        "opening",
        "order",
        "price",
        "reducing",
        "reference",
        "signal",
        "value",
    )

    def __init__(self, order: Order, book: Book) -> None:
        self.order, self.book, self.limits = order, book, book.limits
        self.signal = book.signals.get(order.signal_id) if order.signal_id else None
        self.holding = book.holdings.get((order.sleeve, order.symbol), NOTHING)
        self.buying = order.side == Side.BUY
        self.free = self.holding.free(order.side)
        self.reducing = ZERO < order.quantity <= self.free
        self.opening = max(ZERO, order.quantity - self.free)
        reference = order.reference_price
        usable = reference is not None and reference.is_finite() and reference > 0
        self.reference = reference if usable else None
        self.price = worst_price(order, self.reference, book.limits)
        self.value: Decimal | None = None
        self.added: Decimal | None = None
        if self.price is not None:
            self.value = order.quantity * self.price
            self.added = self.holding.added(order.side, self.value)

    @property
    def closing(self) -> bool:
        """Whether it leaves nothing of the position, as far as working orders leave it any."""
        return self.reducing and self.order.quantity == self.free
