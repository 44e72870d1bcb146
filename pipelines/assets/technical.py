"""The asset `technical`: indicators and their scores of every symbol and session.

Keep out: the formulas (analyses/technical.py).
"""

from datetime import date

import dagster as dg
import numpy as np
import pandas as pd

from pipelines.analyses import technical as analysis
from pipelines.assets import show
from pipelines.assets.bars import BEGINNING, bars
from pipelines.assets.partitions import LAKE_POOL, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import Feed
from pipelines.lake import Lake, open_lake, versions
from pipelines.settings import read_settings
from pipelines.sources.base import no_actions

CODE_VERSION = "1"
CONTENT = ["symbol", "close", *analysis.INDICATORS, *analysis.SCORES]
CUT_CHECK = "cut_data_agrees"


@dg.asset(
    deps=[bars],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[
        dg.AssetCheckSpec(
            CUT_CHECK,
            asset="technical",
            blocking=True,
            description="The first session, computed again without any later bar or action, gives"
            " exactly the same values.",
        )
    ],
    pool=LAKE_POOL,
    group_name="daily",
    kinds={"pandas"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        rsi="double: RSI of 14 bars, Wilder, 0 to 100",
        macd="double: MACD 12, 26, in dollars",
        macd_signal="double: 9 bars of MACD, in dollars",
        macd_histogram="double: MACD less its signal line",
        bollinger_upper="double: mean of 20 bars and 2 deviations",
        bollinger_middle="double: mean of 20 bars",
        bollinger_lower="double: mean of 20 bars less 2 deviations",
        rsi_score="double: -1 to 1",
        macd_score="double: -1 to 1",
        bollinger_score="double: -1 to 1",
    ),
)
def technical(context: dg.AssetExecutionContext, feed: Feed) -> Result:
    """RSI, MACD and Bollinger bands on closes adjusted as known on each day."""
    sessions = sessions_of(context)
    lake = open_lake(read_settings().lake_url)
    history, actions = read_history(lake, feed.dataset, sessions[-1])
    everything = compute(history, actions)
    frame = everything[everything["session"] >= pd.Timestamp(sessions[0])].reset_index(drop=True)
    lake.write("technical", feed.dataset, frame, sessions[0], sessions[-1])
    _show(context, frame, sessions)
    return Result(check_results=[_agrees(history, actions, frame, sessions[0])])


def read_history(lake: Lake, dataset: str, last: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars and actions from the source's first day to `last`."""
    actions = lake.read("actions", dataset, BEGINNING, last, empty=no_actions())
    return lake.read("bars", dataset, BEGINNING, last), actions


def compute(history: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """The analysis, and up to when its inputs reach: the latest of all bars that a row saw."""
    times = history.groupby("symbol", sort=False)[["event_time", "known_at"]].cummax()
    return analysis.technical(history, actions).assign(
        event_time=times["event_time"], known_at=times["known_at"]
    )


def _agrees(
    history: pd.DataFrame, actions: pd.DataFrame, frame: pd.DataFrame, first: date
) -> dg.AssetCheckResult:
    end = pd.Timestamp(first)
    cut = analysis.technical(
        history[history["session"] <= end].reset_index(drop=True),
        actions[actions["session"] <= end],
    )
    names = list(CONTENT[1:])
    ours = frame.loc[frame["session"] == end, names].to_numpy(dtype=np.float64)
    theirs = cut.loc[cut["session"] == end, names].to_numpy(dtype=np.float64)
    same = np.array_equal(ours, theirs, equal_nan=True)
    return dg.AssetCheckResult(
        check_name=CUT_CHECK,
        passed=same,
        metadata={"session": first.isoformat(), "rows": len(ours)},
    )


def _show(context: dg.AssetExecutionContext, frame: pd.DataFrame, sessions: list[date]) -> None:
    rows, hashes = show.rows_per_session(frame, sessions), versions(frame, CONTENT)
    show.per_session(
        context,
        {
            session: {
                "dagster/partition_row_count": rows[session],
                "version": hashes.get(session, "no rows"),
            }
            for session in sessions
        },
    )
    shown = frame[frame["session"] == frame["session"].max()]
    context.add_asset_metadata(
        {"preview": show.table(shown.drop(columns=["event_time", "known_at"]))},
        partition_key=sessions[-1].isoformat(),
    )
