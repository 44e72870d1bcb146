"""Runs of the news assets, and folders and frames for them.

Belongs here: starting runs and reading what they stored. Keep out: assertions.
"""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from pipelines.assets.resources import News
from pipelines.lake import Lake
from tests.pipelines.dagster_runs import run

ASSETS = ("articles", "sentiment", "news_impact")
ALL = (date(2000, 1, 1), date(2030, 12, 31))


def run_news(
    start: str,
    end: str | None = None,
    assets: Sequence[str] = ASSETS,
    clock: str = "",
    raises: bool = True,
    **news: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize the assets with the lexicon, unless another model is named."""
    chosen = {"sentiment": "lexicon", **news}
    return run(start, end, assets, clock=clock, raises=raises, news=chosen)


def write_folder(folder: Path, *rows: dict[str, str], name: str = "news") -> News:
    """A folder with those articles as JSON lines, and the resource that reads it."""
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(lines)
    return News(source="folder", path=str(folder), sentiment="lexicon")


def story(
    published: str, title: str = "Apple profit beats estimates", text: str = "", **more: str
) -> dict[str, str]:
    """A line of such a folder; seen as it was published."""
    known = more.pop("known_at", published)
    return {"published": published, "known_at": known, "title": title, "text": text, **more}


def tables(lake: Lake, news: News, start: date = ALL[0], end: date = ALL[1]) -> list[pd.DataFrame]:
    """What the two analyses stored: scores, daily sentiment, impacts and daily news."""
    names = {"sentiment_scores": news.opinions, "sentiment": news.opinions}
    names |= {"impacts": news.judged, "news": news.judged}
    nothing = pd.DataFrame({"symbol": [], "session": []})
    return [lake.read(table, own, start, end, empty=nothing) for table, own in names.items()]


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Asset to whether its check `known_in_time` passed."""
    found = result.get_asset_check_evaluations()
    return {each.asset_key.to_user_string(): each.passed for each in found}
