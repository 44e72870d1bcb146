"""Any text classifier of Hugging Face as a provider, by name or local folder.

Belongs here: loading it through transformers, on ONNX Runtime or on torch.
Keep out: which files are safe (model_folder.py).
"""

from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelError
from pipelines.models.classifier import Backend, Classifier, Ids, Tokens
from pipelines.models.model_folder import columns_of, hash_of, onnx_file, read_json, safe_folder
from pipelines.models.pairs import Encode
from pipelines.models.session import OnnxSession, chosen

DEFAULT = "ProsusAI/finbert"
MAX_TOKENS = 160


def hugging_face(
    source: str = DEFAULT, threads: int = 1, trained_until: date | None = None
) -> Classifier:
    """A model by name or folder; ModelError says what is missing or unsafe.

    Its cut-off is the caller's to state: without one, every backtest on it is contaminated. It
    scores texts as a whole, whatever the company.
    """
    folder = safe_folder(source)
    columns = columns_of(read_json(folder / "config.json"), source)
    onnx = onnx_file(folder)
    backend: Backend = (
        OnnxSession(onnx, columns, threads) if onnx else _Torch(folder, columns, threads, source)
    )
    encode, padding = tokenizer_of(folder, source)
    return Classifier(
        source, hash_of(folder), trained_until, backend, encode, padding, entity_aware=False
    )


def tokenizer_of(folder: Path, source: str) -> tuple[Encode, int]:
    """What gives the tokens of a text, whatever the company, and the id that fills a batch."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{source} has no tokenizer that loads: {error}") from None

    def encode(pairs: Sequence[tuple[str, str]]) -> list[Tokens]:
        found = tokenizer(
            [text for text, _ in pairs],
            truncation=True, max_length=MAX_TOKENS, return_token_type_ids=True,
        )  # fmt: skip
        return list(zip(found["input_ids"], found["token_type_ids"], strict=True))

    return encode, int(tokenizer.pad_token_id or 0)


class _Torch:
    """A `Backend` of safetensors weights; needs the extra `torch`."""

    def __init__(
        self, folder: Path, columns: Sequence[int | None], threads: int, source: str
    ) -> None:
        if find_spec("torch") is None:
            raise ModelError(
                f"{source} has no ONNX file, so it needs torch: pip install"
                f" 'trading-system[torch]', or `trading model import {source}` where torch is"
            )
        import torch
        from transformers import AutoModelForSequenceClassification

        torch.set_num_threads(threads)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        ).eval()
        self._columns = columns
        self._typed = getattr(self._model.config, "type_vocab_size", 0) > 1

    def logits(self, ids: Ids, mask: Ids, types: Ids) -> NDArray[np.float32]:
        """The logits of negative, neutral and positive, shape (batch, 3)."""
        import torch

        given = {"input_ids": ids, "attention_mask": mask}
        if self._typed:
            given["token_type_ids"] = types
        with torch.inference_mode():
            found = self._model(**{name: torch.from_numpy(of) for name, of in given.items()})
        return chosen(found.logits.float().numpy(), self._columns)
