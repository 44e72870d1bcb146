"""The labelled headlines that the shipped model learns from, and which of them are held out.

Belongs here: reading SEntFiN and TFNS, near-copies, and the split. Keep out: changes of a text
that only training makes (augment.py).
"""

import hashlib
import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.analyses.sentiment.text import normalise
from pipelines.errors import SourceError

TFNS_LABELS = {0: "negative", 1: "positive", 2: "neutral"}
HELD_OUT_SHARE = 0.15
STOPPING_SHARE = 0.05
"""Of the rest: decides when training stops, and the scale of the confidence; nothing else."""

NEAR_COPY = 0.75
"""Shared words over all words (Jaccard) from which two headlines are one story."""

SENTFIN, ENTITIES = "SEntFiN.csv", "SEntFiN_entities.csv"
TFNS_TRAIN, TFNS_VALID = "tfns_train.csv", "tfns_valid.csv"

_CELL = re.compile(r"""(['"])(.+?)\1\s*:\s*(['"])(negative|neutral|positive)\3""")
_CASHTAG = re.compile(r"\$([A-Z]{1,5})\b")
_WORD = re.compile(r"[a-z]+|\d+")


@dataclass(frozen=True)
class Example:
    """A headline, the company that the label is about ("" for the headline as a whole), a label.

    `weights` are those of LABELS and sum to 1: all of one class, unless the companies of a
    headline differ and it is taken as a whole. `entities` are all companies that it names.
    """

    text: str
    entity: str
    weights: tuple[float, float, float]
    entities: tuple[str, ...] = ()
    is_tweet: bool = False

    @property
    def label(self) -> int:
        """The place in LABELS of the likeliest class, the first of equals."""
        return self.weights.index(max(self.weights))


@dataclass(frozen=True)
class Split:
    """Examples apart by story: no near-copy of a held-out headline is trained on."""

    train: list[Example]
    stopping: list[Example]
    sentfin_held_out: list[Example]
    tfns_valid: list[Example]


def read_split(folder: Path) -> Split:
    """Both data sets, split by the hash of each story; SourceError names a file that is missing.

    A story is a set of near-copies. Of SEntFiN, HELD_OUT_SHARE of the stories are held out; TFNS
    validation is held out as published.
    """
    sentfin, tfns = read_sentfin(folder / SENTFIN), read_tfns(folder / TFNS_TRAIN)
    valid = read_tfns(folder / TFNS_VALID)
    story = stories([e.text for e in (*sentfin, *tfns, *valid)])
    of_sentfin = {story[e.text] for e in sentfin}
    held = {s for s in of_sentfin if _share(s, "held out") < HELD_OUT_SHARE}
    unseen = held | {story[e.text] for e in valid}
    learnt = [e for e in (*sentfin, *tfns) if story[e.text] not in unseen]
    stop = {s for s in story.values() if _share(s, "stopping") < STOPPING_SHARE}
    return Split(
        train=[e for e in learnt if story[e.text] not in stop],
        stopping=[e for e in learnt if story[e.text] in stop],
        sentfin_held_out=[e for e in sentfin if story[e.text] in held and e.entity],
        tfns_valid=valid,
    )


def read_sentfin(path: Path) -> list[Example]:
    """One example per company of each headline, and one of the headline as a whole.

    A headline that is there twice counts once, with the labels of its first row. The label as a
    whole is the mean of its companies' labels.
    """
    rows = _read(path, ["Title", "Decisions"])
    found: dict[str, dict[str, str]] = {}
    for title, cell in rows.itertuples(index=False, name=None):
        found.setdefault(normalise(title), decisions(cell))
    return [example for text, labels in found.items() for example in _of_headline(text, labels)]


def decisions(cell: str) -> dict[str, str]:
    """{company: label} of one cell; cells are not always valid literals (apostrophes)."""
    return {normalise(name): label for _, name, _, label in _CELL.findall(cell)}


def read_tfns(path: Path) -> list[Example]:
    """One example per tweet, about the tweet as a whole; its cashtags are its entities."""
    rows = _read(path, ["text", "label"])
    found: dict[str, Example] = {}
    for raw, label in rows.itertuples(index=False, name=None):
        text = normalise(html.unescape(raw))
        tags = tuple(dict.fromkeys(_CASHTAG.findall(text)))
        found.setdefault(text, Example(text, "", _one(TFNS_LABELS[label]), tags, is_tweet=True))
    return list(found.values())


def read_aliases(path: Path) -> dict[str, list[str]]:
    """The other names of a company, by each of its names."""
    found: dict[str, list[str]] = {}
    for symbol, names in _read(path, ["Symbol", "Entity"]).itertuples(index=False, name=None):
        known = [normalise(name) for name in (*str(names).split(","), str(symbol)) if name.strip()]
        for name in known:
            found[name] = [other for other in known if other != name]
    return found


def stories(texts: Iterable[str]) -> dict[str, str]:
    """The story of each text: the smallest text of its near-copies, chained.

    Two texts are near-copies where they share NEAR_COPY of their words (figures count as one
    word). Candidates share one of their three rarest words.
    """
    words = {text: _words(text) for text in sorted(set(texts))}
    counts = Counter(word for held in words.values() for word in held)
    by_word: dict[str, list[str]] = defaultdict(list)
    head = {text: text for text in words}
    for text, held in words.items():
        # Enough of the rarest words that two near-copies must share one of them.
        rare = sorted(held, key=lambda word: (counts[word], word))
        for word in rare[: len(held) - int(NEAR_COPY * len(held)) + 1]:
            for other in by_word[word]:
                if _alike(held, words[other]):
                    _join(head, text, other)
            by_word[word].append(text)
    return {text: _head(head, text) for text in words}


def _of_headline(text: str, labels: dict[str, str]) -> list[Example]:
    names = tuple(labels)
    ones = [_one(label) for label in labels.values()]
    negative, neutral, positive = (sum(column) / len(ones) for column in zip(*ones, strict=True))
    whole = Example(text, "", (negative, neutral, positive), names)
    return [*(Example(text, n, one, names) for n, one in zip(names, ones, strict=True)), whole]


def _one(label: str) -> tuple[float, float, float]:
    return (float(label == "negative"), float(label == "neutral"), float(label == "positive"))


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        return pd.read_csv(path, usecols=columns)[columns]
    except (OSError, ValueError) as error:
        raise SourceError(str(path), f"no columns {', '.join(columns)}: {error}") from None


def _share(story: str, purpose: str) -> float:
    """A number in [0, 1) that only the story and the purpose decide."""
    digest = hashlib.sha256(f"{purpose}\n{story}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _words(text: str) -> frozenset[str]:
    return frozenset("0" if word.isdigit() else word for word in _WORD.findall(text.lower()))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    shared = len(one & other)
    return shared >= NEAR_COPY * (len(one) + len(other) - shared)


def _head(head: dict[str, str], text: str) -> str:
    while head[text] != text:
        text = head[text]
    return text


def _join(head: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_head(head, one), _head(head, other)))
    head[second] = first
