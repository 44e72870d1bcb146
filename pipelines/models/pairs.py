"""The tokens of a text and of the company that it is read for, as the shipped model takes them.

Belongs here: what training and use must do alike. Keep out: models, and batches (classifier.py).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from pipelines.models.classifier import Tokens

MAX_TOKENS = 160

Encode = Callable[[Sequence[tuple[str, str]]], list[Tokens]]


def encoder(path: Path) -> Encode:
    """What turns (text, company) pairs into tokens, with the tokenizer of that file.

    Of each pair: the text, and as its pair the company where there is one; at most MAX_TOKENS.
    """
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")

    def encode(pairs: Sequence[tuple[str, str]]) -> list[Tokens]:
        given = [pair if pair[1] else pair[0] for pair in pairs]
        found = tokenizer.encode_batch(given)
        return [(each.ids, marked(each.ids, each.type_ids)) for each in found]

    return encode


def marked(ids: list[int], types: list[int]) -> list[int]:
    """The type ids of a pair, 1 for the company also where the text itself names it.

    So the model need not find out which words of the text are the company's. A text that names it
    in other words, or not at all, stays unmarked.
    """
    if 1 not in types:
        return types
    start = types.index(1)
    name = ids[start:-1]
    found = list(types)
    for at in range(1, start - len(name)):
        if ids[at : at + len(name)] == name:
            found[at : at + len(name)] = [1] * len(name)
    return found
