"""When a run may feed paper and live accounts: denied unless every lock is open.

Belongs here: the three locks of the pipelines as one pure function. The fourth is the trading
core's, which refuses what is expired, of the wrong mode, or seen before.
Keep out: the clock, and sending anything (publishing.py).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from pipelines import calendar

PUBLISH_TAG = "trading/publish"
LIVE = "live"
BACKFILL_TAGS = (
    "dagster/backfill",
    "dagster/parent_backfill_id",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)


def denial(tags: Mapping[str, str], sessions: Sequence[date], now: datetime) -> str | None:
    """Why nothing may be published, or None when everything is in order.

    `now` is the clock, aware. The current session is the one that closed last and whose next
    session has not opened.
    """
    if tags.get(PUBLISH_TAG) != LIVE:
        return f"the run does not carry the tag {PUBLISH_TAG}={LIVE}"
    for tag in BACKFILL_TAGS:
        if tag in tags:
            return f"the run is part of a backfill or a range (tag {tag})"
    if len(sessions) != 1:
        return f"the run covers {len(sessions)} sessions, not one"
    session = sessions[0]
    closed = calendar.close_of(session)
    opens = calendar.open_of(calendar.next_session(session))
    if not closed <= now < opens:
        return f"{session} is not the current session at {now.isoformat(timespec='seconds')}"
    return None
