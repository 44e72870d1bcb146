"""Orders from people: written to the command table, decided by the account's writer.

Keep out: judging an order (domain/risk.py).
"""

import asyncio
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from execution.api import queries
from execution.domain.inputs import PlaceOrder
from execution.domain.orders import OrderType, Outcome, Side, Status, TimeInForce
from execution.errors import CommandConflictError
from execution.writer import Writer
from router.messages import NAME, SYMBOL, encode

ANSWER_WITHIN_S = 10.0


def _matching(pattern: str) -> Callable[[str], str]:
    """The wire's own patterns, which are Python's and not pydantic's."""

    def check(value: str) -> str:
        if not re.match(pattern, value):
            raise ValueError(f"{value[:40]!r} does not match {pattern}")
        return value

    return check


Shares = Annotated[Decimal, Field(gt=0, max_digits=24, decimal_places=9, allow_inf_nan=False)]
Price = Annotated[Decimal, Field(gt=0, max_digits=23, decimal_places=8, allow_inf_nan=False)]
AccountName = Annotated[str, AfterValidator(_matching(NAME))]
Ticker = Annotated[str, AfterValidator(_matching(SYMBOL))]
ClientOrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,48}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrderRequest(_Body):
    """A manual order; quantities in shares, prices per share, as strings or numbers."""

    account: AccountName = "sample"
    symbol: Ticker
    side: Side
    quantity: Shares
    type: OrderType = OrderType.MARKET
    limit_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    client_order_id: ClientOrderId

    @model_validator(mode="after")
    def _limit_price_belongs_to_limit_orders(self) -> Self:
        if (self.type == OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("limit_price is needed for a limit order and for no other")
        return self

    def command(self) -> PlaceOrder:
        """The input that the engine will see."""
        return PlaceOrder(**self.model_dump())


class AccountRequest(_Body):
    """A replay account to open."""

    account: AccountName
    strategies: Annotated[tuple[AccountName, ...], Field(min_length=1, max_length=8)]
    sources: Annotated[tuple[AccountName, ...], Field(min_length=1, max_length=1)]


class Page(_Body):
    """A page of a list; `after` is the Next-Cursor header of the page before."""

    account: AccountName = "sample"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    after: Annotated[str, StringConstraints(pattern=r"^\d{1,18}:[0-9a-f]{0,64}$")] = "0:"

    def bounds(self) -> dict[str, Any]:
        """What the queries take."""
        seq, key = self.after.split(":")
        return {
            "account": self.account,
            "limit": self.limit,
            "after_seq": int(seq),
            "after_key": key,
        }


class OrderPage(Page):
    """Orders, of one status or of all."""

    status: Status | None = None


class SignalPage(Page):
    """Signals, of one session or symbol or of all."""

    session: date | None = None
    symbol: Ticker | None = None


async def submit(connection: AsyncConnection[Any], command: PlaceOrder) -> None:
    """Write the command once; raises CommandConflictError where its id means another order."""
    payload = encode(command)
    async with connection.transaction():
        await connection.execute(
            """INSERT INTO commands (account, client_order_id, input) VALUES (%s, %s, %s)
               ON CONFLICT DO NOTHING""",
            (command.account, command.client_order_id, payload),
        )
        cursor = await connection.execute(
            "SELECT input FROM commands WHERE account = %s AND client_order_id = %s",
            (command.account, command.client_order_id),
        )
        row = await cursor.fetchone()
    if row is None or bytes(row[0]) != payload:
        raise CommandConflictError(f"{command.client_order_id} was used for another order")


async def answer(
    pool: AsyncConnectionPool[Any], command: PlaceOrder, writer: Writer
) -> dict[str, Any] | None:
    """The decided order, or None where the writer did not decide within ANSWER_WITHIN_S.

    Holds no connection while it waits.
    """
    key = command.account, command.client_order_id
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                seen = writer.commits
                async with pool.connection() as connection:
                    found = await queries.order(connection, *key)
                if found is not None:
                    return found
                await writer.wait_for_commit(seen)
    except TimeoutError:
        return None


def reason(order: dict[str, Any]) -> str:
    """Why an order was refused, with the numbers of the check that refused it."""
    for check in order["checks"]:
        if check["code"] == order["code"] and check["outcome"] == Outcome.FAILED:
            numbers = ", ".join(f"{name} {value}" for name, value in check["numbers"].items())
            return f"{order['code']}: {numbers}" if numbers else f"{order['code']}"
    return str(order["code"])
