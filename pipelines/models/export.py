"""From a checkpoint to the shipped folder: graph, calibration, int8, and the gates.

Belongs here: what must hold before a file may be shipped. Keep out: the graph itself (graph.py),
the words of the card (card.py).
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.sentiment.pooling import LABELS
from pipelines.errors import ModelError
from pipelines.models.classifier import Classifier, padded
from pipelines.models.examples import Example, Split
from pipelines.models.gate import gate_float
from pipelines.models.measure import accuracy, calibration_error, macro_f1, probabilities_of
from pipelines.models.pairs import encoder
from pipelines.models.session import INPUTS, OnnxSession
from pipelines.models.shipped import CONFIG, MODEL, NAME, PADDING, TOKENIZER, sha256_of, shipped

CALIBRATION = 1_000
"""Training examples whose activations set the ranges of int8."""

GATED = 200
"""Held-out examples on which every logit of the float32 graph must be the original's."""

MAX_LOST = 0.01
MIN_AGREEMENT = 0.98
MAX_PADDING_EFFECT = 1e-3
TRAINED_UNTIL = "2022-12-31"
"""The data sets are undated and were published by then; the encoder is older."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Exported:
    """A folder that passed its gates, and its figures."""

    folder: Path
    figures: dict[str, float]


def export(checkpoint: Path, folder: Path, split: Split) -> Exported:
    """Write the shipped folder but its card; ModelError if a gate does not hold."""
    from safetensors.numpy import load_file

    from pipelines.models.graph import build, save

    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((checkpoint / CONFIG).read_text("utf-8"))
    weights = load_file(checkpoint / "model.safetensors")
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
    exact = checkpoint / MODEL
    save(build(weights, heads, epsilon, by_company=True, measured=True), str(exact))
    shutil.copyfile(checkpoint / TOKENIZER, folder / TOKENIZER)
    encode = encoder(checkpoint / TOKENIZER)
    gap = gate_float(_original(checkpoint), exact, encode, PADDING, _pairs(split))
    found = ranges(checkpoint, exact, split.train)
    save(build(weights, heads, epsilon, found, by_company=True), str(folder / MODEL))
    write_config(folder, {})
    figures = {"float_logit_gap": gap, **compare(exact, folder, split)}
    write_config(folder, figures)
    return Exported(folder, figures)


def ranges(
    checkpoint: Path, exact: Path, train: Sequence[Example]
) -> dict[str, tuple[Floats, Floats]]:
    """The least and the greatest value of every activation over CALIBRATION training examples."""
    import onnxruntime

    encode = encoder(checkpoint / TOKENIZER)
    session = onnxruntime.InferenceSession(exact, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()][1:]
    found: dict[str, tuple[Floats, Floats]] = {}
    for example in train[:: max(len(train) // CALIBRATION, 1)]:
        tokens = padded(encode([(example.text, example.entity)]), PADDING)
        values = session.run(names, dict(zip(INPUTS, tokens, strict=True)))
        for name, value in zip(names, values, strict=True):
            low, high = value.min(axis=(0, 1)), value.max(axis=(0, 1))
            if name in found:
                low, high = np.minimum(low, found[name][0]), np.maximum(high, found[name][1])
            found[name] = low, high
    return found


def compare(exact: Path, folder: Path, split: Split) -> dict[str, float]:
    """Figures of int8 beside float32 on what is held out; ModelError if a gate does not hold."""
    small = shipped(1, folder)
    large = replace(small, backend=OnnxSession(exact, range(len(LABELS)), 1, fused=True))
    figures: dict[str, float] = {}
    agreement = []
    for name, examples in (("sentfin", split.sentfin_held_out), ("tfns", split.tfns_valid)):
        ours, original = probabilities_of(small, examples), probabilities_of(large, examples)
        agreement.append(ours.argmax(axis=1) == original.argmax(axis=1))
        figures[f"{name}_accuracy"] = accuracy(ours, examples)
        figures[f"{name}_macro_f1"] = macro_f1(ours, examples)
        figures[f"{name}_accuracy_fp32"] = accuracy(original, examples)
        figures[f"{name}_macro_f1_fp32"] = macro_f1(original, examples)
        figures[f"{name}_calibration_error"] = calibration_error(ours, examples)
        figures[f"{name}_abstained"] = float((ours.max(axis=1) < 0.5).mean())
    figures["agreement"] = float(np.concatenate(agreement).mean())
    figures["padding_effect"] = padding_effect(small, split.tfns_valid[:GATED])
    _require(figures)
    return figures


def padding_effect(small: Classifier, examples: Sequence[Example]) -> float:
    """The largest difference that a text's batch makes to one of its probabilities."""
    together = probabilities_of(small, examples)
    alone = np.concatenate([probabilities_of(small, [example]) for example in examples])
    return float(np.abs(together - alone).max())


def write_config(folder: Path, figures: Mapping[str, float]) -> None:
    """The config of a folder whose files are written."""
    config: dict[str, Any] = {
        "name": NAME,
        "labels": list(LABELS),
        "trained_until": TRAINED_UNTIL,
        "sha256": {name: sha256_of(folder / name) for name in (MODEL, TOKENIZER)},
        "figures": {name: float(f"{value:.5g}") for name, value in figures.items()},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _original(checkpoint: Path) -> Any:  # noqa: ANN401
    from pipelines.models.network import CompanyClassifier

    model: Any = CompanyClassifier.from_pretrained(
        checkpoint, use_safetensors=True, trust_remote_code=False, attn_implementation="eager"
    )
    return model.eval()


def _pairs(split: Split) -> list[tuple[str, str]]:
    """Half of them about a company, half as a whole."""
    half = GATED // 2
    examples = (*split.sentfin_held_out[:half], *split.tfns_valid[:half])
    return [(example.text, example.entity) for example in examples]


def _require(figures: Mapping[str, float]) -> None:
    for name in ("sentfin_accuracy", "tfns_accuracy"):
        if figures[f"{name}_fp32"] - figures[name] > MAX_LOST:
            raise ModelError(f"int8 loses more than {MAX_LOST:.0%} of {name}")
    if figures["agreement"] < MIN_AGREEMENT:
        raise ModelError(f"int8 agrees in {figures['agreement']:.2%}, below {MIN_AGREEMENT:.0%}")
    if figures["padding_effect"] > MAX_PADDING_EFFECT:
        raise ModelError(f"a text's batch changes its score by {figures['padding_effect']:.1e}")
