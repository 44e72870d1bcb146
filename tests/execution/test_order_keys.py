"""On a real database: no sequence of commands breaks a key or a constraint of the tables."""

import random
from collections.abc import Iterator
from decimal import Decimal
from unittest import mock

import psycopg
import pytest
from alembic import command
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg_pool import AsyncConnectionPool

from execution import store
from execution.api.commands import submit
from execution.domain.inputs import CancelOrder, Command, Flatten, PlaceOrder, ReplaceOrder
from execution.domain.orders import OrderType, TimeInForce
from execution.errors import CommandConflictError
from execution.migrate import upgrade
from execution.processor import Processor
from execution.verify import verify
from router.messages import Bars, Signal, SignalSet, encode
from tests.execution.books import leased, write
from tests.execution.factories import CONFIG, DAYS, Core, bar, order, quiet
from tests.execution.machines import OrdersOnPaper, OrdersOutside
from tests.servers import Database, PostgresServer

IDS = ["a", "b", "c", "d", "e"]


class Delivered:
    """A message as a consumer hands it over."""

    subject = "test"

    def __init__(self, item: Bars | Signal | SignalSet) -> None:
        self.data = encode(item)

    async def ack(self) -> None:
        """Nobody waits for it."""


async def nothing(*_told: object) -> None:
    """After a commit."""


def any_command(chance: random.Random) -> Command:
    """Few ids, so that each is soon used: for an order, for another's place, or once more."""
    request, target = chance.choice(IDS), chance.choice(IDS)
    kind = chance.choice([PlaceOrder, ReplaceOrder, ReplaceOrder, CancelOrder, Flatten])
    shares = Decimal(chance.randint(1, 5))
    if kind is PlaceOrder:
        return order(
            quantity=str(shares),
            request_id=request,
            type=OrderType.LIMIT,
            limit_price=Decimal(99),
            time_in_force=TimeInForce.GTC,
        )
    if kind is ReplaceOrder:
        return ReplaceOrder(
            account="sample", request_id=request, client_order_id=target, quantity=shares
        )
    if kind is CancelOrder:
        return CancelOrder(account="sample", request_id=request, client_order_id=target)
    return Flatten(account="sample", request_id=request, requested_by="me", reason="test")


@pytest.mark.parametrize("number", range(4))
async def test_ids_that_are_used_again_and_again_never_stop_the_account(
    database: Database, number: int
) -> None:
    chance = random.Random(number)
    conflicts = 0
    async with (
        AsyncConnectionPool(database.app_url, min_size=1, max_size=1) as pool,
        await psycopg.AsyncConnection.connect(database.app_url) as connection,
        await psycopg.AsyncConnection.connect(database.app_url) as reading,
    ):
        lease = await leased(connection)
        loaded = await store.load(connection, "sample")
        processor = Processor(CONFIG, lease, connection, reading, loaded, nothing)
        previous = None
        for day in DAYS[:5]:
            feed = quiet(day, bar("AAPL"), previous=previous)
            await processor.process([Delivered(item) for item in feed])  # type: ignore[misc]
            previous = day
            for _ in range(chance.randint(3, 12)):
                try:
                    await submit(pool, any_command(chance))
                except CommandConflictError:
                    conflicts += 1
                if chance.random() < 0.5:
                    await processor.process([])
        await processor.process([])
        await processor.settle()
        cursor = await connection.execute("SELECT count(*) FROM commands WHERE seq IS NULL")
        assert await cursor.fetchone() == (0,)
        cursor = await connection.execute("SELECT count(*) FROM dead_letters")
        assert await cursor.fetchone() == (0,)
    assert conflicts > 0
    assert verify(database.app_url).sound


def generated(machine: type[OrdersOnPaper], number: int) -> list[Core]:
    """What some runs of a machine leave behind."""
    cores: list[Core] = []

    class Kept(machine):  # type: ignore[valid-type, misc]
        def teardown(self) -> None:
            cores.append(self.core)
            super().teardown()

    profile = settings(
        max_examples=12,
        stateful_step_count=40,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(Kept), settings=profile)
    return sorted(cores, key=lambda core: len(core.effects))[-4:]


@pytest.mark.parametrize("machine", [OrdersOnPaper, OrdersOutside])
async def test_whatever_commands_sessions_and_reports_lead_to_fits_the_tables(
    database: Database, machine: type[OrdersOnPaper]
) -> None:
    for core in generated(machine, 3):
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            connection.execute("TRUNCATE accounts CASCADE")
        await write(database, core)
        report = verify(database.app_url)
        assert report.sound, report.accounts[0].findings
        assert report.accounts[0].rows == len(core.journal)


@pytest.fixture
def first_release(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database as the first release made it."""
    made = postgres_server.create("first_release")
    newest = command.upgrade
    with mock.patch.object(command, "upgrade", lambda config, _: newest(config, "0001")):
        upgrade(made.owner_url)
    yield made
    postgres_server.drop(made.name)


async def test_ids_of_the_first_release_stay_used_after_an_upgrade(
    first_release: Database,
) -> None:
    asked = (
        b'{"kind":"place_order.v1","account":"sample","client_order_id":"mine","symbol":"AAPL",'
        b'"side":"buy","type":"market","quantity":"5","limit_price":null,"time_in_force":"day"}'
    )
    with psycopg.connect(first_release.owner_url) as connection:
        connection.execute(
            "INSERT INTO accounts (account, mode, config) VALUES ('sample', 'replay', '')"
        )
        connection.execute(
            "INSERT INTO commands (account, client_order_id, input) VALUES ('sample', 'mine', %s)",
            (asked,),
        )
    upgrade(first_release.owner_url)
    again = order(quantity="5", request_id="mine")
    async with (
        AsyncConnectionPool(first_release.app_url, min_size=1, max_size=1) as pool,
        await psycopg.AsyncConnection.connect(first_release.app_url) as connection,
    ):
        (waiting,) = await store.pending_commands(connection, "sample")
        assert waiting == again
        assert await submit(pool, again) == (again, False)
        other = ReplaceOrder(
            account="sample", request_id="mine", client_order_id="x", quantity=Decimal(1)
        )
        with pytest.raises(CommandConflictError):
            await submit(pool, other)
