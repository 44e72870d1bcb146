"""What must hold of orders at every single event, followed effect by effect.

Keep out: the books (laws.py) and what leads to the effects (machines.py).
"""

from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain.config import PAPER
from execution.domain.orders import LATE_FILLS, WORKING, Fill, Order, Status

ZERO = Decimal(0)
BEGINNINGS = {Status.ACCEPTED, Status.PENDING_NEW, Status.REFUSED}
UNFILLED = {Status.ACCEPTED, Status.PENDING_NEW, Status.REFUSED, Status.REJECTED}


class OrderWatch:
    """All orders of an account as the effects tell them; `see` asserts the laws of each event."""

    def __init__(self, venue: str = PAPER) -> None:
        self.venue = venue
        self.orders: dict[str, Order] = {}
        self.client_ids: set[str] = set()
        self.fill_ids: set[str] = set()
        self.unfolded: dict[str, Fill] = {}
        """By order: the fill that its next change must count."""
        self.events = 0

    @property
    def working(self) -> set[str]:
        return {key for key, order in self.orders.items() if order.status in WORKING}

    def see(self, effect: fx.Effect) -> None:
        self.events += 1
        match effect:
            case fx.OrderCreated():
                self._created(effect.order)
            case fx.Filled():
                self._filled(effect.fill)
            case fx.OrderChanged():
                self._changed(effect)
            case _:
                pass

    def _created(self, order: Order) -> None:
        assert order.order_id not in self.orders
        assert order.client_order_id not in self.client_ids
        assert order.status in BEGINNINGS
        assert order.status == Status.REFUSED or order.quantity > 0
        assert (order.status == Status.REFUSED) == (order.code is not None)
        assert order.filled_quantity == order.filled_value == 0
        self.client_ids.add(order.client_order_id)
        self.orders[order.order_id] = order

    def _filled(self, fill: Fill) -> None:
        order = self.orders[fill.order_id]
        assert fill.fill_id not in self.fill_ids
        assert order.status in WORKING | LATE_FILLS
        assert 0 < fill.quantity <= order.leaves
        assert (fill.sleeve, fill.symbol, fill.side) == (order.sleeve, order.symbol, order.side)
        if self.venue == PAPER:
            assert order.status in WORKING
            assert order.session is not None
            assert order.session < fill.session
            self._within_limit(order, fill)
        self.fill_ids.add(fill.fill_id)
        assert self.unfolded.setdefault(fill.order_id, fill) is fill

    def _within_limit(self, order: Order, fill: Fill) -> None:
        if order.limit_price is not None:
            assert order.side.sign * fill.price <= order.side.sign * order.limit_price

    def _changed(self, change: fx.OrderChanged) -> None:
        before, fill = self.orders[change.order_id], self.unfolded.pop(change.order_id, None)
        late = before.status in LATE_FILLS and fill is not None
        assert before.status in WORKING or late
        assert not late or change.status in {before.status, Status.FILLED}
        assert 0 <= change.filled_quantity <= change.quantity
        assert (change.status == Status.FILLED) == (change.filled_quantity == change.quantity)
        assert change.status not in UNFILLED or change.filled_quantity == 0
        assert change.status != Status.PARTIALLY_FILLED or change.filled_quantity > 0
        assert change.triggered >= before.triggered
        assert before.executions.items() <= change.executions.items()
        self._identity(before, change, fill)
        self.orders[change.order_id] = msgspec.structs.replace(
            before,
            **{name: getattr(change, name) for name in change.__struct_fields__ if name != "at"},
        )

    def _identity(self, before: Order, change: fx.OrderChanged, fill: Fill | None) -> None:
        """OrderQty = CumQty + LeavesQty, and CumQty is the sum of the fills; splits scale both."""
        if fill is not None:
            assert change.quantity == before.quantity
            assert change.filled_quantity == before.filled_quantity + fill.quantity
            assert change.filled_value == before.filled_value + fill.quantity * fill.price
        elif change.quantity == before.quantity:
            assert change.filled_quantity == before.filled_quantity
        assert change.filled_value >= before.filled_value
