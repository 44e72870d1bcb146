"""Models of others: loaded from safe files only, with labels that say which is which."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import ModelError
from pipelines.models.choice import provider_of
from pipelines.models.hugging_face import hugging_face
from pipelines.models.model_folder import columns_of, hash_of, safe_folder
from pipelines.models.provider import Reading
from pipelines.models.session import chosen
from tests.pipelines.sentiment.models import write_config, write_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with everything but weights."""
    write_config(tmp_path)
    write_tokenizer(tmp_path)
    return tmp_path


class Trap:
    """What a pickle may hold: a call."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "deep/er/weights.PT", "x.joblib"])
def test_a_folder_with_a_pickle_is_refused_and_told_how_to_convert(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.safetensors").write_bytes(b"")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelError, match="trading model import") as caught:
        hugging_face(str(folder))
    assert path.name in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="no weights in safetensors or ONNX"):
        hugging_face(str(folder))


def test_code_of_its_own_is_refused(folder: Path) -> None:
    write_config(folder, auto_map={"AutoModel": "modeling.Trap"})
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="auto_map"):
        hugging_face(str(folder))


def test_a_name_that_cannot_be_fetched_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nobody/nothing is no folder, and no model of that name"):
        hugging_face("nobody/nothing")


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_safetensors_without_torch_say_what_to_install(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"trading-system\[torch\]"):
        hugging_face(str(folder))


def test_a_broken_graph_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="no model that ONNX Runtime can load"):
        hugging_face(str(folder))


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        ({"0": "positive", "1": "negative", "2": "neutral"}, [1, 2, 0]),
        ({"0": "Bearish", "1": "Bullish", "2": "Neutral"}, [0, 2, 1]),
        ({"0": "NEGATIVE", "1": "POSITIVE"}, [0, None, 1]),
    ],
)
def test_labels_say_which_column_is_which(
    labels: dict[str, str], columns: list[int | None]
) -> None:
    assert columns_of({"id2label": labels}, "it") == columns


@pytest.mark.parametrize(
    "labels",
    [
        {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
        {"0": "negative", "1": "neutral", "2": "positive", "3": "sarcastic"},
        {"0": "joy", "1": "anger"},
        {"0": "negative", "1": "neutral"},
        {},
    ],
)
def test_labels_that_are_no_sentiment_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(ModelError, match="not into negative, neutral, positive"):
        columns_of({"id2label": labels}, "it")


def test_a_class_that_a_model_lacks_is_never_likely() -> None:
    found = chosen(np.array([[1.0, 3.0]], dtype=np.float32), [0, None, 1])
    assert found.tolist() == [[1.0, -np.inf, 3.0]]


def test_the_hash_follows_what_decides_the_scores(folder: Path) -> None:
    before = hash_of(folder)
    (folder / "notes.md").write_text("changed")
    assert hash_of(folder) == before
    write_config(folder, {"0": "negative", "1": "positive", "2": "neutral"})
    assert hash_of(folder) != before


def test_providers_are_chosen_by_name(folder: Path) -> None:
    assert provider_of("lexicon").name == "lexicon"
    with pytest.raises(ModelError):
        provider_of(str(folder))


def test_an_onnx_file_runs_without_torch(folder: Path) -> None:
    """A graph of one node: how much of the text is the word `profit` is how positive it is."""
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra `train`")
    made = _counting_graph(onnx)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    provider = hugging_face(str(folder))
    many, one = provider.read([Reading("profit profit"), Reading("the company")])
    assert many.score > 0 >= one.score
    assert provider.trained_until is None
    assert safe_folder(str(folder)) == folder


def _counting_graph(onnx):  # noqa: ANN001, ANN202
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Equal", ["input_ids", "word"], ["is"]),
        helper.make_node("Cast", ["is"], ["real"], to=kinds.FLOAT),
        helper.make_node("ReduceSum", ["real", "axis"], ["count"], keepdims=1),
        helper.make_node("MatMul", ["count", "weights"], ["logits"]),
    ]
    constants = [
        helper.make_tensor("word", kinds.INT64, [], [4]),
        helper.make_tensor("axis", kinds.INT64, [1], [1]),
        helper.make_tensor("weights", kinds.FLOAT, [1, 3], [1.0, -1.0, 0.0]),
    ]
    ids = helper.make_tensor_value_info("input_ids", kinds.INT64, ["b", "t"])
    out = helper.make_tensor_value_info("logits", kinds.FLOAT, ["b", 3])
    graph = helper.make_graph(nodes, "counting", [ids], [out], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
