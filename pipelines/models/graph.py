"""A BERT that sorts texts, as an ONNX graph: in float32, or in int8 with ranges from calibration.

Belongs here: the graph, node by node. Keep out: judging it (export.py), and running it.

Written out instead of traced: each layer is ten nodes of ONNX Runtime's own. In the int8 graph the
range of each activation is fixed beforehand, so a text's score does not depend on the texts that
share its batch, as it does where the range is taken from the batch (dynamic quantisation). Weights
have a scale per column, embeddings one per row.

Inputs: input_ids, token_type_ids int64 (batch, tokens), attention_mask int64 (batch, tokens), 1 for
the tokens of a text and then 0. Output: logits float32 (batch, classes).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
Layer = tuple[Floats, Floats]
"""A weight, shape (inputs, outputs), and a bias."""

Ranges = Mapping[str, tuple[Floats, Floats]]
"""The least and the greatest value of each channel of an activation."""

SMOOTHING = 0.85

OPSET = 17
IR_VERSION = 10
RUNTIME = "com.microsoft"
WEIGHT_STEPS = 127


@dataclass
class Graph:
    """Nodes and constants as they are added; `ranges` of activations, or none for float32."""

    ranges: Ranges | None
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    measured: list[str] = field(default_factory=list)
    """The activations that an int8 graph needs a range of."""

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A named constant; the name."""
        self.constants[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401
        """One node with one output; the output's name."""
        domain = attributes.pop("domain", "")
        made = helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        self.nodes.append(made)
        return output

    def linear(self, x: str, layers: Mapping[str, Layer]) -> list[str]:
        """The product of x and each layer's weight, plus its bias; x is quantised once for all."""
        self.measured.append(x)
        if self.ranges is None:
            return [self._exact(x, name, *layer) for name, layer in layers.items()]
        low, high = self.ranges[x]
        shares = smoothing(low, high, np.concatenate([w for w, _ in layers.values()], axis=1))
        even = self.node("Mul", [x, self.constant(f"{x}.1/s", 1 / shares)], f"{x}.even")
        scale, zero = activation(float((low / shares).min()), float((high / shares).max()))
        s, z = self.constant(f"{x}.s", scale), self.constant(f"{x}.z", zero)
        x8 = self.node("QuantizeLinear", [even, s, z], f"{x}.8")
        return [
            self._small((x8, s, z), name, weight * shares[:, None], bias)
            for name, (weight, bias) in layers.items()
        ]

    def _exact(self, x: str, name: str, weight: Floats, bias: Floats) -> str:
        product = self.node("MatMul", [x, self.constant(f"{name}.w", weight)], f"{name}.mm")
        return self.node("Add", [product, self.constant(f"{name}.b", bias)], name)

    def _small(self, x: tuple[str, str, str], name: str, weight: Floats, bias: Floats) -> str:
        x8, scale, zero = x
        w8, w_scale = columns(weight)
        inputs = [
            x8, self.constant(f"{name}.w", w8), scale, self.constant(f"{name}.ws", w_scale), zero,
            "", self.constant(f"{name}.b", bias),
        ]  # fmt: skip
        return self.node("MatMulIntegerToFloat", inputs, name, domain=RUNTIME)

    def rows(self, name: str, table: NDArray[np.float32], ids: str) -> str:
        """The rows of an embedding table that `ids` name."""
        if self.ranges is None:
            return self.node("Gather", [self.constant(f"{name}.t", table), ids], name)
        t8, scale = columns(table.T)
        found = self.node("Gather", [self.constant(f"{name}.t", t8.T), ids], f"{name}.8")
        scales = self.constant(f"{name}.s", scale[:, None])
        real = self.node("Cast", [found], f"{name}.f", to=TensorProto.FLOAT)
        return self.node("Mul", [real, self.node("Gather", [scales, ids], f"{name}.rs")], name)


def columns(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix as int8 and the scale of each column, shape (columns,): steps -127 to 127."""
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-12) / WEIGHT_STEPS
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def activation(low: float, high: float) -> tuple[Floats, NDArray[np.uint8]]:
    """Scale and zero point of a range as uint8; the range is widened to hold 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, 1e-12) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


def smoothing(low: Floats, high: Floats, weight: Floats) -> Floats:
    """What each channel of an activation is divided by, and its rows of the weight multiplied by.

    A few channels are a hundred times as large as the rest, which would leave the rest a few of
    the 255 steps. The weights, which are even, take a part of it (SmoothQuant).
    """
    large = np.maximum(np.maximum(np.abs(low), np.abs(high)), 1e-3)
    shares = large**SMOOTHING / np.maximum(np.abs(weight).max(axis=1), 1e-3) ** (1 - SMOOTHING)
    return np.asarray(shares / np.exp(np.log(shares).mean()), dtype=np.float32)


def build(
    weights: Weights,
    heads: int,
    epsilon: float,
    ranges: Ranges | None = None,
    *,
    by_company: bool = False,
    measured: bool = False,
) -> Any:  # noqa: ANN401
    """The graph of a BertForSequenceClassification; without `ranges` the float32 one.

    `by_company` makes it a CompanyClassifier (network.py) instead.
    `measured` adds every activation that `ranges` must name to the outputs.
    """
    graph = Graph(ranges)
    x = _embeddings(graph, weights, epsilon)
    layers = 1 + max(int(n.split(".")[3]) for n in weights if n.startswith("bert.encoder.layer."))
    for layer in range(layers):
        x = _layer(graph, weights, f"bert.encoder.layer.{layer}.", x, heads, epsilon)
    logits = _head(graph, weights, _of_company(graph, x) if by_company else x)
    outputs = [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", "classes"])]
    if measured:
        names = dict.fromkeys(graph.measured)
        outputs += [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * 3) for n in names]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    made = helper.make_graph(graph.nodes, "bert", inputs, outputs, list(graph.constants.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


def _embeddings(graph: Graph, weights: Weights, epsilon: float) -> str:
    one = graph.constant("one", np.array([1], np.int64))
    long = graph.node("ReduceSum", ["attention_mask", one], "lengths.64", keepdims=0)
    graph.node("Cast", [long], "lengths", to=TensorProto.INT32)
    shape = graph.node("Shape", ["input_ids"], "shape")
    tokens = graph.node("Gather", [shape, graph.constant("i1", np.array(1))], "tokens")
    bounds = [graph.constant("i0", np.array(0)), tokens, graph.constant("step", np.array(1))]
    places = graph.node("Range", bounds, "places")
    name = "bert.embeddings."
    word = graph.rows("word", weights[f"{name}word_embeddings.weight"], "input_ids")
    kind = graph.rows("kind", weights[f"{name}token_type_embeddings.weight"], "token_type_ids")
    place = graph.rows("place", weights[f"{name}position_embeddings.weight"], places)
    total = graph.node("Add", [graph.node("Add", [word, kind], "word+kind"), place], "embedded")
    gamma, beta = _norm(graph, weights, f"{name}LayerNorm")
    return graph.node("LayerNormalization", [total, gamma, beta], "x0", axis=-1, epsilon=epsilon)


def _layer(graph: Graph, weights: Weights, at: str, x: str, heads: int, epsilon: float) -> str:
    parts = [f"{at}attention.self.{part}" for part in ("query", "key", "value")]
    query, key, value = graph.linear(x, {part: _dense(weights, part) for part in parts})
    seen = graph.node(
        "MultiHeadAttention", [query, key, value, "", "lengths"], f"{at}attention",
        domain=RUNTIME, num_heads=heads,
    )  # fmt: skip
    seen = _linear(graph, weights, f"{at}attention.output.dense", seen)
    x = _add_norm(graph, weights, f"{at}attention.output.LayerNorm", x, seen, epsilon)
    wide = _linear(graph, weights, f"{at}intermediate.dense", x)
    wide = graph.node("Gelu", [wide], f"{at}gelu", domain=RUNTIME)
    narrow = _linear(graph, weights, f"{at}output.dense", wide)
    return _add_norm(graph, weights, f"{at}output.LayerNorm", x, narrow, epsilon)


def _of_company(graph: Graph, x: str) -> str:
    """The mean of the company's tokens, or of all without a company; shape (batch, 1, hidden)."""
    named = graph.node("Mul", ["token_type_ids", "attention_mask"], "named")
    count = graph.node("ReduceSum", [named, "one"], "named.count", keepdims=1)
    none = graph.node("Equal", [count, graph.constant("none", np.array([0]))], "unnamed")
    seen = graph.node("Where", [none, "attention_mask", named], "seen.64")
    seen = graph.node("Cast", [seen], "seen", to=TensorProto.FLOAT)
    total = graph.node("ReduceSum", [seen, "one"], "seen.count", keepdims=1)
    share = graph.node("Div", [seen, total], "seen.share")
    return graph.node("MatMul", [graph.node("Unsqueeze", [share, "one"], "seen.row"), x], "mean")


def _head(graph: Graph, weights: Weights, x: str) -> str:
    """The first row of x through the pooler and the classifier, in float32: both are small."""
    first = graph.node("Gather", [x, graph.constant("first", np.array(0))], "cls", axis=1)
    pooled = first
    for name, output in (("bert.pooler.dense", "pooled"), ("classifier", "logits")):
        w = graph.constant(f"{name}.w", weights[f"{name}.weight"].T)
        b = graph.constant(f"{name}.b", weights[f"{name}.bias"])
        made = graph.node("Gemm", [pooled, w, b], output)
        pooled = graph.node("Tanh", [made], "pooled.tanh") if output == "pooled" else made
    return pooled


def _linear(graph: Graph, weights: Weights, name: str, x: str) -> str:
    return graph.linear(x, {name: _dense(weights, name)})[0]


def _dense(weights: Weights, name: str) -> Layer:
    return weights[f"{name}.weight"].T, weights[f"{name}.bias"]


def _add_norm(graph: Graph, weights: Weights, name: str, x: str, y: str, epsilon: float) -> str:
    """The layer norm of x + y, as two nodes: fused into one (SkipLayerNormalization) it is slow."""
    total = graph.node("Add", [x, y], f"{name}.in")
    gamma, beta = _norm(graph, weights, name)
    return graph.node("LayerNormalization", [total, gamma, beta], name, axis=-1, epsilon=epsilon)


def _norm(graph: Graph, weights: Weights, name: str) -> tuple[str, str]:
    gamma = graph.constant(f"{name}.gamma", weights[f"{name}.weight"])
    return gamma, graph.constant(f"{name}.beta", weights[f"{name}.bias"])


def save(model: Any, path: str) -> None:  # noqa: ANN401
    """Check the graph and write it."""
    onnx.checker.check_model(model)
    onnx.save_model(model, path)
