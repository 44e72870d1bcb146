"""What makes a bar fit to use: rows that cannot be true, jumps nobody explains, missing sessions.

Belongs here: rules on frames of bars (columns as in sources/base.py).
Keep out: repairing. A row is used as it stands or set aside with its reason.
"""

from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.analyses.adjust import step_factors, symbol_spans
from pipelines.sources.base import PRICES

PRICE_SCALE = 6
"""Decimal places that prices are kept with; the wire carries no more."""

LARGEST_SPLIT = 1_000
"""New shares per old one, or old per new: what exceeds it is a misprint."""

JUMP_LOG = 0.25
"""An overnight or close-to-close log move beyond this (-22 %, +28 %) wants an explanation.

No threshold tells a bad print from a real move. This one meets about one bar in 10,000 of large
US shares, so that a block stays rare, and still meets every spin-off known in five years of them.
"""

BLOCKED_SESSIONS = 5
"""A symbol with an unexplained jump takes no new entry on that bar and the four after it.

Within a week a missed split or spin-off is usually entered as an action, which explains the jump
and ends the block; a real move ends it by time.
"""


class Reason(StrEnum):
    """Why a row was set aside; the first that applies is given."""

    MISSING_PRICE = "MISSING_PRICE"
    MISSING_VOLUME = "MISSING_VOLUME"
    NOT_POSITIVE = "NOT_POSITIVE"
    NEGATIVE_VOLUME = "NEGATIVE_VOLUME"
    OHLC_ORDER = "OHLC_ORDER"
    NOT_A_SESSION = "NOT_A_SESSION"
    DUPLICATE = "DUPLICATE"
    ACTION_TOO_LARGE = "ACTION_TOO_LARGE"


