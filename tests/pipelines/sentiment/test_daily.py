"""Sentiment of a day: which session, what counts once, and what the future may not change."""

import random
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.sentiment.daily import (
    DAILY_COLUMNS,
    contaminated,
    daily_sentiment,
    sessions_of,
)

SESSIONS = pd.DatetimeIndex(["2012-01-03", "2012-01-04", "2012-01-05"]).as_unit("us")
DECISIONS = pd.DataFrame(
    {"session": SESSIONS, "decided_at": (SESSIONS + pd.Timedelta(hours=21)).tz_localize("UTC")}
)
NOON = datetime(2012, 1, 3, 12, tzinfo=UTC)
CUT_OFF = pd.Timestamp("2012-01-03")
HOUR = timedelta(hours=1)


def day(*rows: tuple[str, float, datetime], **columns: list[object]) -> pd.DataFrame:
    """The daily frame of articles of one symbol: (id, score, known_at) and changed columns."""
    ids = [row[0] for row in rows]
    scores = pd.DataFrame(
        {
            "article_id": ids, "symbol": "A",
            "score": pd.Series([row[1] for row in rows], dtype="float64"),
            "confidence": 0.8, "abstained": columns.get("abstained", [False] * len(rows)),
            "provider": "test", "model_hash": "0",
            "trained_until": columns.get("trained_until", [CUT_OFF] * len(rows)),
        }
    )  # fmt: skip
    articles = pd.DataFrame(
        {
            "article_id": ids, "group_id": columns.get("group_id", ids),
            "known_at": pd.DatetimeIndex([row[2] for row in rows], tz="UTC").as_unit("us"),
        }
    )  # fmt: skip
    novelty = columns.get("novelty", [1.0] * len(rows))
    impacts = pd.DataFrame({"article_id": ids, "symbol": "A", "novelty": novelty})
    return daily_sentiment(scores, articles, impacts, DECISIONS)


def test_figures_by_hand() -> None:
    found = day(("a", 0.9, NOON), ("b", -0.3, NOON), novelty=[0.25, 0.75])
    row = found.iloc[0]
    assert found.columns.tolist() == DAILY_COLUMNS
    assert (row["symbol"], row["session"], row["count"]) == ("A", SESSIONS[0], 2)
    assert row["mean"] == pytest.approx(0.3)
    assert row["dispersion"] == pytest.approx(0.6)
    assert row["novelty_weighted"] == pytest.approx(0.0)
    assert row["confidence"] == pytest.approx(0.8)
    assert row["reasons"] == "sentiment +0.30 above 0 over 2 articles"


def test_an_article_belongs_to_the_first_session_decided_at_or_after_it_was_known() -> None:
    at = DECISIONS["decided_at"].iloc[0]
    known = pd.Series([at, at + pd.Timedelta(microseconds=1), at + pd.Timedelta(days=9)])
    found = sessions_of(known, DECISIONS).tolist()
    assert found[:2] == [SESSIONS[0], SESSIONS[1]]
    assert found[2] is pd.NaT


def test_a_copy_counts_once_whenever_it_comes() -> None:
    later = NOON + 24 * HOUR
    found = day(
        ("b", 0.5, NOON + HOUR), ("a", 0.9, NOON), ("c", 0.5, later), group_id=["a", "a", "a"]
    )
    assert found["session"].tolist() == [SESSIONS[0]]
    assert (found["count"].iloc[0], found["mean"].iloc[0]) == (1, 0.9)


def test_what_the_model_abstains_from_does_not_count() -> None:
    found = day(("a", 0.9, NOON), ("b", -0.9, NOON), abstained=[False, True])
    assert (found["count"].iloc[0], found["mean"].iloc[0]) == (1, 0.9)
    assert found["reasons"].iloc[0].endswith("1 article left out for low confidence")
    alone = day(("b", -0.9, NOON), abstained=[True]).iloc[0]
    assert (alone["count"], alone["mean"], alone["confidence"]) == (0, 0.0, 0.0)


def test_nothing_new_weighs_nothing() -> None:
    assert day(("a", 0.9, NOON), novelty=[0.0])["novelty_weighted"].iloc[0] == 0.0


def test_no_articles_make_an_empty_frame_with_its_types() -> None:
    empty = day()
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == day(("a", 0.9, NOON)).dtypes.to_dict()


@pytest.mark.parametrize(
    ("cut_off", "expected"),
    [
        (date(2012, 1, 2), False),
        (date(2012, 1, 3), True),
        (date(2022, 12, 31), True),
        (None, True),
    ],
)
def test_a_session_up_to_the_cut_off_is_contaminated(cut_off: date | None, expected: bool) -> None:
    assert contaminated(date(2012, 1, 3), cut_off) is expected
    moment = pd.NaT if cut_off is None else pd.Timestamp(cut_off)
    assert day(("a", 0.5, NOON), trained_until=[moment])["contaminated"].tolist() == [expected]


ARTICLES = st.lists(
    st.tuples(st.integers(0, 70), st.floats(-1, 1), st.integers(0, 3)), min_size=1, max_size=12
)


@given(ARTICLES, st.integers(0, 70), st.randoms(use_true_random=False))
def test_later_articles_and_their_order_change_no_earlier_day(
    drawn: list[tuple[int, float, int]], cut: int, order: random.Random
) -> None:
    """The days up to a cut, on all articles shuffled, equal those on the articles up to it."""
    rows = [(f"{at}", score, NOON + hours * HOUR) for at, (hours, score, _) in enumerate(drawn)]
    groups: list[object] = [f"g{group}" for _, _, group in drawn]
    moment = NOON + cut * HOUR
    known = [at for at, row in enumerate(rows) if row[2] <= moment]
    shuffled = list(range(len(rows)))
    order.shuffle(shuffled)
    whole = day(*[rows[at] for at in shuffled], group_id=[groups[at] for at in shuffled])
    part = day(*[rows[at] for at in known], group_id=[groups[at] for at in known])
    past = set(DECISIONS.loc[DECISIONS["decided_at"] <= moment, "session"])
    pd.testing.assert_frame_equal(
        whole[whole["session"].isin(past)].reset_index(drop=True),
        part[part["session"].isin(past)].reset_index(drop=True),
    )


@given(ARTICLES)
def test_figures_stay_in_their_ranges(drawn: list[tuple[int, float, int]]) -> None:
    found = day(*[(f"{n}", score, NOON + h * HOUR) for n, (h, score, _) in enumerate(drawn)])
    assert found["mean"].between(-1, 1).all()
    assert found["novelty_weighted"].between(-1, 1).all()
    assert found["dispersion"].between(0, 1).all()
    assert found["confidence"].between(0, 1).all()
