"""Inputs with sensible defaults, for tests of the trading core."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from execution.domain.config import AccountConfig
from execution.domain.effects import Effect
from execution.domain.engine import handle
from execution.domain.inputs import Input, OpenAccount, PlaceOrder
from execution.domain.orders import OrderType, Side, TimeInForce
from execution.domain.state import Inbox, State
from router.messages import (
    Action,
    Bar,
    Bars,
    Contribution,
    Provenance,
    Signal,
    SignalSet,
    digest,
)

DAYS = [date(2012, 1, 2) + timedelta(days=n) for n in range(60)]
"""Stand-ins for sessions: the engine knows no calendar."""

CONFIG = AccountConfig(
    account="sample",
    mode="replay",
    strategies=("technical",),
    sources=("sample",),
    capital={"technical": Decimal(90_000), "manual": Decimal(10_000)},
)


def close_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 21, tzinfo=UTC)


def bar(symbol: str = "AAPL", price: str = "100", **prices: str) -> Bar:
    values = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": "1000000"} | prices
    return Bar(symbol=symbol, **{name: Decimal(value) for name, value in values.items()})


def bars(
    day: date,
    *rows: Bar,
    previous: date | None = None,
    actions: tuple[Action, ...] = (),
    suspects: tuple[str, ...] = (),
) -> Bars:
    rows = rows or (bar(),)
    return Bars(
        source="sample",
        session=day,
        previous=previous,
        bar_end=close_of(day),
        known_at=close_of(day) + timedelta(minutes=15),
        version=digest(str(rows), str(actions)),
        bars=rows,
        actions=actions,
        suspects=suspects,
        starts=previous is None,
    )


def signal(
    day: date,
    symbol: str = "AAPL",
    score: str = "0.5",
    content: str = "",
    strategy: str = "technical",
) -> Signal:
    return Signal(
        strategy=strategy,
        strategy_version="1",
        symbol=symbol,
        session=day,
        as_of=close_of(day),
        valid_until=close_of(day) + timedelta(hours=17),
        score=Decimal(score),
        content=digest(symbol, score, content),
        reasons=("because",),
        contributions=(
            Contribution(analysis="technical", part=Decimal("0.1"), without=Decimal(0)),
        ),
        provenance=Provenance(
            run_id="run", asset="signals", partition=str(day), code_version="1", input_versions={}
        ),
    )


def signal_set(day: date, signals: list[Signal], strategy: str = "technical") -> SignalSet:
    return SignalSet(
        strategy=strategy,
        session=day,
        as_of=close_of(day),
        signal_ids=tuple(s.input_id for s in signals),
    )


def order(symbol: str = "AAPL", quantity: str = "10", **fields: object) -> PlaceOrder:
    values: dict[str, object] = {
        "account": "sample",
        "request_id": "mine",
        "side": Side.BUY,
        "type": OrderType.MARKET,
        "limit_price": None,
        "time_in_force": TimeInForce.DAY,
    } | fields
    return PlaceOrder(symbol=symbol, quantity=Decimal(quantity), **values)  # type: ignore[arg-type]


def session(
    day: date,
    scores: dict[str, str],
    prices: dict[str, str] | None = None,
    previous: date | None = None,
) -> list[Input]:
    """A whole session's feed in order: bars, signals, set."""
    prices = prices or dict.fromkeys(scores, "100")
    signals = [signal(day, symbol, score) for symbol, score in scores.items()]
    rows = [bar(symbol, price) for symbol, price in prices.items()]
    return [bars(day, *rows, previous=previous), *signals, signal_set(day, signals)]


def quiet(
    day: date, *rows: Bar, previous: date | None = None, actions: tuple[Action, ...] = ()
) -> list[Input]:
    """A session without signals."""
    return [bars(day, *rows, previous=previous, actions=actions), signal_set(day, [])]


def feed(days: list[date], scores: dict[str, str]) -> list[Input]:
    """Several sessions in a row with the same scores."""
    items = session(days[0], scores)
    for previous, day in pairwise(days):
        items += session(day, scores, previous=previous)
    return items


class Core:
    """An account in memory."""

    def __init__(self, config: AccountConfig = CONFIG) -> None:
        self.state, self.inbox = State(), Inbox()
        self.effects: list[Effect] = []
        self.journal: list[tuple[Input, tuple[Effect, ...]]] = []
        self.send(OpenAccount(config=config))

    def send(self, *items: Input) -> tuple[Effect, ...]:
        new: tuple[Effect, ...] = ()
        for item in items:
            effects = handle(self.state, self.inbox, len(self.journal) + 1, item)
            self.journal.append((item, effects))
            new += effects
        self.effects += new
        return new

    def all(self, kind: type) -> list:
        return [effect for effect in self.effects if isinstance(effect, kind)]
