"""ONNX Runtime on a CPU: a model file that takes tokens and gives logits.

Keep out: tokens, labels, and which file it is.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipelines.errors import ModelError
from pipelines.models.classifier import Ids

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class OnnxSession:
    """A `Backend`: the columns of the model's logits that are negative, neutral and positive."""

    def __init__(
        self, path: Path, columns: Sequence[int | None], threads: int, *, fused: bool = False
    ) -> None:
        """Load a file, or raise ModelError.

        `fused` says that the file is already written with the runtime's own nodes; fusing them
        further would put slower ones in their place.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_BASIC if fused else levels.ORT_ENABLE_ALL
        )
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - the runtime's errors share no base
            raise ModelError(f"{path} is no model that ONNX Runtime can load: {error}") from None
        self._columns = columns
        self._output = [self._session.get_outputs()[0].name]
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        if unknown := set(self._inputs) - set(INPUTS):
            raise ModelError(f"{path} asks for {', '.join(sorted(unknown))}, no tokens of a text")

    def logits(self, ids: Ids, mask: Ids, types: Ids) -> NDArray[np.float32]:
        """The logits of negative, neutral and positive, shape (batch, 3)."""
        given = dict(zip(INPUTS, (ids, mask, types), strict=True))
        found = self._session.run(self._output, {name: given[name] for name in self._inputs})[0]
        return chosen(found, self._columns)


def chosen(logits: NDArray[np.float32], columns: Sequence[int | None]) -> NDArray[np.float32]:
    """The wanted columns in their order; a class that the model lacks (None) is never likely."""
    lacking = np.full(len(logits), -np.inf, dtype=np.float32)
    return np.stack([lacking if at is None else logits[:, at] for at in columns], axis=1)
