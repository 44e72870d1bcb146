"""New orders from a complete set of signals.

Keep out: orders from people (manual.py), and when a set is complete (engine.py).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain import money, sizing, standing
from execution.domain.desk import Desk, book_of, mark
from execution.domain.effects import Disposition
from execution.domain.judging import judge, market_order
from execution.domain.orders import Order, Side, Status
from execution.domain.risk import Book, Code
from execution.domain.sizing import SizingError
from execution.domain.sizing_method import NO_PRICE, Facts, Sleeve, Wish
from execution.domain.state import State
from router.messages import Signal, digest


def decide_set(
    desk: Desk, strategy: str, signals: list[Signal], withheld: Mapping[str, str]
) -> None:
    """Size the whole set at once, reductions first, and dispose of each of its signals.

    `withheld` are the symbols whose analysis failed, with the reason: they only reduce.
    """
    standing.withhold(desk, strategy, withheld)
    book = book_of(desk)
    book.signals = {signal.input_id: signal for signal in signals}
    book.watermarks = desk.state.watermarks[strategy]
    by_symbol = {signal.symbol: signal for signal in signals}
    scores = {symbol: signal.score for symbol, signal in by_symbol.items()}
    rules = desk.config.sizing_of(strategy)
    try:
        wishes = sizing.wishes_of(scores, _sleeve(desk, strategy, book, by_symbol), rules)
    except SizingError as error:
        _give_up(desk, signals, error)
    else:
        own = {} if rules.method == sizing.TARGET_WEIGHTS else {"method": rules.method}
        for wish in wishes:
            shown = wish._replace(detail=own | wish.detail)
            _pursue(desk, book, by_symbol[wish.symbol], shown)
    desk.emit(fx.SetDecided(strategy=strategy, session=desk.session, signals=len(signals)))


def _give_up(desk: Desk, signals: list[Signal], error: SizingError) -> None:
    """A method that failed ends its own signals alone: bars and other strategies go on."""
    detail = {"error": str(error)}
    for signal in sorted(signals, key=lambda each: each.symbol):
        ending = Disposition.DEAD_LETTER, Code.INTERNAL_ERROR
        desk.emit(_disposed(signal, *ending, None, detail))


def dispose(desk: Desk, signal: Signal, disposition: Disposition, code: str | None) -> None:
    """End a signal without an order."""
    desk.emit(_disposed(signal, disposition, code, None, {}))


def _sleeve(desk: Desk, strategy: str, book: Book, scored: Iterable[str]) -> Sleeve:
    state = desk.state
    # Sorted, because a method may go by the order of what it is given.
    positions = sorted(state.positions[strategy].items())
    held = {symbol: each.quantity for symbol, each in positions}
    return Sleeve(
        equity=book.sleeve_equity[strategy],
        cash=book.cash[strategy],
        held=held,
        facts={symbol: _facts(state, symbol) for symbol in sorted({*scored, *held})},
        buffer=state.limits.market_buffer,
        fractional=desk.config.fractional,
        shorting=state.limits.shorting,
    )


def _facts(state: State, symbol: str) -> Facts:
    known = state.instruments.get(symbol)
    return Facts(
        price=mark(state, symbol),
        variance=state.variances.get(symbol),
        sector=known.sector if known else None,
        lot=known.lot_size if known else 1,
    )


def _pursue(desk: Desk, book: Book, signal: Signal, wish: Wish) -> None:
    if wish.side is None:
        unpriced = wish.detail.get("reason") == NO_PRICE
        disposition = Disposition.REJECTED if unpriced else Disposition.HELD
        code = Code.QUOTE_MISSING if unpriced else None
        desk.emit(_disposed(signal, disposition, code, None, wish.detail))
        return
    order = judge(desk, book, _order(desk, signal, wish.side, wish.quantity, wish.detail))
    accepted = order.status != Status.REFUSED
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
    order = market_order(desk, order_id, signal.strategy, signal.symbol, side, quantity)
    return msgspec.structs.replace(order, signal_id=signal.input_id, sizing=detail)


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
