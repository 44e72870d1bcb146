"""Brackets, oco and oto at the venue: what waits, what excludes what, and what ends together."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.execution.paper_venue.running import (
    Document,
    RunningVenue,
    bar,
    listening,
    names,
    order,
    updates,
)

Sessions = Callable[[], str]
PROFIT = {"take_profit": {"limit_price": "110"}}
LOSS = {"stop_loss": {"stop_price": "90"}}
BOTH = PROFIT | LOSS


def submit(http: httpx.Client, order_class: str, **fields: Any) -> Document:
    wanted = order(order_class, order_class=order_class, time_in_force="gtc", **fields)
    answer = http.post("/v2/orders", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


def statuses(http: httpx.Client, made: Document) -> list[str]:
    """Of an order and its legs."""
    now = http.get(f"/v2/orders/{made['id']}", params={"nested": "true"}).json()
    return [now["status"], *(leg["status"] for leg in now["legs"])]


def test_exits_wait_for_the_entry_and_trade_from_the_next_session(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    made = submit(http, "bracket", **BOTH)
    assert [leg["status"] for leg in made["legs"]] == ["held", "held"]
    assert [(leg["side"], leg["type"], leg["qty"]) for leg in made["legs"]] == [
        ("sell", "limit", "10"),
        ("sell", "stop", "10"),
    ]
    assert made["order_class"] == "bracket"
    venue.step(next_session(), bar("AAPL", high="120", low="80"))
    assert statuses(http, made) == ["filled", "new", "new"]
    venue.step(next_session(), bar("AAPL", high="111"))
    assert statuses(http, made) == ["filled", "filled", "canceled"]
    assert http.get("/v2/positions").json() == []


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ({"high": "109", "low": "91"}, ["filled", "new", "new"]),
        ({"high": "111", "low": "91"}, ["filled", "filled", "canceled"]),
        ({"high": "109", "low": "89"}, ["filled", "canceled", "filled"]),
        ({"high": "111", "low": "89"}, ["filled", "canceled", "filled"]),
    ],
    ids=["neither", "profit", "loss", "both: the worse"],
)
def test_one_of_two_exits_fills(
    venue: RunningVenue,
    http: httpx.Client,
    next_session: Sessions,
    prices: dict[str, str],
    expected: list[str],
) -> None:
    made = submit(http, "bracket", **BOTH)
    venue.step(next_session(), bar("AAPL"))
    venue.step(next_session(), bar("AAPL", **prices))
    assert statuses(http, made) == expected


def test_an_exit_that_fills_in_part_leaves_the_other_for_the_rest(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    made = submit(http, "bracket", qty="1000", **BOTH)
    venue.step(next_session(), bar("AAPL"))
    venue.step(next_session(), bar("AAPL", high="111", volume="4000"))
    profit, loss = http.get(f"/v2/orders/{made['id']}", params={"nested": "true"}).json()["legs"]
    assert (profit["status"], profit["filled_qty"]) == ("partially_filled", "400")
    assert (loss["status"], loss["qty"]) == ("new", "600")
    venue.step(next_session(), bar("AAPL", low="89"))
    assert statuses(http, made) == ["filled", "canceled", "filled"]
    assert http.get("/v2/positions").json() == []


def test_an_entry_that_ends_unfilled_ends_its_exits(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    with listening(venue, account) as socket:
        cancelled = submit(http, "bracket", type="limit", limit_price="50", **BOTH)
        assert http.delete(f"/v2/orders/{cancelled['id']}").status_code == 204
        told = names(updates(socket, 10))
    assert statuses(http, cancelled) == ["canceled"] * 3
    assert told == [*["pending_new"] * 3, "new", *["pending_cancel", "canceled"] * 3]
    expired = http.post(
        "/v2/orders",
        json=order("day", order_class="oto", type="limit", limit_price="50", **LOSS),
    ).json()
    venue.step(next_session(), bar("AAPL"))
    assert statuses(http, expired) == ["expired", "canceled"]
    venue.fault("reject_later", "/v2/orders")
    rejected = submit(http, "oto", **PROFIT)
    assert statuses(http, rejected) == ["rejected", "canceled"]


def test_an_oto_order_has_one_exit(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    loss = {"stop_loss": {"stop_price": "90", "limit_price": "85"}}
    made = submit(http, "oto", **loss)
    assert [(leg["type"], leg["limit_price"]) for leg in made["legs"]] == [("stop_limit", "85")]
    venue.step(next_session(), bar("AAPL"))
    assert statuses(http, made) == ["filled", "new"]
    venue.step(next_session(), bar("AAPL", "100", low="88"))
    assert statuses(http, made) == ["filled", "filled"]


@pytest.mark.parametrize(
    ("prices", "expected"),
    [({"high": "111"}, ["filled", "canceled"]), ({"low": "89"}, ["canceled", "filled"])],
    ids=["profit", "loss"],
)
def test_of_an_oco_order_one_side_counts(
    venue: RunningVenue,
    http: httpx.Client,
    next_session: Sessions,
    prices: dict[str, str],
    expected: list[str],
) -> None:
    http.post("/v2/orders", json=order("in"))
    venue.step(next_session(), bar("AAPL"))
    made = submit(http, "oco", side="sell", type="limit", **BOTH)
    assert made["limit_price"] == "110"
    assert statuses(http, made) == ["new", "new"]
    venue.step(next_session(), bar("AAPL", **prices))
    assert statuses(http, made) == expected


def test_cancelling_one_exit_cancels_the_other(
    http: httpx.Client,
) -> None:
    made = submit(http, "oco", side="sell", type="limit", **BOTH)
    assert http.delete(f"/v2/orders/{made['legs'][0]['id']}").status_code == 204
    assert statuses(http, made) == ["canceled", "canceled"]


def test_legs_are_listed_within_their_order_or_beside_it(http: httpx.Client) -> None:
    made = submit(http, "bracket", **BOTH)
    flat = http.get("/v2/orders", params={"direction": "asc"}).json()
    assert [each["id"] for each in flat] == [made["id"], *(leg["id"] for leg in made["legs"])]
    assert {each["legs"] is None for each in flat} == {True}
    [nested] = http.get("/v2/orders", params={"nested": "true"}).json()
    assert [leg["id"] for leg in nested["legs"]] == [leg["id"] for leg in made["legs"]]
    refused = http.patch(f"/v2/orders/{made['id']}", json={"qty": "5"})
    assert (refused.status_code, refused.json()["code"]) == (422, 42210000)
    assert len(http.delete("/v2/orders").json()) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"order_class": "bracket", **PROFIT},
        {"order_class": "oto", **BOTH},
        {"order_class": "oco", "type": "limit", **LOSS},
        {"order_class": "oco", **BOTH},
        {"order_class": "oco", "type": "limit", "side": "sell", "limit_price": "111", **BOTH},
        {"order_class": "bracket", "side": "sell", **BOTH},
        {"order_class": "oco", "type": "limit", "side": "buy", **BOTH},
        {"order_class": "bracket", "time_in_force": "ioc", **BOTH},
        {"order_class": "bracket", "qty": "0.5", **BOTH},
        {"order_class": "bracket", "type": "stop", "stop_price": "101", **BOTH},
        {"order_class": "mleg", **BOTH},
        {"order_class": "oto", "take_profit": {"limit_price": "110", "stop_price": "1"}},
        {"order_class": "oto", "stop_loss": {}},
    ],
)
def test_exits_that_do_not_fit_are_refused(http: httpx.Client, fields: Document) -> None:
    answer = http.post("/v2/orders", json=order("refused", **fields))
    assert answer.status_code == 422, answer.text
    assert http.get("/v2/orders", params={"status": "all"}).json() == []


def test_a_purchase_that_exits_a_short_position_holds_money_once_it_works(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    exits = {"take_profit": {"limit_price": "80"}, "stop_loss": {"stop_price": "120"}}
    submit(http, "bracket", side="sell", **exits)
    assert http.get("/v2/account").json()["buying_power"] == "200000"
    venue.step(next_session(), bar("AAPL"))
    equity = 100_000 - 0.5 - 1
    free = 2 * equity - 1000 - 10 * 80 - 10 * 120
    assert http.get("/v2/account").json()["buying_power"] == f"{free:.0f}"
    http.delete("/v2/orders")
    assert http.get("/v2/account").json()["buying_power"] == f"{2 * equity - 1000:.0f}"
