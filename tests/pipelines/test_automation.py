"""Schedules and jobs: what a tick asks for, and that nothing starts by itself."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest

from pipelines.assets.automation import due, publish_after_close, replay_next_session
from pipelines.definitions import defs
from pipelines.errors import RequestError
from pipelines.sources import open_source
from tests.pipelines.fake_core import TOKEN, FakeCore, serving

MINUTE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeCore]:
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    (tmp_path / "api-token").write_text(TOKEN)
    with serving(FakeCore(lambda _: None)) as fake:
        monkeypatch.setenv("TRADING_CORE_URL", fake.url)
        yield fake


def tick(*runs: dg.DagsterRun) -> dg.RunRequest | dg.SkipReason:
    """The answer of the replay schedule on an instance with these runs."""
    with dg.instance_for_test() as instance:
        for run in runs:
            instance.add_run(run)
        with dg.build_schedule_context(instance, scheduled_execution_time=MINUTE) as context:
            answer = replay_next_session(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def a_run(job: str, status: dg.DagsterRunStatus, partition: str) -> dg.DagsterRun:
    return dg.DagsterRun(job_name=job, status=status, tags={"dagster/partition": partition})


def skipped(answer: object) -> str:
    assert isinstance(answer, dg.SkipReason)
    return str(answer.skip_message)


def live_tick(*moment: int) -> dg.RunRequest | dg.SkipReason:
    scheduled = datetime(*moment, tzinfo=UTC)  # type: ignore[misc, arg-type]
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(instance, scheduled_execution_time=scheduled) as context,
    ):
        answer = publish_after_close(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_the_first_tick_begins_the_main_jobs_year_and_each_goes_on_by_a_session(
    core: FakeCore,
) -> None:
    asked = []
    for closed in (None, "2012-01-03", "2012-05-25"):
        core.closed = lambda _, closed=closed: closed
        asked.append(tick().partition_key)
    assert asked == ["2012-01-03", "2012-01-04", "2012-05-29"]


def test_a_session_with_bars_but_without_all_decisions_is_due_again() -> None:
    sessions = [date(2012, 1, 3), date(2012, 1, 4), date(2012, 1, 5)]
    assert due({"session": "2012-01-04", "closed_session": "2012-01-03"}, sessions) == sessions[1]
    assert due({"session": "2012-01-03", "closed_session": None}, sessions) == sessions[0]
    assert due({"session": "2012-01-04", "closed_session": "2012-01-04"}, sessions) == sessions[2]


def test_at_the_end_of_the_sample_a_tick_says_so(core: FakeCore) -> None:
    core.closed = lambda _: "2013-03-01"
    assert skipped(tick()) == "account sample stands at 2013-03-01, where the sample ends"


def test_a_tick_says_why_the_core_gave_no_answer(
    core: FakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.known = False
    assert "no account sample" in skipped(tick())
    monkeypatch.setenv("TRADING_CORE_URL", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1 does not answer" in skipped(tick())


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTED", "CANCELING"])
def test_a_tick_waits_for_another_replay_and_for_a_run_of_the_session(
    core: FakeCore, status: str
) -> None:
    of_job = a_run("replay_job", dg.DagsterRunStatus(status), "2000-03-01")
    by_hand = a_run("__ASSET_JOB", dg.DagsterRunStatus(status), "2012-01-03")
    elsewhere = a_run("__ASSET_JOB", dg.DagsterRunStatus(status), "2012-01-04")
    assert "not finished" in skipped(tick(of_job))
    assert "not finished" in skipped(tick(by_hand))
    assert isinstance(tick(elsewhere), dg.RunRequest)


def test_a_session_whose_run_failed_is_asked_for_again(core: FakeCore) -> None:
    first = tick()
    again = tick(a_run("replay_job", dg.DagsterRunStatus.FAILURE, "2012-01-03"))
    assert isinstance(again, dg.RunRequest)
    assert (again.partition_key, again.tags["trading/account"]) == ("2012-01-03", "sample")
    assert again.run_key == first.run_key == "sample 2012-01-03 2026-11-23T12:00:00+00:00"


@pytest.mark.parametrize(
    ("strategies", "wanted"), [(["blend"], "blend"), (["technical"], "technical"), ([], "")]
)
def test_a_tick_goes_by_the_strategy_that_the_account_trades(
    core: FakeCore, strategies: list[str], wanted: str
) -> None:
    core.accounts = [{"account": "sample", "strategies": strategies}]
    request = tick()
    assert isinstance(request, dg.RunRequest)
    config = request.run_config["resources"]["feed"]["config"]
    assert config.get("strategy", "") == wanted
    judged = {"articles", "sentiment", "news_impact"} & asked_for(request)
    assert bool(judged) == (wanted != "technical")
    assert asked_for(request) >= {"bars", "technical", "signals", "replayed_signals", "portfolio"}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return tmp_path


PRICES = '[yfinance]\nsymbols = ["IBM"]\n'


def test_the_live_schedule_sets_the_positive_tag_on_sessions_only(home: Path) -> None:
    (home / "market.toml").write_text(f'[live]\nsource = "yfinance"\n{PRICES}')
    request = live_tick(2026, 11, 23, 21, 30)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-23"
    assert request.tags["trading/publish"] == "live"
    assert request.tags["trading/strategy"] == "technical"
    assert request.tags["trading/universe"].startswith("yfinance-20150102-")
    assert request.run_config["resources"]["feed"]["config"] == {"source": "yfinance"}
    assert asked_for(request) == {"bars", "technical", "signals", "published_signals"}
    assert isinstance(live_tick(2026, 11, 26, 21, 30), dg.SkipReason)


def asked_for(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def test_a_live_schedule_that_is_told_nothing_says_what_to_write(home: Path) -> None:
    assert 'write "[live]"' in skipped(live_tick(2026, 11, 23, 21, 30))
    (home / "market.toml").write_text(PRICES)
    assert f"{home}/market.toml has no table [live]" in skipped(live_tick(2026, 11, 23, 21, 30))


def test_a_live_strategy_that_weighs_news_is_told_where_from(home: Path) -> None:
    blend = home / "blend.toml"
    blend.write_text((files("pipelines.strategies") / "blend.toml").read_text())
    table = f'[live]\nsource = "yfinance"\nstrategy = "{blend}"\n'
    (home / "market.toml").write_text(table + PRICES)
    told = skipped(live_tick(2026, 11, 23, 21, 30))
    assert "the strategy blend weighs news" in told
    assert 'write "[live.news]"' in told
    news = '[live.news]\nsource = "folder"\npath = "/articles"\ntrained_until = 2020-01-31\n'
    (home / "market.toml").write_text(table + news + PRICES)
    request = live_tick(2026, 11, 23, 21, 30)
    assert isinstance(request, dg.RunRequest)
    assert asked_for(request) >= {"bars", "articles", "sentiment", "news_impact", "signals"}
    given = {"source": "folder", "path": "/articles", "trained_until": "2020-01-31"}
    assert request.run_config["resources"]["news"]["config"] == given


def test_a_live_table_with_an_unknown_setting_is_refused(home: Path) -> None:
    (home / "market.toml").write_text('[live]\nsource = "yfinance"\nstrategi = ""\n')
    with pytest.raises(RequestError, match="strategi"):
        live_tick(2026, 11, 23, 21, 30)


def test_schedules_and_sensors_are_stopped_until_a_person_starts_them() -> None:
    assert {s.default_status for s in defs.schedules or []} == {dg.DefaultScheduleStatus.STOPPED}
    states = {s.name: s.default_status for s in defs.sensors or []}
    assert states == dict.fromkeys(("new_articles", "late_data"), dg.DefaultSensorStatus.STOPPED)


def test_the_replay_job_never_publishes_live() -> None:
    steps = {node.name for node in defs.resolve_job_def("replay_job").nodes}
    assert steps == {"bars", "technical", "signals", "replayed_signals", "portfolio"}


def test_lineage_runs_from_bars_to_portfolio() -> None:
    graph = defs.resolve_asset_graph()
    above = graph.get_ancestor_asset_keys(dg.AssetKey("portfolio"))
    assert {key.to_user_string() for key in above} >= {
        "bars",
        "technical",
        "signals",
        "replayed_signals",
    }


def test_the_ui_says_which_sessions_the_sample_covers() -> None:
    history = open_source("sample").history()
    span = f"{history.first_session} to {history.last_session}"
    job = defs.resolve_job_def("replay_job").description or ""
    about = defs.resolve_asset_graph().get(dg.AssetKey("bars")).description or ""
    for text in (job, about):
        assert span in text
        assert "Materialize of a later partition fails" in " ".join(text.split())
