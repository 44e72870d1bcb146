"""Requests and answers at the venue, one table row each: what is taken, and what is refused how."""

from collections.abc import Callable
from typing import Any

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from tests.execution.paper_venue.running import RunningVenue, bar, order

MISSING = "00000000-0000-0000-0000-000000000000"

REFUSED_ORDERS: list[tuple[str, dict[str, Any], int, int]] = [
    ("no symbol", {"symbol": None}, 422, 40010001),
    ("no ticker", {"symbol": "AA PL"}, 422, 40010001),
    ("unknown asset", {"symbol": "NOSUCH"}, 422, 42210000),
    ("no side", {"side": None}, 422, 40010001),
    ("unknown side", {"side": "hold"}, 422, 40010001),
    ("unknown type", {"type": "iceberg"}, 422, 40010001),
    ("unknown time in force", {"time_in_force": "gtd"}, 422, 40010001),
    ("no quantity", {"qty": None}, 422, 42210000),
    ("quantity and notional", {"notional": "100"}, 422, 42210000),
    ("zero", {"qty": "0"}, 422, 40010001),
    ("negative", {"qty": "-1"}, 422, 40010001),
    ("too many", {"qty": "1e15"}, 422, 40010001),
    ("smaller than the scale", {"qty": "1e-12"}, 422, 40010001),
    ("true", {"qty": True}, 422, 40010001),
    ("no number", {"qty": "ten"}, 422, 40010001),
    ("not finite", {"qty": "NaN"}, 422, 40010001),
    ("limit without price", {"type": "limit"}, 422, 42210000),
    ("market with limit", {"limit_price": "10"}, 422, 42210000),
    ("market with stop", {"stop_price": "10"}, 422, 42210000),
    ("stop without price", {"type": "stop"}, 422, 42210000),
    ("stop limit without limit", {"type": "stop_limit", "stop_price": "10"}, 422, 42210000),
    ("part of a cent", {"type": "limit", "limit_price": "10.001"}, 422, 40010001),
    ("fraction for longer", {"qty": "0.5", "time_in_force": "gtc"}, 422, 42210000),
    (
        "notional with a limit",
        {"qty": None, "notional": "9", "type": "limit", "limit_price": "1"},
        422,
        42210000,
    ),
    (
        "auction with a stop",
        {"type": "stop", "stop_price": "9", "time_in_force": "opg"},
        422,
        42210000,
    ),
    ("extended hours", {"extended_hours": True}, 422, 42210000),
    ("bracket", {"order_class": "bracket"}, 422, 42210000),
    ("oco", {"order_class": "oco"}, 422, 42210000),
    ("oto", {"order_class": "oto"}, 422, 42210000),
    ("trailing stop", {"type": "trailing_stop", "trail_price": "1"}, 422, 42210000),
    ("take profit", {"take_profit": {"limit_price": "1"}}, 422, 42210000),
    ("unknown field", {"colour": "red"}, 422, 40010001),
    ("long id", {"client_order_id": "x" * 129}, 422, 40010001),
    ("empty id", {"client_order_id": ""}, 422, 40010001),
    ("more than there is", {"qty": "2001"}, 403, 40310000),
    ("short of more than there is", {"qty": "2001", "side": "sell"}, 403, 40310000),
]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [row[1:] for row in REFUSED_ORDERS],
    ids=[row[0] for row in REFUSED_ORDERS],
)
def test_an_order_that_cannot_be_is_refused_with_a_code(
    http: httpx.Client, fields: dict[str, Any], status: int, code: int
) -> None:
    answer = http.post("/v2/orders", json=order("refused") | fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert set(answer.json()) == {"code", "message"}
    assert http.get("/v2/orders", params={"status": "all"}).json() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"qty":1e400}', b'{"a":1,"a":2}', b"\xff", b'"\\ud800"', b"[" * 50_000],
)
def test_a_body_that_is_no_object_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v2/orders", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert isinstance(answer.json()["code"], int)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"/v2/orders/{MISSING}", 404, 40410000),
        ("PATCH", f"/v2/orders/{MISSING}", 404, 40410000),
        ("DELETE", f"/v2/orders/{MISSING}", 404, 40410000),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=none", 404, 40410000),
        ("GET", "/v2/orders:by_client_order_id", 422, 40010001),
        ("GET", "/v2/positions/AAPL", 404, 40410000),
        ("GET", "/v2/assets/NOSUCH", 404, 40410000),
        ("GET", "/v2/orders?limit=501", 422, 40010001),
        ("GET", "/v2/orders?status=done", 422, 40010001),
        ("GET", "/v2/orders?after=yesterday", 422, 40010001),
        ("GET", "/v2/account/activities?activity_types=DIV", 422, 42210000),
        ("GET", "/v2/account/activities/FILL?page_size=101", 422, 40010001),
        ("GET", "/v2/watchlists", 404, 40410000),
        ("PUT", "/v2/orders", 405, 40500000),
    ],
)
def test_what_is_not_there_is_said_in_alpacas_form(
    http: httpx.Client, method: str, path: str, status: int, code: int
) -> None:
    answer = http.request(method, path, json={} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/account", "/openapi.json", "/nothing"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"APCA-API-KEY-ID": "x", "APCA-API-SECRET-KEY": "y"}, {"Authorization": "Bearer x"}],
    ids=["none", "wrong", "bearer"],
)
def test_without_its_keys_nothing_is_told(
    venue: RunningVenue, path: str, headers: dict[str, str]
) -> None:
    answer = httpx.get(venue.url + path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, 40110000)


