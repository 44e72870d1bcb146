"""The main job on the sample: what a new user sees, and what a kill in the middle may change."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from execution import verify
from execution.domain import engine
from execution.domain.effects import Effect
from execution.domain.inputs import Input, decode_input
from execution.domain.state import Inbox, State
from execution.hashing import GENESIS, decisions
from router.messages import Bars, Signal
from tests.servers import Child, until
from tests.system.stack import LocalStack, up, wait_until_gone

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SYMBOLS = {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
LAST = "2012-03-30"
SPAN = ("--from", "2012-01-03", "--to", LAST)
"""What the disturbed runs trade."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("stack")
    with up(folder) as started:
        yield started
    wait_until_gone(folder)


@pytest.fixture(scope="module")
def year(stack: LocalStack) -> dict[str, Any]:
    """The main job, once."""
    return stack.run()


@pytest.fixture(scope="module")
def undisturbed(stack: LocalStack, year: dict[str, Any]) -> dict[str, Any]:
    """The span of the disturbed runs, traded once without a disturbance."""
    return stack.run("--account", "undisturbed", *SPAN)


def test_every_symbol_trades_with_the_shipped_defaults(
    stack: LocalStack, year: dict[str, Any]
) -> None:
    fills = stack.get("/api/v1/fills", account="sample", limit=500)
    assert {fill["symbol"] for fill in fills} == SYMBOLS
    assert year["sessions"] == 250
    assert year["account"]["closed_session"] == "2012-12-31"
    assert len(year["equity"]) == 250


def test_fb_simply_begins(stack: LocalStack, year: dict[str, Any]) -> None:
    signals = stack.get("/api/v1/signals", account="sample", symbol="FB", limit=1)
    assert signals[0]["session"] > "2012-05-18"
    fills = stack.get("/api/v1/fills", account="sample", limit=500)
    assert min(f["session"] for f in fills if f["symbol"] == "FB") > "2012-05-18"


def test_no_order_fills_in_the_session_that_decided_it(
    stack: LocalStack, year: dict[str, Any]
) -> None:
    orders = {o["order_id"]: o for o in stack.get("/api/v1/orders", account="sample", limit=500)}
    fills = stack.get("/api/v1/fills", account="sample", limit=500)
    assert fills
    assert all(fill["session"] > orders[fill["order_id"]]["session"] for fill in fills)


def test_why_answers_for_every_fill(stack: LocalStack, year: dict[str, Any]) -> None:
    for fill in stack.get("/api/v1/fills", account="sample", limit=500):
        why = stack.get(f"/api/v1/why/{fill['fill_id']}")
        assert why["signal"]["symbol"] == fill["symbol"]
        assert why["provenance"]["run_id"] == year["run_id"]
        assert why["provenance"]["partition"] == why["signal"]["session"]
        versions = set(why["provenance"]["input_versions"])
        assert versions == {"bars", "technical", "news", "sentiment"}
        assert why["checks"]
    said = stack.call("why", fill["fill_id"])
    assert said.returncode == 0, said.stderr
    assert year["run_id"] in said.stdout.replace("\n", "").replace(" ", "")


