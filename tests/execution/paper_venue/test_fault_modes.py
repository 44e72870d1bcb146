"""Every fault does what it says, strikes as often as it should, and where it should."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from execution.paper_venue.faults import Kind
from tests.execution.paper_venue.running import (
    RunningVenue,
    bar,
    listening,
    names,
    order,
    updates,
)
from tests.servers import until

Sessions = Callable[[], str]
ORDERS = "/v2/orders"
FILLS = "/v2/account/activities/FILL"


def taken(http: httpx.Client, client_order_id: str) -> dict[str, Any] | None:
    answer = http.get("/v2/orders:by_client_order_id", params={"client_order_id": client_order_id})
    return answer.json() if answer.status_code == 200 else None


def test_the_answer_is_dropped_after_the_order_was_taken(
    venue: RunningVenue, http: httpx.Client
) -> None:
    venue.fault("drop_answer", ORDERS, method="POST")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        http.post(ORDERS, json=order("dropped"))
    assert taken(http, "dropped")
    assert http.post(ORDERS, json=order("next")).status_code == 200


def test_a_gateway_times_out_after_the_order_was_taken(
    venue: RunningVenue, http: httpx.Client
) -> None:
    venue.fault("gateway_timeout", ORDERS, method="POST")
    answer = http.post(ORDERS, json=order("late"))
    assert (answer.status_code, answer.json()["code"]) == (504, 50400000)
    assert taken(http, "late")
    again = http.post(ORDERS, json=order("late"))
    assert (again.status_code, again.json()["code"]) == (422, 40010001)


def test_a_request_is_held_and_never_taken(venue: RunningVenue, http: httpx.Client) -> None:
    venue.fault("hold", ORDERS, method="POST", milliseconds=100)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        http.post(ORDERS, json=order("held"))
    assert taken(http, "held") is None


def test_a_client_that_gives_up_while_it_is_held_is_not_served_later(
    venue: RunningVenue, http: httpx.Client
) -> None:
    venue.fault("hold", ORDERS, method="POST", milliseconds=300)
    with pytest.raises(httpx.ReadTimeout):
        http.post(ORDERS, json=order("held"), timeout=0.05)
    venue.fault("slow", "/v2/clock", milliseconds=600)
    assert http.get("/v2/clock").status_code == 200  # longer than the hold
    assert taken(http, "held") is None


def test_too_many_requests_say_when_to_come_again(venue: RunningVenue, http: httpx.Client) -> None:
    venue.fault("rate_limit", ORDERS, method="POST", milliseconds=1500)
    answer = http.post(ORDERS, json=order("limited"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert answer.json()["code"] == 42910000
    assert taken(http, "limited") is None


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_order_is_not_taken_where_the_venue_is_down(
    venue: RunningVenue, http: httpx.Client, status: int
) -> None:
    venue.fault("unavailable", ORDERS, method="POST", status=status)
    answer = http.post(ORDERS, json=order("down"))
    assert (answer.status_code, answer.json()["code"]) == (status, status * 100_000)
    assert taken(http, "down") is None
    assert http.post(ORDERS, json=order("down")).status_code == 200


def test_a_slow_answer_comes_after_its_client_gave_up(
    venue: RunningVenue, http: httpx.Client
) -> None:
    venue.fault("slow", ORDERS, method="POST", milliseconds=200)
    with pytest.raises(httpx.ReadTimeout):
        http.post(ORDERS, json=order("slow"), timeout=0.05)
    until(lambda: taken(http, "slow") is not None, "the slow order")


def test_an_answer_of_a_hundred_megabytes(venue: RunningVenue, http: httpx.Client) -> None:
    venue.fault("huge_answer", ORDERS, method="GET", bytes=100_000_000)
    with http.stream("GET", ORDERS) as answer:
        assert answer.headers["content-length"] == "100000000"
        assert sum(len(piece) for piece in answer.iter_raw()) == 100_000_000
    venue.fault("huge_answer", ORDERS, method="GET", bytes=1000)
    assert len(json.loads(http.get(ORDERS).content)["padding"]) == 1000 - len('{"padding":""}')


def test_an_order_is_taken_and_rejected(
    venue: RunningVenue, account: str, http: httpx.Client
) -> None:
    venue.fault("reject_later", ORDERS, method="POST")
    with listening(venue, account) as socket:
        answer = http.post(ORDERS, json=order("rejected"))
        told = updates(socket, 2)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending_new")
    assert names(told) == ["pending_new", "rejected"]
    now = taken(http, "rejected")
    assert now is not None
    assert (now["status"], now["failed_at"]) == ("rejected", told[1]["timestamp"])


def test_a_fill_comes_after_the_cancel_and_was_before_it(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    venue.step(next_session(), bar("AAPL"))
    venue.fault("fill_after_cancel", f"{ORDERS}/*", method="DELETE", milliseconds=50)
    with listening(venue, account) as socket:
        made = http.post(ORDERS, json=order("late")).json()
        assert http.delete(f"{ORDERS}/{made['id']}").status_code == 204
        told = updates(socket, 5)
    assert names(told) == ["pending_new", "new", "pending_cancel", "canceled", "fill"]
    canceled, fill = told[3:]
    assert fill["timestamp"] < canceled["timestamp"]
    assert fill["order"]["status"] == "filled"
    assert fill["order"]["canceled_at"] == canceled["timestamp"]
    assert http.get("/v2/positions/AAPL").json()["qty"] == "10"
    [booked] = http.get(FILLS).json()
    assert booked["id"].endswith(fill["execution_id"])


def bought(http: httpx.Client, venue: RunningVenue, session: str, symbol: str = "AAPL") -> None:
    assert http.post(ORDERS, json=order(f"buy-{session}-{symbol}", symbol)).status_code == 200
    venue.step(session, bar(symbol))


def test_a_fill_is_told_twice(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    venue.fault("duplicate_fill", "/stream")
    with listening(venue, account) as socket:
        bought(http, venue, next_session())
        told = updates(socket, 4)
    assert names(told) == ["pending_new", "new", "fill", "fill"]
    assert told[2] == told[3]
    assert len(http.get(FILLS).json()) == 1


def test_events_overtake_each_other(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    venue.fault("out_of_order", "/stream", event="new")
    with listening(venue, account) as socket:
        bought(http, venue, next_session())
        told = updates(socket, 3)
    assert names(told) == ["pending_new", "fill", "new"]
    assert int(told[2]["event_id"]) < int(told[1]["event_id"])


def test_an_event_is_missing(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    venue.fault("drop_event", "/stream", event="fill")
    with listening(venue, account) as socket:
        bought(http, venue, next_session())
        http.post(ORDERS, json=order("after"))
        told = updates(socket, 4)
    assert names(told) == ["pending_new", "new", "pending_new", "new"]
    assert len(http.get(FILLS).json()) == 1


def test_the_stream_breaks_and_what_happened_is_caught_up(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    from websockets.exceptions import ConnectionClosedError

    venue.fault("close_stream", "/stream", event="fill")
    with listening(venue, account) as socket:
        bought(http, venue, next_session())
        assert names(updates(socket, 2)) == ["pending_new", "new"]
        with pytest.raises(ConnectionClosedError):
            updates(socket, 1)
    with listening(venue, account) as socket:
        bought(http, venue, next_session())
        assert names(updates(socket, 3)) == ["pending_new", "new", "fill"]
    assert len(http.get(FILLS).json()) == 2


def test_lies_on_the_stream_leave_the_books_alone(
    venue: RunningVenue, account: str, http: httpx.Client, next_session: Sessions
) -> None:
    def lied(kind: str, **fields: Any) -> list[dict[str, Any]]:
        venue.clear_faults()
        venue.fault(kind, "/stream", event="fill", **fields)
        with listening(venue, account) as socket:
            bought(http, venue, next_session())
            count = 4 if kind == "execution_conflict" else 3
            return updates(socket, count)[2:]

    [overfill] = lied("overfill")
    assert (overfill["qty"], overfill["order"]["filled_qty"], overfill["order"]["qty"]) == (
        "11",
        "11",
        "10",
    )
    [negative] = lied("negative_price")
    assert negative["price"] == "-100.05"
    [symbol] = lied("unknown_symbol")
    assert symbol["order"]["symbol"] == "NOSUCH"
    [status] = lied("unknown_status")
    assert status["order"]["status"] == "imagined"
    before = datetime.fromisoformat(status["timestamp"])
    [clock] = lied("clock_off", milliseconds=86_400_000)
    day_later = datetime.fromisoformat(clock["timestamp"]) - before
    assert timedelta(days=1) < day_later < timedelta(days=1, minutes=5)
    true, false = lied("execution_conflict")
    assert true["execution_id"] == false["execution_id"]
    assert (false["qty"], false["price"]) == ("11", "101.05")

    fills = http.get(FILLS).json()
    assert {(each["qty"], each["price"], each["symbol"]) for each in fills} == {
        ("10", "100.05", "AAPL")
    }
    assert http.get("/v2/positions/AAPL").json()["qty"] == "60"


def test_lies_in_answers(venue: RunningVenue, http: httpx.Client, next_session: Sessions) -> None:
    bought(http, venue, next_session())

    def lied(kind: str, path: str, **fields: Any) -> Any:
        venue.clear_faults()
        venue.fault(kind, path, method="GET", **fields)
        query = {"status": "all"} if path == ORDERS else None
        answer = http.get(path, params=query)
        assert answer.status_code == 200
        return answer.json()

    assert lied("overfill", ORDERS)[0]["filled_qty"] == "11"
    assert lied("overfill", FILLS)[0]["qty"] == "11"
    assert lied("negative_price", FILLS)[0]["price"] == "-100.05"
    assert lied("negative_price", "/v2/positions")[0]["avg_entry_price"] == "-100.05"
    assert lied("unknown_symbol", "/v2/positions")[0]["symbol"] == "NOSUCH"
    assert lied("unknown_status", ORDERS)[0]["status"] == "imagined"
    assert lied("unknown_status", FILLS)[0]["order_status"] == "imagined"
    true, false = lied("execution_conflict", FILLS)
    assert true["id"] == false["id"]
    assert true["price"] != false["price"]
    now = datetime.fromisoformat(http.get("/v2/clock").json()["timestamp"])
    later = datetime.fromisoformat(
        lied("clock_off", "/v2/clock", milliseconds=86_400_000)["timestamp"]
    )
    assert timedelta(days=1) < later - now < timedelta(days=1, minutes=5)
    assert http.get(FILLS).json()[0]["price"] == "100.05"


def test_a_fault_strikes_as_often_as_it_says_and_tells(
    venue: RunningVenue, http: httpx.Client
) -> None:
    venue.fault("unavailable", "/v2/clock", status=503, count=2)
    assert [http.get("/v2/clock").status_code for _ in range(4)] == [503, 503, 200, 200]
    [shown] = venue.admin.get("/sim/v1/faults").json()
    assert (shown["kind"], shown["struck"], shown["count"]) == ("unavailable", 2, 2)


def test_chance_is_the_same_for_the_same_seed(venue: RunningVenue, http: httpx.Client) -> None:
    def struck(seed: int) -> list[int]:
        venue.clear_faults()
        venue.fault("unavailable", "/v2/clock", status=500, probability="0.5", seed=seed)
        return [http.get("/v2/clock").status_code for _ in range(40)]

    first = struck(7)
    assert struck(7) == first
    assert struck(8) != first
    assert 5 < first.count(500) < 35


def test_a_fault_strikes_only_where_it_is_meant(
    venue: RunningVenue, account: str, http: httpx.Client
) -> None:
    venue.fault("unavailable", "/v2/clock", status=500, account="test-198", count=9)
    venue.fault("unavailable", "/v2/orders*", status=500, method="DELETE", count=9)
    assert http.get("/v2/clock").status_code == 200
    with venue.client("test-198") as other:
        assert other.get("/v2/clock").status_code == 500
    assert http.post(ORDERS, json=order("spared")).status_code == 200
    assert http.delete(ORDERS).status_code == 500
    assert venue.admin.get("/sim/v1/faults").status_code == 200
    assert httpx.get(f"{venue.url}/readyz").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "gremlin", "path": "/v2/orders", "count": 1},
        {"kind": "hold", "path": "/v2/orders", "count": 1},
        {"kind": "unavailable", "path": "/v2/orders", "count": 1},
        {"kind": "unavailable", "path": "/v2/orders", "count": 1, "status": 200},
        {"kind": "huge_answer", "path": "/v2/orders", "count": 1},
        {"kind": "drop_answer", "path": "/v2/orders"},
        {"kind": "drop_answer", "path": "/v2/orders", "count": 1, "probability": "0.5"},
        {"kind": "drop_answer", "path": "/v2/orders", "count": 0},
        {"kind": "drop_answer", "path": "/v2/orders", "probability": "1.5"},
        {"kind": "slow", "path": "/v2/orders", "count": 1, "milliseconds": -1},
        {"kind": "drop_answer", "count": 1},
    ],
)
def test_a_fault_that_is_none_is_refused(venue: RunningVenue, body: dict[str, Any]) -> None:
    answer = venue.admin.post("/sim/v1/faults", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)


def test_every_kind_of_fault_is_tried_here() -> None:
    from pathlib import Path

    text = Path(__file__).read_text()
    assert [kind for kind in Kind if f'"{kind}"' not in text] == []
