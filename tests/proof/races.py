"""Proof: orders that fit a limit alone but not together never pass it, whoever sends them at once.

Each round, people and the strategy want the same symbols: for every symbol the strategy's order and
each of two orders by hand would fit the position limit, and no two of them do. The journal is then
folded, and after every row the worst case is added up here, without the rules that judged it.
Keep out: the rules and their boundaries (risk_codes.py).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

from execution import verify
from execution.domain.config import MANUAL_SLEEVE, Limits
from execution.domain.effects import OrderCreated, decode_effects
from execution.domain.engine import fold
from execution.domain.inputs import decode_input
from execution.domain.money import ZERO
from execution.domain.orders import Order, OrderType, Side
from execution.domain.risk import Code
from execution.domain.state import Inbox, State
from router.client import Connection, connected, publish
from router.messages import Bars, Signal, SignalSet
from tests.execution.factories import bar, bars, signal, signal_set
from tests.execution.running import RunningCore, as_messages, running
from tests.proof import feed
from tests.proof.api_client import WHO, Client, clients
from tests.proof.result import Form, Result
from tests.proof.stage import Servers, servers

PROMISE = (
    "Orders that fit a limit alone but not together, from people and signals at once and through "
    "two cores on one account: exposure at its worst case is never above the limit"
)
RACES = {Form.SHORT: 500, Form.FULL: 10_000, Form.LONG: 50_000}
SHARED = Decimal("0.05")
"""The part of the rounds in which a second core drives the same account."""

SYMBOLS = tuple(f"R{n:02}" for n in range(20))
CONNECTIONS = 8
ACCOUNT = feed.ACCOUNT
LIMIT = Decimal(6_000)
"""What a symbol may come to: above 5 % of a sleeve of 90,000, far below twice an order by hand."""

BY_HAND = Decimal(1_000_000)
LIMITS = {
    "position_limit": str(round(LIMIT / (BY_HAND + 90_000), 9)),
    "drawdown": "1",
    "daily_loss": "1",
    "repeated_executions": 10**9,
    "orders_per_minute": 10**9,
}
BUFFER = 1 + Limits().market_buffer
SPARE = Decimal("1.1")
"""More rounds than are needed: where the strategy wants little, nobody is in its way."""

UPKEEP, LOST = 100, Decimal(6_000)
"""Every so many rounds the strategy gets back about what its trades cost it."""

Round = tuple[Bars, list[Signal], SignalSet]


@dataclass
class Judged:
    """What the journal says of every race."""

    fullest: Decimal = ZERO
    """The largest worst case, as a part of the limit."""
    above: int = 0
    accepted: dict[tuple[date | None, str], list[str]] = field(default_factory=dict)
    refused: set[tuple[date | None, str]] = field(default_factory=set)
    """Races in which the limit refused somebody."""

    def add(self, order: Order, state: State) -> None:
        """Count an order that was just judged; `state` is the account after its row."""
        race = order.session, order.symbol
        if order.code == Code.POSITION_LIMIT:
            self.refused.add(race)
        elif order.code is None and order.side == Side.BUY:
            self.accepted.setdefault(race, []).append(order.sleeve)
            share = _share(state, order.symbol)
            self.fullest = max(self.fullest, share)
            self.above += share > 1

    def won(self) -> Counter[str]:
        """Races by whose order was accepted while another was refused."""
        return Counter(sleeve for race in self.refused for sleeve in self.accepted.get(race, []))


def prove(form: Form, seed: int, folder: Path) -> Result:
    """Race as often as the form says, and add up what was allowed."""
    began = time.monotonic()
    rounds = int(RACES[form] // len(SYMBOLS) * SPARE)
    with servers(folder) as at, ExitStack() as stack:
        cores = _cores(at, folder)
        stack.enter_context(running(cores[0]))
        asyncio.run(_campaign(at, cores, stack, rounds, seed))
        judged = _judged(cores[0])
        sound = verify.verify(cores[0].database.app_url).sound
    won = judged.won()
    enough = won.total() >= RACES[form] and min(won[MANUAL_SLEEVE], won[feed.STRATEGY]) > 0
    return Result(
        PROMISE,
        f"{won.total():,} races, {judged.above} above the limit, the fullest at "
        f"{100 * judged.fullest:.1f} % of it; won {won[MANUAL_SLEEVE]:,} times by people and "
        f"{won[feed.STRATEGY]:,} times by signals",
        not judged.above and sound and enough,
        time.monotonic() - began,
        {"won by": dict(won), "verify": sound, "rounds with two cores": f"{SHARED:.0%}"},
    )


def _cores(at: Servers, folder: Path) -> list[RunningCore]:
    database = at.postgres.create("proof_races", at.template)
    at.nats.clear()
    folders = [folder / name for name in ("first", "second")]
    for each in folders:
        each.mkdir()
    return [RunningCore(database, at.nats.url, each) for each in folders]


def _rounds(count: int) -> Iterator[tuple[Round, bool]]:
    """A round that is raced, then one in which the strategy sells what it got."""
    days = [date(1950, 1, 2) + timedelta(days=n) for n in range(2 * count + 1)]
    for n, (previous, day) in enumerate(pairwise([None, *days])):
        raced = n % 2 == 1
        rows = [bar(s, "100", volume="100000000") for s in SYMBOLS]
        scored = [signal(day, s, "0.9" if raced else "-0.9") for s in SYMBOLS]
        yield (bars(day, *rows, previous=previous), scored, signal_set(day, scored)), raced


async def _campaign(
    at: Servers, cores: list[RunningCore], stack: ExitStack, rounds: int, seed: int
) -> None:
    chance = random.Random(f"races:{seed}")
    shared_from = int(2 * rounds * (1 - SHARED))
    async with AsyncExitStack() as connections:
        nats = await connections.enter_async_context(connected(at.nats.url, "proof"))
        database = await connections.enter_async_context(_reading(cores[0]))
        people = await connections.enter_async_context(_people(cores[0]))
        for n, (items, raced) in enumerate(_rounds(rounds)):
            if n == 1:
                await _prepare(people[0])
            if n == shared_from:
                await asyncio.to_thread(stack.enter_context, running(cores[1]))
                people = people + await connections.enter_async_context(_people(cores[1]))
            if n % UPKEEP == UPKEEP - 1:
                await _deposit(people[0], feed.STRATEGY, LOST)
            orders = _orders(people, n, chance) if raced else []
            await _race(nats, orders, items, chance.uniform(0.0, 0.2) if raced else 0.0)
            await _closed(database, items[0].session)


def _people(core: RunningCore) -> AbstractAsyncContextManager[list[Client]]:
    return clients(core.port, core.token, CONNECTIONS)


@asynccontextmanager
async def _reading(core: RunningCore) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    url = core.database.app_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def _prepare(control: Client) -> None:
    wanted = {"account": ACCOUNT, "version": 1, "changes": LIMITS}
    await control.ok("POST", "/api/v1/limits", WHO | wanted)
    await _deposit(control, MANUAL_SLEEVE, BY_HAND - 10_000)


async def _deposit(control: Client, sleeve: str, amount: Decimal) -> None:
    cash = {"account": ACCOUNT, "sleeve": sleeve, "amount": str(amount), "reason": "proof"}
    await control.ok("POST", "/api/v1/cash", cash)


def _orders(
    people: list[Client], number: int, chance: random.Random
) -> list[Coroutine[Any, Any, None]]:
    """Two orders for each symbol, in a new order each round, dealt to the connections."""
    wanted = [(symbol, quantity) for symbol in SYMBOLS for quantity in ("50", "51")]
    chance.shuffle(wanted)
    hands = [wanted[n :: len(people)] for n in range(len(people))]
    return [_place(client, number, hand) for client, hand in zip(people, hands, strict=True)]


async def _place(client: Client, number: int, wanted: list[tuple[str, str]]) -> None:
    for symbol, quantity in wanted:
        order = {"account": ACCOUNT, "symbol": symbol, "side": "buy", "quantity": quantity}
        name = f"race-{number}-{symbol}-{quantity}"
        order |= {"type": "limit", "limit_price": "96", "client_order_id": name}
        status, answer = await client.ask("POST", "/api/v1/orders", order)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise AssertionError(f"an order was answered {status}: {answer}")


async def _race(
    nats: Connection, orders: list[Coroutine[Any, Any, None]], items: Round, wait_s: float
) -> None:
    """Bars and signals, then orders by hand, and somewhere among them the set's end."""
    today, scored, ends = items
    await publish(nats.js, as_messages([today, *scored], ACCOUNT))

    async def end() -> None:
        await asyncio.sleep(wait_s)
        await publish(nats.js, as_messages([ends], ACCOUNT))

    await asyncio.gather(end(), *orders)


