"""Titles and texts as they may be compared and shown: one spelling, no invisible characters.

Belongs here: Unicode clean-up, the hash of an article's content, and a guess whether it is English.
Keep out: HTML (sources/news/extract.py).
"""

import re
import unicodedata

from router.messages import digest

LONGEST_TITLE = 500
LONGEST_TEXT = 200_000
"""Characters; what is beyond is cut off."""

SPACE = re.compile(r"[^\S\n]+")
LINES = re.compile(r"\s*\n\s*")
WORD = re.compile(r"[a-z]+")
CODE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?$")
ENGLISH = re.compile(r"\b(?:the|of|to|in|and|a|for|on|is|at|by|with|as|from|its?|that|after)\b")
UNKNOWN = "und"


def clean_title(raw: str) -> str:
    """One line in Unicode's NFKC form, without control, bidi and zero-width characters."""
    return " ".join(_visible(raw[: 4 * LONGEST_TITLE]).split())[:LONGEST_TITLE]


def clean_text(raw: str) -> str:
    """The same for a text, which keeps its lines; empty lines go."""
    lines = LINES.sub("\n", SPACE.sub(" ", _visible(raw[: 4 * LONGEST_TEXT])))
    return lines.strip()[:LONGEST_TEXT]


def content_hash(title: str, text: str) -> str:
    """32 hex digits of title and text, whatever their capitals and spaces."""
    return digest(*(" ".join(part.casefold().split()) for part in (title, text)))


def language_of(declared: str, text: str) -> str:
    """The declared language's two or three letters; else "en" if the text reads so, else "und"."""
    found = CODE.match(declared.strip())
    if found:
        return found.group(1).lower()
    words = WORD.findall(text[:4000].casefold())
    common = sum(1 for word in words if ENGLISH.fullmatch(word))
    return "en" if words and common >= 0.08 * len(words) else UNKNOWN


def _visible(raw: str) -> str:
    """NFKC first: it may turn a harmless character into a space, never into an invisible one."""
    normal = unicodedata.normalize("NFKC", raw.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(c for c in normal if c == "\n" or not _hidden(c))


def _hidden(character: str) -> bool:
    """Control, format (bidi, zero-width, soft hyphen), surrogate, private and unassigned."""
    if character == "\t":
        return False
    return unicodedata.category(character).startswith("C")
