"""The asset `signal_quality`, run by Dagster on the sample; what it stores and what it shows."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from pipelines.assets.bars import bars
from pipelines.assets.resources import Feed, News
from pipelines.assets.signal_quality import not_too_good, signal_quality, table_of
from pipelines.assets.signals import signals
from pipelines.definitions import defs
from pipelines.lake import Lake, open_lake
from tests.pipelines.dagster_runs import checks, failure, metadata, run
from tests.pipelines.news_runs import run_news

FEED, NEWS = Feed(strategy="technical"), News(sentiment="lexicon")
START, END = "2012-05-01", "2012-08-31"
LAST = date(2012, 8, 31)
TABLES = ("signal_quality", "signal_quality_bins")


@pytest.fixture(scope="module")
def signalled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the sample's prices, news and signals of some months; made once, then copied."""
    folder = tmp_path_factory.mktemp("signalled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADING_LAKE_URL", str(folder / "lake"))
        patch.setenv("TRADING_HOME", str(folder))
        run(START, END)
        run_news(START, END)
    return folder / "lake"


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signalled: Path) -> Lake:
    shutil.copytree(signalled, tmp_path / "lake")
    monkeypatch.setenv("TRADING_LAKE_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return open_lake(str(tmp_path / "lake"))


def measure(start: str, end: str | None = None, **more: bool) -> dict[str, dict[str, object]]:
    result = run(start, end, ["signal_quality"], news={"sentiment": "lexicon"}, **more)
    return metadata(result, "signal_quality")


def stored(lake: Lake, day: date = LAST) -> list[pd.DataFrame]:
    return [lake.read(name, table_of(FEED, NEWS), day, day) for name in TABLES]


def cut(lake: Lake, folder: Path, last: date) -> None:
    """Take every row after `last` out of the lake."""
    for table in ("bars", "actions", "technical", "signals", "news", "sentiment"):
        for dataset in (path.name for path in (folder / "lake" / table).iterdir()):
            held = lake.read(table, dataset, date(1990, 1, 1), date(2035, 1, 1))
            lake.drop(table, dataset)
            rows = held[held["session"] <= pd.Timestamp(last)]
            lake.write(table, dataset, rows, date(1990, 1, 1), last)


def test_one_session_gives_what_a_range_gives_and_what_cut_data_give(
    lake: Lake, tmp_path: Path
) -> None:
    day = date(2012, 8, 15)
    measure("2012-08-13", "2012-08-17")
    of_range = stored(lake, day)
    measure("2012-08-15")
    alone = stored(lake, day)
    cut(lake, tmp_path, day)
    measure("2012-08-15")
    for ours, other, then in zip(of_range, alone, stored(lake, day), strict=True):
        pd.testing.assert_frame_equal(ours, other, check_exact=True)
        pd.testing.assert_frame_equal(ours, then, check_exact=True)


def test_history_before_the_window_is_not_even_opened(lake: Lake, tmp_path: Path) -> None:
    """So a session costs the same however long the history is."""
    measure(END)
    before = stored(lake)
    old = [file for file in (tmp_path / "lake").rglob("*.parquet") if int(file.stem) < 2011]
    assert len(old) > 5
    for file in old:
        file.write_bytes(b"not to be read")
    measure(END)
    for one, other in zip(before, stored(lake), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_every_score_is_measured_with_its_version(lake: Lake) -> None:
    measure(END)
    found, _ = stored(lake)
    signals = lake.read("signals", FEED.opinions, LAST, LAST)
    of = found.groupby("analysis")["version"].unique().map(list).to_dict()
    assert of["strategy"] == signals["strategy_version"].unique().tolist()
    sentiment = lake.read("sentiment", NEWS.opinions, date(2012, 5, 1), LAST)
    assert of["sentiment"] == [sentiment["model_hash"].iloc[0][:12]]
    rests = found.groupby("analysis")["contaminated"].all()
    assert rests[rests].index.tolist() == ["news", "sentiment"]
    assert {"rsi_score", "macd_score", "volume_score", "news"} <= of.keys()
    assert found.groupby(["analysis", "version"])["horizon"].agg(list).map(len).unique() == [5]


def test_the_figures_are_those_of_the_lakes_own_rows(lake: Lake) -> None:
    """One figure worked out again from the tables, in another way."""
    measure(END)
    found, _ = stored(lake)
    technical = lake.read("technical", FEED.dataset, date(2012, 5, 1), LAST)
    bars = lake.read("bars", FEED.dataset, date(2012, 5, 1), LAST)
    bars["earned"] = bars["close"] / bars["open"] - 1
    bars["earned"] = bars.groupby("symbol")["earned"].shift(-1)
    both = technical[["symbol", "session", "rsi_score"]].merge(bars, on=["symbol", "session"])
    both = both.dropna(subset=["rsi_score", "earned"])
    days = both.groupby("session").filter(
        lambda rows: len(rows) >= 3 and rows["rsi_score"].nunique() > 1
    )
    of_day = [
        spearmanr(rows["rsi_score"], rows["earned"]).statistic
        for _, rows in days.groupby("session")
    ]
    row = found[(found["analysis"] == "rsi_score") & (found["horizon"] == 1)].iloc[0]
    assert row["sessions"] == len(of_day)
    assert row["ic"] == pytest.approx(np.mean(of_day), abs=1e-6)
    assert row["pooled_ic"] == pytest.approx(
        spearmanr(both["rsi_score"], both["earned"]).statistic, abs=1e-6
    )
    assert row["pairs"] == len(both)


def test_a_person_sees_a_table_and_pictures() -> None:
    found = measure("2012-08-30", END)
    assert found["2012-08-30"]["dagster/partition_row_count"] == 15 * 5
    assert "| strategy |" in str(found[END]["preview"])
    for name in ("correlations", "strategy"):
        assert str(found[END][name]).startswith(f"![{name}](data:image/png;base64,")


def test_without_news_the_rest_is_measured(lake: Lake) -> None:
    run(END, None, ["signal_quality"])
    found = lake.read("signal_quality", table_of(FEED, News()), LAST, LAST)
    assert not {"news", "sentiment"} & set(found["analysis"])
    assert "strategy" in set(found["analysis"])


def test_a_strategy_that_said_nothing_for_a_year_is_left_out(lake: Lake) -> None:
    rows = lake.read("signals", FEED.opinions, date(2012, 1, 1), LAST)
    lake.write("signals", FEED.opinions, rows.iloc[:0], date(2012, 1, 1), LAST)
    found = measure(END)[END]
    assert "strategy" not in found
    assert "| rsi_score |" in str(found["preview"])


def test_without_signals_it_says_what_to_do(lake: Lake) -> None:
    lake.drop("signals", FEED.opinions)
    result = run(END, None, ["signal_quality"], raises=False)
    assert "the lake has no signals of sample-technical" in failure(result, "signal_quality")


def test_a_score_that_sees_the_future_is_a_warning_and_stops_nothing(lake: Lake) -> None:
    bars = lake.read("bars", FEED.dataset, date(2012, 5, 1), LAST)
    day = (bars["close"] / bars["open"] - 1).groupby(bars["symbol"]).shift(-1)
    seen = bars[["symbol", "session"]].assign(seen=np.clip(20 * day.fillna(0.0), -1, 1))
    rows = lake.read("signals", FEED.opinions, date(2012, 5, 1), LAST)
    rows = rows.merge(seen, on=["symbol", "session"], validate="one_to_one")
    rows = rows.assign(score=rows["seen"]).drop(columns="seen")
    lake.write("signals", FEED.opinions, rows, date(2012, 5, 1), LAST)
    result = run(END, None, ["signal_quality"])
    assert result.success
    check = checks(result)["not_too_good"]
    assert not check.passed
    assert check.severity.value == "WARN"
    assert check.metadata["too_good"].value == 1
    assert not check.blocking
    assert "| strategy |" in str(check.metadata["rows"].value)
    assert not_too_good(stored_without(lake)).passed


def stored_without(lake: Lake) -> pd.DataFrame:
    found = lake.read("signal_quality", table_of(FEED, News()), LAST, LAST)
    return found[found["analysis"] != "strategy"]


def test_it_has_a_job_of_its_own_and_trading_never_waits_for_it() -> None:
    steps = {node.name for node in defs.resolve_job_def("quality_job").nodes}
    assert steps == {"signal_quality"}
    for name in ("replay_job", "replay_with_news_job", "live_job"):
        assert "signal_quality" not in {n.name for n in defs.resolve_job_def(name).nodes}
    assert signal_quality.op.pool not in {signals.op.pool, bars.op.pool, None}
