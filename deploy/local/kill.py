"""Turning the kill switch from the command line: straight to PostgreSQL, whatever else is down.

Belongs here: finding the database of a state folder, and what is said afterwards.
Keep out: the switch itself (execution/kill_switch.py).
"""

import asyncio
from typing import TYPE_CHECKING, Any

from deploy.local import credentials, ports, postgres
from deploy.local.errors import BadInputError, DeployError, NotRunningError
from deploy.local.home import Home
from deploy.local.settings import Settings

if TYPE_CHECKING:
    from execution.kill_switch import Turned

CONNECT_WITHIN_S = 5


def database_url(settings: Settings) -> str:
    """The application's database, embedded or external; raises NotRunningError before any start."""
    if settings.external.database_url:
        return settings.external.database_url
    home = Home(settings.home)
    port = ports.remembered(home).get("postgres")
    if port is None or not home.secrets_file.exists():
        raise NotRunningError(f"{home.root} holds no database: start the stack first.")
    password = credentials.load_or_create(home).trading_app
    return postgres.url(postgres.APP_ROLE, password, port, "trading_system")


def turn(url: str, account: str | None, *, engaged: bool, reason: str, by: str) -> dict[str, Any]:
    """Commit the row, and say what it says and how long that took.

    Raises BadInputError for an unknown account and DeployError where PostgreSQL did not take it.
    """
    import psycopg

    from execution.errors import UnknownAccountError

    try:
        turned = asyncio.run(_turn(url, account, engaged=engaged, reason=reason, by=by))
    except UnknownAccountError as error:
        raise BadInputError(f"{error}: trading status lists them.") from error
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise DeployError(
            f"The kill switch was NOT turned, PostgreSQL did not take it: {said}. Without "
            "PostgreSQL no order is decided either; repeat this when it is back."
        ) from error
    return turned.switch._asdict() | {"waited_ms": turned.waited_ms, "by_way_of": "PostgreSQL"}


async def _turn(url: str, account: str | None, *, engaged: bool, reason: str, by: str) -> "Turned":
    import psycopg

    from execution import kill_switch

    async with await psycopg.AsyncConnection.connect(
        url, connect_timeout=CONNECT_WITHIN_S, autocommit=True
    ) as connection:
        return await kill_switch.turn(connection, account, engaged=engaged, reason=reason, by=by)


def sentence(turned: dict[str, Any]) -> str:
    """What happened, for a person."""
    whose = "all accounts" if turned["scope"] == "*" else f"account {turned['scope']}"
    way = f"the row in PostgreSQL, committed after {turned['waited_ms']} ms"
    if turned["engaged"]:
        return (
            f"Kill switch of {whose} engaged: new orders are refused from now on, but those of "
            f"trading flatten. By way of {way}."
        )
    return f"Kill switch of {whose} released. By way of {way}."
