"""Reading other people's files: what is accepted, and the one sentence for what is not."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines.errors import RequestError, SourceError
from pipelines.sources import open_source

HEADER = "symbol,date,open,high,low,close,volume\n"
GOOD = "IBM,2012-01-03,10,12,9,11,100\n"


def read(path: Path) -> pd.DataFrame:
    return open_source("files", str(path)).history().bars


def write(folder: Path, text: str, name: str = "prices.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_a_csv_becomes_a_tidy_frame(tmp_path: Path) -> None:
    bars = read(write(tmp_path, HEADER + "ibm,2012-01-04,11,13,10,12,200\n" + GOOD))
    assert bars["symbol"].tolist() == ["IBM", "IBM"]
    assert bars["session"].tolist() == [pd.Timestamp("2012-01-03"), pd.Timestamp("2012-01-04")]
    assert bars["close"].tolist() == [11.0, 12.0]


def test_the_header_may_be_written_in_any_case_and_order(tmp_path: Path) -> None:
    text = "Date,Volume,Close,Low,High,Open,Ticker\n2012-01-03,100,11,9,12,10,IBM\n"
    assert read(write(tmp_path, text))["high"].tolist() == [12.0]


def test_without_a_symbol_column_the_file_name_is_the_symbol(tmp_path: Path) -> None:
    text = "date,open,high,low,close,volume\n2012-01-03,10,12,9,11,100\n"
    write(tmp_path, text, "brk_a.csv")
    write(tmp_path, text, "KO.csv")
    assert read(tmp_path)["symbol"].tolist() == ["BRK_A", "KO"]


def test_parquet_and_csv_of_one_folder_are_read_together(tmp_path: Path) -> None:
    write(tmp_path, HEADER + GOOD)
    frame = read(tmp_path / "prices.csv").rename(columns={"session": "date"})
    frame.assign(symbol="KO").to_parquet(tmp_path / "more.parquet")
    assert read(tmp_path)["symbol"].tolist() == ["IBM", "KO"]


def test_empty_prices_and_empty_lines_are_not_malformed(tmp_path: Path) -> None:
    bars = read(write(tmp_path, HEADER + "IBM,2012-01-03,,12,9,NaN,100\n\n"))
    assert bars[["open", "close"]].isna().all(axis=None)
    assert len(bars) == 1


def test_splits_and_dividends_become_actions_and_adjusted_prices_a_notice(tmp_path: Path) -> None:
    header = "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Close\n"
    rows = "2012-01-03,10,12,9,11,1,0.0,1.0,5\n2012-01-04,10,12,9,11,1,0.5,2.0,5\n"
    history = open_source("files", str(write(tmp_path, header + rows, "ko.csv"))).history()
    assert history.actions.to_dict("records") == [
        {"symbol": "KO", "session": pd.Timestamp("2012-01-04"), "split": 2.0, "dividend": 0.5}
    ]
    assert "adjclose not used" in history.notices[0]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("IBM,2012-01-03,10,12,9,abc,100\n", "line 3: close 'abc' is not a finite number"),
        ("IBM,2012-01-03,inf,12,9,11,100\n", "line 3: open 'inf' is not a finite number"),
        ("IBM,2012-01-03,10,1e300,9,11,100\n", "line 3: high '1e300' is not a finite number"),
        ("IBM,2012-01-03,10,12,9,11,many\n", "line 3: volume 'many' is not a finite number"),
        ("IBM,2012-13-03,10,12,9,11,100\n", "line 3: date '2012-13-03' is not a date"),
        ("IBM,,10,12,9,11,100\n", "line 3: date '' is not a date"),
        ("I B M,2012-01-03,10,12,9,11,100\n", "line 3: 'I B M' is no symbol"),
    ],
)
def test_a_malformed_row_is_named_with_its_value(tmp_path: Path, row: str, sentence: str) -> None:
    file = write(tmp_path, HEADER + GOOD + row)
    with pytest.raises(SourceError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}, {sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("symbol,date,open,high,low,volume\n", "the column 'close' is missing"),
        (HEADER, "there is not one row in it"),
        ("", "it cannot be read"),
        ("symbol,ticker,date,open,high,low,close,volume\n", "two columns are 'symbol'"),
        (HEADER + GOOD + "a,b,c,d,e,f,g,h,i\n", "it cannot be read"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=r"prices\.csv.*" + sentence):
        read(write(tmp_path, text))


def test_bytes_that_are_no_table_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(SourceError, match=r"a\.parquet: it cannot be read"):
        read(tmp_path)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00symbol")
    with pytest.raises(SourceError, match=r"b\.csv: it cannot be read"):
        read(tmp_path / "b.csv")


def test_places_without_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        read(tmp_path / "absent")
    with pytest.raises(SourceError, match=r"holds no \.csv"):
        read(tmp_path)


def test_unknown_sources_and_missing_paths_are_refused() -> None:
    with pytest.raises(RequestError, match="no source 'yahoo'"):
        open_source("yahoo")
    with pytest.raises(RequestError, match="needs a path"):
        open_source("files")
