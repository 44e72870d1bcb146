"""The list of words: what it says, and that it says nothing where it knows no word."""

import pytest

from pipelines.models.lexicon import WORDS, Lexicon
from pipelines.models.provider import Reading


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Acme beats estimates, shares soar", 1),
        ("Acme downgraded after profit warning, shares plunge", -1),
        ("Acme misses estimates", -1),
        ("Acme files for bankruptcy", -1),
        ("Bolt upgraded at Nordbank", 1),
    ],
)
def test_the_words_of_finance_have_their_sign(text: str, sign: int) -> None:
    found = Lexicon().read([Reading(text)])[0]
    assert found.score * sign > 0.2
    assert not found.abstained


def test_without_a_rated_word_it_abstains() -> None:
    found = Lexicon().read([Reading("Acme holds its annual meeting on Thursday")])[0]
    assert (found.score, found.abstained) == (0.0, True)


def test_words_that_only_talk_rates_are_level() -> None:
    """VADER rates `share`, `interest` and `trust` as kind words."""
    assert Lexicon().read([Reading("Acme Trust share interest")])[0].abstained


def test_no_word_is_rated_twice() -> None:
    from pipelines.models.lexicon import RATED

    assert len(WORDS) == sum(len(words.split()) for words in RATED.values())


def test_the_hash_follows_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Lexicon().model_hash
    assert before == Lexicon().model_hash
    monkeypatch.setitem(WORDS, "flat", -0.5)
    assert Lexicon().model_hash != before
