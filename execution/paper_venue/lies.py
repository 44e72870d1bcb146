"""Messages that say what is not so. Pure: a document in, another out.

Keep out: when to lie (faults.py).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from execution.paper_venue.faults import Fault, Kind

Document = dict[str, Any]

NOBODY = "NOSUCH"
NO_STATUS = "imagined"

_PRICES = ("price", "filled_avg_price", "avg_entry_price", "current_price")
_MOMENTS = ("timestamp", "transaction_time", "next_open", "next_close")


def told(fault: Fault, document: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The document with the fault's lie in every place that has room for it."""
    if fault.kind is Kind.EXECUTION_CONFLICT:
        return _with_conflicts(document)
    lie: Callable[[Document], Document]
    if fault.kind is Kind.CLOCK_OFF:
        lie = partial(_shifted, timedelta(milliseconds=fault.milliseconds or 0))
    else:
        lie = _LIES[fault.kind]
    return _everywhere(lie, document)


def contradicted(execution: Document) -> Document:
    """The same execution with another price and quantity."""
    return execution | {
        "qty": str(Decimal(execution["qty"]) + 1),
        "price": str(Decimal(execution["price"]) + 1),
    }


def _everywhere(lie: Callable[[Document], Document], node: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        return [_everywhere(lie, each) for each in node]
    if isinstance(node, dict):
        return lie({name: _everywhere(lie, each) for name, each in node.items()})
    return node


def _with_conflicts(document: Any) -> Any:  # noqa: ANN401 - JSON
    """A list of executions, each followed by itself with other numbers."""
    if not isinstance(document, list):
        return document
    found = []
    for each in document:
        found.append(each)
        if "transaction_time" in each:
            found.append(contradicted(each))
    return found


def _overfilled(document: Document) -> Document:
    """An order's filled quantity, and an execution's own, beyond what was ordered."""
    if document.get("filled_qty") and document.get("qty"):
        return document | {"filled_qty": str(Decimal(document["qty"]) + 1)}
    if "execution_id" in document:
        ordered = document["order"]["qty"] or document["qty"]
        return document | {"qty": str(Decimal(ordered) + 1)}
    if "transaction_time" in document:
        ordered = Decimal(document["cum_qty"]) + Decimal(document["leaves_qty"])
        return document | {"qty": str(ordered + 1), "cum_qty": str(ordered + 1)}
    return document


def _below_zero(document: Document) -> Document:
    known = {name: f"-{document[name]}" for name in _PRICES if document.get(name)}
    return document | known


def _misnamed(document: Document) -> Document:
    return document | {"symbol": NOBODY} if "symbol" in document else document


def _misjudged(document: Document) -> Document:
    known = {name: NO_STATUS for name in ("status", "order_status") if name in document}
    return document | known


def _shifted(by: timedelta, document: Document) -> Document:
    return document | {
        name: (datetime.fromisoformat(value) + by).isoformat()
        for name, value in document.items()
        if value and (name.endswith("_at") or name in _MOMENTS)
    }


_LIES: dict[Kind, Callable[[Document], Document]] = {
    Kind.OVERFILL: _overfilled,
    Kind.NEGATIVE_PRICE: _below_zero,
    Kind.UNKNOWN_SYMBOL: _misnamed,
    Kind.UNKNOWN_STATUS: _misjudged,
}
