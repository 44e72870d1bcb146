"""Rows that were set aside: read from the lake by range, counted by reason."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from deploy.local import request, set_aside
from deploy.local.request import Asked
from deploy.local.set_aside import Named, counted
from pipelines.lake import open_lake
from tests.deploy.test_runs import REQUEST


def rejected(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["symbol", "session", "reason"])
    return frame.assign(session=pd.to_datetime(frame["session"]).astype("datetime64[us]"))


def test_only_rows_of_the_range_count(tmp_path: Path) -> None:
    frame = rejected(
        ("OLD", "2012-03-02", "OHLC_ORDER"),
        ("ABC", "2012-03-06", "OHLC_ORDER"),
        ("ABC", "2012-03-05", "MISSING_PRICE"),
    )
    lake = open_lake(str(tmp_path))
    lake.write(set_aside.TABLE, "sample", frame, date(2012, 1, 1), date(2012, 12, 31))
    found = set_aside.read(str(tmp_path), REQUEST)
    assert found is not None
    assert (found.rows, found.reasons) == (2, {"MISSING_PRICE": 1, "OHLC_ORDER": 1})
    assert found.named[0] == Named("ABC", "2012-03-05", "MISSING_PRICE")
    other = set_aside.read(str(tmp_path), replace(REQUEST, dataset="other"))
    assert other == set_aside.SetAside(0, {}, [])


def test_a_lake_that_cannot_be_read_is_none_and_no_error(tmp_path: Path) -> None:
    (tmp_path / set_aside.TABLE / "sample").mkdir(parents=True)
    (tmp_path / set_aside.TABLE / "sample" / "2012.parquet").write_text("torn")
    assert set_aside.read(str(tmp_path), REQUEST) is None
    assert set_aside.read("nowhere://x", REQUEST) is None


def test_a_few_rows_are_named_in_the_order_of_their_days() -> None:
    rows = [Named("A", f"2012-03-{day:02}", "DUPLICATE") for day in range(20, 0, -1)]
    found = counted(rows)
    assert (found.rows, found.reasons) == (20, {"DUPLICATE": 20})
    assert [each.session[-2:] for each in found.named] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("symbols", [None, "IBM", "MSFT,AAPL"])
def test_the_dataset_is_the_one_that_the_pipelines_write(symbols: str | None) -> None:
    from pipelines.assets.resources import Feed

    checked = request.check(Asked(symbols=symbols))
    assert checked.dataset == Feed(symbols=list(checked.symbols)).dataset
