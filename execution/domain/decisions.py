"""New orders: from a complete set of signals, and from people.

Keep out: fills and valuation (session.py), and when a set is complete (engine.py).
"""

from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain import money, risk, sizing
from execution.domain.config import MANUAL_SLEEVE
from execution.domain.desk import Desk, book_of, mark, sleeve_equity
from execution.domain.effects import Disposition
from execution.domain.inputs import PlaceOrder
from execution.domain.orders import Order, OrderType, Side, Status, TimeInForce
from execution.domain.risk import Book, Code
from router.messages import Signal, digest


def decide_set(desk: Desk, strategy: str, signals: list[Signal]) -> None:
    """Size the whole set at once, reductions first, and dispose of each of its signals."""
    book = book_of(desk)
    book.signals = {signal.input_id: signal for signal in signals}
    book.watermarks = desk.state.watermarks[strategy]
    by_symbol = {signal.symbol: signal for signal in signals}
    wishes = sizing.size(
        (sizing.Scored(s.symbol, s.score, mark(desk.state, s.symbol)) for s in by_symbol.values()),
        _sleeve(desk, strategy, book),
        desk.config.sizing,
        desk.config.limits.market_buffer,
        fractional=desk.config.fractional,
    )
    for wish in wishes:
        _pursue(desk, book, by_symbol[wish.symbol], wish)
    desk.emit(fx.SetDecided(strategy=strategy, session=desk.session, signals=len(signals)))


def place_order(desk: Desk, command: PlaceOrder) -> None:
    """Judge a person's order and record it, accepted or refused."""
    _judge(desk, book_of(desk), _manual(desk, command))


def refuse_order(desk: Desk, command: PlaceOrder, code: Code) -> None:
    """Record a person's order that could not be judged."""
    order = _manual(desk, command)
    desk.emit(
        fx.OrderCreated(order=msgspec.structs.replace(order, status=Status.REFUSED, code=code))
    )


def _manual(desk: Desk, command: PlaceOrder) -> Order:
    return Order(
        order_id=digest("order", command.account, command.client_order_id),
        client_order_id=command.client_order_id,
        sleeve=MANUAL_SLEEVE,
        symbol=command.symbol,
        side=command.side,
        quantity=money.quantity(command.quantity),
        type=command.type,
        limit_price=command.limit_price and money.price(command.limit_price),
        time_in_force=command.time_in_force,
        status=Status.ACCEPTED,
        reference_price=mark(desk.state, command.symbol),
        session=desk.state.session,
        accepted_at=desk.now,
    )


def dispose(desk: Desk, signal: Signal, disposition: Disposition, code: str | None) -> None:
    """End a signal without an order."""
    desk.emit(_disposed(signal, disposition, code, None, {}))


def _sleeve(desk: Desk, strategy: str, book: Book) -> sizing.Sleeve:
    held = desk.state.positions[strategy]
    return sizing.Sleeve(
        equity=sleeve_equity(desk.state)[strategy],
        cash=book.cash[strategy],
        held={symbol: position.quantity for symbol, position in held.items()},
    )


def _pursue(desk: Desk, book: Book, signal: Signal, wish: sizing.Wish) -> None:
    if wish.side is None:
        unpriced = wish.detail["reason"] == sizing.NO_PRICE
        disposition = Disposition.REJECTED if unpriced else Disposition.HELD
        code = Code.QUOTE_MISSING if unpriced else None
        desk.emit(_disposed(signal, disposition, code, None, wish.detail))
        return
    order = _judge(desk, book, _order(desk, signal, wish.side, wish.quantity, wish.detail))
    accepted = order.status == Status.ACCEPTED
    disposition = Disposition.EXECUTED if accepted else _ending(order.code)
    desk.emit(_disposed(signal, disposition, order.code, order.order_id, wish.detail))


def _ending(code: str | None) -> Disposition:
    return Disposition.EXPIRED if code == Code.SIGNAL_EXPIRED else Disposition.REJECTED


def _order(
    desk: Desk, signal: Signal, side: Side, quantity: Decimal, detail: dict[str, str]
) -> Order:
    account = desk.config.account
    # A strategy decides once on a session, so no two orders share this key.
    session = desk.session.isoformat()
    order_id = digest("order", account, signal.strategy, signal.symbol, session)
    return Order(
        order_id=order_id,
        client_order_id=f"{account}/{order_id[:16]}",
        sleeve=signal.strategy,
        symbol=signal.symbol,
        side=side,
        quantity=quantity,
        type=OrderType.MARKET,
        limit_price=None,
        time_in_force=TimeInForce.DAY,
        status=Status.ACCEPTED,
        reference_price=mark(desk.state, signal.symbol),
        session=desk.session,
        accepted_at=desk.now,
        signal_id=signal.input_id,
        sizing=detail,
    )


def _judge(desk: Desk, book: Book, order: Order) -> Order:
    checks = risk.evaluate(order, book)
    code = risk.refusal(checks)
    status = Status.REFUSED if code else Status.ACCEPTED
    order = msgspec.structs.replace(order, checks=checks, code=code, status=status)
    desk.emit(fx.OrderCreated(order=order))
    if code is None:
        book.reserve(order)
    return order


def _disposed(
    signal: Signal,
    disposition: Disposition,
    code: str | None,
    order_id: str | None,
    detail: dict[str, str],
) -> fx.SignalDisposed:
    return fx.SignalDisposed(
        signal_id=signal.input_id,
        strategy=signal.strategy,
        symbol=signal.symbol,
        session=signal.session,
        as_of=signal.as_of,
        score=money.score(signal.score),
        disposition=disposition,
        code=code,
        order_id=order_id,
        detail=detail,
    )
