"""The venue as a real process on a real socket, for tests.

Belongs here: starting, killing and asking it.
Keep out: what it should answer.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.servers import Child, free_port, until

Document = dict[str, Any]
WAIT_S = 20


@dataclass
class RunningVenue:
    """`python -m execution.paper_venue` in a folder; the port stays over a restart."""

    folder: Path
    accounts: tuple[str, ...] = ("paper",)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.home = self.folder / "venue"
        env = {
            "PATH": os.environ["PATH"],
            "TRADING_VENUE_HOME": str(self.home),
            "TRADING_VENUE_PORT": str(self.port),
            "TRADING_VENUE_ACCOUNTS": ",".join(self.accounts),
        }
        words = [sys.executable, "-m", "execution.paper_venue"]
        self.child = Child(words, self.folder / "venue.log", env)
        self.admin = httpx.Client()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        self.child.start()
        until(lambda: self.child.running() and self._ready(), "the venue")
        self.keys: Document = json.loads((self.home / "keys.json").read_text())
        self.admin.close()
        self.admin = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.keys['admin_key']}"},
            timeout=WAIT_S,
        )

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.admin.close()
        self.child.terminate()
        return self.child.wait()

    def kill(self) -> None:
        """SIGKILL."""
        self.admin.close()
        self.child.kill()

    def pair(self, account: str = "paper") -> tuple[str, str]:
        """The key pair of an account."""
        keys = self.keys["accounts"][account]
        return keys["key_id"], keys["secret_key"]

    def client(self, account: str = "paper") -> httpx.Client:
        """A client with the account's keys and connections of its own."""
        return httpx.Client(base_url=self.url, headers=self.headers(account), timeout=WAIT_S)

    def headers(self, account: str = "paper") -> dict[str, str]:
        key_id, secret = self.pair(account)
        return {"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret}

    def step(self, session: str, *bars: Document) -> Document:
        """Trade a session."""
        answer = self.admin.post("/sim/v1/bars", json={"session": session, "bars": bars})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, kind: str, path: str, **fields: Any) -> None:
        """Switch a fault on, once unless `fields` says otherwise."""
        limits = {} if "probability" in fields else {"count": 1}
        body = {"kind": kind, "path": path, **limits, **fields}
        answer = self.admin.post("/sim/v1/faults", json=body)
        assert answer.status_code == 201, answer.text

    def clear_faults(self) -> None:
        assert self.admin.delete("/sim/v1/faults").status_code == 204

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).is_success
        except httpx.HTTPError:
            return False


def bar(symbol: str, at: str = "100", *, low: str = "", high: str = "", **fields: str) -> Document:
    """A bar around one price, with room for a thousand shares."""
    prices = {"open": at, "high": high or at, "low": low or at, "close": at}
    return {"symbol": symbol, "volume": "10000", **prices, **fields}


def order(client_order_id: str, symbol: str = "AAPL", **fields: Any) -> Document:
    """A market order for ten shares, for a day."""
    wanted = {
        "symbol": symbol,
        "qty": "10",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "client_order_id": client_order_id,
    }
    return {name: value for name, value in {**wanted, **fields}.items() if value is not None}


@contextmanager
def listening(venue: RunningVenue, account: str = "paper") -> Iterator[ClientConnection]:
    """A socket that hears the account's updates."""
    key_id, secret = venue.pair(account)
    with connect(venue.stream_url, close_timeout=1) as socket:
        said = {"action": "authenticate", "data": {"key_id": key_id, "secret_key": secret}}
        socket.send(json.dumps(said))
        assert heard(socket)["data"]["status"] == "authorized"
        socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        assert heard(socket)["data"] == {"streams": ["trade_updates"]}
        yield socket


def heard(socket: ClientConnection) -> Document:
    """The next message."""
    message: Document = json.loads(socket.recv(timeout=WAIT_S))
    return message


def updates(socket: ClientConnection, count: int) -> list[Document]:
    """The data of the next trade updates."""
    found = [heard(socket) for _ in range(count)]
    assert {each["stream"] for each in found} <= {"trade_updates"}
    return [each["data"] for each in found]


def names(found: Iterable[Document]) -> list[str]:
    return [each["event"] for each in found]
