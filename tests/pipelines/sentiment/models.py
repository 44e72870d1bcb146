"""Small models for tests: the smallest BERT that loads, written as safetensors and as ONNX.

Keep out: the shipped model.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "profit", "rises", "falls", "the", "company", "."]


def write_tokenizer(folder: Path) -> None:
    """A word-level tokenizer in the form of a BERT one."""
    vocabulary = {word: at for at, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_config(folder: Path, labels: dict[str, str] | None = None, **more: object) -> None:
    """The config of a tiny BERT with these labels."""
    config = {
        "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "vocab_size": len(WORDS), "max_position_embeddings": 256,
        "hidden_act": "gelu", "pad_token_id": 0, **more,
        "id2label": labels or {"0": "positive", "1": "negative", "2": "neutral"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


class Echo:
    """A backend whose logits are simple facts of the tokens: how many, and their sum."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def logits(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        self.batches.append(len(ids))
        total = (ids * mask).sum(axis=1)
        columns = [total % 7, mask.sum(axis=1) % 5, types.sum(axis=1) % 3]
        return np.stack(columns, axis=1).astype(np.float32)
