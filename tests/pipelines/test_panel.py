"""Columns of bars: their order, their holes, their shards and their blocks."""

from itertools import chain

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses import panel as panels
from pipelines.analyses.panel import Panel, panel_of, shard_of, sound, split_universe
from pipelines.analyses.technical import columns_of, technical
from pipelines.errors import AnalysisError
from tests.pipelines.frames import SESSIONS, actions, bars, walk

LENGTHS = {"A": 60, "B": 25, "C": 120, "D": 1, "E": 55}
FRAME = pd.concat(
    [bars(walk(count, seed), name) for seed, (name, count) in enumerate(LENGTHS.items())],
    ignore_index=True,
)
ACTED = actions(("A", 30, 2.0, 0.0), ("C", 50, 1.0, 0.5), ("E", 10, 0.1, 0.25))


def test_columns_lie_symbol_after_symbol() -> None:
    panel = panel_of(FRAME)
    assert panel.symbols == tuple(LENGTHS)
    assert np.diff(panel.starts).tolist() == list(LENGTHS.values())
    assert panel.columns["close"][60:85].tolist() == FRAME["close"][60:85].tolist()
    assert panel.names(np.arange(len(panel))).tolist() == FRAME["symbol"].tolist()


def test_a_matrix_has_holes_where_a_symbol_has_no_bar() -> None:
    gaps = FRAME.drop(index=[3, 61]).reset_index(drop=True)
    matrix = panel_of(gaps).dense("close")
    assert matrix.shape == (120, 5)
    assert np.isnan(matrix[3, 0])
    assert np.isnan(matrix[1, 1])
    assert np.isnan(matrix[:, 3]).sum() == 119
    assert matrix[4, 0] == FRAME["close"][4]
    assert matrix.T.flags.c_contiguous


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2, 1], [0, 0, 1]])
def test_bars_that_are_out_of_order_or_there_twice_are_refused(order: list[int]) -> None:
    rows = pd.concat([bars([1.0, 2.0], "A"), bars([3.0], "B")], ignore_index=True)
    with pytest.raises(AnalysisError, match="not sorted by symbol and session"):
        panel_of(rows.iloc[order])


def test_a_bucket_is_the_same_for_ever() -> None:
    """Known values: a change of them would move symbols between stored shards."""
    assert [shard_of(name, 16) for name in ("AAPL", "IBM", "MSFT")] == [11, 6, 1]
    with pytest.raises(AnalysisError, match="0 shards"):
        shard_of("AAPL", 0)


@given(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=40), st.integers(1, 9))
def test_every_symbol_is_in_one_bucket(symbols: list[str], shards: int) -> None:
    buckets = split_universe(symbols, shards)
    assert len(buckets) == shards
    assert sorted(chain(*buckets)) == sorted(symbols)
    assert all(name in buckets[shard_of(name, shards)] for name in symbols)


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_shards_computed_alone_and_put_together_are_the_whole(shards: int) -> None:
    panel = panel_of(FRAME)
    parts = []
    for number in range(shards):
        part = panel.shard(number, shards)
        columns = columns_of(part, ACTED)
        parts.append(
            pd.DataFrame(
                {
                    "symbol": part.names(np.arange(len(part))).astype("U"),
                    "session": part.sessions,
                    **columns,
                }
            )
        )
    found = pd.concat(parts).sort_values(["symbol", "session"], ignore_index=True)
    whole = pd.DataFrame(
        {
            "symbol": panel.names(np.arange(len(panel))).astype("U"),
            "session": panel.sessions,
            **columns_of(panel, ACTED),
        }
    )
    pd.testing.assert_frame_equal(found, whole, check_exact=True)


def test_blocks_cover_all_symbols_whatever_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(FRAME)
    whole = columns_of(panel, ACTED)
    monkeypatch.setattr(panels, "BLOCK_ROWS", 70)
    assert [block.symbols for block in panel.blocks()] == [("A",), ("B",), ("C",), ("D", "E")]
    for name, column in columns_of(panel, ACTED).items():
        np.testing.assert_array_equal(column, whole[name])


def test_what_was_there_at_a_session_leaves_out_whom_it_did_not_have_yet() -> None:
    late = pd.concat([bars([1.0, 2.0], "A"), bars([3.0], "B", first=1)], ignore_index=True)
    cut = panel_of(late).until(np.datetime64(SESSIONS[0]))
    assert cut.symbols == ("A",)
    assert len(cut) == 1
    assert len(panel_of(late).until(np.datetime64("2011-01-01"))) == 0


def test_a_bar_without_a_value_is_none_and_poisons_nothing() -> None:
    """That row has no values, and the rest is as if it were not there."""
    holed = FRAME.copy()
    holed.loc[[20, 100], "close"] = np.nan
    holed.loc[150, "volume"] = np.inf
    without = holed[sound(holed)].reset_index(drop=True)
    found, expected = technical(holed, ACTED), technical(without, ACTED)
    assert (
        found.loc[[20, 100, 150]].drop(columns=["symbol", "session", "close"]).isna().all(axis=None)
    )
    rest = found.drop(index=[20, 100, 150]).reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, expected, check_exact=True)


def minutes(symbol: str, count: int, seed: int) -> pd.DataFrame:
    """Bars of two sessions, minute by minute."""
    frame = bars(walk(count, seed), symbol)
    times = pd.date_range("2012-01-03 14:31", periods=count, freq="min", tz="UTC")
    second = np.arange(count) >= count // 2
    times = times + pd.to_timedelta(np.where(second, 1, 0), "D")
    return frame.assign(event_time=times, session=SESSIONS[second.astype(int)])


def test_minute_bars_are_bars() -> None:
    """The same numbers as of daily bars with those prices; a split counts from the session on."""
    frame = pd.concat([minutes("A", 90, 1), minutes("B", 70, 2)], ignore_index=True)
    acted = actions(("A", 1, 2.0, 0.0))
    found = technical(frame, acted, time="event_time")
    assert found.columns[:4].tolist() == ["symbol", "session", "event_time", "close"]
    daily = pd.concat([bars(walk(90, 1), "A"), bars(walk(70, 2), "B")], ignore_index=True)
    expected = technical(daily, actions(("A", 45, 2.0, 0.0)))
    for name in expected.columns.drop(["symbol", "session"]):
        np.testing.assert_array_equal(found[name], expected[name])


def test_an_empty_frame_gives_an_empty_table() -> None:
    found = technical(FRAME.iloc[:0], actions())
    assert found.empty
    assert isinstance(panel_of(FRAME.iloc[:0]), Panel)
