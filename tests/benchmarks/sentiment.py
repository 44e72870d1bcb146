"""Sentiment: how often the shipped model is right on held-out headlines, and how fast it reads.

Keep out: the goals' reasons, and training.

Accuracy needs the labelled headlines: TRADING_TEST_DATA names the folder that holds
sentiment/SEntFiN.csv and the files beside it. The comparison with transformers' pipeline needs
torch, which is not installed by default: pip install 'trading-system[torch]'. The pipeline runs a
model of the same architecture with weights by chance, which take the same time.
"""

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.models.examples import Example, read_split
from pipelines.models.lexicon import Lexicon
from pipelines.models.measure import accuracy, macro_f1, probabilities_of
from pipelines.models.provider import Provider, Reading
from pipelines.models.shipped import FOLDER, TOKENIZER, read_config, shipped
from tests.benchmarks.report import at_least, at_most, heading, say

HEADLINES = 480
ROUNDS = 3
GOALS = {"SEntFiN held out": (0.86, 0.86), "TFNS validation": (0.85, None)}
POINT = 0.01


def measure() -> None:
    """Print accuracy, what int8 costs, and headlines per CPU second."""
    data = os.environ.get("TRADING_TEST_DATA")
    heading("Sentiment: finance_minilm, int8 on ONNX Runtime, 1 thread")
    if data:
        _accuracy(Path(data) / "sentiment")
    else:
        say("accuracy on held-out headlines", "NOT RUN", "TRADING_TEST_DATA is not set")
    _card()
    if data:
        _speed(_headlines(Path(data) / "sentiment"))
    else:
        say("headlines per CPU second", "NOT RUN", "TRADING_TEST_DATA is not set")


def _accuracy(folder: Path) -> None:
    split = read_split(folder)
    parts = {"SEntFiN held out": split.sentfin_held_out, "TFNS validation": split.tfns_valid}
    for name, examples in parts.items():
        found = probabilities_of(shipped(), examples)
        goal, goal_f1 = GOALS[name]
        at_least(f"{name}, {len(examples):,} labels: accuracy", accuracy(found, examples), goal, "")
        f1 = macro_f1(found, examples)
        if goal_f1:
            at_least(f"{name}: macro-F1", f1, goal_f1, "")
        else:
            say(f"{name}: macro-F1", f"{f1:.2f}")
        if apart := _apart(examples):
            what = f"{name}, {len(apart):,} labels of headlines whose companies differ: accuracy"
            say(what, f"{accuracy(found[apart], [examples[at] for at in apart]):.2f}")
        words = accuracy(probabilities_of(Lexicon(), examples), examples)
        say(f"{name}: accuracy of the lexicon", f"{words:.2f}")


def _apart(examples: Sequence[Example]) -> list[int]:
    """Places of the examples whose headline says one thing of one company, another of another."""
    labels = defaultdict(set)
    for example in examples:
        labels[example.text].add(example.label)
    return [at for at, example in enumerate(examples) if len(labels[example.text]) > 1]


def _card() -> None:
    """What training measured; the float32 model is not shipped."""
    figures = read_config().figures
    lost = figures["sentfin_accuracy_fp32"] - figures["sentfin_accuracy"]
    at_most("from the card: accuracy lost by int8 on SEntFiN", lost / POINT, 1, "points")
    lost = figures["tfns_accuracy_fp32"] - figures["tfns_accuracy"]
    at_most("from the card: accuracy lost by int8 on TFNS", lost / POINT, 1, "points")
    at_least("from the card: int8 agrees with float32", 100 * figures["agreement"], 98, "%")


def _headlines(folder: Path) -> list[str]:
    texts = [example.text for example in read_split(folder).tfns_valid]
    return texts[:: max(len(texts) // HEADLINES, 1)][:HEADLINES]


def _speed(texts: Sequence[str]) -> None:
    ours = _reader(shipped())
    if find_spec("torch") is None:
        say("headlines per CPU second", f"{_rate(ours, texts):,.0f}")
        reason = "needs torch: pip install 'trading-system[torch]'"
        say("against transformers' pipeline", "NOT RUN", reason)
        return
    runs = {"ours": ours, "batches of 32": _pipeline(32), "default": _pipeline(1)}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            rates[name].append(_rate(run, texts))
    median = {name: statistics.median(found) for name, found in rates.items()}
    say("headlines per CPU second", f"{median['ours']:,.0f}")
    for name, goal in (("batches of 32", 4), ("default", 6)):
        what = f"times transformers' pipeline, {name} ({median[name]:,.0f} a CPU second)"
        at_least(what, median["ours"] / median[name], goal, "x")


def _reader(provider: Provider) -> Callable[[Sequence[str]], object]:
    return lambda texts: provider.read([Reading(text) for text in texts])


def _pipeline(batch: int) -> Callable[[Sequence[str]], object]:
    """transformers' pipeline on one thread of torch, in float32 as it comes."""
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
        pipeline,
    )

    torch.set_num_threads(1)
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12}
    config = BertConfig(**shape, intermediate_size=1536, num_labels=3)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(FOLDER / TOKENIZER), pad_token="[PAD]", model_max_length=512
    )
    made: Any = pipeline(
        "text-classification",
        model=BertForSequenceClassification(config).eval(),
        tokenizer=tokenizer,
        batch_size=batch,
        device="cpu",
    )
    return lambda texts: made(list(texts))


def _rate(run: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    """Texts per second of this process's CPU time, warmed up."""
    run(texts[:16])
    began = time.process_time()
    run(texts)
    return len(texts) / (time.process_time() - began)
