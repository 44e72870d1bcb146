"""What many routes begin or end with: the account that a query names, and a page's cursor.

Keep out: routes, and SQL (queries.py).
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query

from execution import accounts
from execution.api import queries
from execution.api.answers import Answer, RefusalError
from execution.api.bodies import AccountName
from execution.domain.config import AccountConfig
from execution.domain.state import State
from execution.errors import UnknownAccountError

Name = Annotated[AccountName, Query()]
"""The query parameter that names an account."""


async def existing(connection: queries.Connection, account: str) -> AccountConfig:
    """The account's configuration; a RefusalError where there is no such account."""
    try:
        return await accounts.find(connection, account)
    except UnknownAccountError as error:
        raise RefusalError(HTTPStatus.NOT_FOUND, "ACCOUNT_UNKNOWN", str(error)) from error


async def state_of(connection: queries.Connection, account: str) -> State:
    """The engine's state of an account that exists; an empty one before its first input."""
    await existing(connection, account)
    found = await queries.state_of(connection, account)
    return found[0] if found else State()


def page_of(rows: list[queries.Row], key: str, limit: int) -> Answer:
    """The rows, with the header Next-Cursor where there may be more."""
    answer = Answer(rows)
    if len(rows) == limit:
        answer.headers["Next-Cursor"] = f"{rows[-1]['seq']}:{rows[-1][key]}"
    return answer
