"""What holds an account back, over HTTP: kill switch, trading states, limits, instruments."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.execution.api_account import ORDER, SESSIONS
from tests.execution.running import RunningCore
from tests.servers import until

WHO = {"by": "ada", "reason": "a test"}


def post(core: RunningCore, path: str, status: int = 200, **body: object) -> Any:
    answer = core.http.post(f"/api/v1/{path}", json=WHO | body)
    assert answer.status_code == status, answer.text
    return answer.json()


def order(core: RunningCore, account: str, name: str, **fields: object) -> Any:
    body = ORDER | {"account": account, "client_order_id": name} | fields
    return core.http.post("/api/v1/orders", json=body).json()


@pytest.fixture
def released(core: RunningCore) -> Iterator[None]:
    """Whatever a test does, the switch of all accounts is released for the next one."""
    yield
    post(core, "kill-switch", engaged=False)


@pytest.mark.usefixtures("released")
def test_the_kill_switch_refuses_every_order_until_it_is_released(
    core: RunningCore, account: str
) -> None:
    told = post(core, "kill-switch", engaged=True)
    assert (told["scope"], told["engaged"], told["changed_by"]) == ("*", True, "ada")
    assert isinstance(told["waited_ms"], int)
    assert order(core, account, "a")["error"] == "KILL_SWITCH"
    assert core.account(account)["kill_switch"] is True
    shown = core.get("/api/v1/kill-switch", account=account)
    assert (shown["engaged"], shown["switches"][0]["reason"]) == (True, "a test")
    post(core, "kill-switch", engaged=False)
    assert order(core, account, "b")["status"] == "accepted"
    assert core.account(account)["kill_switch"] is False


def test_the_kill_switch_of_one_account_leaves_the_others_alone(
    core: RunningCore, account: str
) -> None:
    told = post(core, "kill-switch", engaged=True, account=account)
    assert told["scope"] == account
    assert order(core, account, "a")["error"] == "KILL_SWITCH"
    assert core.account("sample")["kill_switch"] is False
    assert post(core, "kill-switch", 404, engaged=True, account="nobody")["error"] == (
        "ACCOUNT_UNKNOWN"
    )


def test_a_repeated_request_is_answered_as_the_first_time(core: RunningCore, account: str) -> None:
    body = {"account": account, "version": 1, "changes": {"price_collar": "0.2"}}
    first = post(core, "limits", **body, request_id="mine")
    assert first["changes"][0]["limits"]["version"] == 2
    head = core.account(account)["seq"]
    assert post(core, "limits", **body, request_id="mine") == first
    key = {"Idempotency-Key": "mine"}
    assert core.http.post("/api/v1/limits", json=WHO | body, headers=key).json() == first
    other = post(core, "limits", 409, **body | {"reason": "another"}, request_id="mine")
    assert other["error"] == "CLIENT_ORDER_ID_USED"
    both = core.http.post("/api/v1/limits", json=WHO | body | {"request_id": "other"}, headers=key)
    assert (both.status_code, both.json()["error"]) == (422, "SCHEMA_INVALID")
    assert core.account(account)["seq"] == head


def test_limits_change_by_versions_with_who_and_why(core: RunningCore, account: str) -> None:
    before = core.get("/api/v1/limits", account=account)
    assert (before["limits"]["version"], len(before["history"])) == (1, 1)
    assert order(core, account, "a", quantity="50")["status"] == "accepted"
    changes = {"max_order_notional": "0.01", "restricted": ["IBM"]}
    post(core, "limits", account=account, version=1, changes=changes)
    late = post(core, "limits", 409, account=account, version=1, changes=changes)
    assert late["error"] == "LIMITS_VERSION"
    unseen = post(core, "limits", 409, account=account, version=7, changes=changes)
    assert unseen["error"] == "LIMITS_VERSION"
    told = core.get("/api/v1/limits", account=account)
    assert told["limits"]["max_order_notional"] == "0.01"
    assert told["limits"]["gross_exposure"] == before["limits"]["gross_exposure"]
    newest = told["history"][0]
    assert (newest["version"], newest["changed_by"], newest["reason"]) == (2, "ada", "a test")
    refused = order(core, account, "b", quantity="50")
    assert refused["error"] == "MAX_ORDER_NOTIONAL"
    assert refused["order"]["limits_version"] == core.account(account)["limits_version"] == 2
    assert core.get("/api/v1/orders/a", account=account)["limits_version"] == 1


def test_a_profile_brings_its_figures_and_what_stands_beside_it_wins(
    core: RunningCore, account: str
) -> None:
    changes = {"profile": "intraday", "max_open_orders": 7}
    post(core, "limits", account=account, version=1, changes=changes)
    told = core.get("/api/v1/limits", account=account)["limits"]
    found = (told["profile"], told["version"], told["max_order_notional"], told["max_open_orders"])
    assert found == ("intraday", 2, "0.02", 7)
    strange = {"profile": "hourly"}
    refused = post(core, "limits", 422, account=account, version=2, changes=strange)
    assert "hourly" in refused["message"]


def test_an_account_may_be_opened_with_the_strict_profile(core: RunningCore) -> None:
    body = {"account": "strict", "strategies": ["technical"], "sources": ["sample"]}
    opened = core.http.post("/api/v1/accounts", json=body | {"profile": "intraday"})
    assert opened.status_code == 201
    until(lambda: core.http.get("/health/ready").is_success, "the new account's writer")
    limits = core.get("/api/v1/limits", account="strict")["limits"]
    assert (limits["profile"], limits["collar_market_orders"]) == ("intraday", True)


def test_numbers_of_a_change_are_taken_digit_by_digit(core: RunningCore, account: str) -> None:
    body = f'{{"account":"{account}","version":1,"by":"a","reason":"b","changes":'
    body += '{"price_collar":0.123456789}}'
    headers = {"Content-Type": "application/json"}
    answer = core.http.post("/api/v1/limits", content=body, headers=headers)
    assert answer.json()["changes"][0]["limits"]["price_collar"] == "0.123456789"


def test_a_trading_state_restricts_its_scope_with_cause_and_reason(
    core: RunningCore, account: str
) -> None:
    scope = {"account": account, "scope": "symbol", "name": "MSFT"}
    post(core, "trading-state", **scope, state="halted")
    told = core.get("/api/v1/trading-state", account=account)["restrictions"]
    assert [(r["scope"], r["name"], r["state"], r["cause"]) for r in told] == [
        ("symbol", "MSFT", "halted", "operator")
    ]
    assert "a test" in told[0]["reason"]
    assert core.account(account)["restrictions"] == told
    assert order(core, account, "a")["error"] == "TRADING_HALTED"
    assert order(core, account, "b", symbol="IBM")["status"] == "accepted"
    post(core, "trading-state", **scope, state="active")
    assert order(core, account, "c", quantity="4")["status"] == "accepted"
    nobody = {"account": account, "scope": "strategy", "name": "nobody", "state": "halted"}
    assert post(core, "trading-state", 404, **nobody)["error"] == "STRATEGY_UNKNOWN"


def test_an_account_can_be_restricted_before_its_first_session(core: RunningCore) -> None:
    post(core, "trading-state", account="files", scope="account", state="reducing")
    assert core.account("files")["restrictions"][0]["state"] == "reducing"
    post(core, "trading-state", account="files", scope="account", state="active")
    assert core.account("files")["restrictions"] == []


def test_instruments_are_described_and_change_alone(core: RunningCore, account: str) -> None:
    facts = [{"symbol": "MSFT", "sector": "Software"}, {"symbol": "IBM", "tradable": False}]
    body = {"account": account, "instruments": facts}
    assert core.http.put("/api/v1/instruments", json=body).json()["status"] == "done"
    again = {"account": account, "instruments": [{"symbol": "IBM", "lot_size": 100}]}
    core.http.put("/api/v1/instruments", json=again)
    told = {i["symbol"]: i for i in core.get("/api/v1/instruments", account=account)}
    assert told["MSFT"]["sector"] == "Software"
    assert (told["IBM"]["tradable"], told["IBM"]["lot_size"]) == (True, 100)
    assert order(core, account, "a", symbol="IBM")["error"] == "LOT_SIZE"


def test_flatten_closes_everything_once_it_is_confirmed(core: RunningCore, account: str) -> None:
    order(core, account, "a")
    body = {"account": account, "request_id": "out"}
    said = post(core, "flatten", 422, **body, confirm="yes")
    assert said["error"] == "CONFIRMATION_REQUIRED"
    assert f"'flatten {account}'" in said["message"]
    done = post(core, "flatten", **body, confirm=f"flatten {account}")
    assert len(done["cancelled"]) == 1
    held = {p["symbol"]: p["quantity"] for p in core.get("/api/v1/positions", account=account)}
    assert {c["symbol"]: c["quantity"] for c in done["closing"]} == held
    assert {c["side"] for c in done["closing"]} == {"sell"}
    assert {c["status"] for c in done["closing"]} == {"accepted"}
    head = core.account(account)["seq"]
    assert post(core, "flatten", **body, confirm=f"flatten {account}") == done
    assert core.account(account)["seq"] == head
    assert order(core, account, "b")["error"] == "TRADING_REDUCING"


@pytest.mark.usefixtures("released")
def test_flatten_passes_the_kill_switch(core: RunningCore, account: str) -> None:
    post(core, "kill-switch", engaged=True)
    done = post(core, "flatten", account=account, confirm=f"flatten {account}")
    assert {c["status"] for c in done["closing"]} == {"accepted"}


def test_openapi_describes_every_body(core: RunningCore) -> None:
    told = core.get("/openapi.json")
    for path, methods in told["paths"].items():
        for method in methods.keys() & {"post", "put", "patch"}:
            schema = methods[method]["requestBody"]["content"]["application/json"]["schema"]
            fields = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert fields["description"], path
            assert fields["additionalProperties"] is False, path
    changes = told["components"]["schemas"]["LimitsRequest"]["properties"]["changes"]
    assert changes["properties"]["price_collar"]["description"]
    assert "version" not in changes["properties"]


def test_one_request_from_many_connections_is_one_command(core: RunningCore, account: str) -> None:
    answers: list[Any] = []

    def ask() -> None:
        answers.append(order(core, account, "mine", quantity="3"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    with psycopg.connect(core.database.app_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM orders WHERE account = %s AND sleeve = 'manual'", [account]
        ).fetchone()
    assert row == (1,)
    assert core.account(account)["session"] == str(SESSIONS[-1])
