"""Corporate actions: splits, dividends, renames and delistings, as a session's bars bring them.

They happen before the session's open, in a fixed order. Renames come first, so that an action may
name its shares either way on that day. Then, symbol by symbol, come dividends, which are of the
shares held before, then splits, then the delisting.
Keep out: what arrives in cash on a later day (cash.py), and the venue's fills (books.py).
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from execution.domain import cash, ledger, money, portfolio
from execution.domain import effects as fx
from execution.domain.desk import Desk, mark
from execution.domain.money import ZERO
from execution.domain.orders import Order, Status, moved
from execution.domain.portfolio import Position, Receivable
from router.messages import Bar, Bars, Delisting, Dividend, Rename, Split, digest

_Action = Dividend | Split | Delisting
_RANKS: dict[type[_Action], int] = {Dividend: 0, Split: 1, Delisting: 2}


def apply_actions(desk: Desk, bars: Bars) -> None:
    """Let positions, working orders, receivables and marks follow the session's actions."""
    if not bars.actions:
        return
    renames = {r.symbol: r.new_symbol for r in bars.actions if isinstance(r, Rename)}
    for symbol in _in_turn(renames):
        _rename(desk, symbol, renames[symbol])
    prices = {bar.symbol: bar for bar in bars.bars}
    numbers: Counter[tuple[str, int]] = Counter()
    for action in sorted(_under_new_names(bars, renames), key=_turn):
        numbers[_turn(action)] += 1
        _apply(desk, action, str(numbers[_turn(action)]), prices.get(action.symbol))


def _apply(desk: Desk, action: _Action, number: str, bar: Bar | None) -> None:
    """`number` tells several actions of a kind and symbol in one session apart."""
    match action:
        case Dividend():
            _dividend(desk, action, number)
        case Split():
            _split(desk, action, number, bar)
        case Delisting():
            _delist(desk, action)


def _turn(action: _Action) -> tuple[str, int]:
    return action.symbol, _RANKS[type(action)]


def _in_turn(renames: dict[str, str]) -> Iterator[str]:
    """In a chain of renames the last comes first: no two companies meet under one symbol."""
    waiting = dict(sorted(renames.items()))
    while waiting:
        for symbol in [old for old, new in waiting.items() if new not in waiting]:
            yield symbol
            del waiting[symbol]


def _under_new_names(bars: Bars, renames: dict[str, str]) -> Iterator[_Action]:
    """Actions of a name that is gone today are of its successor."""
    listed = {bar.symbol for bar in bars.bars} | set(renames.values())
    for action in bars.actions:
        if isinstance(action, Rename):
            continue
        symbol = action.symbol
        if symbol in renames and symbol not in listed:
            yield msgspec.structs.replace(action, symbol=renames[symbol])
        else:
            yield action


def _key(desk: Desk, kind: str, sleeve: str, symbol: str, number: str = "1") -> str:
    """Natural key of a posting."""
    return digest(kind, sleeve, symbol, desk.session.isoformat(), number)


def _holdings(desk: Desk, symbol: str) -> Iterator[tuple[str, Position]]:
    for sleeve in sorted(desk.state.positions):
        position = desk.position(sleeve, symbol)
        if position.quantity:
            yield sleeve, position


def _working(desk: Desk, symbol: str) -> list[Order]:
    found = [order for order in desk.state.orders.values() if order.symbol == symbol]
    return sorted(found, key=lambda order: order.order_id)


def _dividend(desk: Desk, action: Dividend, number: str) -> None:
    """Owed from today on for the shares held at the close before; a short position owes it."""
    pay_date = action.pay_date or desk.session
    for sleeve, position in _holdings(desk, action.symbol):
        amount = money.cents(position.quantity * action.amount)
        if not amount:
            continue
        key = _key(desk, "dividend", sleeve, action.symbol, number)
        owed = Receivable(key, sleeve, action.symbol, amount, pay_date)
        desk.post("dividend", key, sleeve, ledger.dividend(action.symbol, amount))
        desk.emit(fx.ReceivableRecorded(receivable=owed))
        if pay_date <= desk.session:
            cash.settle(desk, owed)


