"""A small client of the trading core's HTTP API.

Belongs here: the calls that the command line makes, and turning refusals into sentences.
Keep out: printing, and the core's own code.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from deploy.local.errors import DeployError, NotRunningError

TIMEOUT_S = 30.0
PAGE = 500


class UnknownError(DeployError):
    """The core does not know what was asked for."""

    exit_code = 2


class Core:
    """The trading core at one address, with the token of its state folder."""

    def __init__(self, url: str, token_file: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        try:
            token = token_file.read_text().strip()
        except FileNotFoundError as error:
            raise NotRunningError(f"{token_file} does not exist: start the stack first.") from error
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def is_ready(self) -> bool:
        """Whether the core says that it can work."""
        try:
            return self._client.get("/health/ready").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def accounts(self) -> list[dict[str, Any]]:
        """Every account with its mode, strategies and sources."""
        return list(self._get("/api/v1/accounts"))

    def open_account(self, body: dict[str, Any]) -> None:
        """Open a replay account, or find the same one open."""
        self._read(self._send("POST", "/api/v1/accounts", body=body))

    def account(self, account: str) -> dict[str, Any]:
        """Figures of one account."""
        return dict(self._get("/api/v1/account", account=account))

    def equity(self, account: str, start: str, end: str) -> list[dict[str, Any]]:
        """Equity by session, ascending."""
        query = {"account": account, "from": start, "to": end}
        return list(self._get("/api/v1/equity", **query))

    def sessions(self, account: str, start: str, end: str) -> list[dict[str, Any]]:
        """What happened in each session of a range, ascending."""
        query = {"account": account, "from": start, "to": end}
        return list(self._get("/api/v1/sessions", **query))

    def positions(self, account: str) -> list[dict[str, Any]]:
        """What the account holds."""
        return list(self._get("/api/v1/positions", account=account))

    def fills(self, account: str, limit: int = PAGE) -> list[dict[str, Any]]:
        """The account's earliest fills, oldest first."""
        return list(self._get("/api/v1/fills", account=account, limit=limit))

    def signals_of_fills(self, account: str, start: str, end: str) -> list[dict[str, Any]]:
        """The fills of a range that came from signals, with these, oldest first."""
        query: dict[str, str | int] = {"account": account, "from": start, "to": end, "limit": PAGE}
        found: list[dict[str, Any]] = []
        while True:
            page = self._get("/api/v1/fills/signals", **query)
            found += page
            if len(page) < PAGE:
                return found
            query["after"] = f"{page[-1]['seq']}:{page[-1]['fill_id']}"

    def why(self, fill_id: str) -> dict[str, Any]:
        """Everything that led to a fill."""
        return dict(self._get(f"/api/v1/why/{quote(fill_id, safe='')}"))

    def orders(self, account: str, status: str) -> list[dict[str, Any]]:
        """The account's earliest orders of one status."""
        return list(self._get("/api/v1/orders", account=account, status=status, limit=PAGE))

    def cancel(self, account: str, client_order_id: str) -> dict[str, Any]:
        """End a working order; the order as it is then."""
        path = f"/api/v1/orders/{quote(client_order_id, safe='')}"
        return dict(self._read(self._send("DELETE", path, query={"account": account})))

    def flatten(self, body: dict[str, Any]) -> dict[str, Any]:
        """Cancel every order and close every position."""
        return self._post("/api/v1/flatten", body)

    def limits(self, account: str) -> dict[str, Any]:
        """The limits in force, and every version."""
        return dict(self._get("/api/v1/limits", account=account))

    def change_limits(self, body: dict[str, Any]) -> dict[str, Any]:
        """New limits from now on."""
        return self._post("/api/v1/limits", body)

    def trading_state(self, account: str) -> dict[str, Any]:
        """What restricts the account, its strategies and symbols."""
        return dict(self._get("/api/v1/trading-state", account=account))

    def set_trading_state(self, body: dict[str, Any]) -> dict[str, Any]:
        """Restrict a scope, or lift what restricts it."""
        return self._post("/api/v1/trading-state", body)

    def move_cash(self, body: dict[str, Any]) -> dict[str, Any]:
        """Deposit or withdraw."""
        return self._post("/api/v1/cash", body)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._read(self._send("POST", path, body=body)))

    def _get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - whatever JSON holds
        return self._read(self._send("GET", path, query=query))

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str | int] | None = None,
        body: dict[str, Any] | None = None,
    ) -> httpx.Response:
        try:
            return self._client.request(method, path, params=query, json=body)
        except httpx.HTTPError as error:
            raise DeployError(f"The trading core at {self.url} does not answer: {error}") from error

    def _read(self, response: httpx.Response) -> Any:  # noqa: ANN401 - whatever JSON holds
        if response.is_success:
            return _body(response)
        sentence = _sentence(response)
        if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise UnknownError(sentence)
        raise DeployError(sentence)


def _body(response: httpx.Response) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return response.json()
    except ValueError as error:
        raise DeployError(f"What answers at {response.url} is not the trading core.") from error


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"The trading core answered {response.status_code} to {response.url.path}."
