"""Sentiment per symbol and session, from the scores of single articles.

Belongs here: which session an article belongs to, near-copies counted once, the day's figures, and
which of them a model may know too much for. Keep out: models, and how a strategy weighs the day.
"""

from datetime import date

import numpy as np
import pandas as pd

SCORE_COLUMNS = [
    "article_id", "symbol", "score", "confidence", "abstained",
    "provider", "model_hash", "trained_until",
]  # fmt: skip
DAILY_COLUMNS = [
    "symbol", "session", "count", "mean", "dispersion", "novelty_weighted", "confidence",
    "abstained", "contaminated", "reasons",
]  # fmt: skip


def daily_sentiment(
    scores: pd.DataFrame, articles: pd.DataFrame, impacts: pd.DataFrame, decisions: pd.DataFrame
) -> pd.DataFrame:
    """One row per symbol and session that has at least one article, DAILY_COLUMNS.

    Input: scores (SCORE_COLUMNS, one row per article and symbol), articles (article_id, group_id,
    known_at), impacts (article_id, symbol, novelty in [0, 1]; a pair without one is fully new) and
    decisions (session, decided_at, both ascending). An article counts in the first session that
    was decided at or after it was known; of near-copies only the first that was known of a symbol
    counts; scores from which the model abstained do not.

    Output, sorted by symbol and session: count (articles that count, 0 or more), mean in [-1, 1]
    (0 where none counts), dispersion in [0, 1] (standard deviation, ddof=0, 0 for one article),
    novelty_weighted in [-1, 1] (the mean weighted by novelty; 0 where nothing is new), confidence
    in [0, 1] (the mean; 0 where none counts), abstained (how many articles were left out),
    contaminated (see `contaminated`), reasons (a sentence).
    """
    placed = _placed(scores, articles, impacts, decisions)
    groups = placed.groupby(["symbol", "session"], sort=True)
    rows = [
        {"symbol": symbol, "session": session, **_day(rows)}
        for (symbol, session), rows in groups
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=DAILY_COLUMNS)
    return frame.astype(
        {
            "symbol": "str", "session": "datetime64[us]", "count": "int64", "abstained": "int64",
            "contaminated": "bool", "reasons": "str",
        }
        | dict.fromkeys(["mean", "dispersion", "novelty_weighted", "confidence"], "float64")
    )  # fmt: skip


def sessions_of(known_at: pd.Series, decisions: pd.DataFrame) -> pd.Series:
    """The first session decided at or after each moment; NaT after the last decision.

    Input: aware moments, and decisions (session, decided_at, ascending). Output: datetime64[us],
    with the index of `known_at`.
    """
    moments = pd.DatetimeIndex(known_at).tz_convert("UTC").as_unit("us").asi8
    decided = pd.DatetimeIndex(decisions["decided_at"]).tz_convert("UTC").as_unit("us").asi8
    sessions = pd.DatetimeIndex(decisions["session"]).as_unit("us").append(
        pd.DatetimeIndex([pd.NaT]).as_unit("us")
    )  # fmt: skip
    return pd.Series(sessions[np.searchsorted(decided, moments)], index=known_at.index)


def contaminated(session: date, trained_until: date | None) -> bool:
    """Whether a model may have learnt from texts of this session or later ones.

    Its score of such a day proves nothing in a backtest: the model may know what came after. A
    model whose cut-off is unknown may know any day.
    """
    return trained_until is None or session <= trained_until


def _placed(
    scores: pd.DataFrame, articles: pd.DataFrame, impacts: pd.DataFrame, decisions: pd.DataFrame
) -> pd.DataFrame:
    """The scores that count anywhere, with their session and novelty, first known first."""
    known = articles[["article_id", "group_id", "known_at"]]
    found = scores.merge(known, on="article_id", validate="many_to_one")
    found = found.merge(
        impacts[["article_id", "symbol", "novelty"]],
        on=["article_id", "symbol"], how="left", validate="one_to_one",
    )  # fmt: skip
    found = found.assign(
        novelty=found["novelty"].fillna(1.0),
        session=sessions_of(found["known_at"], decisions),
    )
    found = found.sort_values(["known_at", "article_id", "symbol"], kind="stable")
    found = found.drop_duplicates(["symbol", "group_id"])
    return found[found["session"].notna()]


def _day(rows: pd.DataFrame) -> dict[str, object]:
    """The figures of one symbol's session."""
    kept = rows[~rows["abstained"].astype(bool)]
    scores = kept["score"].to_numpy(dtype=np.float64)
    novelty = kept["novelty"].to_numpy(dtype=np.float64)
    mean = _rounded(scores.mean()) if len(scores) else 0.0
    session = rows["session"].iloc[0].date()
    cut_offs = rows["trained_until"].tolist()
    return {
        "count": len(kept),
        "mean": mean,
        "dispersion": _rounded(scores.std()) if len(scores) else 0.0,
        "novelty_weighted": _rounded(scores @ novelty / novelty.sum()) if novelty.sum() else 0.0,
        "confidence": _rounded(kept["confidence"].mean()) if len(kept) else 0.0,
        "abstained": len(rows) - len(kept),
        "contaminated": any(contaminated(session, _date(value)) for value in cut_offs),
        "reasons": _reason(mean, len(kept), len(rows) - len(kept)),
    }


def _reason(mean: float, count: int, abstained: int) -> str:
    left_out = f", {_articles(abstained)} left out for low confidence" if abstained else ""
    if not count:
        return f"sentiment unknown{left_out}"
    tone = "above" if mean > 0 else "below" if mean < 0 else "at"
    return f"sentiment {mean:+.2f} {tone} 0 over {_articles(count)}{left_out}"


def _articles(count: int) -> str:
    return f"{count} article" if count == 1 else f"{count} articles"


def _rounded(value: float) -> float:
    return round(float(np.clip(value, -1.0, 1.0)), 6) + 0.0


def _date(value: object) -> date | None:
    moment = pd.Timestamp(value)  # type: ignore[arg-type]
    return None if pd.isna(moment) else moment.date()
