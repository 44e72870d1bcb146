"""Whether an exported graph gives the original model's logits.

Keep out: writing the graph (graph.py), and the gates of int8 (export.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import ModelError
from pipelines.models.classifier import padded
from pipelines.models.pairs import Encode
from pipelines.models.session import INPUTS, OnnxSession

FLOAT_TOLERANCE = 1e-4
"""Of a logit; the graph adds in another order."""

ALONE = 50
"""How many texts are also run one by one, without padding."""


def gate_float(
    model: Any,  # noqa: ANN401
    exact: Path,
    encode: Encode,
    padding: int,
    pairs: Sequence[tuple[str, str]],
) -> float:
    """The largest gap of a logit from the original model's, padded and unpadded.

    Input: the original in evaluation mode, the float32 graph, and (text, company) pairs of
    different lengths. Raises ModelError beyond FLOAT_TOLERANCE. Needs torch.
    """
    import torch

    session = OnnxSession(exact, range(model.config.num_labels), 1, fused=True)
    gap = 0.0
    for batch in (*([pair] for pair in pairs[:ALONE]), list(pairs)):
        tokens = padded(encode(batch), padding)
        given = {name: torch.from_numpy(of) for name, of in zip(INPUTS, tokens, strict=True)}
        with torch.inference_mode():
            expected = model(**given).logits.numpy()
        found = session.logits(*tokens)
        gap = max(gap, float(np.abs(found - expected).max()))
    if gap > FLOAT_TOLERANCE:
        raise ModelError(f"the graph {exact} is off by {gap:.1e} from the original's logits")
    return gap
