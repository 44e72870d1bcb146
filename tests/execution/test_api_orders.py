"""Orders of every kind over HTTP: placed, looked at, replaced, cancelled, and booked."""

import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.execution.api_account import ORDER, SCORES, SESSIONS
from tests.execution.factories import DAYS, feed, session
from tests.execution.running import RunningCore, as_messages, running, send


def place(core: RunningCore, account: str, name: str | None, **fields: object) -> Any:
    body = {k: v for k, v in ORDER.items() if k != "client_order_id"} | {"account": account}
    named = {} if name is None else {"client_order_id": name}
    return core.http.post("/api/v1/orders", json=body | named | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "limit", "limit_price": "99.5", "time_in_force": "gtc"},
        {"type": "stop", "stop_price": "104"},
        {"type": "stop_limit", "stop_price": "103", "limit_price": "104"},
        {"time_in_force": "ioc"},
        {"time_in_force": "fok"},
    ],
    ids=str,
)
def test_an_order_of_every_kind_is_accepted_and_shown(
    core: RunningCore, account: str, fields: dict[str, str]
) -> None:
    answer = place(core, account, "mine", **fields)
    assert answer.status_code == 201, answer.text
    shown = core.get("/api/v1/orders/mine", account=account)
    assert shown == answer.json()
    for name, value in fields.items():
        found = Decimal(shown[name]) if name.endswith("price") else shown[name]
        assert found == (Decimal(value) if name.endswith("price") else value)


def test_an_order_in_money_becomes_shares(core: RunningCore, account: str) -> None:
    told = place(core, account, "mine", quantity=None, notional="1000").json()
    assert (told["notional"], told["quantity"]) == ("1000.00", "9")  # at 100 x 1.03 at worst


def test_an_order_without_an_id_gets_one(core: RunningCore, account: str) -> None:
    told = place(core, account, None).json()
    assert len(told["client_order_id"]) == 32
    key = {"Idempotency-Key": "from-header"}
    body = ORDER | {"account": account, "symbol": "IBM"}
    del body["client_order_id"]
    first = core.http.post("/api/v1/orders", json=body, headers=key).json()
    assert first["client_order_id"] == "from-header"
    assert core.http.post("/api/v1/orders", json=body, headers=key).json() == first


def test_reduce_only_never_opens(core: RunningCore, account: str) -> None:
    told = place(core, account, "mine", reduce_only=True).json()
    assert told["error"] == "REDUCE_ONLY_INCREASE"


def test_a_cancelled_order_stays_cancelled(core: RunningCore, account: str) -> None:
    place(core, account, "mine", time_in_force="gtc")
    gone = core.http.delete("/api/v1/orders/mine", params={"account": account})
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    again = core.http.delete("/api/v1/orders/mine", params={"account": account})
    assert (again.status_code, again.json()["error"]) == (422, "ORDER_NOT_WORKING")
    unknown = core.http.delete("/api/v1/orders/other", params={"account": account})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "ORDER_UNKNOWN")
    assert core.http.get(f"/api/v1/orders/other?account={account}").status_code == 404


def test_a_strategys_order_can_be_cancelled_by_its_id(core: RunningCore, account: str) -> None:
    day = DAYS[3]
    send(core.nats_url, as_messages(session(day, {"FB": "0.6"}, previous=SESSIONS[-1]), account))
    core.wait_until_closed(day, account)
    (working,) = core.get("/api/v1/orders", account=account, status="accepted")
    assert "~" in working["client_order_id"]
    path = f"/api/v1/orders/{working['client_order_id']}"
    gone = core.http.delete(path, params={"account": account})
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")


def test_a_replaced_order_leaves_its_place_to_another(core: RunningCore, account: str) -> None:
    first = {"type": "limit", "limit_price": "99", "time_in_force": "gtc"}
    old = place(core, account, "old", **first).json()
    body = {"account": account, "limit_price": "98", "client_order_id": "new"}
    answer = core.http.patch("/api/v1/orders/old", json=body)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["replaces"], Decimal(new["limit_price"])) == (old["order_id"], 98)
    assert (new["quantity"], new["time_in_force"]) == ("5", "gtc")
    assert core.get("/api/v1/orders/old", account=account)["status"] == "replaced"
    assert core.http.patch("/api/v1/orders/old", json=body).json() == new
    other = core.http.patch("/api/v1/orders/old", json=body | {"limit_price": "97"})
    assert (other.status_code, other.json()["error"]) == (409, "CLIENT_ORDER_ID_USED")


