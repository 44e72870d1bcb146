"""What must hold of any account after any feed, computed from its inputs and effects anew."""

from collections import Counter, defaultdict
from decimal import Decimal

from execution.domain import effects as fx
from execution.domain import money
from execution.domain.ledger import Account
from execution.domain.orders import WORKING, Order, Side, Status
from execution.domain.state import encode_state
from router.messages import Bars, Signal, Split
from tests.execution.factories import Core
from tests.execution.feeds import folded

ZERO = Decimal(0)


def check_all(core: Core) -> None:
    check_ledger(core)
    check_positions(core)
    check_equity(core)
    check_orders(core)
    check_dispositions(core)
    assert encode_state(folded(core)) == encode_state(core.state)


def balance(core: Core, account: Account, sleeve: str | None = None) -> Decimal:
    """The sum of one ledger account's lines, of one sleeve or of all."""
    transactions = (posted.transaction for posted in core.all(fx.Posted))
    return sum(
        (
            line.amount
            for transaction in transactions
            if sleeve in (None, transaction.sleeve)
            for line in transaction.lines
            if line.account == account
        ),
        ZERO,
    )


def check_ledger(core: Core) -> None:
    """Every transaction sums to zero and is posted once; cash follows from its lines."""
    keys = Counter()
    for posted in core.all(fx.Posted):
        assert sum(line.amount for line in posted.transaction.lines) == 0
        assert all(line.amount == money.cents(line.amount) for line in posted.transaction.lines)
        keys[posted.transaction.txn_id] += 1
    assert set(keys.values()) <= {1}
    for sleeve, cash in core.state.cash.items():
        assert cash == balance(core, Account.CASH, sleeve)


def check_positions(core: Core) -> None:
    """Shares are what was filled and split; cost is what the ledger says and FIFO left over."""
    shares = _shares_from_fills(core)
    costs: defaultdict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    for posted in core.all(fx.Posted):
        for line in posted.transaction.lines:
            if line.account == Account.POSITIONS:
                costs[posted.transaction.sleeve, line.symbol] += line.amount
    held = {
        (sleeve, symbol): position
        for sleeve, positions in core.state.positions.items()
        for symbol, position in positions.items()
    }
    assert {key for key, quantity in shares.items() if quantity} == set(held)
    assert {key for key, cost in costs.items() if cost} <= set(held)
    for key, position in held.items():
        assert position.quantity == shares[key] > 0
        assert sum(lot.quantity for lot in position.lots) == position.quantity
        assert all(lot.quantity >= 0 and lot.cost >= 0 for lot in position.lots)
        assert position.cost == costs[key]


def _shares_from_fills(core: Core) -> dict[tuple[str, str], Decimal]:
    feed = {item.input_id: item for item, _ in core.journal if isinstance(item, Bars)}
    shares: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for effect in core.effects:
        if isinstance(effect, fx.BarsApplied):
            for action in feed[effect.input_id].actions:
                if isinstance(action, Split):
                    for key in [k for k in shares if k[1] == action.symbol]:
                        shares[key] = money.whole(
                            shares[key] * action.new_shares / action.old_shares
                        )
        elif isinstance(effect, fx.Filled):
            fill = effect.fill
            sign = 1 if fill.side == Side.BUY else -1
            shares[fill.sleeve, fill.symbol] += sign * fill.quantity
    return dict(shares)


def check_equity(core: Core) -> None:
    """Equity = capital + realised + unrealised - fees + dividends, to the cent."""
    marks = {symbol: mark.price for symbol, mark in core.state.marks.items()}
    value, cost = ZERO, ZERO
    for positions in core.state.positions.values():
        for symbol, position in positions.items():
            value += position.quantity * marks[symbol]
            cost += position.cost
    # Income and capital grow with negative amounts, expenses with positive ones.
    capital, realised = -balance(core, Account.CAPITAL), -balance(core, Account.REALISED)
    fees, dividends = balance(core, Account.FEES), -balance(core, Account.DIVIDENDS)
    valued = core.all(fx.SessionValued)[-1]
    expected = capital + realised + money.cents(value) - cost - fees + dividends
    assert valued.equity == expected
    assert valued.cash == sum(core.state.cash.values())
    assert abs(sum(valued.sleeves.values()) - valued.equity) <= Decimal("0.01") * len(
        valued.sleeves
    )
    fills = [filled.fill for filled in core.all(fx.Filled)]
    assert fees == sum(fill.commission for fill in fills)


def check_orders(core: Core) -> None:
    """0 <= filled <= quantity, ends are final, and only working orders are remembered."""
    orders: dict[str, Order] = {}
    statuses: dict[str, Status] = {}
    for effect in core.effects:
        if isinstance(effect, fx.OrderCreated):
            assert effect.order.order_id not in orders
            orders[effect.order.order_id] = effect.order
            statuses[effect.order.order_id] = effect.order.status
        elif isinstance(effect, fx.OrderChanged):
            assert statuses[effect.order_id] in WORKING
            assert 0 <= effect.filled_quantity <= effect.quantity
            statuses[effect.order_id] = effect.status
        elif isinstance(effect, fx.Filled):
            made = orders[effect.fill.order_id].session
            assert made is not None
            assert made < effect.fill.session
    working = {order_id for order_id, status in statuses.items() if status in WORKING}
    assert working == set(core.state.orders)
    assert len({order.client_order_id for order in orders.values()}) == len(orders)


def check_dispositions(core: Core) -> None:
    """Every signal ends in exactly one disposition, or still waits; none executes twice."""
    ended = Counter(disposed.signal_id for disposed in core.all(fx.SignalDisposed))
    received = {item.input_id for item, _ in core.journal if isinstance(item, Signal)}
    assert set(ended.values()) <= {1}
    assert set(ended) == received - set(core.state.pending)
    executed = Counter(
        (disposed.strategy, disposed.symbol, disposed.as_of)
        for disposed in core.all(fx.SignalDisposed)
        if disposed.disposition == fx.Disposition.EXECUTED
    )
    assert set(executed.values()) <= {1}
