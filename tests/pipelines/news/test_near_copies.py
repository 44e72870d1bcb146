"""A wire story counts once, and only what was known earlier decides that."""

import random

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.news.near_copies import group
from tests.pipelines.news.frames import articles

STORY = (
    "Acme said on Friday that revenue rose nine percent to two billion dollars in the quarter "
    "on strong sales of shoes in Europe and Asia, and raised its forecast for the whole year."
)
OTHER = (
    "A court in Delaware ruled that the pipeline between the two terminals may be built, although "
    "the neighbouring county had asked for another review of its effect on the river."
)
TEXTS = [STORY, STORY + " Shares rose.", "(Reuters) - " + STORY, OTHER, OTHER.upper(), "Short", ""]


def groups(frame: pd.DataFrame) -> list[int]:
    return [int(key, 16) for key in group(frame)["group_id"]]


def test_copies_join_the_first_known() -> None:
    frame = articles([(2, "Acme up", STORY + " By A."), (1, "Acme up", STORY), (3, "x", OTHER)])
    assert groups(frame) == [1, 1, 2]


def test_a_copy_of_a_copy_belongs_to_the_first() -> None:
    words = STORY.split()
    second = " ".join([*words[:-2], "decade"])
    third = " ".join(["Report:", *words[1:-2], "decade"])
    assert groups(articles([(1, "", STORY), (2, "", second), (3, "", third)])) == [0, 0, 0]


def test_the_same_words_weeks_later_are_news_again() -> None:
    frame = articles([(0, "Stocks that hit highs", ""), (300, "Stocks that hit highs", "")])
    assert groups(frame) == [0, 1]
    assert groups(articles([(0, "", STORY), (300, "", STORY)])) == [0, 1]


def test_short_titles_are_copies_only_word_for_word() -> None:
    frame = articles([(0, "Acme rises", ""), (1, "Acme falls", ""), (2, "ACME rises!", "")])
    assert groups(frame) == [0, 1, 0]


def test_another_company_s_report_is_no_copy() -> None:
    first = "Acme reports second quarter results; revenue rose 9 percent to 2 billion dollars"
    second = "Bolt reports second quarter results; revenue fell 4 percent to 7 billion dollars"
    assert groups(articles([(0, first, ""), (1, second, "")])) == [0, 1]


feeds = st.lists(
    st.tuples(st.integers(0, 200).map(float), st.just(""), st.sampled_from(TEXTS)), max_size=12
)


@given(feeds, st.integers(0, 200))
def test_cutting_the_data_changes_no_earlier_group(
    rows: list[tuple[float, str, str]], cut: int
) -> None:
    frame = articles(rows)
    whole = group(frame)
    early = frame["known_at"] <= articles([(float(cut), "", "")])["known_at"].iloc[0]
    assert group(frame[early])["group_id"].tolist() == whole[early]["group_id"].tolist()


@given(feeds, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(
    rows: list[tuple[float, str, str]], chance: random.Random
) -> None:
    frame = articles(rows)
    order = list(range(len(frame)))
    chance.shuffle(order)
    shuffled = group(frame.iloc[order]).sort_index()
    assert shuffled["group_id"].tolist() == group(frame)["group_id"].tolist()


@given(feeds.filter(bool))
def test_a_group_is_named_after_its_first_known_article(rows: list[tuple[float, str, str]]) -> None:
    found = group(articles(rows))
    known = found.set_index("article_id")["known_at"]
    leaders = found["group_id"].map(known)
    assert (leaders <= found["known_at"]).all()
    assert (
        found.set_index("article_id").loc[found["group_id"], "group_id"].to_numpy()
        == found["group_id"].to_numpy()
    ).all()
