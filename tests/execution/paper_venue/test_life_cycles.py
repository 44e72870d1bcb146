"""What becomes of orders: by REST, on the stream, and in the account's books."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.execution.paper_venue.running import (
    RunningVenue,
    bar,
    listening,
    names,
    order,
    updates,
)

Sessions = Callable[[], str]


def submit(http: httpx.Client, client_order_id: str, **fields: Any) -> dict[str, Any]:
    answer = http.post("/v2/orders", json=order(client_order_id, **fields))
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(http: httpx.Client, order_id: str) -> dict[str, Any]:
    return http.get(f"/v2/orders/{order_id}").json()


RULES: list[tuple[str, dict[str, Any], dict[str, str], tuple[str, str, str | None]]] = [
    ("market at the open", {}, {"at": "90", "high": "95"}, ("filled", "10", "90.045")),
    (
        "limit in reach",
        {"type": "limit", "limit_price": "89"},
        {"at": "90", "low": "88"},
        ("filled", "10", "89"),
    ),
    (
        "limit out of reach",
        {"type": "limit", "limit_price": "80"},
        {"at": "90", "low": "88"},
        ("expired", "0", None),
    ),
    (
        "limit kept until cancelled",
        {"type": "limit", "limit_price": "80", "time_in_force": "gtc"},
        {"at": "90"},
        ("new", "0", None),
    ),
    (
        "stop in reach",
        {"type": "stop", "stop_price": "92"},
        {"at": "90", "high": "95"},
        ("filled", "10", "92.046"),
    ),
    (
        "stop limit elected and not reached",
        {"type": "stop_limit", "stop_price": "92", "limit_price": "91", "time_in_force": "gtc"},
        {"at": "90", "high": "95"},
        ("new", "0", None),
    ),
    (
        "immediate in part",
        {"qty": "1500", "time_in_force": "ioc"},
        {"at": "90"},
        ("canceled", "1000", "90.045"),
    ),
    (
        "all or nothing",
        {"qty": "1500", "time_in_force": "fok"},
        {"at": "90"},
        ("canceled", "0", None),
    ),
    (
        "day in part",
        {"qty": "1500"},
        {"at": "90"},
        ("expired", "1000", "90.045"),
    ),
    (
        "kept in part",
        {"qty": "1500", "time_in_force": "gtc"},
        {"at": "90"},
        ("partially_filled", "1000", "90.045"),
    ),
    (
        "opening auction",
        {"type": "limit", "limit_price": "91", "time_in_force": "opg"},
        {"at": "90", "high": "95"},
        ("filled", "10", "90"),
    ),
    (
        "opening auction, later in reach",
        {"type": "limit", "limit_price": "89", "time_in_force": "opg"},
        {"at": "90", "low": "85"},
        ("canceled", "0", None),
    ),
    (
        "closing auction",
        {"time_in_force": "cls"},
        {"at": "90", "high": "95", "close": "94"},
        ("filled", "10", "94.047"),
    ),
    (
        "closing auction out of reach",
        {"type": "limit", "limit_price": "93", "time_in_force": "cls"},
        {"at": "90", "high": "95", "close": "94"},
        ("canceled", "0", None),
    ),
    (
        "money instead of shares",
        {"qty": None, "notional": "1000"},
        {"at": "90"},
        ("filled", "11.105558331", "90.045"),
    ),
    ("a fraction of a share", {"qty": "0.25"}, {"at": "90"}, ("filled", "0.25", "90.045")),
]


@pytest.mark.parametrize(
    ("fields", "prices", "expected"), [row[1:] for row in RULES], ids=[row[0] for row in RULES]
)
def test_what_a_bar_makes_of_an_order(
    venue: RunningVenue,
    http: httpx.Client,
    next_session: Sessions,
    fields: dict[str, Any],
    prices: dict[str, str],
    expected: tuple[str, str, str | None],
) -> None:
    made = submit(http, "rule", **fields)
    venue.step(next_session(), bar("AAPL", **prices))
    now = found(http, made["id"])
    assert (now["status"], now["filled_qty"], now["filled_avg_price"]) == expected


def test_an_order_without_a_bar_waits_or_ends(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    day, kept = submit(http, "day"), submit(http, "gtc", time_in_force="gtc")
    venue.step(next_session(), bar("MSFT"))
    assert found(http, day["id"])["status"] == "expired"
    assert found(http, kept["id"])["status"] == "new"


def test_an_accounts_orders_share_the_volume_sales_first(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    buys = [submit(http, f"b{n}", qty="400") for n in range(2)]
    sale = submit(http, "s", qty="700", side="sell")
    venue.step(next_session(), bar("AAPL"))
    assert found(http, sale["id"])["filled_qty"] == "700"
    assert [found(http, each["id"])["filled_qty"] for each in buys] == ["300", "0"]


def test_a_purchase_from_order_to_books(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    with listening(venue, account) as socket:
        made = submit(http, "cycle", qty="1500", time_in_force="gtc")
        venue.step(next_session(), bar("AAPL", "90"))
        venue.step(next_session(), bar("AAPL", "96"))
        told = updates(socket, 4)
    assert names(told) == ["pending_new", "new", "partial_fill", "fill"]
    assert [each["order"]["status"] for each in told] == [
        "pending_new",
        "new",
        "partially_filled",
        "filled",
    ]
    numbers = [int(each["event_id"]) for each in told]
    assert numbers == sorted(set(numbers))
    assert {each["order"]["id"] for each in told} == {made["id"]}
    part, rest = told[2:]
    assert (part["qty"], part["price"], part["position_qty"]) == ("1000", "90.045", "1000")
    assert (rest["qty"], rest["price"], rest["position_qty"]) == ("500", "96.048", "1500")

    fills = http.get("/v2/account/activities/FILL", params={"direction": "asc"}).json()
    assert [each["id"].partition("::")[2] for each in fills] == [
        part["execution_id"],
        rest["execution_id"],
    ]
    assert [(each["cum_qty"], each["leaves_qty"], each["type"]) for each in fills] == [
        ("1000", "500", "partial_fill"),
        ("1500", "0", "fill"),
    ]
    spent = Decimal("90045.00") + Decimal("48024.00") + Decimal("5.00") + Decimal("2.50")
    money = http.get("/v2/account").json()
    assert Decimal(money["cash"]) == Decimal(100_000) - spent
    assert Decimal(money["equity"]) == Decimal(money["cash"]) + 1500 * 96
    [held] = http.get("/v2/positions").json()
    assert (held["qty"], held["cost_basis"], held["side"]) == ("1500", "138069", "long")
    assert held["avg_entry_price"] == "92.046"
    assert http.get("/v2/positions/AAPL").json() == held


def test_a_sale_through_zero_is_a_short_position(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    submit(http, "in")
    venue.step(next_session(), bar("AAPL"))
    submit(http, "out", side="sell", qty="15")
    venue.step(next_session(), bar("AAPL", "110"))
    [held] = http.get("/v2/positions").json()
    assert (held["qty"], held["side"], held["avg_entry_price"]) == ("-5", "short", "109.946")
    assert (held["cost_basis"], held["market_value"]) == ("-549.73", "-550")


def test_a_part_that_is_sold_takes_its_share_of_the_cost(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    for client_order_id, price, fields in (
        ("first", "100", {"qty": "10"}),
        ("second", "130", {"qty": "20"}),
        ("part", "140", {"qty": "12", "side": "sell"}),
    ):
        submit(http, client_order_id, **fields)
        venue.step(next_session(), bar("AAPL", price))
    [held] = http.get("/v2/positions").json()
    whole = Decimal("1000.50") + Decimal("2601.30")
    assert (held["qty"], held["cost_basis"]) == ("18", str(whole * 18 / 30)[:7])
    assert held["unrealized_pl"] == str(Decimal("2520") - Decimal("2161.08"))
    submit(http, "rest", qty="18", side="sell")
    venue.step(next_session(), bar("AAPL", "140"))
    assert http.get("/v2/positions").json() == []


def test_a_cancel_ends_an_order_once(venue: RunningVenue, account: str, http: httpx.Client) -> None:
    with listening(venue, account) as socket:
        made = submit(http, "cancel")
        assert http.delete(f"/v2/orders/{made['id']}").status_code == 204
        again = http.delete(f"/v2/orders/{made['id']}")
        told = updates(socket, 4)
    assert (again.status_code, again.json()["code"]) == (422, 42210000)
    assert names(told) == ["pending_new", "new", "pending_cancel", "canceled"]
    now = found(http, made["id"])
    assert now["status"] == "canceled"
    assert now["canceled_at"] == told[3]["timestamp"]


def test_a_replacement_is_a_new_order_in_the_old_ones_place(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    made = submit(http, "old", qty="1500", type="limit", limit_price="100", time_in_force="gtc")
    venue.step(next_session(), bar("AAPL"))
    with listening(venue, account) as socket:
        answer = http.patch(
            f"/v2/orders/{made['id']}", json={"limit_price": 101, "client_order_id": "new"}
        )
        told = updates(socket, 4)
    assert answer.status_code == 200
    after, before = answer.json(), found(http, made["id"])
    assert (after["replaces"], after["qty"], after["limit_price"]) == (made["id"], "500", "101")
    assert (before["status"], before["replaced_by"]) == ("replaced", after["id"])
    assert before["filled_qty"] == "1000"
    assert names(told) == ["pending_replace", "replaced", "pending_new", "new"]
    assert told[1]["order"]["replaced_by"] == after["id"]
    venue.step(next_session(), bar("AAPL"))
    assert found(http, after["id"])["status"] == "filled"
    assert http.get("/v2/positions/AAPL").json()["qty"] == "1500"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"limit_price": "99", "client_order_id": "first"}, 422, 40010001),
        ({"stop_price": "99"}, 422, 42210000),
        ({"trail": "1"}, 422, 42210000),
        ({"qty": "0"}, 422, 40010001),
        ({"qty": "9999"}, 403, 40310000),
    ],
    ids=["used id", "no stop", "trail", "nothing", "too much"],
)
def test_a_replacement_that_is_refused_leaves_the_old_one(
    http: httpx.Client, change: dict[str, str], status: int, code: int
) -> None:
    made = submit(http, "first", type="limit", limit_price="100")
    answer = http.patch(f"/v2/orders/{made['id']}", json=change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert found(http, made["id"])["status"] == "new"
    assert len(http.get("/v2/orders", params={"status": "all"}).json()) == 1


def test_an_order_that_ended_or_is_of_money_is_not_replaced(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    ended = submit(http, "ended")
    venue.step(next_session(), bar("AAPL"))
    by_money = submit(http, "money", qty=None, notional="100")
    for each in (ended, by_money):
        answer = http.patch(f"/v2/orders/{each['id']}", json={"qty": "5"})
        assert (answer.status_code, answer.json()["code"]) == (422, 42210000)


def test_fills_are_caught_up_page_by_page(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    for n in range(7):
        submit(http, f"page{n}", qty=str(n + 1))
    venue.step(next_session(), bar("AAPL"))
    for direction, expected in (("asc", "1234567"), ("desc", "7654321")):
        seen: list[str] = []
        query = {"direction": direction, "page_size": "3"}
        while page := http.get("/v2/account/activities/FILL", params=query).json():
            seen += [each["qty"] for each in page]
            query["page_token"] = page[-1]["id"]
        assert "".join(seen) == expected


def test_what_working_purchases_may_cost_is_not_free(
    venue: RunningVenue, http: httpx.Client, next_session: Sessions
) -> None:
    venue.step(next_session(), bar("AAPL"))

    def free() -> str:
        return http.get("/v2/account").json()["buying_power"]

    made = submit(http, "held", qty="1500")
    assert free() == "50000"
    refused = http.post("/v2/orders", json=order("more", qty="501"))
    assert (refused.status_code, refused.json()["code"]) == (403, 40310000)
    http.delete(f"/v2/orders/{made['id']}")
    assert free() == "200000"
