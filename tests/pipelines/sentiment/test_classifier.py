"""A model as a provider: whatever is read, and with whatever, each text keeps its score."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.analyses.sentiment.daily import SCORE_COLUMNS
from pipelines.analyses.sentiment.pooling import MAX_PIECES
from pipelines.models.classifier import BATCH, PIECE_TOKENS, Classifier, Tokens
from pipelines.models.lexicon import Lexicon
from pipelines.models.provider import Provider, Reading, score_mentions
from tests.pipelines.sentiment.models import Echo

READINGS = st.lists(
    st.builds(Reading, st.text(st.characters(exclude_categories=()), max_size=80), st.text()),
    max_size=20,
)


def encode(pairs: object) -> list[Tokens]:
    """One token per word: its length; the company's tokens are of type 1."""
    found: list[Tokens] = []
    for text, entity in pairs:  # type: ignore[attr-defined]
        one, other = [len(w) for w in text.split()], [len(w) for w in entity.split()]
        found.append(([1, *one, 2, *other], [0] * (len(one) + 2) + [1] * len(other)))
    return found


def classifier(echo: Echo, *, entity_aware: bool = True) -> Classifier:
    return Classifier("echo", "0" * 64, date(2020, 1, 1), echo, encode, 0, entity_aware)


@pytest.mark.parametrize("provider", [classifier(Echo()), Lexicon()], ids=lambda p: p.name)
@given(readings=READINGS, order=st.randoms(use_true_random=False))
def test_a_score_depends_on_its_text_alone(
    provider: Provider, readings: list[Reading], order: object
) -> None:
    """Not on the batch, the order, or how often it is there; and it is in range, for any string."""
    together = provider.read(readings)
    assert [provider.read([reading])[0] for reading in readings] == together
    places = list(range(len(readings)))
    order.shuffle(places)  # type: ignore[attr-defined]
    assert provider.read([readings[at] for at in places]) == [together[at] for at in places]
    assert provider.read(readings * 2) == together * 2
    for found in together:
        assert -1 <= found.score <= 1
        assert 1 / 3 - 1e-6 <= found.confidence <= 1
        assert found.negative + found.neutral + found.positive == pytest.approx(1)
        assert (found.provider, found.model_hash) == (provider.name, provider.model_hash)


def test_batches_are_small_and_each_text_is_scored_once() -> None:
    echo = Echo()
    texts = [Reading(f"{'word ' * (at % 9)}{at}") for at in range(30)]
    classifier(echo).read(texts * 3)
    assert sum(echo.batches) == 30
    assert max(echo.batches) == BATCH


def test_a_long_text_is_read_in_pieces_and_only_so_many() -> None:
    echo = Echo()
    sentence = "Profit " * (PIECE_TOKENS - 1) + "rose. "
    classifier(echo).read([Reading(sentence * 3)])
    assert sum(echo.batches) == 1  # three equal pieces
    echo.batches.clear()
    numbered = "".join(f"{at} {'x ' * (PIECE_TOKENS - 2)}Y. " for at in range(3 * MAX_PIECES))
    classifier(echo).read([Reading(numbered)])
    assert sum(echo.batches) == MAX_PIECES


def test_text_without_words_is_abstained_from_and_not_run() -> None:
    echo = Echo()
    found = classifier(echo).read([Reading(""), Reading("\u200b\ud800"), Reading("https://a.b/c")])
    assert all(s.abstained and s.score == 0 for s in found)
    assert echo.batches == []


def test_the_company_matters_where_the_model_knows_pairs() -> None:
    text = "Acme beats Bolt"
    aware, blind = classifier(Echo()), classifier(Echo(), entity_aware=False)
    pair = [Reading(text, "Acme"), Reading(text, "Bolt and Sons")]
    assert len(set(aware.read(pair))) == 2
    assert len(set(blind.read(pair))) == 1


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    articles = pd.DataFrame(
        {"article_id": ["1", "2"], "title": ["Acme soars", "Bolt slumps"], "text": ["", "It fell."]}
    )
    mentions = pd.DataFrame({"article_id": ["2", "1", "2"], "symbol": ["B", "A", "A"]})
    return articles, mentions


def test_scores_of_mentions_have_the_columns_and_the_order_of_the_mentions() -> None:
    articles, mentions = frames()
    found = score_mentions(Lexicon(), articles, mentions, {"A": "Acme"})
    assert found.columns.tolist() == SCORE_COLUMNS
    assert found[["article_id", "symbol"]].to_numpy().tolist() == mentions.to_numpy().tolist()
    assert found["score"].iloc[0] == found["score"].iloc[2] < 0 < found["score"].iloc[1]
    assert found["trained_until"].dtype == "datetime64[us]"
    assert len(score_mentions(Lexicon(), articles, mentions[:0], {})) == 0


def test_an_unknown_cut_off_stays_unknown() -> None:
    articles, mentions = frames()
    unknown = Classifier("echo", "0" * 64, None, Echo(), encode, 0, entity_aware=True)
    assert score_mentions(unknown, articles, mentions, {})["trained_until"].isna().all()
