"""Whether an exported graph gives the original model's logits.

Keep out: writing the graph (graph.py), and the gates of int8 (export.py).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import ModelError
from pipelines.models.session import INPUTS, OnnxSession

FLOAT_TOLERANCE = 1e-4
"""Of a logit; the graph adds in another order."""

ALONE = 50
"""How many texts are also run one by one, without padding."""


def gate_float(checkpoint: Path, exact: Path, texts: Sequence[str | tuple[str, str]]) -> float:
    """The largest gap of a logit from the original model's, padded and unpadded.

    Input: the folder of the original, the float32 graph, and texts of different lengths, alone or
    in pairs. Raises ModelError beyond FLOAT_TOLERANCE. Needs torch.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, use_safetensors=True, trust_remote_code=False, attn_implementation="eager"
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=False)
    session = OnnxSession(exact, range(model.config.num_labels), 1, fused=True)
    gap = 0.0
    for batch in (*([text] for text in texts[:ALONE]), list(texts)):
        tokens = tokenizer(batch, padding=True, return_tensors="pt", return_token_type_ids=True)
        with torch.inference_mode():
            expected = model(**tokens).logits.numpy()
        found = session.logits(*(tokens[name].numpy() for name in INPUTS))
        gap = max(gap, float(np.abs(found - expected).max()))
    if gap > FLOAT_TOLERANCE:
        raise ModelError(f"the graph of {checkpoint} is off by {gap:.1e} from its logits")
    return gap