async def _closed(database: psycopg.AsyncConnection[Any], session: date) -> None:
    query = "SELECT count(*) FROM dispositions WHERE account = %s AND session = %s"
    async with asyncio.timeout(60):
        while True:
            row = await (await database.execute(query, (ACCOUNT, session))).fetchone()
            if row == (len(SYMBOLS),):
                return
            await asyncio.sleep(0.01)


def _judged(core: RunningCore) -> Judged:
    """Fold the journal and add up, after every row, what its orders lead to at worst."""
    state, inbox, found = State(), Inbox(), Judged()
    with psycopg.connect(core.database.app_url) as connection, connection.cursor("rows") as cursor:
        cursor.execute(
            "SELECT seq, input, effects FROM journal WHERE account = %s ORDER BY seq", (ACCOUNT,)
        )
        for seq, payload, recorded in cursor:
            effects = decode_effects(recorded)
            fold(state, inbox, seq, decode_input(payload), effects)
            for effect in effects:
                if isinstance(effect, OrderCreated):
                    found.add(effect.order, state)
    return found


def _share(state: State, symbol: str) -> Decimal:
    """A symbol's worst case, as a part of the limit."""
    held = sum(sleeve[symbol].quantity for sleeve in state.positions.values() if symbol in sleeve)
    working = [o for o in state.orders.values() if (o.symbol, o.side) == (symbol, Side.BUY)]
    worst = held * state.marks[symbol].price + sum(map(_worst_value, working))
    limit = Decimal(LIMITS["position_limit"]) * _equity(state)
    return worst / limit


def _worst_value(order: Order) -> Decimal:
    if order.type == OrderType.LIMIT:
        assert order.limit_price is not None
        return order.leaves * order.limit_price
    assert order.reference_price is not None
    return order.leaves * order.reference_price * BUFFER


def _equity(state: State) -> Decimal:
    held = [(s, p.quantity) for sleeve in state.positions.values() for s, p in sleeve.items()]
    return sum(state.cash.values(), ZERO) + sum(
        (quantity * state.marks[symbol].price for symbol, quantity in held), ZERO
    )
