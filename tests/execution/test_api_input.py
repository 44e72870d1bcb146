"""Bad input over HTTP: each gets its code and its place, and nothing else changes."""

import json
from typing import Any

import psycopg
import pytest

from tests.execution.api_account import ORDER
from tests.execution.running import RunningCore

JSON = {"Content-Type": "application/json"}
WHO = {"by": "me", "reason": "because"}
CASH = {"account": "sample", "sleeve": "manual", "amount": "5", "reason": "because"}
STATE = {"account": "sample", "scope": "account", "state": "halted"} | WHO
LIMITS = {"account": "sample", "version": 1, "changes": {"price_collar": "0.1"}} | WHO
SWITCH = {"engaged": True} | WHO
FLATTEN = {"account": "sample", "confirm": "flatten sample"} | WHO
FACTS = {"account": "sample", "instruments": [{"symbol": "MSFT"}]}
ACCOUNT = {"account": "hostile", "strategies": ["technical"], "sources": ["sample"]}
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "orders": ("POST", ORDER),
    "orders/mine-1": ("PATCH", {"quantity": "5"}),
    "cash": ("POST", CASH),
    "trading-state": ("POST", STATE),
    "limits": ("POST", LIMITS),
    "kill-switch": ("POST", SWITCH),
    "flatten": ("POST", FLATTEN),
    "instruments": ("PUT", FACTS),
    "accounts": ("POST", ACCOUNT),
}
NO_NUMBERS = ["0", "-1", "NaN", "Infinity", "1e400", "0." + "1" * 40, "", "x", [], True, 10**400]


def send(core: RunningCore, route: str, body: bytes) -> Any:
    method = ROUTES[route][0]
    return core.http.request(method, f"/api/v1/{route}", content=body, headers=JSON)


def standing(core: RunningCore) -> Any:
    """All that a request could have changed: journals, commands, accounts, switches."""
    with psycopg.connect(core.database.app_url) as connection:
        return connection.execute(
            """SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM commands),
                      (SELECT count(*) FROM accounts), (SELECT count(*) FROM dead_letters),
                      (SELECT string_agg(k::text, ' ' ORDER BY scope) FROM kill_switches k)"""
        ).fetchone()


def refused(core: RunningCore, route: str, body: bytes) -> str:
    """What is said of the body; nothing changed."""
    before = standing(core)
    answer = send(core, route, body)
    assert answer.status_code in {413, 422}, answer.text
    assert answer.json()["error"] in {"SCHEMA_INVALID", "BODY_TOO_LARGE", "CONFIRMATION_REQUIRED"}
    assert before == standing(core)
    said: str = answer.json()["message"]
    assert len(said) < 400
    return said


