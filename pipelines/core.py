"""The trading core over its HTTP API: what an account holds, and waiting for it to be ready.

Belongs here: calls, their errors as sentences, and the bound on waiting.
Keep out: Dagster, and any judgement on the account.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from pipelines.errors import CoreError
from pipelines.settings import Settings

POLL_SECONDS = 0.2
PROGRESS_FIELDS = ("session", "closed_session", "seq", "clock")


@dataclass(frozen=True)
class Core:
    """A client of one trading core."""

    http: httpx.Client

    def account(self, account: str) -> dict[str, Any]:
        """The account as a whole; CoreError if there is none of that name."""
        answer = self._get("/api/v1/account", account=account)
        return dict(answer)

    def sessions(self, account: str, start: date, end: date) -> dict[date, dict[str, Any]]:
        """What happened in each session of a range that the account booked."""
        query = {"account": account, "from": start.isoformat(), "to": end.isoformat()}
        books = self._get("/api/v1/sessions", **query)
        return {date.fromisoformat(book["session"]): book for book in books}

    def positions(self, account: str) -> list[dict[str, Any]]:
        """The open positions."""
        return list(self._get("/api/v1/positions", account=account))

    def _get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - any JSON
        response = self.http.get(path, params=parameters)
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise CoreError(f"{path}: {response.status_code} {_sentence(response)}") from error
        return response.json()


@contextmanager
def open_core(settings: Settings) -> Iterator[Core]:
    """A client with the token of this installation."""
    try:
        token = settings.token_file.read_text("utf-8").strip()
    except OSError as error:
        raise CoreError(f"the token file {settings.token_file} cannot be read") from error
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=settings.core_url, headers=headers, timeout=10) as http:
        yield Core(http)


def wait_until_closed(core: Core, account: str, session: date, patience: float) -> dict[str, Any]:
    """The account once it has decided everything of `session`.

    Raises CoreError when the account has not moved for `patience` seconds; as long as it moves,
    there is no other bound. A core that does not answer counts as one that does not move.
    """
    seen: object = None
    deadline = time.monotonic() + patience
    while True:
        state = _state_or_none(core, account)
        if state is not None and (state["closed_session"] or "") >= session.isoformat():
            return state
        progress = None if state is None else _progress(state)
        if progress not in (None, seen):
            seen, deadline = progress, time.monotonic() + patience
        if time.monotonic() > deadline:
            raise CoreError(_stuck(core, account, session, patience, state))
        time.sleep(POLL_SECONDS)


def _state_or_none(core: Core, account: str) -> dict[str, Any] | None:
    try:
        return core.account(account)
    except httpx.TransportError:
        return None  # it may be starting again; the bound on waiting covers it


def _progress(state: dict[str, Any]) -> str:
    return repr([state.get(field) for field in (*PROGRESS_FIELDS, "pending")])


def _stuck(
    core: Core, account: str, session: date, patience: float, state: dict[str, Any] | None
) -> str:
    if state is None:
        return f"the trading core at {core.http.base_url} did not answer for {patience:g} s"
    return (
        f"account {account} did not move for {patience:g} s before it closed {session}: it has"
        f" closed {state['closed_session']}, and these inputs wait: {state.get('pending')}"
    )


def _sentence(response: httpx.Response) -> str:
    try:
        body = response.json()
        return str(body.get("message") or body)
    except ValueError:
        return response.text[:200]
