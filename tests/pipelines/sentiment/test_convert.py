"""Converting a pickle: its weights come out, its code never runs, and it has no network."""

import pickle
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.models.convert import import_model
from pipelines.models.hugging_face import hugging_face
from pipelines.models.provider import Reading
from tests.pipelines.sentiment.models import write_config, write_tokenizer

NEEDS_TORCH = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("onnx")),
    reason="torch and onnx are not installed: pip install 'trading-system[train]'",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "original"
    made.mkdir()
    write_config(made)
    write_tokenizer(made)
    return made


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_it_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"pip install 'trading-system\[train\]'"):
        import_model(str(folder), tmp_path / "made")


@NEEDS_TORCH
def test_a_converted_model_gives_the_logits_of_the_original(folder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(3)
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    old = {
        n.replace("LayerNorm.weight", "LayerNorm.gamma"): v for n, v in model.state_dict().items()
    }
    torch.save(old, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="trading model import"):
        hugging_face(str(folder))
    made = import_model(str(folder), tmp_path / "made")
    assert {path.name for path in made.iterdir()} >= {"model.onnx", "model.safetensors"}
    found = hugging_face(str(made)).read([Reading("profit rises")])[0]
    ids = torch.tensor([[2, 4, 5, 3]])
    positive, negative, neutral = model(ids).logits.softmax(-1)[0].tolist()
    assert [found.negative, found.neutral, found.positive] == pytest.approx(
        [negative, neutral, positive], abs=1e-5
    )


@NEEDS_TORCH
def test_a_pickle_with_code_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (mark,))  # type: ignore[return-value]

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Trap()}))
    with pytest.raises(ModelError, match="does not load as weights alone"):
        import_model(str(folder), tmp_path / "made")
    assert not mark.exists()


@NEEDS_TORCH
def test_weights_that_are_missing_are_named(folder: Path, tmp_path: Path) -> None:
    import torch

    torch.save({"bert.pooler.dense.bias": torch.zeros(8)}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"the weights lack bert\.embeddings"):
        import_model(str(folder), tmp_path / "made")


@NEEDS_TORCH
def test_a_folder_that_is_not_empty_is_left_alone(folder: Path) -> None:
    with pytest.raises(ModelError, match="is not empty"):
        import_model(str(folder), folder)


def test_the_process_that_converts_has_no_network() -> None:
    """A connection that works before is refused after."""
    code = """
import socket, sys
from pipelines.models.convert import without_network
port = int(sys.argv[1])
socket.create_connection(("127.0.0.1", port)).close()
without_network()
try:
    socket.create_connection(("127.0.0.1", port))
except Exception as error:
    print(error)
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", code, port], capture_output=True, text=True, check=True
        )
    assert done.stdout == "a model asked for the network while it was converted\n"