def test_one_accounts_secret_is_not_anothers(venue: RunningVenue) -> None:
    key_id, _ = venue.pair("test-0")
    _, secret = venue.pair("test-1")
    headers = {"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret}
    assert httpx.get(f"{venue.url}/v2/account", headers=headers).status_code == 401


def test_an_accounts_keys_do_not_move_the_market(venue: RunningVenue, http: httpx.Client) -> None:
    for path in ("/sim/v1/bars", "/sim/v1/faults"):
        assert http.post(path, json={}).status_code == 401
    key = {"Authorization": f"Bearer {venue.pair('test-0')[1]}"}
    assert httpx.get(f"{venue.url}/sim/v1/faults", headers=key).status_code == 401


def test_an_account_sees_only_its_own_orders(venue: RunningVenue, http: httpx.Client) -> None:
    mine = http.post("/v2/orders", json=order("same")).json()
    with venue.client("test-199") as other:
        assert other.get(f"/v2/orders/{mine['id']}").status_code == 404
        assert other.delete(f"/v2/orders/{mine['id']}").status_code == 404
        theirs = other.post("/v2/orders", json=order("same"))
        assert theirs.status_code == 200
        assert theirs.json()["id"] != mine["id"]
        other.delete("/v2/orders")


@pytest.mark.parametrize("end", ["filled", "canceled"])
def test_a_client_order_id_is_used_once_for_ever(
    venue: RunningVenue, http: httpx.Client, next_session: Callable[[], str], end: str
) -> None:
    first = http.post("/v2/orders", json=order("once")).json()
    if end == "filled":
        venue.step(next_session(), bar("AAPL"))
    else:
        http.delete(f"/v2/orders/{first['id']}")
    again = http.post("/v2/orders", json=order("once", qty="7", symbol="MSFT"))
    assert again.status_code == 422
    assert again.json() == {"code": 40010001, "message": "client_order_id must be unique"}
    found = http.get("/v2/orders:by_client_order_id", params={"client_order_id": "once"}).json()
    assert (found["id"], found["qty"], found["status"]) == (first["id"], "10", end)


def test_a_float_of_a_client_is_the_number_that_was_meant(http: httpx.Client) -> None:
    answer = http.post("/v2/orders", json=order("float", qty=0.1 + 0.2)).json()
    assert answer["qty"] == "0.3"


def test_what_is_null_is_not_given(http: httpx.Client) -> None:
    fields = ("notional", "limit_price", "order_class", "extended_hours", "client_order_id")
    answer = http.post("/v2/orders", json=order("null") | dict.fromkeys(fields))
    assert answer.status_code == 200
    assert answer.json()["client_order_id"] not in {"null", None, ""}


def test_every_key_of_an_order_is_there_from_the_start(http: httpx.Client) -> None:
    found = http.post(
        "/v2/orders", json=order("keys", type="stop_limit", limit_price=11.5, stop_price="11")
    ).json()
    expected = {
        "status": "pending_new",
        "qty": "10",
        "filled_qty": "0",
        "filled_avg_price": None,
        "limit_price": "11.5",
        "stop_price": "11",
        "order_class": "simple",
        "type": "stop_limit",
        "order_type": "stop_limit",
        "notional": None,
        "legs": None,
        "replaced_by": None,
        "extended_hours": False,
        "asset_class": "us_equity",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["created_at"] == found["submitted_at"]
    assert found["created_at"].endswith("Z")


def test_orders_are_listed_by_time_in_pages(http: httpx.Client) -> None:
    made = [http.post("/v2/orders", json=order(f"n{n}", qty="1")).json() for n in range(7)]
    http.delete(f"/v2/orders/{made[2]['id']}")

    def listed(**query: str) -> list[str]:
        answer = http.get("/v2/orders", params=query)
        return [each["client_order_id"] for each in answer.json()]

    newest = http.get("/v2/orders", params={"limit": "1"}).json()[0]
    assert newest["submitted_at"] == made[6]["submitted_at"] < newest["updated_at"]
    assert listed() == ["n6", "n5", "n4", "n3", "n1", "n0"]
    assert listed(status="closed") == ["n2"]
    assert listed(status="all", direction="asc", limit="2") == ["n0", "n1"]
    after = made[1]["submitted_at"]
    assert listed(status="all", direction="asc", limit="3", after=after) == ["n2", "n3", "n4"]
    assert listed(status="all", until=after) == ["n0"]
    assert listed(symbols="MSFT,TSLA") == []
    assert listed(side="sell") == []
    assert len(listed(symbols="MSFT,AAPL", side="buy", nested="false")) == 6


def test_cancelling_everything_names_each_order(http: httpx.Client) -> None:
    made = [http.post("/v2/orders", json=order(f"c{n}")).json()["id"] for n in range(3)]
    answer = http.delete("/v2/orders")
    assert answer.status_code == 207
    assert [each["id"] for each in answer.json()] == made
    assert {each["status"] for each in answer.json()} == {200}
    assert http.get("/v2/orders").json() == []


def test_bars_are_traded_once_and_in_order(
    venue: RunningVenue, next_session: Callable[[], str]
) -> None:
    earlier, session = next_session(), next_session()
    first = venue.step(session, bar("AAPL"))
    assert venue.step(session, bar("AAPL")) == first

    def refused(session: str, *bars: dict[str, Any]) -> tuple[int, int]:
        answer = venue.admin.post("/sim/v1/bars", json={"session": session, "bars": bars})
        return answer.status_code, answer.json()["code"]

    assert refused(session, bar("AAPL", "101")) == (409, 40910000)
    assert refused(earlier, bar("AAPL")) == (409, 40910000)
    later = next_session()
    assert refused(later, bar("AAPL"), bar("AAPL")) == (422, 40010001)
    assert refused(later, bar("AAPL", low="101")) == (422, 42210000)
    assert refused(later, bar("AAPL", volume="-1")) == (422, 42210000)
    assert refused("yesterday", bar("AAPL")) == (422, 40010001)
    assert venue.admin.get("/sim/v1/session").json() == {"session": session}


def test_a_body_that_is_too_large_is_not_read(http: httpx.Client) -> None:
    answer = http.post("/v2/orders", json=order("big", symbol="A" * 70_000))
    assert answer.status_code == 413
    chunked = http.post("/v2/orders", content=(piece for piece in [b"{}"]))
    assert chunked.status_code == 413


def test_the_server_does_not_say_what_it_is(http: httpx.Client) -> None:
    assert "server" not in http.get("/v2/clock").headers


def test_probes_need_no_key(venue: RunningVenue) -> None:
    for path in ("/livez", "/readyz"):
        assert httpx.get(venue.url + path).status_code == 200


def test_clock_and_assets(
    venue: RunningVenue, http: httpx.Client, next_session: Callable[[], str]
) -> None:
    venue.step(next_session(), bar("AAPL"))
    clock = http.get("/v2/clock").json()
    assert not clock["is_open"]
    assert clock["next_open"] < clock["next_close"]
    assert http.get("/v2/assets/AAPL").json()["tradable"]
    assert {"AAPL", "MSFT"} <= {each["symbol"] for each in http.get("/v2/assets").json()}


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["1e999", "-0", "0x10", "1_000", "Infinity", "9" * 5000, "10", "AAPL", "limit"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(fields=st.dictionaries(st.sampled_from([*order("x"), "limit_price", "legs", "?"]), odd))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_order_holds_it_is_taken_or_refused(
    http: httpx.Client, fields: dict[str, Any]
) -> None:
    wanted = {**order("x"), "client_order_id": None, **fields}
    answer = http.post("/v2/orders", json=wanted)
    assert answer.status_code in {200, 403, 422}, answer.text
    made = http.patch(f"/v2/orders/{answer.json().get('id')}", json=fields)
    assert made.status_code in {200, 403, 404, 422}, made.text


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/account/activities/FILL"])
@given(query=st.dictionaries(st.sampled_from(["after", "until", "limit", "page_token"]), st.text()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_query_holds_it_is_answered_or_refused(
    http: httpx.Client, path: str, query: dict[str, str]
) -> None:
    assert http.get(path, params=query).status_code in {200, 422}