def test_the_books_verify(stack: LocalStack, year: dict[str, Any]) -> None:
    done = stack.call("verify", "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["sound"] is True


def test_the_same_run_again_changes_nothing(stack: LocalStack, year: dict[str, Any]) -> None:
    again = stack.run()
    assert again["account"] == year["account"]
    assert again["equity"] == year["equity"]


def test_dagster_shows_the_way_from_bars_to_portfolio(
    stack: LocalStack, year: dict[str, Any]
) -> None:
    data = stack.graphql(
        """{ assetNodes { assetKey { path } dependencyKeys { path }
             assetMaterializations(limit: 1) { runId metadataEntries { label } } } }"""
    )
    nodes = {node["assetKey"]["path"][-1]: node for node in data["assetNodes"]}
    way, found = set[str](), ["portfolio"]
    while found:
        asset = found.pop()
        way.add(asset)
        found += [each["path"][-1] for each in nodes[asset]["dependencyKeys"]]
    traded = {"portfolio", "replayed_signals", "signals", "technical", "bars"}
    assert way == traded | {"news_impact", "sentiment", "articles"}
    assert all(nodes[name]["assetMaterializations"][0]["metadataEntries"] for name in traded)


def test_the_year_is_traded_by_prices_news_and_sentiment(
    stack: LocalStack, year: dict[str, Any]
) -> None:
    stages = [stage["name"] for stage in year["stages"]]
    assert set(stages) > {"articles", "sentiment", "news_impact", "technical", "signals"}
    moved = {each["analysis"]: each for each in year["moved"]}
    assert set(moved) == {"technical", "news", "sentiment"}
    assert 0 < moved["news"]["decided"] <= moved["news"]["decided"] + moved["news"]["sized"]
    assert moved["technical"]["decided"] <= year["fills"]
    first = moved["news"]["first"][0]
    (fill,) = (
        each
        for each in stack.get("/api/v1/fills", account="sample", limit=500)
        if (each["symbol"], each["session"]) == (first["symbol"], first["session"])
    )
    why = stack.get(f"/api/v1/why/{fill['fill_id']}")
    told = {each["analysis"]: each for each in why["signal"]["contributions"]}
    assert told["news"]["reasons"]
    assert told["news"]["without"] != why["signal"]["score"]
    assert why["provenance"]["articles"]
    assert why["provenance"]["article_count"] >= len(why["provenance"]["articles"])


def test_a_strategy_of_prices_judges_no_articles(stack: LocalStack) -> None:
    quarter = ("--from", "2012-01-03", "--to", "2012-03-30")
    report = stack.run("--strategy", "technical", *quarter)
    assert report["account"]["account"] == "technical"
    assert "articles" not in [stage["name"] for stage in report["stages"]]
    assert [each["analysis"] for each in report["moved"]] == ["technical"]
    # and an account goes on with its own strategy, where none is named
    later = stack.run("--account", "technical", "--from", "2012-01-03", "--to", "2012-04-10")
    assert "articles" not in [stage["name"] for stage in later["stages"]]
    assert later["account"]["closed_session"] == "2012-04-10"


def test_one_session_by_hand_in_dagster(stack: LocalStack) -> None:
    """Materialize in the UI, with an account of its own chosen in the launchpad."""
    stack.run("--account", "byhand", "--from", "2012-03-01", "--to", "2012-03-01")
    launched = stack.graphql(
        """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
             __typename ... on LaunchRunSuccess { run { runId } }
             ... on PythonError { message } ... on RunConfigValidationInvalid
             { errors { message } } } }""",
        p={
            "selector": {
                "repositoryLocationName": "pipelines",
                "repositoryName": "__repository__",
                "jobName": "replay_with_news_job",
            },
            "runConfigData": {"resources": {"feed": {"config": {"account": "byhand"}}}},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "2012-03-02"}]},
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    until(
        lambda: bool(
            stack.get("/api/v1/account", account="byhand")["closed_session"] == "2012-03-02"
        ),
        "the session to be traded",
        60,
    )


@pytest.mark.parametrize(
    "victim",
    [
        "trading-core",
        "central-router",
        "nats",
        "postgres",
        "valkey",
        "dagster-code",
        "dagster-webserver",
        "dagster-daemon",
        "the run",
    ],
)
def test_a_kill_in_the_middle_and_a_second_run_end_the_same(
    stack: LocalStack, undisturbed: dict[str, Any], victim: str
) -> None:
    account = "kill-" + victim.replace(" ", "-")
    processes = _processes(stack, victim)
    running = threading.Thread(
        target=stack.call, args=("run", "--json", "--account", account, *SPAN)
    )
    running.start()
    seen: list[str] = []
    until(lambda: bool(_session(stack, account, seen)), f"{account} to begin", 120)
    for process in processes():
        process.kill()
    assert seen[-1] < LAST, "everything was over before the kill"
    running.join()  # it may have failed, or not have noticed
    until(stack.ready, "the stack to be ready again", 120)
    assert stack.run("--account", account, *SPAN)["equity"] == undisturbed["equity"]
    same_as_undisturbed(stack, account)


