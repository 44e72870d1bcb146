"""Real defects in five years of the S&P 500's shares: each must be found, and named."""

import os
from datetime import date
from pathlib import Path

import pytest

from pipelines.assets.bar_checks import Judged
from pipelines.assets.bars import judge
from pipelines.sources import open_source

FOLDER = os.environ.get("TRADING_TEST_DATA")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="TRADING_TEST_DATA does not name the folder of test data"
)
NAME = "prices/sp500_daily_2013_2018.parquet"
INCOMPLETE = {"BHF", "DHR", "ES", "FTV", "O", "REGN", "UA", "VRTX", "WRK"}


@pytest.fixture(scope="module")
def judged() -> Judged:
    source = open_source("files", str(Path(FOLDER or "") / NAME))
    return judge(source.history(), date(2018, 2, 7))


def test_missing_prices_and_contradictions_are_set_aside(judged: Judged) -> None:
    reasons = judged.rejected.groupby("reason")["symbol"]
    assert reasons.size().to_dict() == {"MISSING_PRICE": 11, "OHLC_ORDER": 12}
    assert set(reasons.get_group("MISSING_PRICE")) == INCOMPLETE
    named = set(zip(judged.rejected["symbol"], judged.rejected["session"].dt.date, strict=True))
    assert {("CHD", date(2014, 5, 19)), ("LNT", date(2016, 5, 19))} <= named
    assert len(judged.good) == 619_040 - 23


def test_spin_offs_and_bad_prints_are_suspects(judged: Judged) -> None:
    found = set(zip(judged.jumps["symbol"], judged.jumps["session"].dt.date, strict=True))
    assert found >= {
        ("EBAY", date(2015, 7, 20)),
        ("NI", date(2015, 7, 2)),
        ("BAX", date(2015, 7, 1)),
        ("BHGE", date(2017, 7, 5)),
        ("ARNC", date(2016, 11, 1)),
        ("YUM", date(2016, 11, 1)),
        ("CAG", date(2016, 11, 10)),
        ("MRO", date(2017, 9, 14)),
        ("NWL", date(2017, 9, 14)),
        ("DISCA", date(2014, 8, 7)),
        ("DISCK", date(2014, 8, 7)),
    }
    assert len(found) < 60


def test_a_set_aside_day_is_a_gap(judged: Judged) -> None:
    assert ("DHR", date(2015, 7, 17)) in set(
        zip(judged.gaps["symbol"], judged.gaps["session"].dt.date, strict=True)
    )
