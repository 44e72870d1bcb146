"""Publishing to live accounts is denied unless every lock is open."""

from datetime import UTC, date, datetime

import pytest

from pipelines.locks import denial

DAY = date(2012, 5, 18)
AFTER_CLOSE = datetime(2012, 5, 18, 20, 30, tzinfo=UTC)
LIVE = {"trading/publish": "live"}


def test_a_live_run_of_the_current_session_is_allowed() -> None:
    assert denial(LIVE, [DAY], AFTER_CLOSE) is None


@pytest.mark.parametrize(
    ("tags", "sessions", "now", "reason"),
    [
        ({}, [DAY], AFTER_CLOSE, "does not carry the tag"),
        ({"trading/publish": "none"}, [DAY], AFTER_CLOSE, "does not carry the tag"),
        ({**LIVE, "dagster/backfill": "x"}, [DAY], AFTER_CLOSE, "backfill"),
        ({**LIVE, "dagster/asset_partition_range_start": "x"}, [DAY], AFTER_CLOSE, "range"),
        (LIVE, [date(2012, 5, 17), DAY], AFTER_CLOSE, "covers 2 sessions"),
        (LIVE, [date(2012, 5, 17)], AFTER_CLOSE, "not the current session"),
        (LIVE, [DAY], datetime(2012, 5, 18, 19, 59, tzinfo=UTC), "not the current session"),
        (LIVE, [DAY], datetime(2012, 5, 21, 13, 30, tzinfo=UTC), "not the current session"),
    ],
)
def test_each_lock_denies_alone(
    tags: dict[str, str], sessions: list[date], now: datetime, reason: str
) -> None:
    assert reason in (denial(tags, sessions, now) or "")
