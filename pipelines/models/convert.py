"""`trading model import`: a model that is published only as a pickle, made safe to load, once.

Belongs here: converting in a process of its own. Keep out: using the result (hugging_face.py).

A pickle can run code when it is loaded. Here it is read with weights-only loading, which builds
tensors and refuses everything else, in a process that has no network and is given no secrets; what
comes out is safetensors and, for BERT models, an ONNX file whose logits were compared with the
original's. Needs torch, and onnx for the ONNX file (the extra `train`).
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from pipelines.errors import ModelError, PipelineError
from pipelines.models.model_folder import columns_of, fetched, read_json, safe_folder

FETCHED = ["*.json", "*.txt", "*.model", "pytorch_model*.bin"]
TIMEOUT_SECONDS = 900
KEPT_NAMES = ("PATH", "PYTHONPATH", "LANG", "TMPDIR")
"""Of the environment, all that the process is given."""

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
OLD_NAMES = ((".gamma", ".weight"), (".beta", ".bias"))
"""Of layer norms in models of 2019."""

GATE_TEXTS = (
    "Shares rise",
    "Quarterly loss widens as sales fall short of forecasts",
    "The company will hold its annual meeting on Thursday",
    (
        "Profit more than doubled in the third quarter, lifted by strong demand in Asia, and it"
        " raised its forecast for the full year"
    ),
    "Regulator fines bank",
)


def import_model(source: str, folder: Path) -> Path:
    """Convert a model by name or folder into `folder`, which must not exist or be empty.

    Returns `folder`, which `hugging_face` loads. Raises ModelError: no torch, no such model, a
    file that holds more than weights, or a graph whose logits are not the original's.
    """
    if find_spec("torch") is None:
        raise ModelError("converting needs torch: pip install 'trading-system[train]'")
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder} is not empty")
    original = Path(source) if Path(source).is_dir() else fetched(source, FETCHED)
    columns_of(read_json(original / "config.json"), source)
    command = [sys.executable, "-m", "pipelines.models.convert", str(original), str(folder)]
    kept = {name: os.environ[name] for name in KEPT_NAMES if name in os.environ}
    try:
        done = subprocess.run(
            command,
            env={**kept, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{source} was not converted within {TIMEOUT_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ModelError(f"{source} was not converted: {lines[-1]}")
    return safe_folder(str(folder))


def main() -> None:
    """Convert one folder into another; for `import_model`, in a process of its own."""
    original, folder = map(Path, sys.argv[1:])
    without_network()
    try:
        convert(original, folder)
    except PipelineError as error:
        sys.exit(str(error))


def without_network() -> None:
    """Take the network from this process: the kernel's where it lets us, and Python's sockets.

    Must come before any thread starts.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        libc.unshare(CLONE_NEWNET)
    sys.addaudithook(_refuse_sockets)


def _refuse_sockets(event: str, _: object) -> None:
    if event.startswith("socket."):
        _no_network()


def _no_network() -> NoReturn:
    raise ModelError("a model asked for the network while it was converted")


def convert(original: Path, folder: Path) -> None:
    """Weights, config and tokenizer of `original` in safe files, with an ONNX graph for BERT."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    config = AutoConfig.from_pretrained(original, local_files_only=True, trust_remote_code=False)
    classifiers: Any = AutoModelForSequenceClassification
    model = classifiers.from_config(config, trust_remote_code=False)
    _fill(model, _weights(original))
    tokenizer = AutoTokenizer.from_pretrained(
        original, local_files_only=True, trust_remote_code=False
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if config.model_type == "bert" and config.hidden_act == "gelu":
        _write_graph(model, folder)


def _weights(original: Path) -> dict[str, Any]:
    """All tensors of the pickles of a folder, or ModelError where one holds anything else."""
    import torch

    found: dict[str, Any] = {}
    for path in sorted(original.glob("pytorch_model*.bin")):
        try:
            found |= torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"{path.name} does not load as weights alone: {reason}") from None
    if not found:
        raise ModelError(f"{original} has no pytorch_model.bin")
    return found


def _fill(model: Any, weights: Mapping[str, Any]) -> None:  # noqa: ANN401
    named = dict(weights)
    for old, new in OLD_NAMES:
        named = {name.removesuffix(old) + new if name.endswith(old) else name: value
                 for name, value in named.items()}  # fmt: skip
    missing = model.load_state_dict(named, strict=False).missing_keys
    if missing:
        raise ModelError(f"the weights lack {', '.join(missing[:3])}")
    model.eval()


def _write_graph(model: Any, folder: Path) -> None:  # noqa: ANN401
    from pipelines.models.gate import gate_float
    from pipelines.models.graph import build, save
    from pipelines.models.hugging_face import tokenizer_of

    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    graph = build(weights, model.config.num_attention_heads, model.config.layer_norm_eps)
    save(graph, str(folder / "model.onnx"))
    encode, padding = tokenizer_of(folder, str(folder))
    gate_float(model, folder / "model.onnx", encode, padding, [(text, "") for text in GATE_TEXTS])


if __name__ == "__main__":
    main()
