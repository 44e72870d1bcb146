"""The asset over several shards, in parallel processes: the rows of one shard."""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from pipelines.assets import technical as asset
from pipelines.definitions import defs
from pipelines.errors import AnalysisError
from pipelines.lake import Lake, open_lake
from tests.pipelines.dagster_runs import (
    COMPUTED,
    RANGE_END,
    RANGE_START,
    checks,
    failure,
    metadata,
    run,
)

FIRST, LAST = date(2012, 6, 27), date(2012, 6, 29)
SPAN = {RANGE_START: FIRST.isoformat(), RANGE_END: LAST.isoformat()}


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TRADING_LAKE_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return open_lake(str(tmp_path / "lake"))


def sharded_job() -> dg.JobDefinition:
    """The shipped assets, each step in a process of its own, two at a time."""
    executor = dg.multiprocess_executor.configured({"max_concurrent": 2})
    job = dg.define_asset_job("sharded", selection=["bars", "technical"], executor_def=executor)
    made = dg.Definitions(assets=defs.assets, jobs=[job], resources=defs.resources)
    return made.resolve_job_def("sharded")


@pytest.mark.timeout(300)
def test_shards_in_parallel_processes_give_the_rows_of_one(lake: Lake, tmp_path: Path) -> None:
    run(FIRST.isoformat(), LAST.isoformat(), COMPUTED[:2])
    alone = lake.read("technical", "sample", FIRST, LAST)
    lake.drop("technical", "sample")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        config: dict[str, Any] = {"ops": {"technical": {"config": {"shards": 3}}}}
        job = dg.reconstructable(sharded_job)
        with dg.execute_job(job, instance, run_config=config, tags=SPAN) as result:
            assert result.success
            steps = {event.step_key for event in result.all_events if event.is_step_success}
    shards = {f"technical.technical_of_shard[{number}_of_3]" for number in range(3)}
    assert shards < steps
    together = lake.read("technical", "sample", FIRST, LAST)
    pd.testing.assert_frame_equal(together, alone, check_exact=True)
    assert not list((tmp_path / "lake").glob("technical_shards/*/*.parquet"))


def sharded_run(shards: int, **options: Any) -> dg.ExecuteInProcessResult:
    """The same in this process."""
    config = {
        "ops": {"technical": {"config": {"shards": shards}}},
        "resources": {"feed": {"config": {"strategy": "technical"}}},
    }
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            list(defs.assets or []),
            selection=list(COMPUTED),
            instance=instance,
            resources=dict(defs.resources or {}),
            run_config=config,
            tags=SPAN,
            **options,
        )


def test_more_shards_than_symbols_leave_some_empty(lake: Lake) -> None:
    result = sharded_run(16)
    assert checks(result)["cut_data_agrees"].passed
    assert checks(result)["cut_data_agrees"].metadata["rows"].value == 5
    rows = metadata(result, "technical")
    assert [rows[day]["dagster/partition_row_count"] for day in sorted(rows)] == [5, 5, 5]
    assert len(lake.read("technical", "sample", FIRST, LAST)) == 15


def test_one_shard_that_looks_ahead_stops_the_run_before_any_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = asset.analysis.columns_of

    def peeking(panel: Any, *rest: Any) -> Any:
        columns = honest(panel, *rest)
        shift = panel.columns["close"][-1] if "IBM" in panel.symbols else 0.0
        return {**columns, "rsi": columns["rsi"] + shift}

    monkeypatch.setattr(asset.analysis, "columns_of", peeking)
    for shards in (1, 4):
        result = sharded_run(shards, raise_on_error=False)
        assert not result.success
        assert not checks(result)["cut_data_agrees"].passed
        assert not result.asset_materializations_for_node("signals")


def test_no_shards_are_refused() -> None:
    with pytest.raises(AnalysisError, match="0 shards: there is at least 1"):
        sharded_run(0)


def test_a_strategy_with_indicators_of_its_own_has_a_table_of_its_own(
    lake: Lake, tmp_path: Path
) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text(
        'name = "mine"\nversion = "1"\nthreshold = 0.0\n[weights]\ncci_score = 1.0\n'
        '[indicators.cci]\nindicator = "cci"\nbuy = -100\nsell = 100\n'
    )
    result = run("2012-06-29", strategy=str(settings))
    assert result.success, failure(result, "signals")
    signals = lake.read("signals", "sample-mine", LAST, LAST)
    assert (
        signals["technical_reasons"].str.match(r"cci -?[\d.]+ \(buys at -100, sells at 100\)").all()
    )
    tables = sorted(path.name for path in (tmp_path / "lake/technical").iterdir())
    assert len(tables) == 1
    assert tables[0].startswith("sample-")
    found = lake.read("technical", tables[0], LAST, LAST)
    assert np.isfinite(found["cci"]).all()
