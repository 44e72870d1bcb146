"""One run against a fake Dagster and a fake core: started, followed, canceled, refused."""

import threading
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.local import accounts, runs
from deploy.local.api import Core
from deploy.local.dagster_api import Dagster, RunState, UnreachableError
from deploy.local.errors import (
    BadInputError,
    DeployError,
    InterruptedRunError,
    NotRunningError,
    RunFailedError,
)
from deploy.local.report import Report
from deploy.local.request import Request
from execution.domain.config import Sizing
from tests.deploy import fakes
from tests.deploy.fakes import FakeCore, FakeDagster

DAYS = tuple(date(2012, 3, day) for day in (1, 2, 5, 6, 7))
REQUEST = Request(
    source="sample",
    path="",
    symbols=("AAPL",),
    account="sample",
    chosen_strategy="technical",
    strategy="technical",
    first_session=DAYS[2],
    last_session=DAYS[3],
    sessions=2,
    dataset="sample",
    known_sessions=DAYS,
)
SIZED = replace(REQUEST, sizing=Sizing(max_weight=Decimal("0.05")))
Fakes = tuple[FakeDagster, FakeCore]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "POLL_S", 0.01)


def execute(
    core: Core, dagster: Dagster, lake: Path, stop: threading.Event | None = None
) -> Report:
    stopped = stop or threading.Event()
    return runs.execute(REQUEST, core, dagster, str(lake), lambda *_: None, stopped, lambda: True)


