"""The schedule that measures scores after the close."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipelines.assets.quality_job import measure_after_close, quality_job

LIVE = """
[live]
source = "yfinance"
[yfinance]
symbols = ["IBM"]
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return tmp_path


def tick(day: int) -> dg.RunRequest | dg.SkipReason:
    moment = datetime(2026, 11, day, 22, 30, tzinfo=UTC)
    found = measure_after_close(dg.build_schedule_context(scheduled_execution_time=moment))
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def test_it_measures_what_the_live_strategy_said(home: Path) -> None:
    (home / "market.toml").write_text(LIVE)
    request = tick(23)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-23"
    assert request.run_config["resources"]["feed"]["config"]["source"] == "yfinance"
    assert request.tags["trading/strategy"] == "technical"
    assert measure_after_close.job_name == quality_job.name


def test_a_holiday_and_a_home_without_a_live_source_are_skipped(home: Path) -> None:
    assert "no table [live]" in str(tick(23))
    (home / "market.toml").write_text(LIVE)
    assert "no session" in str(tick(26))


def test_it_is_stopped_until_a_person_starts_it() -> None:
    assert measure_after_close.default_status == dg.DefaultScheduleStatus.STOPPED
