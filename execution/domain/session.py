"""What a session's bars do: corporate actions, fills of waiting orders, expiry, valuation.

The order matters and is fixed: actions happen before the open, orders decided earlier fill from
this bar, day orders that did not fill end, and the account is valued at the closes.
Keep out: new orders (decisions.py).
"""

from decimal import Decimal

import msgspec

from execution.domain import effects as fx
from execution.domain import ledger, money, paper, portfolio
from execution.domain.desk import Desk, exposures, mark, sleeve_equity
from execution.domain.money import ZERO
from execution.domain.orders import Fill, Order, Side, Status, TimeInForce, moved
from router.messages import Bar, Bars, Dividend, Split, digest


def apply_bars(desk: Desk, bars: Bars) -> None:
    """Move the account to the end of this session."""
    prices = {bar.symbol: bar for bar in bars.bars}
    begins = desk.state.session is None
    desk.emit(
        fx.BarsApplied(
            input_id=bars.input_id,
            session=bars.session,
            awaiting=tuple(sorted(desk.config.strategies)),
        )
    )
    if begins:
        _post_capital(desk)
    for number, action in enumerate(sorted(bars.actions, key=_action_order)):
        if isinstance(action, Split):
            _split(desk, action, number, prices.get(action.symbol))
        else:
            _dividend(desk, action, number)
    for order in _queue(desk):
        _settle(desk, order, prices.get(order.symbol))
    _value(desk)


def _action_order(action: Split | Dividend) -> tuple[str, bool]:
    """A dividend is of the shares held before, so it comes before a split of the same symbol."""
    return action.symbol, isinstance(action, Split)


def _post_capital(desk: Desk) -> None:
    """An account's clock, and so its books, begin with its first session."""
    for sleeve, amount in sorted(desk.config.capital.items()):
        key = digest("capital", desk.config.account, sleeve)
        desk.post("capital", key, sleeve, ledger.deposit(money.cents(amount)))


def _queue(desk: Desk) -> list[Order]:
    """Working orders as the venue takes them: sales first, then by symbol and id."""
    return sorted(
        desk.state.orders.values(),
        key=lambda order: (order.side == Side.BUY, order.symbol, order.order_id),
    )


def _settle(desk: Desk, order: Order, bar: Bar | None) -> None:
    config = desk.config
    execution = bar and paper.execute(order, bar, config.costs, fractional=config.fractional)
    if execution:
        order = _fill(desk, order, execution)
    if order.leaves and order.time_in_force == TimeInForce.DAY:
        desk.change(moved(order, Status.EXPIRED))


def _fill(desk: Desk, order: Order, execution: paper.Execution) -> Order:
    quantity, price, commission = execution
    value = money.cents(quantity * price)
    fill_id = digest("fill", order.order_id, desk.session.isoformat())
    before = desk.position(order.sleeve, order.symbol)
    if order.side == Side.BUY:
        after = portfolio.bought(before, desk.session, quantity, value)
        realised, lines = ZERO, ledger.purchase(order.symbol, value, commission)
    else:
        after, cost = portfolio.sold(before, quantity)
        realised, lines = value - cost, ledger.sale(order.symbol, value, cost, commission)
    fill = Fill(
        fill_id=fill_id,
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
    done = order.leaves == quantity
    order = moved(order, Status.FILLED if done else Status.PARTIALLY_FILLED, fill)
    desk.emit(fx.Filled(fill=fill))
    desk.post("fill", fill_id, order.sleeve, lines)
    desk.emit(fx.PositionChanged(sleeve=order.sleeve, symbol=order.symbol, position=after))
    desk.change(order)
    return order


def _split(desk: Desk, action: Split, number: int, bar: Bar | None) -> None:
    """Shares, working orders and the mark follow the ratio; fractions are paid out in cash."""
    before = mark(desk.state, action.symbol)
    if bar is None and before is not None:
        after = money.price(before * action.old_shares / action.new_shares)
        desk.emit(fx.Split(symbol=action.symbol, mark=after))
    price = bar.open if bar else mark(desk.state, action.symbol)
    for sleeve in sorted(desk.state.positions):
        if desk.position(sleeve, action.symbol).quantity:
            key = _action_key(desk, action, number, sleeve)
            _split_position(desk, sleeve, action, key, price or ZERO)
    for order in _queue(desk):
        if order.symbol == action.symbol:
            _split_order(desk, order, action)


def _split_position(desk: Desk, sleeve: str, action: Split, key: str, price: Decimal) -> None:
    fractional = desk.config.fractional
    before = desk.position(sleeve, action.symbol)
    after, fraction = portfolio.split(
        before, action.new_shares, action.old_shares, fractional=fractional
    )
    if fraction or not after.quantity:
        after, cost = portfolio.sold(after, fraction)
        value = money.cents(fraction * price)
        lines = ledger.sale(action.symbol, value, cost, ZERO)
        desk.post("cash_in_lieu", key, sleeve, lines)
    desk.emit(fx.PositionChanged(sleeve=sleeve, symbol=action.symbol, position=after))


def _split_order(desk: Desk, order: Order, action: Split) -> None:
    """Keep what the order is worth; one that would be left with a part of a share is cancelled."""
    new, old = action.new_shares, action.old_shares
    quantity = money.quantity(order.quantity * new / old)
    filled = money.quantity(order.filled_quantity * new / old)
    broken = any(shares != money.whole(shares) for shares in (quantity, filled))
    if quantity <= filled or (broken and not desk.config.fractional):
        desk.change(moved(order, Status.CANCELLED))
        return
    limit = order.limit_price and money.price(order.limit_price * old / new)
    desk.change(
        msgspec.structs.replace(order, quantity=quantity, limit_price=limit, filled_quantity=filled)
    )


def _action_key(desk: Desk, action: Split | Dividend, number: int, sleeve: str) -> str:
    """Natural key of a posting; a symbol may have several actions in one session."""
    kind = str(action.__struct_config__.tag)
    return digest(kind, sleeve, action.symbol, desk.session.isoformat(), str(number))


def _dividend(desk: Desk, action: Dividend, number: int) -> None:
    for sleeve in sorted(desk.state.positions):
        shares = desk.position(sleeve, action.symbol).quantity
        if shares:
            key = _action_key(desk, action, number, sleeve)
            amount = money.cents(shares * action.amount)
            desk.post("dividend", key, sleeve, ledger.dividend(action.symbol, amount))


def _value(desk: Desk) -> None:
    state = desk.state
    exposure = sum((v for held in exposures(state).values() for v in held.values()), ZERO)
    sleeves = {name: money.cents(equity) for name, equity in sleeve_equity(state).items()}
    desk.emit(
        fx.SessionValued(
            session=desk.session,
            cash=sum(state.cash.values(), ZERO),
            exposure=money.cents(exposure),
            sleeves=sleeves,
        )
    )
