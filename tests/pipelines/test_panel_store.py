"""The lake's bars as a panel: the same rows as the frames, cut and split before they are read."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.analyses.panel import panel_of, shard_of
from pipelines.errors import LakeError
from pipelines.lake import Lake, open_lake
from pipelines.panel_store import PanelStore
from tests.pipelines.frames import SESSIONS, bars, walk

FIRST, LAST = date(2012, 1, 1), date(2013, 12, 31)


def stored(folder: Path) -> tuple[Lake, pd.DataFrame]:
    """Symbols that begin, end and pause in different years."""
    frame = pd.concat(
        [
            bars(walk(400, 1), "A"),
            bars(walk(30, 2), "B"),
            bars(walk(60, 3), "C", first=300),
            bars(walk(300, 4), "D", first=100).drop(index=[120, 160, 161]),
        ],
        ignore_index=True,
    )
    arrived = pd.to_datetime(frame["session"], utc=True) + pd.Timedelta(hours=21)
    frame["event_time"] = arrived.astype("datetime64[us, UTC]")
    frame["known_at"] = frame["event_time"] + pd.Timedelta(minutes=15)
    # A bar that came a month late: what was computed from it then was not known earlier.
    late = frame.index[(frame["symbol"] == "A") & (frame["session"] == SESSIONS[100])]
    frame.loc[late, "known_at"] += pd.Timedelta(days=30)
    lake = open_lake(str(folder))
    lake.write("bars", "mine", frame, FIRST, LAST)
    return lake, frame


def same(panel: object, frame: pd.DataFrame) -> None:
    expected = panel_of(frame.reset_index(drop=True))
    assert panel.symbols == expected.symbols  # type: ignore[attr-defined]
    np.testing.assert_array_equal(panel.starts, expected.starts)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(panel.sessions, expected.sessions)  # type: ignore[attr-defined]
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(panel.columns[name], column)  # type: ignore[attr-defined]


@pytest.mark.parametrize("last", [5, 29, 200, 310, 399])
def test_a_panel_is_the_frame_up_to_a_session(tmp_path: Path, last: int) -> None:
    lake, frame = stored(tmp_path)
    end = SESSIONS[last]
    same(PanelStore(lake, "mine", end.date()).panel(), frame[frame["session"] <= end])


def test_a_shard_is_read_alone(tmp_path: Path) -> None:
    lake, frame = stored(tmp_path)
    for number in range(2):
        own = frame[[shard_of(name, 2) == number for name in frame["symbol"]]]
        same(PanelStore(lake, "mine", LAST, (number, 2)).panel(), own)


def test_a_row_is_known_when_the_last_of_its_bars_is(tmp_path: Path) -> None:
    lake, frame = stored(tmp_path)
    first = SESSIONS[110]
    found = PanelStore(lake, "mine", LAST).times(first.date())
    seen = frame.groupby("symbol")[["event_time", "known_at"]].cummax()
    expected = seen[frame["session"] >= first].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    assert found["known_at"][0] > found["event_time"][0] + pd.Timedelta(days=10)


def test_no_bars_at_all_say_so(tmp_path: Path) -> None:
    lake, _ = stored(tmp_path)
    with pytest.raises(LakeError, match="no bars of other to 2013-12-31: materialize them first"):
        PanelStore(lake, "other", LAST)
    with pytest.raises(LakeError, match="no bars of mine to 2011-12-30"):
        PanelStore(lake, "mine", date(2011, 12, 30))
