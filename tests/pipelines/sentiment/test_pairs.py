"""The company's tokens: marked where the text names it, and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.pairs import MAX_TOKENS, Encode, encoder, marked
from pipelines.models.shipped import FOLDER, TOKENIZER

START, END = 101, 102
WORDS = st.lists(st.integers(1, 4), max_size=12)


@pytest.fixture(scope="module")
def encode() -> Encode:
    return encoder(FOLDER / TOKENIZER)


def pair(text: list[int], name: list[int]) -> tuple[list[int], list[int]]:
    ids = [START, *text, END, *name, END]
    return ids, [0] * (len(text) + 2) + [1] * (len(name) + 1)


@given(WORDS, WORDS)
def test_a_text_s_token_is_marked_where_it_is_part_of_the_name(
    text: list[int], name: list[int]
) -> None:
    ids, types = pair(text, name)
    places = [
        start for start in range(len(text)) if name and text[start : start + len(name)] == name
    ]
    covered = {at for start in places for at in range(start, start + len(name))}
    expected = [int(at in covered) for at in range(len(text))]
    assert marked(ids, types) == [0, *expected, *types[len(text) + 1 :]]


@given(WORDS)
def test_a_text_without_a_company_has_no_mark(text: list[int]) -> None:
    ids = [START, *text, END]
    assert marked(ids, [0] * len(ids)) == [0] * len(ids)


def marks(encode: Encode, text: str, company: str) -> int:
    """How many tokens of the text itself are marked."""
    types = encode([(text, company)])[0][1]
    alone = len(encode([(text, "")])[0][0])
    return sum(types[:alone])


def test_a_name_is_found_in_any_case_and_as_often_as_it_is_there(encode: Encode) -> None:
    assert marks(encode, "ACME gains, and acme's rival loses", "Acme") == 2 * marks(
        encode, "Acme gains", "Acme"
    )
    assert marks(encode, "Bolt gains", "Acme") == 0


def test_a_long_pair_is_cut(encode: Encode) -> None:
    ids, types = encode([("word " * 500, "Acme")])[0]
    assert len(ids) == len(types) == MAX_TOKENS
