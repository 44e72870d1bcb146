"""The HTTP API over a running core: who may ask, what is answered, what is refused and why."""

from decimal import Decimal

import pytest

from execution.domain.money import ZERO
from tests.execution.api_account import ORDER, SCORES, SESSIONS
from tests.execution.factories import DAYS, feed, session
from tests.execution.running import RunningCore, as_messages, send
from tests.servers import until


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_probes_need_no_token(core: RunningCore, path: str) -> None:
    assert core.http.get(path, headers={"Authorization": ""}).is_success


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic {token}", "{token}"])
@pytest.mark.parametrize("path", ["/api/v1/account", "/metrics", "/openapi.json", "/nowhere"])
def test_everything_else_needs_it(core: RunningCore, path: str, given: str) -> None:
    answer = core.http.get(path, headers={"Authorization": given.format(token=core.token)})
    assert answer.status_code == 401
    assert answer.json()["error"] == "UNAUTHORIZED"


def test_an_account_before_its_first_session_is_worth_its_capital(core: RunningCore) -> None:
    account = core.account()
    assert account["equity"] == account["capital"] == "100000.00"
    assert account["session"] is None
    answer = core.http.post("/api/v1/orders", json=ORDER)
    assert (answer.status_code, answer.json()["error"]) == (409, "NO_SESSION")


def test_money_and_positions_agree(core: RunningCore, account: str) -> None:
    told = core.account(account)
    positions = core.get("/api/v1/positions", account=account)
    value = sum((Decimal(p["market_value"]) for p in positions), ZERO)
    assert Decimal(told["equity"]) == Decimal(told["cash"]) + value
    assert core.get("/api/v1/equity", account=account)[-1]["equity"] == told["equity"]
    assert [e["session"] for e in core.get("/api/v1/equity", account=account)] == [
        str(d) for d in SESSIONS
    ]
    only = core.get(
        "/api/v1/equity", account=account, **{"from": str(SESSIONS[1]), "to": str(SESSIONS[1])}
    )
    assert [e["session"] for e in only] == [str(SESSIONS[1])]


def test_why_leads_from_a_fill_to_its_signal_and_run(core: RunningCore, account: str) -> None:
    fill = core.get("/api/v1/fills", account=account)[0]
    why = core.get(f"/api/v1/why/{fill['fill_id'][:8]}")
    assert why["fill"]["price"] == fill["price"]
    assert why["order"]["order_id"] == fill["order_id"]
    assert why["signal"]["symbol"] == fill["symbol"]
    assert why["signal"]["score"] == SCORES[fill["symbol"]]
    assert why["provenance"]["run_id"] == "run"
    assert why["provenance"]["partition"] == str(SESSIONS[0])
    passed = {c["code"]: c["numbers"] for c in why["checks"] if c["outcome"] == "passed"}
    assert float(passed["POSITION_LIMIT"]["found"]) <= float(passed["POSITION_LIMIT"]["limit"])
    assert why["sizing"]["target"] == fill["quantity"]
    assert core.http.get("/api/v1/why/abcdef123456").json()["error"] == "FILL_UNKNOWN"


def test_a_session_tells_how_its_signals_ended(core: RunningCore, account: str) -> None:
    told = core.get(f"/api/v1/sessions/{SESSIONS[0]}", account=account)
    assert told["closed"] is True
    assert told["dispositions"] == {"executed": 2, "held": 1}
    assert told["fills"] == 0
    assert core.get(f"/api/v1/sessions/{SESSIONS[1]}", account=account)["fills"] == 2
    assert (
        core.http.get(f"/api/v1/sessions/{DAYS[50]}?account={account}").json()["error"]
        == "SESSION_UNKNOWN"
    )


def test_pages_add_up_to_the_whole(core: RunningCore, account: str) -> None:
    whole = core.get("/api/v1/signals", account=account, limit=500)
    pages, after = [], "0:"
    while True:
        answer = core.http.get(
            "/api/v1/signals", params={"account": account, "limit": 2, "after": after}
        )
        pages += answer.json()
        if "next-cursor" not in answer.headers:
            break
        after = answer.headers["next-cursor"]
    assert pages == whole
    assert len(whole) == len(SESSIONS) * len(SCORES)


def test_a_manual_order_is_judged_filled_and_explained(core: RunningCore, account: str) -> None:
    order = ORDER | {"account": account}
    answer = core.http.post("/api/v1/orders", json=order)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "accepted"
    again = core.http.post("/api/v1/orders", json=order)
    assert again.json() == answer.json()
    other = core.http.post("/api/v1/orders", json=order | {"quantity": "6"})
    assert (other.status_code, other.json()["error"]) == (409, "CLIENT_ORDER_ID_USED")
    day = DAYS[3]
    send(core.nats_url, as_messages(session(day, SCORES, previous=SESSIONS[-1]), account))
    core.wait_until_closed(day, account)
    fills = [f for f in core.get("/api/v1/fills", account=account) if f["sleeve"] == "manual"]
    assert [(f["symbol"], f["quantity"]) for f in fills] == [("MSFT", "5")]
    why = core.get(f"/api/v1/why/{fills[0]['fill_id']}")
    assert why["signal"] is None
    assert why["order"]["client_order_id"] == "mine-1"


