"""What must hold of any account after any feed, computed from its inputs and effects anew."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from execution.domain import effects as fx
from execution.domain import money
from execution.domain.ledger import Account, Transaction
from execution.domain.orders import Outcome, Status
from execution.domain.risk import Code
from execution.domain.state import State, encode_state
from router.messages import Bars, Signal
from tests.execution.factories import CONFIG, Core
from tests.execution.feeds import folded
from tests.execution.oracle import Oracle, cents
from tests.execution.order_laws import OrderWatch

ZERO = Decimal(0)


def check_all(core: Core) -> None:
    check_ledger(core)
    check_positions(core)
    check_accounts(core)
    check_equity(core)
    check_orders(core)
    check_verdicts(core)
    check_dispositions(core)
    check_folding(core)


def check_folding(core: Core) -> None:
    """The journal alone leads to the same state."""
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
    """Lots, cost, cash and what is owed are what a second set of books says."""
    compare(replayed(core), core.state)


def compare(books: Oracle, state: State) -> None:
    found = {
        (sleeve, symbol): position
        for sleeve, positions in state.positions.items()
        for symbol, position in positions.items()
    }
    assert {key: Fraction(held.quantity) for key, held in found.items()} == books.held()
    for key, position in found.items():
        lots = [(lot.opened, Fraction(lot.quantity), Fraction(lot.cost)) for lot in position.lots]
        assert lots == books.lots[key]
        assert sum(lot.quantity for lot in position.lots) == position.quantity
        assert all(lot.quantity * position.quantity >= 0 for lot in position.lots)
        assert all(lot.cost * position.quantity >= 0 for lot in position.lots)
    assert {sleeve: Fraction(cash) for sleeve, cash in state.cash.items()} == books.cash
    accrued = {sleeve: Fraction(amount) for sleeve, amount in state.accrued.items()}
    assert accrued == {sleeve: amount for sleeve, amount in books.accrued.items() if amount}
    owed = [(r.sleeve, r.symbol, r.amount, r.pay_date) for r in state.receivables.values()]
    assert Counter((*r[:2], Fraction(r[2]), r[3]) for r in owed) == Counter(
        tuple(each) for each in books.owed
    )


def check_accounts(core: Core) -> None:
    """Each ledger account, by sleeve and symbol, is what is held, owed and earned."""
    ledger: defaultdict[Account, Counter[tuple[str, str | None]]] = defaultdict(Counter)
    for posted in core.all(fx.Posted):
        for line in posted.transaction.lines:
            ledger[line.account][posted.transaction.sleeve, line.symbol] += line.amount  # type: ignore[assignment]
    held, owed = Counter[tuple[str, str | None]](), Counter[tuple[str, str | None]]()
    for sleeve, positions in core.state.positions.items():
        for symbol, position in positions.items():
            held[sleeve, symbol] = position.cost  # type: ignore[assignment]
    for each in core.state.receivables.values():
        owed[each.sleeve, each.symbol] += each.amount  # type: ignore[assignment]
    assert ledger[Account.POSITIONS] == held
    assert ledger[Account.RECEIVABLE] == owed
    books = replayed(core)
    gains = {key: -Fraction(amount) for key, amount in ledger[Account.REALISED].items()}
    assert Counter(gains) == Counter(books.gains)
    assert Fraction(balance(core, Account.FEES)) == books.fees
    assert Fraction(balance(core, Account.DIVIDENDS)) == -books.dividends
    assert Fraction(balance(core, Account.INTEREST)) == -books.interest
    assert Fraction(balance(core, Account.CAPITAL)) == -books.capital
    assert Fraction(balance(core, Account.SUSPENSE)) == books.suspense


def replayed(core: Core) -> Oracle:
    """The account's inputs and fills in a second set of books; each valuation must agree."""
    books = Oracle(CONFIG)
    for effect in core.effects:
        if isinstance(effect, fx.AccountOpened):
            books = Oracle(effect.config)
    follow(books, core, core.effects)
    return books


def follow(books: Oracle, core: Core, effects: Iterable[fx.Effect]) -> None:
    """Tell the second books what happened."""
    feed = {item.input_id: item for item, _ in core.journal if isinstance(item, Bars)}
    for effect in effects:
        match effect:
            case fx.BarsApplied():
                books.begin(feed[effect.input_id])
            case fx.Filled(fill=fill):
                key = fill.sleeve, fill.symbol
                before = books.gains[key]
                books.trade(key, fill.quantity * fill.side.sign, fill.price, fill.commission)
                assert Fraction(fill.realised) == books.gains[key] - before
            case fx.CapitalMoved():
                books.move(effect.sleeve, effect.amount)
            case fx.Posted(transaction=transaction) if transaction.kind == "suspense":
                _suspend(books, transaction)
            case fx.SessionValued():
                _check_valuation(books, effect)


def _check_valuation(books: Oracle, valued: fx.SessionValued) -> None:
    assert Fraction(valued.equity) == books.equity == worth(books)
    assert Fraction(valued.cash) == sum(books.cash.values())
    assert Fraction(valued.exposure) == cents(books.value)
    rounding = Decimal("0.01") * len(valued.sleeves)
    assert abs(sum(valued.sleeves.values()) - valued.equity) <= rounding


def worth(books: Oracle) -> Fraction:
    """Equity the other way: what was put in, earned and spent, and what is not realised yet."""
    cost = sum((books.cost(key) for key in books.held()), Fraction(0))
    unrealised = cents(books.value) - cost
    income = books.realised + books.dividends + books.interest
    return books.capital + income + unrealised - books.fees - books.suspense


def _suspend(books: Oracle, transaction: Transaction) -> None:
    """What a venue did without an order of ours is taken as it was booked."""
    books.cash[transaction.sleeve] += Fraction(transaction.cash)
    for line in transaction.lines:
        if line.account == Account.SUSPENSE:
            books.suspense += Fraction(line.amount)
        elif line.account == Account.FEES:
            books.fees += Fraction(line.amount)


def check_equity(core: Core) -> None:
    """Equity = capital + realised + unrealised - fees + dividends + interest - suspense."""
    books = replayed(core)
    assert books.session is None or books.equity == worth(books)


def check_orders(core: Core) -> None:
    """Every event of every order is legal, and only working orders are remembered as such."""
    assert core.state.config is not None
    watch = OrderWatch(core.state.config.venue)
    for effect in core.effects:
        watch.see(effect)
    assert watch.working == set(core.state.orders)


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


def check_verdicts(core: Core) -> None:
    """An order is refused by its first failed check in the order of the codes, or accepted."""
    limits = {1} | {changed.limits.version for changed in core.all(fx.LimitsChanged)}
    for created in core.all(fx.OrderCreated):
        order = created.order
        failed = [check.code for check in order.checks if check.outcome == Outcome.FAILED]
        codes = [check.code for check in order.checks if check.code != Code.INTERNAL_ERROR]
        assert order.code == (failed[0] if failed else None)
        assert (order.status == Status.REFUSED) == bool(failed)
        assert codes == sorted(codes, key=list(Code).index)
        assert order.limits_version in limits
