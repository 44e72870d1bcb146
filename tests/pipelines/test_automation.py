"""Schedules and jobs: what a tick asks for, and that nothing starts by itself."""

from datetime import UTC, datetime

import dagster as dg

from pipelines.assets.automation import publish_after_close, replay_next_session
from pipelines.definitions import defs


def tick(*replayed: str, running: bool = False) -> dg.RunRequest | dg.SkipReason:
    """The answer of the replay schedule when these sessions were replayed before."""
    with dg.instance_for_test() as instance:
        for session in replayed:
            instance.report_runless_asset_event(
                dg.AssetMaterialization("replayed_signals", partition=session)
            )
        if running:
            status = dg.DagsterRunStatus.STARTED
            instance.add_run(dg.DagsterRun(job_name="replay_job", status=status))
        with dg.build_schedule_context(instance) as context:
            answer = replay_next_session(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def live_tick(*moment: int) -> dg.RunRequest | dg.SkipReason:
    scheduled = datetime(*moment, tzinfo=UTC)  # type: ignore[misc, arg-type]
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(instance, scheduled_execution_time=scheduled) as context,
    ):
        answer = publish_after_close(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_the_first_tick_begins_the_main_jobs_year_and_each_goes_on_by_a_session() -> None:
    first, later = tick(), tick("2012-01-03", "2012-05-25", "2012-02-01")
    assert (first.partition_key, later.partition_key) == ("2012-01-03", "2012-05-29")


def test_at_the_end_of_the_sample_a_tick_says_so() -> None:
    answer = tick("2013-03-01")
    assert isinstance(answer, dg.SkipReason)
    assert "ends on 2013-03-01" in str(answer.skip_message)


def test_sessions_of_other_data_do_not_count() -> None:
    assert tick("2012-01-03", "2014-12-31").partition_key == "2012-01-04"


def test_a_tick_waits_for_the_run_before() -> None:
    assert isinstance(tick("2012-01-03", running=True), dg.SkipReason)


def test_the_live_schedule_sets_the_positive_tag_on_sessions_only() -> None:
    request = live_tick(2026, 11, 23, 21, 30)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-23"
    assert request.tags["trading/publish"] == "live"
    assert isinstance(live_tick(2026, 11, 26, 21, 30), dg.SkipReason)


def test_schedules_are_stopped_until_a_person_starts_them() -> None:
    states = {s.name: s.default_status for s in defs.schedules or []}
    assert set(states.values()) == {dg.DefaultScheduleStatus.STOPPED}


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
