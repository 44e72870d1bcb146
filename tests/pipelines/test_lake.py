"""The lake: replaced by range, never half-written, and versions that follow the content."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import LakeError
from pipelines.lake import Lake, open_lake, versions
from tests.pipelines.frames import bars

START, END = date(2012, 1, 1), date(2012, 12, 31)
COLUMNS = ["symbol", "close"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def test_what_is_written_is_read(lake: Lake) -> None:
    rows = bars([1.0, 2.5, 1 / 3])
    lake.write("bars", "sample", rows, START, END)
    found = lake.read("bars", "sample", START, END)
    pd.testing.assert_frame_equal(found, rows, check_dtype=False, check_exact=True)


def test_a_range_is_replaced_and_the_rest_kept(lake: Lake) -> None:
    rows = bars([1, 2, 3, 4])
    lake.write("bars", "sample", rows, START, END)
    days = rows["session"].dt.date.tolist()
    lake.write("bars", "sample", bars([20], first=1), days[1], days[2])
    assert lake.read("bars", "sample", START, END)["close"].tolist() == [1, 20, 4]


def test_years_are_files_and_a_range_may_cross_them(lake: Lake, tmp_path: Path) -> None:
    rows = bars([1.0] * 300)
    lake.write("bars", "sample", rows, START, date(2013, 12, 31))
    names = sorted(file.name for file in (tmp_path / "lake/bars/sample").iterdir())
    assert names == ["2012.parquet", "2013.parquet"]
    assert len(lake.read("bars", "sample", date(2012, 12, 31), date(2013, 1, 2))) == 2


def test_sessions_are_listed_up_to_a_day(lake: Lake) -> None:
    both = pd.concat([bars([1.0] * 252, "A"), bars([1.0] * 2, "B", first=1)])
    lake.write("bars", "sample", both, START, date(2013, 12, 31))
    found = lake.sessions("bars", "sample", date(2013, 1, 2))
    assert (found[0], found[-2:]) == (date(2012, 1, 3), [date(2012, 12, 31), date(2013, 1, 2)])
    assert len(found) == 251
    assert lake.sessions("bars", "other", END) == []


def test_rows_outside_the_range_are_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="2012-01-04 is outside"):
        lake.write("bars", "sample", bars([1, 2]), START, date(2012, 1, 3))


def test_what_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no bars of sample from 2012-01-01"):
        lake.read("bars", "sample", START, END)
    assert lake.read("bars", "sample", START, END, empty=bars([])).empty


def test_a_write_that_fails_leaves_the_table_as_it_was(lake: Lake, tmp_path: Path) -> None:
    lake.write("bars", "sample", bars([1.0]), START, END)
    broken = bars([2.0]).assign(extra=[object()])
    with pytest.raises(Exception, match="object"):
        lake.write("bars", "sample", broken, START, END)
    assert lake.read("bars", "sample", START, END)["close"].tolist() == [1.0]
    assert [f.name for f in (tmp_path / "lake/bars/sample").iterdir()] == ["2012.parquet"]


def test_versions_ignore_order_and_other_columns() -> None:
    both = pd.concat([bars([1, 2], "A"), bars([3, 4], "B")], ignore_index=True)
    shuffled = both.sample(frac=1, random_state=3).assign(fetched="now")
    assert versions(both, COLUMNS) == versions(shuffled, COLUMNS)
    assert list(versions(both, COLUMNS)) == [date(2012, 1, 3), date(2012, 1, 4)]


def test_the_smallest_change_of_one_session_changes_its_version_only() -> None:
    rows = bars([1.0, 2.0])
    changed = rows.assign(close=[1.0, np.nextafter(2.0, 3.0)])
    before, after = versions(rows, COLUMNS), versions(changed, COLUMNS)
    assert before[date(2012, 1, 3)] == after[date(2012, 1, 3)]
    assert before[date(2012, 1, 4)] != after[date(2012, 1, 4)]


def test_an_empty_table_has_no_versions() -> None:
    assert versions(bars([]), COLUMNS) == {}
