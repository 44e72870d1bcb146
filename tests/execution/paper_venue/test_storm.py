"""Every ambiguous answer at random: a client that looks up by its own id has each order once."""

from collections import Counter

import httpx

from tests.execution.paper_venue.running import RunningVenue, order
from tests.execution.paper_venue.test_kill import every_order

SUBMITS = 300
AMBIGUOUS = {
    "drop_answer": {},
    "gateway_timeout": {},
    "hold": {"milliseconds": 5},
    "slow": {"milliseconds": 5},
    "rate_limit": {"milliseconds": 0},
    "unavailable": {"status": 503},
    "huge_answer": {"bytes": 1000},
}


def settled(http: httpx.Client, client_order_id: str) -> int:
    """Submit until the venue has the order; how many requests it took."""
    for attempt in range(1, 100):
        try:
            answer = http.post("/v2/orders", json=order(client_order_id, qty="1"))
        except httpx.TransportError:
            continue
        if answer.status_code in {200, 422} and "padding" not in answer.json():
            query = {"client_order_id": client_order_id}
            found = http.get("/v2/orders:by_client_order_id", params=query)
            assert found.json()["client_order_id"] == client_order_id
            return attempt
    raise AssertionError(f"{client_order_id} never settled")


def storm(venue: RunningVenue, http: httpx.Client, submits: int) -> Counter[str]:
    """Submit under every fault; how often each struck."""
    for seed, (kind, fields) in enumerate(AMBIGUOUS.items()):
        venue.fault(kind, "/v2/orders", method="POST", probability="0.1", seed=seed, **fields)
    for number in range(submits):
        settled(http, f"storm-{number}")
    shown = venue.admin.get("/sim/v1/faults").json()
    return Counter({each["kind"]: each["struck"] for each in shown})


def test_ambiguous_answers_double_nothing_and_lose_nothing(
    venue: RunningVenue, http: httpx.Client
) -> None:
    struck = storm(venue, http, SUBMITS)
    assert set(struck) == set(AMBIGUOUS)
    assert min(struck.values()) > SUBMITS / 30
    assert [each["client_order_id"] for each in every_order(http)] == [
        f"storm-{number}" for number in range(SUBMITS)
    ]
