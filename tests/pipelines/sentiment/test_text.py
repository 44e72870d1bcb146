"""One plain form for any text, and pieces that lose no word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.sentiment.text import MAX_CHARACTERS, normalise, pieces

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY_TEXT)
def test_any_string_becomes_plain_once_and_for_all(text: str) -> None:
    plain = normalise(text)
    plain.encode()
    assert plain == normalise(plain)
    assert "  " not in plain
    assert plain == plain.strip()


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Pro\u200bfit\u202e r\u00adises", "Profit rises"),
        ("\uff30rofit rises", "Profit rises"),
        ("Profit \ud800rises", "Profit rises"),
        ("Profit rises https://t.co/abc www.x.com/y", "Profit rises"),
        ("Profit\n\trises", "Profit rises"),
        ("\u2066\u2069\x00", ""),
    ],
)
def test_what_a_reader_does_not_see_is_dropped(written: str, plain: str) -> None:
    assert normalise(written) == plain


@pytest.mark.parametrize("unit", ["a", "word ", "\u0301\u0323", "\ufdfa", "\U0001f600", "\u202e"])
def test_fifty_megabytes_are_capped(unit: str) -> None:
    """Reading all of it would take hours for a stack of accents."""
    huge = unit * (50_000_000 // len(unit.encode()))
    assert len(normalise(huge)) <= MAX_CHARACTERS


def words(text: str) -> int:
    return len(text.split())


SENTENCES = st.lists(
    st.lists(st.sampled_from(["Profit", "fell", "5.2", "U.S.", "at", "Acme"]), min_size=1).map(
        " ".join
    ),
    min_size=1,
    max_size=12,
).map(lambda parts: normalise(". ".join(parts) + "."))


@given(SENTENCES, st.integers(1, 12))
def test_pieces_keep_every_word_in_order_and_stay_within_the_limit(text: str, limit: int) -> None:
    found = pieces(text, limit, words)
    assert " ".join(found).split() == text.split()
    assert all(words(piece) <= limit for piece in found)


@given(SENTENCES)
def test_a_text_within_the_limit_is_one_piece(text: str) -> None:
    assert pieces(text, words(text), words) == [text]


def test_a_text_is_cut_at_its_sentences() -> None:
    text = "Profit rose 5.2 percent. The U.S. unit lost money. Shares fell."
    assert pieces(text, 7, words) == [
        "Profit rose 5.2 percent.",
        "The U.S. unit lost money. Shares fell.",
    ]


def test_a_word_beyond_the_limit_is_cut_at_its_characters() -> None:
    found = pieces("x" * 10, 4, len)
    assert all(len(piece) <= 4 for piece in found)
    assert "".join(found).replace(" ", "") == "x" * 10


def test_no_text_has_no_pieces() -> None:
    assert pieces("", 5, words) == []
