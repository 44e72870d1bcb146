"""The feed of a proof: sessions without end that follow from a seed alone.

Belongs here: the inputs, in which order they are sent, and what they must lead to.
Keep out: sending them (processes.py) and judging what came of them (checks.py).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice

from execution.domain.inputs import Input
from execution.hashing import GENESIS, decisions
from router import subjects
from router.messages import Bar, Bars, Dividend, Signal, SignalSet, Split
from router.outgoing import Outgoing, outgoing
from tests.execution.factories import CONFIG, Core, bar, bars, signal, signal_set

ACCOUNT, SOURCE, STRATEGY = CONFIG.account, CONFIG.sources[0], CONFIG.strategies[0]
FIRST_DAY = date(1950, 1, 2)
SYMBOLS = ("AAPL", "FB", "IBM", "MSFT", "XOM")
CHUNK = 4
"""Sessions that are sent, and may be shuffled, together."""


def sessions(
    seed: int, symbols: tuple[str, ...] = SYMBOLS
) -> Iterator[list[Bars | Signal | SignalSet]]:
    """Bars, signals and set of one day after the other; a symbol may miss a day, split or pay."""
    chance = random.Random(f"feed:{seed}")
    prices = dict.fromkeys(symbols, Decimal(100))
    day, previous = FIRST_DAY, None
    while True:
        present = [symbol for symbol in symbols if chance.random() < 0.95]
        actions = tuple(_actions(chance, prices)) if previous else ()
        rows = [_bar(chance, prices, symbol) for symbol in present]
        scored = [signal(day, s, str(Decimal(chance.randint(-10, 10)) / 10)) for s in present]
        yield [
            bars(day, *rows, previous=previous, actions=actions),
            *scored,
            signal_set(day, scored),
        ]
        day, previous = day + timedelta(days=1), day


def _actions(chance: random.Random, prices: dict[str, Decimal]) -> Iterator[Split | Dividend]:
    for symbol, price in list(prices.items()):
        if chance.random() < 0.01:
            yield Dividend(symbol=symbol, amount=Decimal("0.125"))
        elif price > 150:
            prices[symbol] = (price / 2).quantize(Decimal("0.01"))
            yield Split(symbol=symbol, new_shares=2, old_shares=1)


def _bar(chance: random.Random, prices: dict[str, Decimal], symbol: str) -> Bar:
    opened = max(Decimal(10), prices[symbol] + Decimal(chance.randint(-200, 200)) / 100)
    closed = max(Decimal(10), opened + Decimal(chance.randint(-300, 310)) / 100)
    prices[symbol] = closed
    high, low = max(opened, closed) + 1, min(opened, closed) - 1
    volume = chance.choice(["5000", "1000000"])
    return bar(symbol, str(opened), high=str(high), low=str(low), close=str(closed), volume=volume)


def chunks(seed: int) -> Iterator[list[Outgoing]]:
    """What is sent, in order: half of the chunks are shuffled, and some messages come twice."""
    endless = sessions(seed)
    chance = random.Random(f"order:{seed}")
    while True:
        sent = [message_of(item) for days in islice(endless, CHUNK) for item in days]
        for message in chance.sample(sent, 2):
            again = f"{message.message_id}:again"
            sent.append(Outgoing(message.subject, message.payload, again))
        if chance.random() < 0.5:
            chance.shuffle(sent)
        yield sent


def message_of(item: Bars | Signal | SignalSet) -> Outgoing:
    """An input as a pipeline sends it to the router."""
    match item:
        case Bars():
            return outgoing(subjects.replay(ACCOUNT, "bars", item.source), item)
        case Signal():
            return outgoing(subjects.replay(ACCOUNT, "signal", item.strategy), item)
        case SignalSet():
            return outgoing(subjects.replay(ACCOUNT, "set", item.strategy), item)


@dataclass(frozen=True)
class Expected:
    """What an account must have come to, decided in one go, in memory, without a disturbance."""

    signal_ids: frozenset[str]
    input_ids: frozenset[str]
    decision_hash: str


def expected(seed: int, count: int, symbols: tuple[str, ...] = SYMBOLS) -> Expected:
    """What the first `count` sessions lead to."""
    core, hashed = Core(), GENESIS
    hashed = decisions(hashed, tuple(core.effects))
    items: list[Input] = [item for day in islice(sessions(seed, symbols), count) for item in day]
    for item in items:
        hashed = decisions(hashed, core.send(item))
    return Expected(
        frozenset(item.input_id for item in items if isinstance(item, Signal)),
        frozenset(item.input_id for item in items),
        hashed.hex(),
    )
