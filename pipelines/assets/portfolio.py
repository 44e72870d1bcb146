"""The asset `portfolio`: what the account made of the signals, read back from the trading core.

Belongs here: waiting, and metadata per session. Keep out: HTTP (core.py), bookkeeping (the core's).
"""

from collections import Counter
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from pipelines import standing
from pipelines.assets import show
from pipelines.assets.partitions import ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.publish import replayed_signals
from pipelines.assets.resources import Feed
from pipelines.core import day_of, open_core, wait_until_closed
from pipelines.errors import LakeError
from pipelines.lake import open_lake
from pipelines.settings import read_settings

CODE_VERSION = "1"
POSITION_COLUMNS = ["symbol", "quantity", "average_price", "mark", "market_value", "unrealised"]


@dg.asset(
    deps=[replayed_signals],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    group_name="daily",
    kinds={"postgres"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
)
def portfolio(context: dg.AssetExecutionContext, feed: Feed) -> Result:
    """Equity, positions, and what was refused and why, once the account closed the sessions."""
    sessions, account = sessions_of(context), feed.replay_account
    settings = read_settings()
    with open_core(settings) as core:
        last = _last_fed(feed, sessions)
        state = wait_until_closed(core, account, last, feed.patience_s)
        booked = core.sessions(account, sessions[0], sessions[-1])
        positions = core.positions(account)
    books = {session: booked.get(session) for session in sessions}
    show.per_session(context, {day: _of_session(state, day, book) for day, book in books.items()})
    summary = _of_account(state, list(books.values()), positions) | _note_of_feed(context)
    context.add_asset_metadata(summary, partition_key=sessions[-1].isoformat())
    return Result()


def _last_fed(feed: Feed, sessions: list[date]) -> date:
    """The last session that had anything to send."""
    lake = open_lake(read_settings().lake_url)
    fed = lake.read("bars", feed.dataset, sessions[0], sessions[-1])["session"]
    if fed.empty:
        raise LakeError(f"nothing was fed from {sessions[0]} to {sessions[-1]}: no bars")
    return pd.Timestamp(fed.max()).date()


def _note_of_feed(context: dg.AssetExecutionContext) -> dict[str, Any]:
    """What this run's feed noted: that all of it was fed before."""
    event = context.instance.get_latest_materialization_event(replayed_signals.key)
    fed = event.asset_materialization if event and event.run_id == context.run.run_id else None
    note = fed.metadata.get("note") if fed else None
    return {"feed": note.value} if note else {}


def _of_session(state: dict[str, Any], day: date, book: dict[str, Any] | None) -> dict[str, Any]:
    account = state["account"]
    if book is None:
        first, last = day_of(state, "first_session"), day_of(state, "session")
        return {"account": account, "note": standing.absence(account, first, last, day)}
    return {
        "account": account,
        "equity": float(book["equity"]),
        "fills": int(book["fills"]),
        "dispositions": book["dispositions"],
        "refusals": book["refusals"],
    }


def _of_account(
    state: dict[str, Any], books: list[dict[str, Any] | None], positions: list[dict[str, Any]]
) -> dict[str, Any]:
    refusals: Counter[str] = Counter()
    for book in books:
        refusals.update(book["refusals"] if book else {})
    return {
        "equity_now": float(state["equity"]),
        "cash_now": float(state["cash"]),
        "closed_session": state["closed_session"],
        "fills_by_symbol": dict(state["fills"]),
        "fills_in_range": sum(int(book["fills"]) for book in books if book),
        "refusals_in_range": dict(refusals),
        "positions_now": show.table(pd.DataFrame(positions, columns=POSITION_COLUMNS), 30),
    }