def test_a_slow_router_beside_another_changes_nothing(
    stack: LocalStack, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    env = stack.secret_environment() | {"ROUTER_METRICS_PORT": "0"}
    slow = Child([sys.executable, "-m", "router"], tmp_path / "slow.log", env)
    slow.start()
    done = threading.Event()
    limping = threading.Thread(target=_limp, args=(slow, done))
    limping.start()
    try:
        assert stack.run("--account", "tworouters", *SPAN)["equity"] == undisturbed["equity"]
    finally:
        done.set()
        limping.join()
        slow.kill()
    same_as_undisturbed(stack, "tworouters")


def test_a_fresh_stack_whose_supervisor_is_killed_in_the_middle_decides_the_same(
    undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    first = LocalStack(tmp_path)
    first.up()
    running = threading.Thread(
        target=first.call, args=("run", "--json", "--account", "undisturbed", *SPAN)
    )
    running.start()
    seen: list[str] = []
    until(lambda: bool(_session(first, "undisturbed", seen)), "the account to begin", 120)
    first.supervisor.kill()
    running.join()
    wait_until_gone(tmp_path)
    with up(tmp_path) as stack:
        again = stack.run("--account", "undisturbed", *SPAN)
    assert seen[-1] < LAST, "everything was over before the kill"
    assert again["account"]["decision_hash"] == undisturbed["account"]["decision_hash"]
    assert again["equity"] == undisturbed["equity"]
    wait_until_gone(tmp_path)


def same_as_undisturbed(stack: LocalStack, account: str) -> None:
    """The same inputs as the undisturbed account, and the decisions that follow from them.

    The decision hash covers the account's name, so it is compared with the hash of the same inputs
    decided in memory, in feed order and without a disturbance.
    """
    url = stack.secret_environment()["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        inputs = {name: _journal(connection, name) for name in (account, "undisturbed")}
    ids = {name: {i.input_id for i in items[1:]} for name, items in inputs.items()}
    assert ids[account] == ids["undisturbed"]
    state, inbox, effects = State(), Inbox(), list[Effect]()
    for seq, item in enumerate(sorted(inputs[account], key=_in_feed_order), 1):
        effects += engine.handle(state, inbox, seq, item)
    told = stack.get("/api/v1/account", account=account)
    assert told["decision_hash"] == decisions(GENESIS, tuple(effects)).hex()
    assert verify.verify(url).sound


def _journal(connection: psycopg.Connection[Any], account: str) -> list[Input]:
    query = "SELECT input FROM journal WHERE account = %s ORDER BY seq"
    return [decode_input(row[0]) for row in connection.execute(query, (account,))]


def _in_feed_order(item: Input) -> tuple[object, ...]:
    if isinstance(item, Bars):
        return (1, item.session, 0, "")
    if isinstance(item, Signal):
        return (1, item.session, 1, item.symbol)
    session = getattr(item, "session", None)
    return (1, session, 2, "") if session else (0,)


def _session(stack: LocalStack, account: str, seen: list[str]) -> str | None:
    """The account's session, or None while it is not open or has seen none."""
    with contextlib.suppress(httpx.HTTPError):
        found = stack.get("/api/v1/account", account=account)["session"]
        seen += [found] if found else []
    return seen[-1] if seen else None


def _processes(stack: LocalStack, victim: str) -> Callable[[], list[psutil.Process]]:
    """Who is to be killed, found beforehand so that the kill takes no time."""
    if victim == "the run":
        code_server = psutil.Process(stack.pid_of("dagster-code"))
        return lambda: code_server.children(recursive=True)
    process = psutil.Process(stack.pid_of(victim))
    return lambda: [process]


def _limp(slow: Child, done: threading.Event) -> None:
    """Stop and go: what it holds is delivered to the other router, and again by it."""
    assert slow.process is not None
    while not done.is_set():
        slow.process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        slow.process.send_signal(signal.SIGCONT)
        time.sleep(0.3)


def test_bad_input_is_one_sentence(stack: LocalStack, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("symbol,date,open,high,low,close,volume\nAAA,2014-01-02,1,1,1,x,1\n")
    empty = tmp_path / "no-close.csv"
    empty.write_text("symbol,date,open,high,low,volume\nAAA,2014-01-02,1,1,1,1\n")
    cases: list[tuple[list[str], str]] = [
        (["--source", "files", "--path", str(bad)], "bad.csv"),
        (["--source", "files", "--path", str(empty)], "close"),
        (["--source", "files", "--path", str(tmp_path / "none.csv")], "none.csv"),
        (["--source", "nowhere"], "nowhere"),
        (["--from", "2012-06-01", "--to", "2012-05-01"], "2012-05-01"),
        (["--from", "2030-01-02", "--to", "2030-02-01"], "2013-03-01"),
        (["--from", "yesterday"], "yesterday"),
        (["--symbols", "AAPL,XYZ"], "XYZ"),
    ]
    for words, named in cases:
        done: subprocess.CompletedProcess[str] = stack.call("run", *words)
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        assert named in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