def test_a_refused_order_names_its_reason_and_numbers(core: RunningCore, account: str) -> None:
    order = ORDER | {"account": account}
    answer = core.http.post("/api/v1/orders", json=order | {"quantity": "5000"})
    assert (answer.status_code, answer.json()["error"]) == (403, "MAX_ORDER_NOTIONAL")
    failed = [c for c in answer.json()["order"]["checks"] if c["outcome"] == "failed"]
    assert {c["code"] for c in failed} >= {"MAX_ORDER_NOTIONAL", "POSITION_LIMIT", "BUYING_POWER"}
    sell = order | {"side": "sell", "symbol": "AAPL", "client_order_id": "mine-2"}
    answer = core.http.post("/api/v1/orders", json=sell)
    assert answer.json()["error"] == "SHORT_NOT_ALLOWED"  # the strategy's shares are not ours
    unknown = order | {"symbol": "NONE", "client_order_id": "mine-3"}
    assert core.http.post("/api/v1/orders", json=unknown).json()["error"] == "SYMBOL_UNKNOWN"


def test_a_body_without_a_length_is_refused_unread(core: RunningCore) -> None:
    answer = core.http.post("/api/v1/orders", content=iter([b"x" * 1000] * 1000))
    assert (answer.status_code, answer.json()["error"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "path",
    ["account?account=nobody", "positions?account=nobody", "orders?account=nobody"],
)
def test_an_unknown_account_is_named(core: RunningCore, path: str) -> None:
    answer = core.http.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "ACCOUNT_UNKNOWN")
    assert "nobody" in answer.json()["message"]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "after=x", "account=A!", "color=red"])
def test_a_bad_query_is_refused(core: RunningCore, query: str) -> None:
    answer = core.http.get(f"/api/v1/orders?{query}")
    assert (answer.status_code, answer.json()["error"]) == (422, "SCHEMA_INVALID")


def test_a_replay_account_is_opened_once_and_trades(core: RunningCore) -> None:
    body = {"account": "mine", "strategies": ["technical"], "sources": ["sample"]}
    assert core.http.post("/api/v1/accounts", json=body).status_code == 201
    assert core.http.post("/api/v1/accounts", json=body).status_code == 200
    other = core.http.post("/api/v1/accounts", json=body | {"sources": ["files"]})
    assert (other.status_code, other.json()["error"]) == (409, "ACCOUNT_CONFLICT")
    send(core.nats_url, as_messages(feed(SESSIONS, SCORES), "mine"))
    core.wait_until_closed(SESSIONS[-1], "mine")
    assert core.account("sample")["session"] is None
    assert {a["account"] for a in core.get("/api/v1/accounts")} >= {"files", "mine", "sample"}


def test_a_paper_account_is_opened_and_a_live_one_is_not(core: RunningCore) -> None:
    body = {"account": "daily", "strategies": ["technical"], "sources": ["yfinance"]}
    opened = core.http.post("/api/v1/accounts", json=body | {"mode": "paper", "fractional": True})
    assert opened.status_code == 201
    (told,) = [each for each in core.get("/api/v1/accounts") if each["account"] == "daily"]
    assert told["mode"] == "paper"
    until(lambda: core.http.get("/health/ready").is_success, "the new account's writer")
    live = core.http.post("/api/v1/accounts", json=body | {"account": "real", "mode": "live"})
    assert (live.status_code, live.json()["error"]) == (422, "SCHEMA_INVALID")


def test_a_refusal_says_its_numbers(core: RunningCore, account: str) -> None:
    # 101 shares x 100 x 1.03 = 10,403 against 10 % of the equity: 100,000 less 144 x 0.05 of
    # slippage and two commissions of 1.00 is 99,990.80
    order = ORDER | {"account": account, "quantity": "101"}
    said = core.http.post("/api/v1/orders", json=order).json()["message"]
    assert said == "MAX_ORDER_NOTIONAL: found 10403.00, limit 9999.08"


def test_an_unknown_status_is_refused(core: RunningCore) -> None:
    answer = core.http.get("/api/v1/orders?status=bogus")
    assert (answer.status_code, answer.json()["error"]) == (422, "SCHEMA_INVALID")


def test_probes_tell_nothing_of_an_account(core: RunningCore) -> None:
    assert core.http.get("/health/ready").json() == {"status": "ready"}


def test_an_account_says_where_it_stands(core: RunningCore, account: str) -> None:
    told = core.account(account)
    assert (told["first_session"], told["session"]) == (str(SESSIONS[0]), str(SESSIONS[-1]))
    assert told["fills"] == {"AAPL": 1, "IBM": 1}


def test_fills_are_told_with_the_signals_behind_them(core: RunningCore, account: str) -> None:
    told = core.get("/api/v1/fills/signals", account=account)
    fills = core.get("/api/v1/fills", account=account)
    assert [(f["fill_id"], f["symbol"], f["side"]) for f in told] == [
        (f["fill_id"], f["symbol"], f["side"]) for f in fills
    ]
    signal = told[0]["signal"]
    assert (signal["strategy"], signal["session"]) == ("technical", str(SESSIONS[0]))
    assert Decimal(signal["score"]) == Decimal(SCORES[told[0]["symbol"]])
    assert signal["contributions"] == [{"analysis": "technical", "part": "0.1", "without": "0"}]
    span = {"from": str(SESSIONS[2]), "to": str(SESSIONS[2])}
    assert core.get("/api/v1/fills/signals", account=account, **span) == [
        each for each in told if each["session"] == str(SESSIONS[2])
    ]
    first = core.get("/api/v1/fills/signals", account=account, limit=1)
    after = f"{first[0]['seq']}:{first[0]['fill_id']}"
    assert first + core.get("/api/v1/fills/signals", account=account, after=after) == told
    answer = core.http.get("/api/v1/fills/signals?account=nobody")
    assert answer.json()["error"] == "ACCOUNT_UNKNOWN"
