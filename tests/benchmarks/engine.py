"""The engine alone, without I/O, on one core: bars, orders through checks and books, memory.

Figures are of processor time, so that whatever else runs on the machine counts as little as it can.
Keep out: servers.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, pairwise

import msgspec
import psutil

from execution.domain import effects as fx
from execution.domain import engine
from execution.domain.config import AccountConfig
from execution.domain.inputs import Input, OpenAccount
from execution.domain.state import Inbox, State
from tests.benchmarks.report import at_least, at_most, heading, say
from tests.benchmarks.stage import CAPITAL, config, round_trips, symbols
from tests.execution.factories import bar, bars, signal, signal_set

SYMBOLS = 500
SESSIONS = 40
ROUNDS = 3
FIRST_DAY = date(1910, 1, 3)
SAMPLES = 50
WARM_UP = 0.2
"""The part of the inputs before memory is looked at."""


def measure(inputs: int) -> None:
    """Print the part of the table that needs no server."""
    heading("the engine without I/O, one core")
    rate = max(_bars_per_second() for _ in range(ROUNDS))
    at_least("bars that touch no order, sessions of 500 symbols", rate, 50_000, "bars/s")
    feed = round_trips(symbols(SYMBOLS), _days(SESSIONS))
    rate = max(_orders_per_second(feed) for _ in range(ROUNDS))
    at_least("orders through every check and the books", rate, 5_000, "orders/s")
    say("  of which each is a signal, sized, checked, recorded, filled and booked", "")
    at_most(f"memory's slope over {inputs:,} inputs", _mebibytes_per_million(inputs), 1, "MiB/M")


def _days(count: int) -> list[date]:
    return [FIRST_DAY + timedelta(days=n) for n in range(count)]


def _opened(account: AccountConfig) -> tuple[State, Inbox]:
    state, inbox = State(), Inbox()
    engine.handle(state, inbox, 1, OpenAccount(config=account))
    return state, inbox


def _bars_per_second() -> float:
    """An account without strategies, so that bars are all there is."""
    account = msgspec.structs.replace(config(), strategies=(), capital={"manual": CAPITAL})
    rows = [bar(name) for name in symbols(SYMBOLS)]
    feed = [
        bars(day, *rows, previous=previous) for previous, day in pairwise([None, *_days(SESSIONS)])
    ]
    state, inbox = _opened(account)
    began = time.process_time()
    for seq, item in enumerate(feed, 2):
        engine.handle(state, inbox, seq, item)
    return SYMBOLS * SESSIONS / (time.process_time() - began)


def _orders_per_second(feed: Sequence[Input]) -> float:
    state, inbox = _opened(config())
    orders = 0
    began = time.process_time()
    for seq, item in enumerate(feed, 2):
        found = engine.handle(state, inbox, seq, item)
        orders += sum(isinstance(effect, fx.OrderCreated) for effect in found)
    return orders / (time.process_time() - began)


def _mebibytes_per_million(inputs: int) -> float:
    """The straight line through resident memory, sampled once the account is full."""
    state, inbox = _opened(config())
    process, every = psutil.Process(), max(1, inputs // SAMPLES)
    samples: list[tuple[float, float]] = []
    for seq, item in enumerate(islice(_endless(), inputs), 2):
        engine.handle(state, inbox, seq, item)
        if seq % every == 0 and seq > WARM_UP * inputs:
            samples.append((seq / 1e6, process.memory_info().rss / 2**20))
    line = statistics.linear_regression(*zip(*samples, strict=True))
    return float(line.slope)


def _endless() -> Iterator[Input]:
    """Sessions of 100 symbols, a tenth of which trade; made one by one and kept by nobody."""
    names = symbols(100)
    previous, day = None, FIRST_DAY
    while True:
        sold = day.toordinal() % 10
        scored = [
            signal(day, name, "-0.5" if number % 10 == sold else "0.5")
            for number, name in enumerate(names)
        ]
        price = str(Decimal(100) + day.toordinal() % 7)
        yield bars(day, *(bar(name, price) for name in names), previous=previous)
        yield from scored
        yield signal_set(day, scored)
        previous, day = day, day + timedelta(days=1)