def split_rows(rows: pd.DataFrame, sessions: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Good rows, and rejected rows with a `reason`; both sorted by symbol and session.

    An exact copy of a row is rejected and the row kept; of rows that contradict each other
    none is kept, because nothing says which is right.
    """
    rows = rows.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    rows[PRICES] = rows[PRICES].round(PRICE_SCALE)
    reasons = _first_reason(rows, sessions)
    sound = rows[reasons == ""]
    copies = sound.duplicated(keep="first")
    contradictions = sound[~copies].duplicated(["symbol", "session"], keep=False)
    reasons[copies.index[copies]] = Reason.DUPLICATE.value
    reasons[contradictions.index[contradictions]] = Reason.DUPLICATE.value
    bad = reasons != ""
    rejected = rows[bad].assign(reason=reasons[bad])
    return rows[~bad].reset_index(drop=True), rejected.reset_index(drop=True)


def _first_reason(rows: pd.DataFrame, sessions: pd.DatetimeIndex) -> NDArray[np.object_]:
    prices = rows[PRICES].to_numpy(dtype=np.float64)
    opens, highs, lows, closes = prices.T
    volume = rows["volume"].to_numpy(dtype=np.float64)
    ordered = (lows <= np.minimum(opens, closes)) & (highs >= np.maximum(opens, closes))
    rules = {
        Reason.MISSING_PRICE: np.isnan(prices).any(axis=1),
        Reason.MISSING_VOLUME: np.isnan(volume),
        Reason.NOT_POSITIVE: (prices <= 0).any(axis=1),
        Reason.NEGATIVE_VOLUME: volume < 0,
        Reason.OHLC_ORDER: ~ordered,
        Reason.NOT_A_SESSION: ~rows["session"].isin(sessions).to_numpy(),
    }
    names = [reason.value for reason in rules]
    return np.select(list(rules.values()), names, default="").astype(object)


def split_actions(
    actions: pd.DataFrame, bars: pd.DataFrame, sessions: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Actions that can be true, and those that cannot, with a `reason`.

    A dividend must be below the close before it, a split at most 1,000 to 1 either way, and an
    ex-date must be a session.
    """
    ordered = actions.sort_values(["symbol", "session"], kind="stable")
    before = pd.merge_asof(
        ordered.sort_values("session", kind="stable").reset_index(),
        bars[["symbol", "session", "close"]].sort_values("session", kind="stable"),
        on="session",
        by="symbol",
        allow_exact_matches=False,
    ).set_index("index")["close"]
    rules = {
        Reason.NOT_POSITIVE: ~((ordered["split"] > 0) & (ordered["dividend"] >= 0)),
        Reason.NOT_A_SESSION: ~ordered["session"].isin(sessions),
        Reason.DUPLICATE: ordered.duplicated(["symbol", "session"], keep=False),
        Reason.ACTION_TOO_LARGE: (ordered["dividend"] >= before.reindex(ordered.index))
        | ~ordered["split"].between(1 / LARGEST_SPLIT, LARGEST_SPLIT),
    }
    masks = [mask.to_numpy(dtype=bool) for mask in rules.values()]
    reasons = np.select(masks, [reason.value for reason in rules], default="").astype(object)
    good = reasons == ""
    rejected = ordered[~good].assign(reason=reasons[~good])
    return ordered[good].reset_index(drop=True), rejected.reset_index(drop=True)


def taking_effect(actions: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """Actions on the session before whose open they take effect: the first with bars from then on.

    Input: good bars and actions. Output: the actions in order; one that falls on a session without
    any good bar moves to the next that has some, and is left out until there is one.
    """
    days = np.unique(bars["session"].to_numpy())
    at = np.searchsorted(days, actions["session"].to_numpy())
    there = at < len(days)
    return actions[there].assign(session=days[at[there]]).reset_index(drop=True)


def jumps(bars: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Bars whose open or close lies beyond JUMP_LOG from the close before, after actions.

    Input: good bars sorted by symbol and session. Output: symbol, session, previous_close,
    open, close, move (the larger log move), one row per unexplained jump.
    """
    steps = step_factors(bars, actions)
    closes = bars["close"].to_numpy(dtype=np.float64)
    opens = bars["open"].to_numpy(dtype=np.float64)
    previous = np.r_[np.nan, closes[:-1]]
    previous[[first for first, _ in symbol_spans(bars).values()]] = np.nan
    previous *= steps
    overnight, whole = np.log(opens / previous), np.log(closes / previous)
    move = np.where(np.abs(overnight) > np.abs(whole), overnight, whole)
    found = bars[["symbol", "session", "open", "close"]].assign(previous_close=previous, move=move)
    beyond = pd.Series(np.abs(move) > JUMP_LOG, index=found.index)
    return found[beyond].reset_index(drop=True)


def suspects(bars: pd.DataFrame, found: pd.DataFrame) -> NDArray[np.bool_]:
    """Which bars are within BLOCKED_SESSIONS bars from a jump of their symbol.

    Input: good bars sorted by symbol and session, and their `jumps`. Output: shape (len(bars),).
    """
    keys = pd.MultiIndex.from_frame(bars[["symbol", "session"]])
    jumped = keys.isin(pd.MultiIndex.from_frame(found[["symbol", "session"]]))
    blocked = np.zeros(len(bars), dtype=bool)
    for first, end in symbol_spans(bars).values():
        for at in np.flatnonzero(jumped[first:end]) + first:
            blocked[at : min(at + BLOCKED_SESSIONS, end)] = True
    return blocked


def gaps(bars: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Sessions without a bar between a symbol's first and last one: symbol, session."""
    ordinals = np.searchsorted(sessions.to_numpy(), bars["session"].to_numpy())
    symbols: list[str] = []
    missing: list[int] = []
    for symbol, (first, end) in symbol_spans(bars).items():
        held = ordinals[first:end]
        absent = np.setdiff1d(np.arange(held[0], held[-1] + 1), held)
        symbols += [symbol] * len(absent)
        missing += absent.tolist()
    return pd.DataFrame({"symbol": symbols, "session": sessions[missing].to_numpy()})
