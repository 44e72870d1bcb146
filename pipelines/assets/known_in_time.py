"""The check `known_in_time` of the assets of news: nothing rests on an article from the future.

Belongs here: its specification and its result. Keep out: leaving such articles out (news_lake.py).
"""

import dagster as dg
import pandas as pd

from pipelines import news_lake
from pipelines.assets import show

NAME = "known_in_time"


def spec(asset: str) -> dg.AssetCheckSpec:
    """The blocking check of that asset."""
    return dg.AssetCheckSpec(
        NAME,
        asset=asset,
        blocking=True,
        description="Every article that may be used was known when its session was decided, 16:30"
        " in New York. One that was not moves nothing, and nothing goes on.",
    )


def result(asset: str, checked: int, too_soon: pd.DataFrame) -> dg.AssetCheckResult:
    """Failed where any of the articles stands in a session that was decided before it was known."""
    found = too_soon.assign(decided_at=news_lake.decided(too_soon["session"]))
    shown = found[["article_id", "source", "session", "known_at", "decided_at"]]
    named = [f"{row.article_id} of {row.session:%Y-%m-%d}" for row in found.itertuples()]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=NAME,
        passed=found.empty,
        metadata={
            "articles": checked,
            "too_soon": len(found),
            "where": ", ".join(named[: show.PREVIEW_ROWS]),
            "rows": show.table(show.plain(shown.astype({"known_at": "str"}), ["source"])),
        },
    )