def test_a_replacement_that_is_refused_leaves_the_order_working(
    core: RunningCore, account: str
) -> None:
    place(core, account, "old", type="limit", limit_price="99")
    body = {"account": account, "quantity": "5000", "client_order_id": "new"}
    answer = core.http.patch("/api/v1/orders/old", json=body)
    assert (answer.status_code, answer.json()["order"]["status"]) == (403, "refused")
    assert core.get("/api/v1/orders/old", account=account)["status"] == "accepted"
    nothing = core.http.patch("/api/v1/orders/none", json=body | {"client_order_id": "n2"})
    assert (nothing.status_code, nothing.json()["error"]) == (404, "ORDER_UNKNOWN")


def test_a_core_that_does_not_drive_the_account_answers_too(
    core: RunningCore, tmp_path: Path
) -> None:
    with running(RunningCore(core.database, core.nats_url, tmp_path)) as other:
        name = f"test-{secrets.token_hex(4)}"
        body = {"account": name, "strategies": ["technical"], "sources": ["sample"]}
        assert core.http.post("/api/v1/accounts", json=body).status_code == 201
        send(core.nats_url, as_messages(feed(SESSIONS, SCORES), name))
        core.wait_until_closed(SESSIONS[-1], name)
        answer = place(other, name, "mine")
        assert (answer.status_code, answer.json()["status"]) == (201, "accepted")
        assert place(core, name, "mine").json() == answer.json()


def test_cash_moves_once_and_is_in_the_ledger(core: RunningCore, account: str) -> None:
    before = core.account(account)
    body = {"account": account, "sleeve": "manual", "amount": "250.50", "reason": "savings"}
    done = core.http.post("/api/v1/cash", json=body | {"request_id": "in"})
    assert done.status_code == 200, done.text
    assert core.http.post("/api/v1/cash", json=body | {"request_id": "in"}).json() == done.json()
    after = core.account(account)
    assert Decimal(after["cash"]) - Decimal(before["cash"]) == Decimal("250.50")
    assert Decimal(after["capital"]) - Decimal(before["capital"]) == Decimal("250.50")
    sums = {
        (b["sleeve"], b["ledger_account"]): Decimal(b["balance"])
        for b in core.get("/api/v1/balances", account=account)
    }
    assert sums["manual", "capital"] == Decimal("-10250.50")
    assert sums["manual", "cash"] == Decimal("10250.50")
    assert sum(sums.values()) == 0
    too_much = body | {"amount": "-99999.00"}
    answer = core.http.post("/api/v1/cash", json=too_much)
    assert (answer.status_code, answer.json()["error"]) == (403, "INSUFFICIENT_CASH")
    nowhere = core.http.post("/api/v1/cash", json=body | {"sleeve": "nowhere"})
    assert (nowhere.status_code, nowhere.json()["error"]) == (404, "SLEEVE_UNKNOWN")


def test_the_ledgers_pages_add_up_to_the_whole(core: RunningCore, account: str) -> None:
    whole = core.get("/api/v1/ledger", account=account, limit=500)
    pages, after = [], "0:"
    while True:
        query = {"account": account, "limit": 1, "after": after}
        answer = core.http.get("/api/v1/ledger", params=query)
        pages += answer.json()
        if "next-cursor" not in answer.headers:
            break
        after = answer.headers["next-cursor"]
    assert pages == whole
    assert [t["kind"] for t in whole] == ["capital"] * 2 + ["fill"] * (len(whole) - 2)
    for each in whole:
        assert sum(Decimal(line["amount"]) for line in each["lines"]) == 0


def test_why_shows_the_limits_the_checks_and_the_sizing(core: RunningCore, account: str) -> None:
    fill = core.get("/api/v1/fills", account=account)[0]
    why = core.get(f"/api/v1/why/{fill['fill_id']}")
    assert why["order"]["limits_version"] == 1
    assert {c["outcome"] for c in why["checks"]} <= {"passed", "not_applicable"}
    assert why["sizing"]["target"] == fill["quantity"]