def test_a_run_reports_the_sums_of_its_sessions(
    core: Core, dagster: Dagster, fake_core: FakeCore, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    fake_dagster.states = ["QUEUED", "STARTED", "SUCCESS"]
    counts = {"dispositions": {"executed": 1, "held": 2}, "refusals": {"CASH": 1}, "fills": 3}
    fake_core.answers["GET /api/v1/sessions"] = [counts, counts]
    fake_core.answers["GET /api/v1/fills"] = [{"fill_id": "aaaaaa"}]
    report = execute(core, dagster, tmp_path)
    assert report.dispositions == {"executed": 2, "held": 4}
    assert (report.refusals, report.fills, report.first_fill) == ({"CASH": 2}, 6, "aaaaaa")
    assert report.stages[0].seconds == 1.5
    asked = {"account": "sample", "from": "2012-03-05", "to": "2012-03-06"}
    assert ("GET /api/v1/sessions", asked) in fake_core.asked


def test_the_run_is_told_its_range_and_its_feed(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    execute(core, dagster, tmp_path)
    params = fake_dagster.of("Launch")[0]["params"]
    tags = {each["key"]: each["value"] for each in params["executionMetadata"]["tags"]}
    assert tags["dagster/asset_partition_range_start"] == "2012-03-05"
    assert tags["dagster/asset_partition_range_end"] == "2012-03-06"
    assert params["runConfigData"]["resources"]["feed"]["config"]["symbols"] == ["AAPL"]


def test_the_launch_is_tried_again_while_the_code_server_is_silent(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    silent = fakes.CODE_SERVER_SILENT
    gone = {"__typename": "PipelineNotFoundError", "message": "Could not find Pipeline"}
    fake_dagster.launches = [silent, gone, fakes.launched("run-2")]
    assert execute(core, dagster, tmp_path).run_id == "run-2"
    assert len(fake_dagster.of("Launch")) == 3


def test_a_code_server_that_stays_silent_is_an_error(
    core: Core,
    dagster: Dagster,
    fake_dagster: FakeDagster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "UNREACHABLE_LIMIT_S", 0.05)
    fake_dagster.launches = [fakes.CODE_SERVER_SILENT]
    with pytest.raises(DeployError, match="Dagster did not start replay_job"):
        execute(core, dagster, tmp_path)


def test_a_failed_run_says_the_innermost_reason_and_where_to_look(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    fake_dagster.states = ["STARTED", "FAILURE"]
    cause = {"message": "the account\ndid not move", "className": "CoreError"}
    error = {"message": "step failed", "className": "DagsterError", "causes": [cause]}
    fake_dagster.events = [
        {"__typename": "ExecutionStepFailureEvent", "stepKey": "portfolio", "error": error}
    ]
    with pytest.raises(RunFailedError) as caught:
        execute(core, dagster, tmp_path)
    assert str(caught.value) == (
        "The job failed: step portfolio: the account did not move\n"
        f"The run: {dagster.url}/runs/run-1"
    )


@pytest.mark.parametrize(("status", "message"), [("CANCELED", ""), ("FAILURE", runs.INTERRUPTED)])
def test_a_run_that_was_stopped_from_outside_is_not_called_failed(
    core: Core,
    dagster: Dagster,
    fake_dagster: FakeDagster,
    tmp_path: Path,
    status: str,
    message: str,
) -> None:
    fake_dagster.states = [status]
    fake_dagster.events = [{"__typename": "RunFailureEvent", "message": message}]
    with pytest.raises(RunFailedError, match="stopped from outside"):
        execute(core, dagster, tmp_path)


def stop_after(events: int) -> tuple[threading.Event, Any]:
    """An event that is set once progress has been shown so often."""
    stop, seen = threading.Event(), []

    def show(*_: object) -> None:
        seen.append(1)
        if len(seen) >= events:
            stop.set()

    return stop, show


def test_a_stop_cancels_the_run_and_says_so(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    fake_dagster.states = ["STARTED"]
    stop, show = stop_after(2)
    with pytest.raises(InterruptedRunError, match="run run-1 was canceled") as caught:
        runs.execute(REQUEST, core, dagster, str(tmp_path), show, stop, lambda: True)
    assert caught.value.exit_code == 130
    assert fake_dagster.of("Cancel") == [{"ids": ["run-1"], "policy": "SAFE_TERMINATE"}]


def test_nobody_waits_for_a_stack_that_ended(
    core: Core, dagster: Dagster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def silent(_run_id: str) -> RunState:
        raise UnreachableError("nobody answers")

    monkeypatch.setattr(dagster, "state", silent)
    with pytest.raises(NotRunningError, match="ended during the job"):
        runs.execute(
            REQUEST,
            core,
            dagster,
            str(tmp_path),
            lambda *_: None,
            threading.Event(),
            lambda: False,
        )


def test_a_stop_that_cannot_cancel_says_that_the_run_may_go_on(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    fake_dagster.states, fake_dagster.cancels = ["STARTED"], ["TerminateRunFailure"]
    stop, show = stop_after(1)
    with pytest.raises(InterruptedRunError, match=r"may go on .*/runs/run-1.*it is over"):
        runs.execute(REQUEST, core, dagster, str(tmp_path), show, stop, lambda: True)


def test_a_stop_while_the_code_server_is_silent_starts_nothing(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    fake_dagster.launches = [fakes.CODE_SERVER_SILENT]
    stop = threading.Event()
    stop.set()
    with pytest.raises(InterruptedRunError, match="before the job was started"):
        execute(core, dagster, tmp_path, stop)
    assert fake_dagster.of("Cancel") == []


def test_an_unknown_account_is_opened_and_asked_nothing(core: Core, fake_core: FakeCore) -> None:
    fake_core.answers["GET /api/v1/accounts"] = []
    assert accounts.prepare(core, REQUEST) == REQUEST
    opened = {"account": "sample", "strategies": ["technical"], "sources": ["sample"]}
    assert fake_core.asked[1] == ("POST /api/v1/accounts", opened)


def test_an_account_that_nobody_named_a_strategy_for_goes_on_with_its_own(
    core: Core, dagster: Dagster, fake_dagster: FakeDagster
) -> None:
    """One that was opened before the sample was traded with news keeps trading without."""
    given = replace(
        REQUEST,
        chosen_strategy="blend",
        strategy="blend",
        weighs_news=True,
        asked_for=False,
    )
    prepared = accounts.prepare(core, given)
    assert (prepared.chosen_strategy, prepared.strategy) == ("technical", "technical")
    assert not prepared.weighs_news
    with pytest.raises(BadInputError, match="trades technical, not blend: name its settings file"):
        accounts.prepare(core, replace(given, asked_for=True))


def test_a_strategy_that_weighs_news_has_articles_judged_in_its_run(
    core: Core, dagster: Dagster, fake_core: FakeCore, fake_dagster: FakeDagster, tmp_path: Path
) -> None:
    sizing = {"blend": fakes.SIZING}
    known = {**fakes.KNOWN, "strategies": ["blend"], "sizing": sizing}
    fake_core.answers["GET /api/v1/accounts"] = [known]
    given = replace(REQUEST, chosen_strategy="blend", strategy="blend", weighs_news=True)
    runs.execute(
        given, core, dagster, str(tmp_path), lambda *_: None, threading.Event(), lambda: True
    )
    params = fake_dagster.of("Launch")[0]["params"]
    assert params["selector"]["jobName"] == "replay_with_news_job"
    feed = params["runConfigData"]["resources"]["feed"]["config"]
    assert feed["strategy"] == "blend"


def test_an_account_is_opened_with_the_sizing_of_its_strategys_file(
    core: Core, fake_core: FakeCore
) -> None:
    fake_core.answers["GET /api/v1/accounts"] = []
    accounts.prepare(core, SIZED)
    opened = dict(fake_core.asked)["POST /api/v1/accounts"]
    assert opened["sizing"]["technical"]["max_weight"] == "0.05"
    # the core that gives it back finds the same file again
    fake_core.answers["GET /api/v1/accounts"] = [{**fakes.KNOWN, "sizing": opened["sizing"]}]
    accounts.prepare(core, SIZED)


def test_an_account_that_was_opened_with_other_sizing_is_bad_input(
    core: Core, fake_core: FakeCore
) -> None:
    other = {"technical": {"max_weight": "0.050"}}
    fake_core.answers["GET /api/v1/accounts"] = [{**fakes.KNOWN, "sizing": other}]
    accounts.prepare(core, SIZED)  # the same figure, written otherwise
    other["technical"]["max_weight"] = "0.06"
    with pytest.raises(BadInputError, match="other sizing than the table") as caught:
        accounts.prepare(core, SIZED)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"mode": "paper"}, "is a paper account"),
        ({"strategies": ["other"]}, "trades other, not technical"),
        ({"sources": ["files"]}, "takes prices from files, not from sample"),
    ],
)
def test_an_account_of_another_kind_is_bad_input(
    core: Core,
    dagster: Dagster,
    fake_core: FakeCore,
    fake_dagster: FakeDagster,
    tmp_path: Path,
    fault: dict[str, Any],
    said: str,
) -> None:
    fake_core.answers["GET /api/v1/accounts"] = [{**fakes.KNOWN, **fault}]
    with pytest.raises(BadInputError, match=said):
        execute(core, dagster, tmp_path)
    assert fake_dagster.asked == []


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2012-03-06", "2012-03-07", "began on 2012-03-06"),  # it would have to go back
        (
            "2012-03-01",
            "2012-03-01",
            "the next session is 2012-03-02",
        ),  # it has not seen the session before
    ],
)
def test_a_range_that_the_account_cannot_take_starts_no_job(
    core: Core,
    dagster: Dagster,
    fake_core: FakeCore,
    fake_dagster: FakeDagster,
    tmp_path: Path,
    first: str,
    last: str,
    said: str,
) -> None:
    standing = {**fakes.ACCOUNT, "first_session": first, "session": last}
    fake_core.answers["GET /api/v1/account"] = standing
    with pytest.raises(BadInputError, match=said) as caught:
        execute(core, dagster, tmp_path)
    assert "\n" not in str(caught.value)
    assert fake_dagster.asked == []


def test_a_range_that_continues_or_repeats_is_run(
    core: Core, dagster: Dagster, fake_core: FakeCore, tmp_path: Path
) -> None:
    for last in ("2012-03-02", "2012-03-05", "2012-03-07"):
        standing = {**fakes.ACCOUNT, "first_session": "2012-03-01", "session": last}
        fake_core.answers["GET /api/v1/account"] = standing
        assert execute(core, dagster, tmp_path).run_id == "run-1"
