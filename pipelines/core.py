"""The trading core over its HTTP API: what an account holds, and waiting for it to be ready.

Belongs here: calls, their errors as sentences, and the bound on waiting.
Keep out: Dagster, and any judgement on the account.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Any

import httpx

from pipelines.errors import CoreAwayError, CoreError
from pipelines.settings import Settings

POLL_SECONDS = 0.2
UNKNOWN_ACCOUNT = (HTTPStatus.NOT_FOUND, "ACCOUNT_UNKNOWN")
PROGRESS_FIELDS = ("session", "closed_session", "seq", "clock")


@dataclass(frozen=True)
class Core:
    """A client of one trading core."""

    http: httpx.Client

    def accounts(self) -> list[dict[str, Any]]:
        """Every account with its mode, strategies and sources."""
        return list(self._get("/api/v1/accounts"))

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
        try:
            response = self.http.get(path, params=parameters)
        except httpx.TransportError as error:
            place = f"the trading core at {self.http.base_url}"
            raise CoreAwayError(f"{place} does not answer: {error}") from None
        if response.is_success:
            return response.json()
        code, sentence = _refusal(response)
        if (response.status_code, code) == UNKNOWN_ACCOUNT:
            command = f"`trading run --account {parameters['account']}`"
            raise CoreError(f"{sentence.rstrip('.')}: {command} opens it")
        raise CoreError(f"{path}: {response.status_code} {sentence}")


@contextmanager
def open_core(settings: Settings) -> Iterator[Core]:
    """A client with the token of this installation."""
    try:
        token = settings.token_file.read_text("utf-8").strip()
    except OSError as error:
        reason = f"the token file {settings.token_file} cannot be read: {error.strerror}"
        raise CoreError(reason) from None
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=settings.core_url, headers=headers, timeout=10) as http:
        yield Core(http)


def day_of(state: Mapping[str, Any], name: str) -> date | None:
    """A session that the account's answer names, None where it has none yet."""
    text = state[name]
    return date.fromisoformat(text) if text else None


def account_within(core: Core, account: str, patience: float) -> dict[str, Any]:
    """The account, asked again for `patience` seconds while the core does not answer."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return core.account(account)
        except CoreAwayError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


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
    except CoreAwayError:
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


def _refusal(response: httpx.Response) -> tuple[str, str]:
    """The code and the sentence of an answer that is an error."""
    try:
        body = response.json()
        return str(body.get("error")), str(body.get("message") or body)
    except (ValueError, AttributeError):
        return "", response.text[:200]
