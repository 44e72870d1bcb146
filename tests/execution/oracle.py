"""The books a second time, with fractions and in the plainest way: what the ledger must agree with.

An oracle of our own and not a bookkeeping program from elsewhere: those with FIFO lots round at
other places, know no short lots, receivables or renames, and beancount's licence (GPLv2) would
bind who ships it. This one shares no code with the engine: no Decimal, no transactions, no effects
but the fills and deposits that it is told.
Keep out: how an account is driven (machines_books.py) and how it is compared (laws.py).
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from execution.domain.config import AccountConfig
from router.messages import Action, Bars, Delisting, Dividend, Rename, Split

NONE = Fraction(0)
Key = tuple[str, str]
"""A sleeve and a symbol."""


class Lot(NamedTuple):
    opened: date
    shares: Fraction
    cost: Fraction


class Owed(NamedTuple):
    sleeve: str
    symbol: str
    amount: Fraction
    pay_date: date


def places(value: Fraction, digits: int) -> Fraction:
    """Rounded half to even."""
    return Fraction(round(value * 10**digits), 10**digits)


def cents(value: Fraction) -> Fraction:
    return places(value, 2)


def towards_zero(value: Fraction, digits: int) -> Fraction:
    scaled = abs(value) * 10**digits
    size = Fraction(scaled.numerator // scaled.denominator, 10**digits)
    return size if value >= 0 else -size


class Oracle:
    """What an account holds, has earned and is owed, by sleeve."""

    def __init__(self, config: AccountConfig) -> None:
        self.config = config
        self.session: date | None = None
        self.cash = dict.fromkeys(config.capital, NONE)
        self.lots: defaultdict[Key, list[Lot]] = defaultdict(list)
        self.owed: list[Owed] = []
        self.accrued: defaultdict[str, Fraction] = defaultdict(Fraction)
        self.marks: dict[str, Fraction] = {}
        self.capital, self.realised, self.fees = NONE, NONE, NONE
        self.dividends, self.interest, self.suspense = NONE, NONE, NONE
        self.gains: defaultdict[Key, Fraction] = defaultdict(Fraction)
        """Realised, by where."""

    def shares(self, key: Key) -> Fraction:
        return sum((lot.shares for lot in self.lots[key]), NONE)

    def cost(self, key: Key) -> Fraction:
        return sum((lot.cost for lot in self.lots[key]), NONE)

    def held(self) -> dict[Key, Fraction]:
        return {key: self.shares(key) for key, lots in self.lots.items() if lots}

    @property
    def value(self) -> Fraction:
        """Of all shares, at the last closes, not rounded."""
        return sum((n * self.marks[symbol] for (_, symbol), n in self.held().items()), NONE)

    @property
    def equity(self) -> Fraction:
        owed = sum((each.amount for each in self.owed), NONE)
        return sum(self.cash.values(), NONE) + cents(self.value) + owed

    def begin(self, bars: Bars) -> None:
        """All that happens before the session's open."""
        before, self.session = self.session, bars.session
        if before is None:
            for sleeve, amount in self.config.capital.items():
                self.move(sleeve, amount)
        else:
            self._interest(before, bars.session)
        self._pay()
        self.marks |= {bar.symbol: places(Fraction(bar.close), 8) for bar in bars.bars}
        self._act(bars)

    def move(self, sleeve: str, amount: Decimal) -> None:
        self.cash[sleeve] += Fraction(amount)
        self.capital += Fraction(amount)

    def trade(self, key: Key, shares: Decimal, price: Decimal, fee: Decimal) -> None:
        """Negative `shares` were sold."""
        assert self.session is not None
        count, worth = abs(Fraction(shares)), Fraction(price)
        sign = 1 if shares > 0 else -1
        value = cents(count * worth)
        self.cash[key[0]] -= sign * value + Fraction(fee)
        self.fees += Fraction(fee)
        against = min(count, -sign * self.shares(key))
        if against > 0:
            part = cents(against * worth)
            self._gain(key, -sign * part - self._take(key, against))
            count, value = count - against, value - part
        if count:
            self.lots[key].append(Lot(self.session, sign * count, sign * value))

    def _gain(self, key: Key, amount: Fraction) -> None:
        self.realised += amount
        self.gains[key] += amount

    def _take(self, key: Key, count: Fraction) -> Fraction:
        """Remove the oldest shares; returns their cost."""
        if count == abs(self.shares(key)):
            return sum((lot.cost for lot in self.lots.pop(key)), NONE)
        cost, queue = NONE, self.lots[key]
        while abs(queue[0].shares) <= count:
            gone = queue.pop(0)
            count, cost = count - abs(gone.shares), cost + gone.cost
        opened, shares, paid = queue[0]
        part = cents(paid * count / abs(shares))
        queue[0] = Lot(opened, shares * (1 - count / abs(shares)), paid - part)
        return cost + part

    def _interest(self, before: date, now: date) -> None:
        rate = Fraction(self.config.interest_rate)
        for sleeve, held in self.cash.items():
            earned = max(held, NONE) * rate * (now - before).days / 365
            self.accrued[sleeve] += places(earned, 9)
            if rate and (before.year, before.month) != (now.year, now.month):
                paid = towards_zero(self.accrued[sleeve], 2)
                self.accrued[sleeve] -= paid
                self.cash[sleeve] += paid
                self.interest += paid

    def _pay(self) -> None:
        assert self.session is not None
        for each in [each for each in self.owed if each.pay_date <= self.session]:
            self.owed.remove(each)
            self.cash[each.sleeve] += each.amount

    def _act(self, bars: Bars) -> None:
        renames = {a.symbol: a.new_symbol for a in bars.actions if isinstance(a, Rename)}
        self._rename(renames)
        today = {bar.symbol: Fraction(bar.open) for bar in bars.bars}
        taken = {*today, *renames.values()}
        names = {old: new for old, new in renames.items() if old not in taken}
        for kind in (Dividend, Split, Delisting):
            for action in bars.actions:
                if isinstance(action, kind):
                    self._one(action, names.get(action.symbol, action.symbol), today)

    def _one(self, action: Action, symbol: str, today: dict[str, Fraction]) -> None:
        keys = [key for key in self.held() if key[1] == symbol]
        if isinstance(action, Dividend):
            self._dividend(action, keys)
        elif isinstance(action, Split):
            ratio = Fraction(action.new_shares, action.old_shares)
            if symbol not in today and symbol in self.marks:
                self.marks[symbol] = places(self.marks[symbol] / ratio, 8)
            for key in keys:
                self._split(key, ratio, today.get(symbol, self.marks.get(symbol, NONE)))
        elif isinstance(action, Delisting):
            for key in keys:
                self._pay_out(key, self.shares(key), Fraction(action.price))
            self.marks.pop(symbol, None)

    def _dividend(self, action: Dividend, keys: Iterable[Key]) -> None:
        assert self.session is not None
        for key in keys:
            amount = cents(self.shares(key) * Fraction(action.amount))
            if amount:
                self.dividends += amount
                self.owed.append(Owed(*key, amount, action.pay_date or self.session))
        self._pay()

    def _split(self, key: Key, ratio: Fraction, price: Fraction) -> None:
        whole = towards_zero(self.shares(key) * ratio, 9)
        lots = [Lot(opened, towards_zero(n * ratio, 9), cost) for opened, n, cost in self.lots[key]]
        last = lots[-1]
        lots[-1] = last._replace(shares=last.shares + whole - sum(lot.shares for lot in lots))
        self.lots[key] = lots
        odd = NONE if self.config.fractional else whole - towards_zero(whole, 0)
        if odd or not whole:
            self._pay_out(key, odd, price)

    def _pay_out(self, key: Key, shares: Fraction, price: Fraction) -> None:
        proceeds = cents(shares * price)
        self.cash[key[0]] += proceeds
        self._gain(key, proceeds - self._take(key, abs(shares)))

    def _rename(self, renames: dict[str, str]) -> None:
        """All names change at the same instant."""
        moving = [(key, self.lots.pop(key)) for key in sorted(self.held()) if key[1] in renames]
        for (sleeve, symbol), lots in moving:
            self._join((sleeve, renames[symbol]), lots)
        self.owed = [
            each._replace(symbol=renames.get(each.symbol, each.symbol)) for each in self.owed
        ]
        marks = {name: self.marks.pop(name) for name in sorted(renames) if name in self.marks}
        for symbol, price in marks.items():
            self.marks.setdefault(renames[symbol], price)

    def _join(self, key: Key, lots: list[Lot]) -> None:
        """Shares of both signs close each other, the oldest first; nobody pays anything."""
        there, came = self.shares(key), sum((lot.shares for lot in lots), NONE)
        if there * came >= 0:
            self.lots[key] = sorted([*self.lots[key], *lots], key=lambda lot: lot.opened)
            return
        count = min(abs(there), abs(came))
        aside = ("", "")
        self.lots[aside] = lots
        self._gain(key, -self._take(key, count) - self._take(aside, count))
        self.lots[key] = [*self.lots.pop(key, []), *self.lots.pop(aside, [])]
