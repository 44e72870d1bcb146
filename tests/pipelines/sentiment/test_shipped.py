"""The model that is shipped: it loads as it was hashed, and keeps a score whatever it is read with.

Its accuracy is measured by `make bench`; the headlines here are made up for these tests.
"""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ModelError
from pipelines.models.choice import provider_of
from pipelines.models.classifier import Classifier
from pipelines.models.provider import Reading
from pipelines.models.shipped import CONFIG, FOLDER, MODEL, TOKENIZER, read_config, shipped

HEADLINES = [
    "Acme profit jumps 40% on record sales",
    "Acme shares plunge after it cuts its forecast",
    "Acme to hold its annual meeting on May 3",
    "Regulator fines Bolt $30 million over emissions",
    "Bolt upgraded to buy at Nordbank",
]


@pytest.fixture(scope="module")
def model() -> Classifier:
    return shipped()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (HEADLINES[0], "positive"),
        (HEADLINES[1], "negative"),
        (HEADLINES[2], "neutral"),
        (HEADLINES[3], "negative"),
        (HEADLINES[4], "positive"),
        ("Quarterly loss widens as sales miss estimates", "negative"),
    ],
)
def test_plain_headlines_are_read_as_a_person_would(
    model: Classifier, text: str, label: str
) -> None:
    found = model.read([Reading(text)])[0]
    assert getattr(found, label) == max(found.negative, found.neutral, found.positive)
    assert not found.abstained


def test_the_score_is_about_the_company_that_is_asked_for(model: Classifier) -> None:
    text = "Acme gains as Bolt loses market share"
    acme, bolt = model.read([Reading(text, "Acme"), Reading(text, "Bolt")])
    assert acme.score > 0.3
    assert bolt.score < -0.3


ANY_TEXT = st.one_of(
    st.sampled_from(HEADLINES), st.text(st.characters(exclude_categories=()), max_size=60)
)


@settings(max_examples=15)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=12), order=st.randoms(use_true_random=False))
def test_a_score_depends_on_its_text_alone(texts: list[str], order: object) -> None:
    """int8 with fixed ranges: a batch changes nothing, where ranges of a batch would."""
    provider = provider_of("finance_minilm")
    order.shuffle(texts)  # type: ignore[attr-defined]
    together = provider.read([Reading(text, "Acme") for text in texts])
    for text, found in zip(texts, together, strict=True):
        alone = provider.read([Reading(text, "Acme")])[0]
        assert alone.score == pytest.approx(found.score, abs=1e-3)
        assert -1 <= found.score <= 1


def test_invisible_characters_change_nothing(model: Classifier) -> None:
    plain, hidden = model.read(
        [
            Reading(HEADLINES[1]),
            Reading("Ac\u200bme sha\u202eres plunge after\u00a0it cuts its forecast"),
        ]
    )
    assert plain.score == hidden.score


def test_huge_and_broken_texts_are_read(model: Classifier) -> None:
    huge = [Reading(unit * (5_000_000 // len(unit))) for unit in ("profit ", "x", "\ud800", "漢")]
    for found in model.read(huge):
        assert -1 <= found.score <= 1


def test_every_score_says_where_it_comes_from(model: Classifier) -> None:
    config = read_config()
    found = model.read([Reading("")])[0]
    assert (found.provider, found.model_hash) == ("finance_minilm", config.sha256[MODEL])
    assert found.trained_until == config.trained_until
    assert found.abstained


def test_the_card_states_the_file_and_its_figures() -> None:
    config, card = read_config(), (FOLDER / "CARD.md").read_text("utf-8")
    assert config.sha256[MODEL] in card
    for name in ("sentfin_accuracy", "sentfin_macro_f1", "tfns_accuracy"):
        assert f"{config.figures[name]:.4f}"[:6] in card


def test_the_gates_of_the_export_held() -> None:
    figures = read_config().figures
    assert figures["agreement"] >= 0.98
    assert figures["padding_effect"] <= 1e-3
    assert figures["sentfin_accuracy_fp32"] - figures["sentfin_accuracy"] <= 0.01
    assert figures["tfns_accuracy_fp32"] - figures["tfns_accuracy"] <= 0.01


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in (MODEL, TOKENIZER, CONFIG):
        shutil.copyfile(FOLDER / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", [MODEL, TOKENIZER])
def test_a_file_that_was_changed_is_refused(copied: Path, name: str) -> None:
    with (copied / name).open("r+b") as file:
        file.seek(2_000)
        file.write(b"\x00\x01")
    with pytest.raises(ModelError, match="is not the file that its"):
        shipped(folder=copied)


def test_a_missing_file_or_a_wrong_config_is_one_sentence(copied: Path) -> None:
    (copied / MODEL).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        shipped(folder=copied)
    config = json.loads((copied / CONFIG).read_text())
    (copied / CONFIG).write_text(json.dumps({**config, "labels": ["up", "down"]}))
    with pytest.raises(ModelError, match="names other labels or files"):
        shipped(folder=copied)
    (copied / CONFIG).write_text("{}")
    with pytest.raises(ModelError, match="is no config of a shipped model"):
        shipped(folder=copied)
