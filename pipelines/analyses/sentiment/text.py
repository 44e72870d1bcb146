"""What a model is given to read: one plain form of a text, and its pieces within a limit.

Belongs here: normalising, and splitting at sentences. Keep out: tokens and models.

The same function prepares the texts that a model is trained on, so a model never meets a form in
use that it did not meet in training.
"""

import re
import unicodedata
from collections.abc import Callable

MAX_CHARACTERS = 20_000
"""What is read of one text; a longer one is cut. About 4,000 words, ten pages of a filing."""

_UNREAD = ("Cc", "Cf", "Cn", "Co", "Cs")  # control, bidi and zero-width, unassigned, surrogates
_ADDRESS = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)
_ACCENTS = re.compile("([\u0300-\u036f]{4})[\u0300-\u036f]+")
"""Accents stacked higher than any language has them; sorting a long stack takes quadratic time."""

_SENTENCE_END = re.compile(r"""(?<=[.!?;])["')\]]?\s+(?=["'(\[]?[A-Z0-9$])""")


def normalise(text: str) -> str:
    """The text in one plain form, for any string at all, in time bounded by MAX_CHARACTERS.

    Compatibility forms become plain ones (NFKC); bidi, zero-width and control characters and lone
    surrogates are dropped; addresses are dropped; runs of spaces become one. Output: at most
    MAX_CHARACTERS characters; normalising it again changes nothing.
    """
    plain = unicodedata.normalize("NFKC", _readable(text[:MAX_CHARACTERS]))
    plain = unicodedata.normalize("NFKC", _readable(plain[:MAX_CHARACTERS]))
    return " ".join(_ADDRESS.sub(" ", plain).split())[:MAX_CHARACTERS].strip()


def _readable(text: str) -> str:
    """Without what no reader sees; whatever separates words becomes a space first."""
    if text.isascii() and text.isprintable():
        return text
    visible = "".join(
        " " if mark.isspace() else mark
        for mark in text
        if mark.isspace() or unicodedata.category(mark) not in _UNREAD
    )
    return _ACCENTS.sub(r"\1", visible)


def pieces(text: str, limit: int, length: Callable[[str], int]) -> list[str]:
    """A normalised text cut at its sentences into pieces of at most `limit`, in their order.

    `length` measures a piece (a model's tokens); a text within the limit is one piece, and short
    sentences share one. A sentence beyond the limit is halved at words until its parts are within
    it, a word beyond the limit at its characters. An empty text has no pieces.
    """
    if not text:
        return []
    if length(text) <= limit:
        return [text]
    found: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        for part in _within(sentence, limit, length):
            if found and length(joined := f"{found[-1]} {part}") <= limit:
                found[-1] = joined
            else:
                found.append(part)
    return found


def _within(text: str, limit: int, length: Callable[[str], int]) -> list[str]:
    if length(text) <= limit or len(text) < 2:
        return [text]
    middle = len(text) // 2
    cut = text.find(" ", middle)
    if cut < 0:
        cut = text.rfind(" ", 1, middle)
    if cut < 0:
        cut = middle
    halves = (text[:cut].strip(), text[cut:].strip())
    return [piece for half in halves if half for piece in _within(half, limit, length)]
