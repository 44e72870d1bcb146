"""Frames of articles for tests of the analyses."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

START = datetime(2012, 5, 18, 12, 0, tzinfo=UTC)


def articles(rows: Sequence[tuple[float, str, str]]) -> pd.DataFrame:
    """(hours after the start, title, text) per article; ids count up."""
    frame = pd.DataFrame(rows, columns=["hours", "title", "text"])
    frame["article_id"] = [f"{number:032x}" for number in range(len(frame))]
    moments = [START + timedelta(hours=hours) for hours in frame["hours"]]
    frame["known_at"] = pd.Series(moments, dtype="datetime64[us, UTC]")
    return frame.assign(source="wire", url="").drop(columns="hours")
