"""Sizing of one's own over a running core: opened with an account, followed, and missed."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.execution import tiny_sizing
from tests.execution.factories import DAYS, feed
from tests.execution.running import RunningCore, as_messages, running, send
from tests.servers import Database, NatsServer, until

SCORES = {"AAPL": "0.5", "MSFT": "0.5"}


def body(name: str, **sizing: Any) -> dict[str, Any]:
    opened = {"account": name, "strategies": ["technical"], "sources": ["sample"]}
    return {**opened, "sizing": {"technical": sizing}}


def test_an_account_trades_with_the_sizing_it_was_opened_with(core: RunningCore) -> None:
    asked = body("sized", max_weight=0.05, cash_reserve="0.1", max_positions=1)
    assert core.http.post("/api/v1/accounts", json=asked).status_code == 201
    assert core.http.post("/api/v1/accounts", json=asked).status_code == 200
    listed = {each["account"]: each["sizing"] for each in core.get("/api/v1/accounts")}
    assert listed["sized"]["technical"]["max_weight"] == "0.05"
    assert listed["sample"]["technical"]["max_weight"] == "0.10"
    send(core.nats_url, as_messages(feed(DAYS[:2], SCORES), "sized"))
    core.wait_until_closed(DAYS[1], "sized")
    (fill,) = core.get("/api/v1/fills", account="sized")
    assert (fill["symbol"], fill["quantity"]) == ("AAPL", "45")  # 5 % of 90,000 at 100


@pytest.mark.parametrize(
    ("sizing", "code", "said"),
    [
        ({"max_wait": "0.1"}, "SCHEMA_INVALID", "unknown field `max_wait`"),
        ({"max_weight": "11"}, "SCHEMA_INVALID", "max_weight 11 is not from 0 to 10"),
        ({"exit_score": "0.5"}, "SCHEMA_INVALID", "exit_score 0.5 is not from -1 to 0.15"),
        ({"method": "one_each"}, "SIZING_UNKNOWN", "install its package and restart"),
    ],
)
def test_sizing_that_cannot_be_used_opens_nothing(
    core: RunningCore, sizing: dict[str, Any], code: str, said: str
) -> None:
    answer = core.http.post("/api/v1/accounts", json=body("refused", **sizing))
    assert (answer.status_code, answer.json()["error"]) == (422, code)
    assert said in answer.json()["message"]
    assert "refused" not in {each["account"] for each in core.get("/api/v1/accounts")}


def test_sizing_of_a_strategy_that_is_not_traded_is_refused(core: RunningCore) -> None:
    asked = body("refused") | {"sizing": {"other": {}}}
    answer = core.http.post("/api/v1/accounts", json=asked)
    assert answer.status_code == 422
    assert "sizes other, which is none of its strategies" in answer.json()["message"]


def test_a_core_without_an_accounts_method_says_so_and_works_on_the_others(
    database: Database, nats_server: NatsServer, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    tiny_sizing.install(packages)
    core = RunningCore(database, nats_server.url, tmp_path)
    without = dict(core.child.env or {})
    core.child.env = {**without, "PYTHONPATH": str(packages)}
    with running(core):
        assert core.http.post("/api/v1/accounts", json=body("own", method="one_each")).is_success
        assert core.http.post("/api/v1/accounts", json=body("plain")).is_success
        send(core.nats_url, as_messages(feed(DAYS[:2], SCORES), "own"))
        core.wait_until_closed(DAYS[1], "own")
        assert {fill["quantity"] for fill in core.get("/api/v1/fills", account="own")} == {"1"}
        core.terminate()
        core.child.env = without
        core.child.start()
        said = "account own sizes technical by 'one_each', which is not there"
        until(lambda: said in (_problems(core) or [""])[0], "a core that says what it misses")
        send(core.nats_url, as_messages(feed(DAYS[:1], SCORES), "plain"))
        core.wait_until_closed(DAYS[0], "plain")
        assert core.account("own")["closed_session"] == str(DAYS[1])


def _problems(core: RunningCore) -> list[str] | None:
    """What a core that answers says is in the way, once all accounts that can work do."""
    try:
        answer = core.http.get("/health/ready")
    except httpx.HTTPError:
        return None
    found = answer.json().get("problems", [])
    return found if answer.status_code == 503 and len(found) == 1 else None
