"""A folder of a model as Hugging Face lays it out: what in it is safe to load, and what is not.

Belongs here: the files, the labels, and the refusals. Keep out: running the model.

Loading a pickle runs whatever code it holds, and so does a config that names Python of its own
(`auto_map`). Neither is ever loaded: only safetensors and ONNX files are.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.analyses.sentiment.pooling import LABELS
from pipelines.errors import ModelError
from pipelines.models.shipped import sha256_of

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill", ".h5", ".msgpack")
ONNX = ("model.onnx", "onnx/model.onnx")
SAFETENSORS = "*.safetensors"
SAFE_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", *ONNX, "*.onnx_data"]
"""What is fetched of a model by name; nothing else ever is."""

SAME = {
    "negative": ("negative", "neg", "bearish"),
    "neutral": ("neutral", "neu"),
    "positive": ("positive", "pos", "bullish"),
}


def safe_folder(source: str) -> Path:
    """The folder of a model by path, or by name from the hub or its cache; ModelError otherwise.

    Refused: a folder with a pickle in it, a config with code of its own, no weights that are safe.
    """
    path = Path(source)
    folder = path if path.is_dir() else fetched(source, SAFE_FILES)
    found = [entry for entry in sorted(folder.rglob("*")) if entry.suffix.lower() in PICKLES]
    if found:
        raise ModelError(
            f"{found[0]} may run code when it is loaded, so {source} is refused:"
            f" `trading model import {source}` converts it once, safely"
        )
    if "auto_map" in read_json(folder / "config.json"):
        raise ModelError(f"{source} brings Python of its own (auto_map), which is never run")
    if onnx_file(folder) is None and not list(folder.glob(SAFETENSORS)):
        raise ModelError(
            f"{source} has no weights in safetensors or ONNX:"
            f" `trading model import {source}` converts a pickle once, safely"
        )
    return folder


def fetched(name: str, patterns: Sequence[str]) -> Path:
    """The folder of a model by name, from the hub or its cache; only files of these patterns."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except Exception as error:  # noqa: BLE001 - the hub's errors share no base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{name} is no folder, and no model of that name could be fetched: {reason}"
        ) from None


def onnx_file(folder: Path) -> Path | None:
    """The ONNX model of a folder, None if it has none."""
    return next((folder / name for name in ONNX if (folder / name).is_file()), None)


def columns_of(config: Mapping[str, Any], source: str) -> list[int | None]:
    """The columns of the logits that are LABELS; a model of two classes has no neutral (None).

    ModelError unless the names of the model's labels say which is which.
    """
    names = {int(at): str(name).lower() for at, name in (config.get("id2label") or {}).items()}
    columns = [
        next((at for at, name in names.items() if name in SAME[label]), None) for label in LABELS
    ]
    used = [at for at in columns if at is not None]
    if columns[0] is None or columns[2] is None or sorted(used) != list(range(len(names))):
        stated = ", ".join(names.values()) or "no labels"
        raise ModelError(f"{source} sorts into {stated}, not into {', '.join(LABELS)}")
    return columns


def hash_of(folder: Path) -> str:
    """SHA-256 over the hashes of the files that decide the scores, 64 hex digits."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix in DECISIVE]
    lines = [f"{sha256_of(path)}  {path.relative_to(folder)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


DECISIVE = (".json", ".txt", ".model", ".safetensors", ".onnx", ".onnx_data")


def read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file, or ModelError."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no object")
    return found
