"""Whether a replay account can be fed what a run asks for.

Belongs here: opening it where it is new, and one sentence for each way it can be the wrong one.
Keep out: the job (runs.py), and the rule of what may follow what (pipelines/standing.py).
"""

from datetime import date
from typing import Any

import msgspec

from deploy.local.api import Core
from deploy.local.errors import BadInputError
from deploy.local.request import Request, with_shipped
from execution.domain.config import Sizing


def prepare(core: Core, request: Request) -> Request:
    """Open the account unless it is there; refuse one that cannot take this run.

    Gives the request back; where nobody named a strategy, with the shipped one that an account
    trades already.
    """
    known = {each["account"]: each for each in core.accounts()}
    account = known.get(request.account)
    if account is None:
        core.open_account(_opening(request))
        return request
    request = _of_account(account, request)
    _require_kind(account, request)
    _require_standing(core.account(request.account), request)
    return request


def _of_account(account: dict[str, Any], request: Request) -> Request:
    """An account that was opened with another shipped strategy goes on with that one."""
    from pipelines.strategy_file import SHIPPED

    if request.asked_for or request.strategy in account["strategies"]:
        return request
    shipped = next((name for name in account["strategies"] if name in SHIPPED), None)
    return request if shipped is None else with_shipped(request, shipped)


def _opening(request: Request) -> dict[str, Any]:
    """The account's body; what the strategy's file does not say stays as by default."""
    body: dict[str, Any] = {
        "account": request.account,
        "strategies": [request.strategy],
        "sources": [request.source],
    }
    if request.sizing is not None:
        body["sizing"] = {request.strategy: msgspec.to_builtins(request.sizing)}
    return body


def _require_kind(account: dict[str, Any], request: Request) -> None:
    if account["mode"] != "replay":
        raise BadInputError(
            f"account {request.account} is a {account['mode']} account: a run over past sessions "
            "needs a replay account."
        )
    if request.strategy not in account["strategies"]:
        raise BadInputError(
            f"account {request.account} trades {', '.join(account['strategies'])}, "
            f"not {request.strategy}: name its settings file with --strategy, or another account "
            "with --account."
        )
    if request.source not in account["sources"]:
        raise BadInputError(
            f"account {request.account} takes prices from {', '.join(account['sources'])}, "
            f"not from {request.source}: name another one with --account."
        )
    if request.sizing is not None and request.sizing != _sizing(account, request.strategy):
        raise BadInputError(
            f"account {request.account} was opened with other sizing than the table [sizing] of "
            f"{request.chosen_strategy}: name another one with --account."
        )


def _sizing(account: dict[str, Any], strategy: str) -> Sizing:
    return msgspec.convert(account["sizing"][strategy], Sizing)


def _require_standing(account: dict[str, Any], request: Request) -> None:
    """An account is fed without gaps: it would miss the splits and dividends between."""
    from pipelines.standing import refusal

    first, last = (_day(account[name]) for name in ("first_session", "session"))
    start, end = request.first_session, request.last_session
    sentence = refusal(request.account, first, last, request.known_sessions, start, end)
    if sentence:
        raise BadInputError(sentence)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
