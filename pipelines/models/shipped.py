"""The model that this project trains and ships: finance_minilm, int8, on ONNX Runtime.

Belongs here: loading it, checked against its hashes. Keep out: training it (train.py).
"""

import hashlib
from datetime import date
from pathlib import Path

import msgspec

from pipelines.analyses.sentiment.pooling import LABELS
from pipelines.errors import ModelError
from pipelines.models.classifier import Classifier
from pipelines.models.pairs import encoder
from pipelines.models.session import OnnxSession

NAME = "finance_minilm"
FOLDER = Path(__file__).parent / NAME
MODEL, TOKENIZER, CONFIG = "model.onnx", "tokenizer.json", "config.json"
PADDING = 0
"""The id of the token that fills a batch."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model's config.json; `sha256` is by file name, the figures are those of the card."""

    name: str
    labels: list[str]
    trained_until: date
    sha256: dict[str, str]
    figures: dict[str, float]


def shipped(threads: int = 1, folder: Path = FOLDER) -> Classifier:
    """The shipped model on that many threads; ModelError if a file is not the one of the config."""
    config = read_config(folder)
    for name, expected in config.sha256.items():
        if sha256_of(folder / name) != expected:
            raise ModelError(f"{folder / name} is not the file that its {CONFIG} names by hash")
    session = OnnxSession(folder / MODEL, range(len(LABELS)), threads, fused=True)
    return Classifier(
        config.name, config.sha256[MODEL], config.trained_until, session,
        encoder(folder / TOKENIZER), padding=PADDING, entity_aware=True,
    )  # fmt: skip


def read_config(folder: Path = FOLDER) -> Config:
    """The config of a shipped model's folder, or ModelError."""
    path = folder / CONFIG
    try:
        config = msgspec.json.decode(path.read_bytes(), type=Config)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} is no config of a shipped model: {error}") from None
    if tuple(config.labels) != LABELS or not {MODEL, TOKENIZER} <= config.sha256.keys():
        raise ModelError(f"{path} names other labels or files than {', '.join(LABELS)}")
    return config


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits; ModelError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
