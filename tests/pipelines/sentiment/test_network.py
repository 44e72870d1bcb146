"""The network that is trained: what it looks at, and that the graph which is shipped does too."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ModelError
from pipelines.models.classifier import Tokens
from pipelines.models.gate import gate_float
from tests.pipelines.sentiment.models import WORDS, write_config

pytestmark = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("onnx")),
    reason="torch and onnx are not installed: pip install 'trading-system[train]'",
)

PAIRS = [("profit rises", "company"), ("the company falls", ""), ("the company .", "the company")]


@pytest.fixture
def network(tmp_path: Path) -> Any:
    import torch
    from transformers import AutoConfig

    from pipelines.models.network import CompanyClassifier

    write_config(tmp_path)
    torch.manual_seed(5)
    made: Any = CompanyClassifier(AutoConfig.from_pretrained(tmp_path))
    return made.eval()


def encode(pairs: object) -> list[Tokens]:
    """[CLS] text [SEP], and the company with its own [SEP]."""
    found: list[Tokens] = []
    for text, company in pairs:  # type: ignore[attr-defined]
        one = [2, *map(WORDS.index, text.split()), 3]
        other = [*map(WORDS.index, company.split()), 3] if company else []
        found.append((one + other, [0] * len(one) + [1] * len(other)))
    return found


@pytest.mark.parametrize("by_company", [True, False])
def test_the_graph_looks_at_what_the_network_does(
    network: Any,
    tmp_path: Path,
    by_company: bool,
) -> None:
    from pipelines.models.graph import build, save

    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    path = tmp_path / "model.onnx"
    save(build(weights, 2, network.config.layer_norm_eps, by_company=by_company), str(path))
    if by_company:
        assert gate_float(network, path, encode, 0, PAIRS) < 1e-5
        return
    with pytest.raises(ModelError, match="off by"):
        gate_float(network, path, encode, 0, PAIRS)
