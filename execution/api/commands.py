"""Commands from people: written to the command table, decided by the account's writer, answered.

One path for all of them. Keep out: what a request may say (bodies.py), and deciding (domain).
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, LiteralString, NamedTuple

import msgspec
from fastapi import Header
from psycopg_pool import AsyncConnectionPool

from execution import leases
from execution.api import queries
from execution.api.access import Services
from execution.api.answers import Answer, RefusalError
from execution.api.bodies import RequestId
from execution.domain.config import AccountConfig
from execution.domain.effects import CommandRefused, Effect, decode_effects
from execution.domain.inputs import Command, decode_command
from execution.errors import CommandConflictError
from execution.writer import Answer as WriterAnswer
from router.messages import encode

ANSWER_WITHIN_S = 10.0
LOOK_AGAIN_S = 0.25
"""How often a command is looked for without a commit here: another process may have decided it."""

LOOK_ELSEWHERE_S = 0.02
"""The same where the account's writer is in another replica."""

Key = Annotated[RequestId | None, Header(alias="Idempotency-Key")]

STATUSES: Mapping[str, HTTPStatus] = {
    "SCHEMA_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "SYMBOL_UNKNOWN": HTTPStatus.UNPROCESSABLE_ENTITY,
    "NOT_TRADABLE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MARKET_CLOSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "QUANTITY_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "LOT_SIZE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "PRICE_TICK": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MIN_ORDER_NOTIONAL": HTTPStatus.UNPROCESSABLE_ENTITY,
    "ORDER_NOT_WORKING": HTTPStatus.UNPROCESSABLE_ENTITY,
    "REPLACE_NOT_POSSIBLE": HTTPStatus.UNPROCESSABLE_ENTITY,
    "ORDER_UNKNOWN": HTTPStatus.NOT_FOUND,
    "STRATEGY_UNKNOWN": HTTPStatus.NOT_FOUND,
    "SLEEVE_UNKNOWN": HTTPStatus.NOT_FOUND,
    "CLIENT_ORDER_ID_USED": HTTPStatus.CONFLICT,
    "LIMITS_VERSION": HTTPStatus.CONFLICT,
    "NO_SESSION": HTTPStatus.CONFLICT,
    "ORDER_RATE": HTTPStatus.TOO_MANY_REQUESTS,
    "RECONCILING": HTTPStatus.SERVICE_UNAVAILABLE,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Of reason codes; a code that is not here is a plain no."""


class Decision(NamedTuple):
    """What became of a command in journal row `seq`; no effects where that row is archived."""

    seq: int
    effects: tuple[Effect, ...] | None

    def refusal(self, command: Command) -> CommandRefused | None:
        """The engine's no to this command, if it said no."""
        for effect in self.effects or ():
            if isinstance(effect, CommandRefused) and effect.command_id == command.command_id:
                return effect
        return None


class Standing(NamedTuple):
    """What must be known of an account before a command is taken."""

    config: AccountConfig
    has_session: bool
    now: datetime

    @property
    def at(self) -> datetime | None:
        """The time that a command carries: replay accounts live in the time of their bars."""
        return None if self.config.mode == "replay" else self.now


def refuse(code: str, message: str, details: dict[str, Any] | None = None) -> RefusalError:
    """A refusal with the status that belongs to its code."""
    return RefusalError(STATUSES.get(code, HTTPStatus.FORBIDDEN), code, message, details)


def chosen_id(given: str | None, key: str | None) -> str:
    """The request's id: of its body, of the header Idempotency-Key, or a new one."""
    if given and key and given != key:
        message = "the header Idempotency-Key and the id in the body differ: send one of them"
        raise refuse("SCHEMA_INVALID", message)
    return given or key or secrets.token_hex(16)


async def standing(services: Services, account: str, *, needs_session: bool) -> Standing:
    """The account; a RefusalError where there is none or where it has no prices yet."""
    async with services.pool.connection() as connection:
        row = await queries.standing(connection, account)
    if row is None:
        message = f"there is no account {account!r}"
        raise RefusalError(HTTPStatus.NOT_FOUND, "ACCOUNT_UNKNOWN", message)
    config = msgspec.json.decode(row["config"], type=AccountConfig)
    if needs_session and not row["has_session"]:
        message = f"account {account} has seen no session yet: run the pipeline first"
        raise refuse("NO_SESSION", message)
    return Standing(config, row["has_session"], row["now"])


async def decide(
    services: Services,
    account: str,
    make: Callable[[datetime | None], Command],
    *,
    needs_session: bool = True,
) -> tuple[Command, Decision | None]:
    """Write the command down, wake its writer, and wait; no decision after ANSWER_WITHIN_S.

    `make` gets the time that the command carries. Raises RefusalError for the engine's no.
    """
    found = await standing(services, account, needs_session=needs_session)
    command = make(found.at)
    writer = services.writers.get(account)
    with writer.answer_to(command.command_id) if writer else nullcontext() as answer:
        try:
            stored = await submit(services.pool, command)
        except CommandConflictError as error:
            code = "CLIENT_ORDER_ID_USED"
            raise RefusalError(HTTPStatus.CONFLICT, code, str(error)) from error
        await _wake(services, account)
        decision = await _decided(services.pool, stored.command, answer, at_once=not stored.new)
    no = decision and decision.refusal(stored.command)
    if no:
        raise refuse(no.code, no.message)
    return stored.command, decision


async def _wake(services: Services, account: str) -> None:
    """The account's writer, wherever it is."""
    if writer := services.writers.get(account):
        writer.wake()
        return
    async with services.pool.connection() as connection:
        await leases.tell(connection, account)


async def what_changed(
    services: Services,
    account: str,
    make: Callable[[datetime | None], Command],
    *kinds: type[Effect],
    needs_session: bool = False,
) -> Answer:
    """Carry a command out, and answer with its effects of these kinds; null where archived."""
    command, decision = await decide(services, account, make, needs_session=needs_session)
    answer: dict[str, Any] = {"account": account, "request_id": command.request_id}
    if decision is None:
        return Answer(answer | {"status": "pending"}, HTTPStatus.ACCEPTED)
    found = decision.effects
    changes = None if found is None else [each for each in found if isinstance(each, kinds)]
    return Answer(answer | {"status": "done", "journal_row": decision.seq, "changes": changes})


class Stored(NamedTuple):
    """A command as the table holds it, and whether it was written just now."""

    command: Command
    new: bool


async def submit(pool: AsyncConnectionPool[Any], command: Command) -> Stored:
    """Write the command once, and say what is written.

    Raises CommandConflictError where its id means another request; the time of the first counts.
    """
    payload, new = await _kept(pool, command)
    stored = decode_command(payload)
    if msgspec.structs.replace(command, at=stored.at) != stored:
        raise CommandConflictError(f"{command.request_id} was used for another request")
    return Stored(stored, new)


async def _kept(pool: AsyncConnectionPool[Any], command: Command) -> tuple[bytes, bool]:
    """What the table holds under this id now, and if it is new; one statement is one commit."""
    query: LiteralString = """WITH new AS (
            INSERT INTO commands (account, command_id, input)
            VALUES (%(account)s, %(id)s, %(input)s) ON CONFLICT DO NOTHING RETURNING input)
        SELECT input, true FROM new UNION ALL
        SELECT input, false FROM commands WHERE account = %(account)s AND command_id = %(id)s"""
    args = {"account": command.account, "id": command.command_id, "input": encode(command)}
    async with pool.connection() as connection:
        while True:  # once more where another wrote it after this statement began
            row = await (await connection.execute(query, args)).fetchone()
            if row is not None:
                return bytes(row[0]), row[1]


async def _decided(
    pool: AsyncConnectionPool[Any],
    command: Command,
    answer: asyncio.Future[WriterAnswer] | None,
    *,
    at_once: bool,
) -> Decision | None:
    """By this process's writer, or by what another's has written, looked for now and then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN_S):
            if not at_once and (told := await _told(answer)):
                return told
            while True:
                async with pool.connection() as connection:
                    row = await queries.decision(connection, command.account, command.command_id)
                if row is not None:
                    effects = row["effects"]
                    return Decision(row["seq"], effects and decode_effects(effects))
                if told := await _told(answer):
                    return told
    return None


async def _told(answer: asyncio.Future[WriterAnswer] | None) -> Decision | None:
    """The writer's answer, if it comes within LOOK_AGAIN_S; one elsewhere is asked sooner."""
    if answer is None:
        await asyncio.sleep(LOOK_ELSEWHERE_S)
        return None
    await asyncio.wait([answer], timeout=LOOK_AGAIN_S)
    return Decision(*answer.result()) if answer.done() else None