def _split(desk: Desk, action: Split, number: str, bar: Bar | None) -> None:
    """Shares, working orders and the mark follow the ratio; fractions are paid out in cash."""
    before = mark(desk.state, action.symbol)
    if bar is None and before is not None:
        after = money.price(before * action.old_shares / action.new_shares)
        desk.emit(fx.Split(symbol=action.symbol, mark=after))
    price = bar.open if bar else mark(desk.state, action.symbol)
    for sleeve, position in _holdings(desk, action.symbol):
        key = _key(desk, "split", sleeve, action.symbol, number)
        _split_position(desk, sleeve, position, action, key, price or ZERO)
    for order in _working(desk, action.symbol):
        _split_order(desk, order, action)


def _split_position(
    desk: Desk, sleeve: str, before: Position, action: Split, key: str, price: Decimal
) -> None:
    fractional = desk.config.fractional
    after, fraction = portfolio.split(
        before, action.new_shares, action.old_shares, fractional=fractional
    )
    if fraction or not after.quantity:
        _pay_out(desk, "cash_in_lieu", key, sleeve, action.symbol, after, fraction, price)
    else:
        desk.emit(fx.PositionChanged(sleeve=sleeve, symbol=action.symbol, position=after))


def _pay_out(
    desk: Desk,
    kind: str,
    key: str,
    sleeve: str,
    symbol: str,
    position: Position,
    shares: Decimal,
    price: Decimal,
) -> None:
    """Cash for `shares` of the position, without an order or a commission; what is left stays."""
    after, cost = portfolio.reduced(position, abs(shares))
    proceeds = money.cents(shares * price)
    desk.post(kind, key, sleeve, ledger.closing(symbol, proceeds, cost, ZERO))
    desk.emit(fx.PositionChanged(sleeve=sleeve, symbol=symbol, position=after))


def _split_order(desk: Desk, order: Order, action: Split) -> None:
    """Keep what the order is worth; one that would be left with a part of a share is cancelled."""
    new, old = action.new_shares, action.old_shares
    quantity = money.quantity(order.quantity * new / old)
    filled = money.quantity(order.filled_quantity * new / old)
    limit = order.limit_price and money.price(order.limit_price * old / new)
    stop = order.stop_price and money.price(order.stop_price * old / new)
    broken = any(shares != money.whole(shares) for shares in (quantity, filled))
    if quantity <= filled or (broken and not desk.config.fractional) or 0 in (limit, stop):
        desk.change(moved(order, Status.CANCELLED))
        return
    desk.change(
        msgspec.structs.replace(
            order, quantity=quantity, limit_price=limit, stop_price=stop, filled_quantity=filled
        )
    )


def _rename(desk: Desk, old: str, new: str) -> None:
    """Everything under the one symbol is under the other; positions in both become one."""
    for sleeve in sorted(desk.state.positions):
        _rename_holding(desk, sleeve, old, new)
    for order in _working(desk, old):
        desk.change(msgspec.structs.replace(order, symbol=new))
    desk.emit(fx.SymbolRenamed(symbol=old, new_symbol=new))


def _rename_holding(desk: Desk, sleeve: str, old: str, new: str) -> None:
    before = desk.position(sleeve, old)
    owed = (r for r in desk.state.receivables.values() if (r.sleeve, r.symbol) == (sleeve, old))
    receivable = sum((r.amount for r in owed), ZERO)
    if not (before.quantity or receivable):
        return
    after, loss = portfolio.merged(desk.position(sleeve, new), before)
    lines = ledger.rename(old, new, before.cost, receivable, loss)
    desk.post("rename", _key(desk, "rename", sleeve, old), sleeve, lines)
    if before.quantity:
        desk.emit(fx.PositionChanged(sleeve=sleeve, symbol=old, position=Position()))
        desk.emit(fx.PositionChanged(sleeve=sleeve, symbol=new, position=after))


def _delist(desk: Desk, action: Delisting) -> None:
    """Positions are paid out, orders end; dividends that are owed are still paid."""
    symbol = action.symbol
    for sleeve, position in _holdings(desk, symbol):
        key = _key(desk, "delisting", sleeve, symbol)
        shares, price = position.quantity, action.price
        _pay_out(desk, "delisting", key, sleeve, symbol, position, shares, price)
    for order in _working(desk, symbol):
        desk.change(moved(order, Status.CANCELLED))
    desk.emit(fx.SymbolDelisted(symbol=symbol, session=desk.session))
