"""State machines over the books: random trades, corporate actions and cash, against an oracle.

Orders come without risk checks here, so that positions of every kind arise: short ones, flips
through zero, and shares of one company under two names. `make prove` runs them longer.
Keep out: the oracle (oracle.py) and the laws of a whole account (laws.py).
"""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from execution.domain import effects as fx
from execution.domain.orders import OrderType, Side
from router.messages import Action, Delisting, Dividend, Rename, Split
from tests.execution import factories, laws
from tests.execution.ledgers import Ledger
from tests.execution.oracle import Oracle

NAMES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
SLEEVES = ("manual", "technical")
CONFIG = msgspec.structs.replace(factories.CONFIG, interest_rate=Decimal("0.0375"))

_names = st.sampled_from(NAMES)
_sleeves = st.sampled_from(SLEEVES)
_sides = st.sampled_from(Side)
_cents = st.integers(1, 30_000).map(lambda n: Decimal(n) / 100)
_fees = st.sampled_from([Decimal(0), Decimal(1), Decimal("1.37")])
_prices = st.dictionaries(_names, st.tuples(_cents, _cents), max_size=len(NAMES))
_ratios = st.sampled_from([(2, 1), (3, 2), (7, 1), (1, 3), (1, 10), (1, 100)])
_renames = st.dictionaries(_names, _names, max_size=2).filter(
    lambda names: all(old != new and names.get(new) != old for old, new in names.items())
)


class BooksMachine(RuleBasedStateMachine):
    """After every step the account's books are the oracle's."""

    config = CONFIG
    quantities = st.integers(1, 300).map(Decimal)

    @initialize(prices=st.fixed_dictionaries({name: st.tuples(_cents, _cents) for name in NAMES}))
    def begin(self, prices: dict[str, tuple[Decimal, Decimal]]) -> None:
        self.core = Ledger(self.config)
        self.books = Oracle(self.config)
        self._follow(self.core.session(date(2012, 1, 3), prices))

    def _follow(self, effects: tuple[fx.Effect, ...]) -> None:
        laws.follow(self.books, self.core, effects)

    @precondition(lambda self: self.core.state.marks)
    @rule(data=st.data(), sleeve=_sleeves, side=_sides, price=_cents, fee=_fees)
    def trade(
        self, data: st.DataObject, sleeve: str, side: Side, price: Decimal, fee: Decimal
    ) -> None:
        symbol = data.draw(st.sampled_from(sorted(self.core.state.marks)))
        quantity = data.draw(self.quantities) * side.sign
        self._follow(self.core.trade(symbol, quantity, price, fee, sleeve))

    @precondition(lambda self: self.core.state.orders)
    @rule(data=st.data(), price=_cents, fee=_fees)
    def fill_a_part(self, data: st.DataObject, price: Decimal, fee: Decimal) -> None:
        name = data.draw(st.sampled_from(sorted(self.core.state.orders)))
        made = self.core.state.orders[name]
        if made.symbol in self.core.state.marks:
            part = data.draw(self.quantities.filter(lambda shares: shares <= made.leaves))
            self._follow(self.core.fill(made, part, price, fee))

    @precondition(lambda self: self.core.state.marks)
    @rule(data=st.data(), sleeve=_sleeves, side=_sides, price=_cents)
    def work(self, data: st.DataObject, sleeve: str, side: Side, price: Decimal) -> None:
        symbol = data.draw(st.sampled_from(sorted(self.core.state.marks)))
        quantity = data.draw(self.quantities)
        limit = {"type": OrderType.LIMIT, "limit_price": price}
        self.core.work(sleeve, symbol, side, quantity + 1, **limit)

    @rule(sleeve=_sleeves, amount=_cents, sign=st.sampled_from([1, -1]))
    def move_cash(self, sleeve: str, amount: Decimal, sign: int) -> None:
        self._follow(self.core.move_cash(sleeve, amount * sign))

    @rule(data=st.data(), days=st.integers(1, 25), prices=_prices)
    def pass_on(
        self, data: st.DataObject, days: int, prices: dict[str, tuple[Decimal, Decimal]]
    ) -> None:
        day = self._later(days)
        actions = data.draw(st.lists(_actions(day), max_size=3))
        renames = [Rename(symbol=old, new_symbol=new) for old, new in data.draw(_renames).items()]
        self._follow(self.core.session(day, prices, *actions, *renames))

    @rule(days=st.integers(1, 25), prices=_prices)
    def pass_quietly(self, days: int, prices: dict[str, tuple[Decimal, Decimal]]) -> None:
        self._follow(self.core.session(self._later(days), prices))

    def _later(self, days: int) -> date:
        assert self.core.state.session is not None
        return self.core.state.session + timedelta(days=days)

    @invariant()
    def the_books_agree(self) -> None:
        laws.compare(self.books, self.core.state)
        assert self.books.equity == laws.worth(self.books)

    @invariant()
    def working_orders_are_whole(self) -> None:
        for made in self.core.state.orders.values():
            assert 0 <= made.filled_quantity < made.quantity
            assert self.config.fractional or made.leaves == made.leaves.to_integral_value()
            assert made.limit_price

    def teardown(self) -> None:
        if hasattr(self, "core"):
            laws.check_ledger(self.core)
            laws.check_accounts(self.core)
            laws.check_folding(self.core)


class FractionalBooksMachine(BooksMachine):
    """The same with parts of shares."""

    config = msgspec.structs.replace(CONFIG, fractional=True)
    quantities = st.integers(1, 3 * 10**11).map(lambda n: Decimal(n) / 10**9)


def _actions(day: date) -> st.SearchStrategy[Action]:
    pay_dates = st.none() | st.integers(-3, 50).map(lambda n: day + timedelta(days=n))
    splits = st.builds(
        lambda symbol, ratio: Split(symbol=symbol, new_shares=ratio[0], old_shares=ratio[1]),
        _names,
        _ratios,
    )
    amounts = st.integers(1, 5_000).map(lambda n: Decimal(n) / 1_000)
    return st.one_of(
        splits,
        st.builds(Dividend, symbol=_names, amount=amounts, pay_date=pay_dates),
        st.builds(Delisting, symbol=_names, price=_cents | st.just(Decimal(0))),
    )
