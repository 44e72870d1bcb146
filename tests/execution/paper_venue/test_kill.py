"""kill -9 in the middle of submits, cancels and sessions: what was answered is there, once."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from tests.execution.paper_venue.running import RunningVenue, bar, order

KILLS = 8
THREADS = 4
SEED = 20260105


class Load:
    """Threads that submit and cancel until the venue dies, and remember what they were told."""

    def __init__(self, venue: RunningVenue, number: int, most: int) -> None:
        self.answered: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.doubtful: set[str] = set()
        self._venue, self._number, self._most = venue, number, most
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._work, args=(n,)) for n in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def _work(self, thread: int) -> None:
        with self._venue.client() as http:
            for number in range(10**6):
                client_order_id = f"{self._number}-{thread}-{number}"
                try:
                    self._trade(http, client_order_id, cancel=number % 3 == 0)
                except httpx.HTTPError:
                    return

    def _trade(self, http: httpx.Client, client_order_id: str, *, cancel: bool) -> None:
        self.doubtful.add(client_order_id)
        made = http.post("/v2/orders", json=order(client_order_id, qty="1"))
        assert made.status_code == 200
        order_id = made.json()["id"]
        self.doubtful.remove(client_order_id)
        self.answered[client_order_id] = order_id
        with self._lock:
            if len(self.answered) == self._most:
                self._venue.child.kill()
        if cancel:
            assert http.delete(f"/v2/orders/{order_id}").status_code == 204
            self.cancelled.add(client_order_id)


def all_of(http: httpx.Client, path: str, cursor: str, token: Callable[[Any], str]) -> list[Any]:
    """Every page, oldest first."""
    found: list[Any] = []
    query = {"direction": "asc"} | ({"status": "all", "limit": "500"} if "orders" in path else {})
    while page := http.get(path, params=query).json():
        found += page
        query[cursor] = token(page[-1])
    return found


def every_order(http: httpx.Client) -> list[Any]:
    return all_of(http, "/v2/orders", "after", lambda each: each["submitted_at"])


def every_fill(http: httpx.Client) -> list[Any]:
    return all_of(http, "/v2/account/activities/FILL", "page_token", lambda each: each["id"])


def assert_kept(http: httpx.Client, loads: list[Load]) -> int:
    """Everything answered is there once; what was not answered is there once or not at all.

    Returns how many there are that nobody was told of.
    """
    orders = {each["client_order_id"]: each for each in every_order(http)}
    assert max(Counter(each["id"] for each in orders.values()).values()) == 1
    untold = 0
    for load in loads:
        for client_order_id, order_id in load.answered.items():
            assert orders[client_order_id]["id"] == order_id
            if client_order_id in load.cancelled:
                assert orders[client_order_id]["status"] == "canceled"
        for client_order_id in load.doubtful:
            query = {"client_order_id": client_order_id}
            found = http.get("/v2/orders:by_client_order_id", params=query)
            assert found.status_code == (200 if client_order_id in orders else 404)
            untold += client_order_id in orders
    known = {name for load in loads for name in (*load.answered, *load.doubtful)}
    assert set(orders) <= known
    return untold


def assert_balanced(http: httpx.Client) -> None:
    """Orders, executions, positions and cash say the same."""
    orders, fills = every_order(http), every_fill(http)
    assert len({each["id"] for each in fills}) == len(fills)
    traded = Counter[str]()
    cash, held = Decimal(100_000), Decimal(0)
    for fill in fills:
        traded[fill["order_id"]] += int(fill["qty"])
        cash -= Decimal(fill["qty"]) * Decimal(fill["price"]) + Decimal(fill["commission"])
        held += Decimal(fill["qty"])
    for each in orders:
        assert traded[each["id"]] == int(each["filled_qty"]) <= int(each["qty"])
        assert (each["status"] == "filled") == (each["filled_qty"] == each["qty"])
    assert Decimal(http.get("/v2/account").json()["cash"]) == cash
    assert sum(int(each["qty"]) for each in http.get("/v2/positions").json()) == held


def test_what_was_answered_outlasts_a_kill(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    venue = RunningVenue(tmp_path)
    venue.start()
    loads: list[Load] = []
    for number in range(KILLS):
        load = Load(venue, number, most=chance.randrange(5, 60))
        loads.append(load)
        load.run()
        venue.start()
        with venue.client() as http:
            assert_kept(http, loads)
    with venue.client() as http:
        for load in loads:
            for client_order_id in load.doubtful:
                answer = http.post("/v2/orders", json=order(client_order_id, qty="1"))
                assert answer.status_code in {200, 422}
                load.answered[client_order_id] = _id_of(http, client_order_id)
            load.doubtful.clear()
        assert_kept(http, loads)
        venue.step("2026-01-05", bar("AAPL", volume="10000000"))
        assert_balanced(http)
        assert len(every_fill(http)) == sum(
            len(load.answered) - len(load.cancelled) for load in loads
        ) - _cancelled_untold(http, loads)
    assert venue.stop() == 0


def _id_of(http: httpx.Client, client_order_id: str) -> str:
    query = {"client_order_id": client_order_id}
    found: str = http.get("/v2/orders:by_client_order_id", params=query).json()["id"]
    return found


def _cancelled_untold(http: httpx.Client, loads: list[Load]) -> int:
    """Orders whose cancel was done and not answered."""
    told = {name for load in loads for name in load.cancelled}
    return sum(
        each["status"] == "canceled" and each["client_order_id"] not in told
        for each in every_order(http)
    )


def test_a_session_is_traded_wholly_or_not_at_all(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    venue = RunningVenue(tmp_path)
    venue.start()
    for number in range(4):
        with venue.client() as http:
            for each in range(30):
                http.post("/v2/orders", json=order(f"{number}-{each}", qty="1"))
        session = f"2026-01-{number + 5:02d}"
        timer = threading.Timer(chance.uniform(0, 0.05), venue.child.kill)
        timer.start()
        with suppress(httpx.HTTPError):
            venue.step(session, bar("AAPL", volume="1000000"))
        timer.join()
        venue.start()
        with venue.client() as http:
            assert len(every_fill(http)) in {30 * number, 30 * (number + 1)}
        assert venue.step(session, bar("AAPL", volume="1000000"))["fills"] == 30
        with venue.client() as http:
            assert_balanced(http)
            assert len(every_fill(http)) == 30 * (number + 1)
    assert venue.stop() == 0