@pytest.mark.parametrize(
    ("route", "change"),
    [
        *(("orders", {"quantity": each}) for each in NO_NUMBERS),
        *(("orders", {"quantity": None, "notional": each}) for each in [*NO_NUMBERS, "1.005"]),
        *(("orders", {"type": "limit", "limit_price": each}) for each in NO_NUMBERS),
        *(("orders", {"type": "stop", "stop_price": each}) for each in NO_NUMBERS),
        ("orders", {"side": "hold"}),
        ("orders", {"type": "market_on_close"}),
        ("orders", {"time_in_force": "always"}),
        ("orders", {"symbol": "aapl"}),
        ("orders", {"symbol": "A" * 60_000}),
        ("orders", {"symbol": "A" * 70_000}),
        ("orders", {"symbol": "\ud800"}),
        ("orders", {"symbol": "AA\x00"}),
        ("orders", {"type": "limit"}),
        ("orders", {"limit_price": "5"}),
        ("orders", {"type": "stop_limit", "limit_price": "5"}),
        ("orders", {"stop_price": "5"}),
        ("orders", {"quantity": None}),
        ("orders", {"notional": "500"}),
        ("orders", {"reduce_only": "yes"}),
        ("orders", {"client_order_id": ""}),
        ("orders", {"client_order_id": "a~b"}),
        ("orders", {"client_order_id": "a\n"}),
        ("orders", {"client_order_id": "a" * 49}),
        ("orders", {"request_id": "mine"}),
        ("orders", {"at": "2012-01-02T10:00:00"}),
        ("orders", {"surprise": 1}),
        ("orders", {"\ud800": 1}),
        ("orders", {"x" * 50_000: 1}),
        ("orders", {"account": "../sample"}),
        ("orders/mine-1", {"quantity": "-1"}),
        ("orders/mine-1", {"quantity": None}),
        ("orders/mine-1", {"symbol": "IBM"}),
        *(("cash", {"amount": each}) for each in set(map(str, NO_NUMBERS)) - {"-1"}),
        ("cash", {"amount": "5.001"}),
        ("cash", {"sleeve": "Manual!"}),
        ("cash", {"reason": ""}),
        ("cash", {"reason": " "}),
        ("cash", {"reason": "a\x00b"}),
        ("cash", {"reason": "a" * 501}),
        ("cash", {"account": None}),
        ("trading-state", {"state": "paused"}),
        ("trading-state", {"scope": "everything"}),
        ("trading-state", {"name": "technical"}),
        ("trading-state", {"scope": "symbol"}),
        ("trading-state", {"scope": "symbol", "name": "a b"}),
        ("trading-state", {"by": None}),
        ("limits", {"changes": {}}),
        ("limits", {"changes": {"version": 7}}),
        ("limits", {"changes": {"no_such_limit": "1"}}),
        ("limits", {"changes": {"price_collar": "-0.1"}}),
        ("limits", {"changes": {"price_collar": "NaN"}}),
        ("limits", {"changes": {"price_collar": "1e400"}}),
        ("limits", {"changes": {"price_collar": "0." + "1" * 40}}),
        ("limits", {"changes": {"price_collar": True}}),
        ("limits", {"changes": {"orders_per_minute": -1}}),
        ("limits", {"changes": {"duplicate_window_seconds": 10**30}}),
        ("limits", {"changes": {"restricted": ["a b"]}}),
        ("limits", {"changes": {"approved_versions": {"technical": ["\ud800"]}}}),
        ("limits", {"version": 0}),
        ("limits", {"version": "1"}),
        ("limits", {"version": 10**30}),
        ("kill-switch", {"engaged": "yes"}),
        ("kill-switch", {"engaged": 1}),
        ("kill-switch", {"reason": ""}),
        ("kill-switch", {"account": "*"}),
        ("flatten", {"confirm": "yes"}),
        ("flatten", {"confirm": "flatten  sample"}),
        ("flatten", {"confirm": "flatten files"}),
        ("flatten", {"confirm": "x" * 1000}),
        ("instruments", {"instruments": []}),
        ("instruments", {"instruments": [{"symbol": "MSFT"}, {"symbol": "MSFT"}]}),
        ("instruments", {"instruments": [{"symbol": "MSFT", "lot_size": 0}]}),
        ("instruments", {"instruments": [{"symbol": "MSFT", "tradable": "no"}]}),
        ("instruments", {"instruments": [{"symbol": "MSFT", "sector": "a\x00"}]}),
        ("instruments", {"instruments": [{"symbol": "MSFT", "colour": "red"}]}),
        ("accounts", {"account": "Hostile"}),
        ("accounts", {"account": "a" * 33}),
        ("accounts", {"strategies": []}),
        ("accounts", {"strategies": ["technical", "technical"]}),
        ("accounts", {"strategies": ["manual"]}),
        ("accounts", {"sources": ["sample", "files"]}),
        *(
            ("accounts", {"sizing": {"technical": {"max_weight": each}}})
            for each in ["NaN", "x", [], True, "1e400", "-1"]
        ),
        ("accounts", {"sizing": {"technical": {"nope": "1"}}}),
        ("accounts", {"sizing": {"nobody": {"max_weight": "0.1"}}}),
        ("accounts", {"sizing": {"technical": {"method": "../x"}}}),
    ],
    ids=lambda each: str(each)[:60],
)
def test_a_field_that_cannot_be_is_refused(
    core: RunningCore, route: str, change: dict[str, object]
) -> None:
    assert refused(core, route, json.dumps(ROUTES[route][1] | change).encode())


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"1e999",
        b"NaN",
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"quantity": ' + b"9" * 6000 + b"}",
        b'{"account": Infinity}',
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda each: repr(each)[:24],
)
def test_a_body_that_is_no_request_is_refused(core: RunningCore, route: str, body: bytes) -> None:
    assert refused(core, route, body)


@pytest.mark.parametrize("route", ROUTES)
def test_a_field_that_is_given_twice_is_named(core: RunningCore, route: str) -> None:
    whole = json.dumps(ROUTES[route][1])
    name, value = next(iter(ROUTES[route][1].items()))
    twice = f'{{"{name}": {json.dumps(value)}, {whole[1:]}'
    assert refused(core, route, twice.encode()) == f"body.{name}: the field is given twice"


def test_a_field_that_is_given_twice_deep_inside_is_named(core: RunningCore) -> None:
    body = b'{"account":"sample","version":1,"by":"a","reason":"b","changes":{"x":1,"x":2}}'
    assert refused(core, "limits", body) == "body.x: the field is given twice"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "after=x", "after=1:%00", "account=A!", "color=red"]
)
@pytest.mark.parametrize("route", ["orders", "fills", "signals", "ledger"])
def test_a_bad_page_is_refused(core: RunningCore, route: str, query: str) -> None:
    answer = core.http.get(f"/api/v1/{route}?{query}")
    assert (answer.status_code, answer.json()["error"]) == (422, "SCHEMA_INVALID")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["a%00", "a%20b", "x" * 49, "%ED%A0%80", "%7B%7D"])
def test_an_order_id_that_is_none_is_refused(core: RunningCore, method: str, name: str) -> None:
    answer = core.http.request(method, f"/api/v1/orders/{name}")
    assert (answer.status_code, answer.json()["error"]) == (422, "SCHEMA_INVALID")


@pytest.mark.parametrize("key", ["", "a b", "a" * 49, "a~b"])
def test_an_idempotency_key_that_is_none_is_refused(core: RunningCore, key: str) -> None:
    answer = core.http.post("/api/v1/cash", json=CASH, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["error"]) == (422, "SCHEMA_INVALID")
