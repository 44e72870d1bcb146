"""The labelled headlines: read as published, split by story, changed so that labels stay true."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.sentiment.pooling import LABELS
from pipelines.errors import SourceError
from pipelines.models.augment import Augment
from pipelines.models.examples import (
    Example,
    Split,
    decisions,
    read_aliases,
    read_sentfin,
    read_split,
    read_tfns,
    stories,
)
from pipelines.models.own_words import read_phrases, written

POSITIVE, NEGATIVE, NEUTRAL = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
HEADLINES = [
    f"{who} {what} {when}"
    for who in ("Acme", "Bolt", "Crane", "Dyne", "Erg")
    for what in ("profit jumps on sales of", "cuts the outlook for its", "names a new head of")
    for when in ("pumps", "valves abroad", "rail cars", "glass", "seeds", "tools")
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "".join(
        f"{at},{h},{{'{h.split()[0]}': 'positive'}},5\n" for at, h in enumerate(HEADLINES)
    )
    (tmp_path / "SEntFiN.csv").write_text("S No.,Title,Decisions,Words\n" + rows)
    (tmp_path / "SEntFiN_entities.csv").write_text(',Symbol,Entity\n0,ACM,"Acme, Acme Ltd"\n')
    train = "$BLT - Bolt upgraded https://t.co/x,1\nBolt &amp; Sons falls,0\n"
    near = "Zinc prices were the same again this Monday,2\n"
    (tmp_path / "tfns_train.csv").write_text("text,label\n" + train + near)
    (tmp_path / "tfns_valid.csv").write_text(
        "text,label\nZinc prices were the same again this Monday https://t.co/y,2\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("{'Acme': 'positive'}", {"Acme": "positive"}),
        ("{'Acme': 'positive', 'Bolt': 'negative'}", {"Acme": "positive", "Bolt": "negative"}),
        ("{\"Dr. Reddy's\": 'neutral'}", {"Dr. Reddy's": "neutral"}),
        (
            "{'Dr. Reddy's': 'neutral', 'B': 'positive'}",
            {"Dr. Reddy's": "neutral", "B": "positive"},
        ),
    ],
)
def test_cells_that_are_no_literals_are_read(cell: str, expected: dict[str, str]) -> None:
    assert decisions(cell) == expected


def test_a_headline_gives_one_row_per_company_and_one_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "SEntFiN.csv"
    cell = "\"{'Acme': 'positive', 'Bolt': 'negative'}\""
    path.write_text(f"Title,Decisions\nAcme beats Bolt,{cell}\nAcme beats Bolt,{cell}\n")
    assert read_sentfin(path) == [
        Example("Acme beats Bolt", "Acme", POSITIVE, ("Acme", "Bolt")),
        Example("Acme beats Bolt", "Bolt", NEGATIVE, ("Acme", "Bolt")),
        Example("Acme beats Bolt", "", (0.5, 0.0, 0.5), ("Acme", "Bolt")),
    ]


def test_tweets_are_labelled_as_a_whole(folder: Path) -> None:
    found = read_tfns(folder / "tfns_train.csv")
    assert found[0] == Example("$BLT - Bolt upgraded", "", POSITIVE, ("BLT",), is_tweet=True)
    assert found[1] == Example("Bolt & Sons falls", "", NEGATIVE, (), is_tweet=True)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"tfns\.csv: no columns text, label"):
        read_tfns(tmp_path / "tfns.csv")


def texts(examples: list[Example]) -> set[str]:
    return {example.text for example in examples}


def test_no_story_is_on_two_sides(folder: Path) -> None:
    split = read_split(folder)
    assert split == read_split(folder)
    sides = [split.train, split.stopping, split.sentfin_held_out, split.tfns_valid]
    story = stories(text for side in sides for text in texts(side))
    counts = Counter(s for side in sides for s in {story[text] for text in texts(side)})
    assert set(counts.values()) == {1}
    assert 2 <= len(split.sentfin_held_out) <= 30
    assert all(example.entity for example in split.sentfin_held_out)


def test_a_near_copy_of_validation_is_not_trained_on(folder: Path) -> None:
    split: Split = read_split(folder)
    assert "Zinc prices were the same again this Monday" in texts(split.tfns_valid)
    assert "Zinc prices were the same again this Monday" not in texts(split.train + split.stopping)


def test_stories_are_near_copies_whatever_their_figures() -> None:
    found = stories(["Acme Q1 net up 5% at 20", "Acme Q3 net up 9% at 31", "Bolt names a new head"])
    assert len(set(found.values())) == 2
    assert found["Acme Q1 net up 5% at 20"] == found["Acme Q3 net up 9% at 31"]


def test_aliases_are_the_other_names(folder: Path) -> None:
    found = read_aliases(folder / "SEntFiN_entities.csv")
    assert found["Acme"] == ["Acme Ltd", "ACM"]


EXAMPLE = Example("Acme profit rises to Rs 12 crore", "Acme", POSITIVE, ("Acme",))


@given(st.integers(0, 2**32))
def test_a_change_keeps_the_label_or_turns_it_with_its_word(seed: int) -> None:
    augment = Augment(["Bolt", "Crane"], {"Acme": ["ACM"]}, seed)
    found = augment(EXAMPLE)
    assert found.entity
    assert found.weights == (NEGATIVE if "falls" in found.text else POSITIVE)
    assert ("rises" in found.text) != ("falls" in found.text)


@given(st.integers(0, 2**32))
def test_changes_are_the_same_for_the_same_seed(seed: int) -> None:
    one, other = (Augment(["Bolt"], {}, seed) for _ in range(2))
    assert [one(EXAMPLE) for _ in range(5)] == [other(EXAMPLE) for _ in range(5)]


@given(st.integers(0, 2**32))
def test_a_neutral_headline_or_one_of_two_companies_is_never_turned(seed: int) -> None:
    augment = Augment(["Crane"], {}, seed)
    level = Example("Acme up for review", "Acme", NEUTRAL, ("Acme",))
    found = augment(level)
    assert found.weights == NEUTRAL
    assert "down" not in found.text
    two = Example("Acme rises, Bolt loses ground", "Acme", POSITIVE, ("Acme", "Bolt"))
    assert augment(two).weights == POSITIVE


def test_each_phrase_of_our_own_has_a_label_per_company_and_no_field_left() -> None:
    found = written(read_phrases(), ["Acme", "Bolt & Co", "Crane"], random.Random(7))
    assert len(found) == len(read_phrases()) > 100
    for example, (labels, _) in zip(found, read_phrases(), strict=True):
        assert "{" not in example.text
        assert all(name in example.text for name in example.entities)
        assert LABELS[example.label] in labels
        assert len(labels) == (len(example.entities) if len(labels) > 1 else 1)
    assert len({example.text for example in found}) == len(found)


@given(st.integers(0, 2**32))
def test_of_two_companies_each_keeps_its_own_label(seed: int) -> None:
    phrases = [(("positive", "negative"), "{a} gains as {b} loses"), (("negative",), "{a} fell")]
    both, one = written(phrases, ["Acme", "Bolt"], random.Random(seed))
    first, second = both.entities
    assert both.text == f"{first} gains as {second} loses"
    assert both.weights == (POSITIVE if both.entity == first else NEGATIVE)
    assert one.entity in ("", one.entities[0])
    assert one.weights == NEGATIVE
