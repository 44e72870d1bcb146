"""Which companies an article names, by a table of names, tickers and CIKs.

Belongs here: finding names in text, telling a company from an everyday word, and relevance.
Keep out: the table itself (sources/news/companies.py reads it). A symbol comes from the table
alone: what an article claims to be about (a field, a tag, "buy XYZ") links nothing by itself.

A name links where it is written as the table writes it (a capital stays a capital). A name that is
also an everyday word ("Target", "Visa") needs a cue as well: a legal form, a business word or a
verb of companies beside it, its ticker with an exchange, or its full name elsewhere in the text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from pipelines.analyses.news.cues import AFTER, ANALYST, BEFORE, LEGAL_FORMS, SIBLINGS

MENTION_COLUMNS = ["article_id", "symbol", "relevance"]

TOKEN = re.compile(r"[^\W_]+|&")
GAP = re.compile(r"[\s\-.'\u2019()/]{0,3}")
"""What may stand between the words of one name."""

APOSTROPHES = {"'", "\u2019"}
SENTENCE_END = re.compile(r"[.!?:;\n\"“]\s*$")
CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,5}(?:\.[A-Z])?)\b")
LISTED = re.compile(
    r"\b(?:NYSE(?: American| Arca)?|NASDAQ|Nasdaq|AMEX|BATS|OTC|CBOE)"
    r"\s*:\s*([A-Z]{1,5}(?:\.[A-Z])?)\b"
)
RATES = re.compile(r"\s+(?:upgrades|downgrades|initiates|maintains|reiterates|resumes)\b", re.I)
"""Follows the house that rates another company."""

FILER = re.compile(r"/edgar/data/0*(\d{1,10})/")

SHORT_CODE = 5
"""A one-word name of capitals up to this long is a code: written so, or not that company."""

BESIDE = 2
"""Words this near a name, in the same clause, may say that it is something else ("apple pie")."""

CLAUSE_END = re.compile(r"[,;:.!?]")

FEW_COMPANIES = 4
"""A title that names more companies is a list, and says half as much about each."""

FIRST_IN_TITLE = 0.8
LATER_IN_TITLE = 0.6
RATING_HOUSE = 0.1
TICKER_ALONE = 0.4
IN_TEXT = 0.5


@dataclass(frozen=True)
class Company:
    """One row of the table. `names` as they are written, full name first.

    `symbols` are all of the company's: share classes, and a ticker before and after its change.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    cik: str = ""
    everyday: frozenset[str] = frozenset()
    """Those of its names that are also everyday words, or a part of other names."""
    not_beside: frozenset[str] = frozenset()
    """Lower-case words near a name that say it is not the company."""


@dataclass(frozen=True)
class Mention:
    """A company's name in a text, from character `start` to `end`."""

    company: Company
    name: str
    start: int
    end: int


@dataclass(frozen=True)
class _Name:
    company: Company
    written: str
    words: tuple[str, ...]
    everyday: bool


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int


class Linker:
    """Finds companies of one table in texts."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self._starting: dict[str, list[_Name]] = defaultdict(list)
        self._of_symbol: dict[str, Company] = {}
        self._of_cik: dict[str, Company] = {}
        for company in companies:
            self._of_symbol.update(dict.fromkeys(company.symbols, company))
            if company.cik:
                self._of_cik.setdefault(company.cik.lstrip("0"), company)
            for written in dict.fromkeys(company.names):
                self._add(company, written)
        for names in self._starting.values():
            names.sort(key=lambda name: (-len(name.words), name.everyday, name.written))

    def _add(self, company: Company, written: str) -> None:
        words = tuple(token.text.casefold() for token in _tokens(written))
        if words:
            everyday = written in company.everyday
            self._starting[words[0]].append(_Name(company, written, words, everyday))

    def filer(self, url: str) -> Company | None:
        """The company whose CIK stands in an address of EDGAR's archive."""
        found = FILER.search(url)
        return self._of_cik.get(found.group(1)) if found else None

    def tickers(self, text: str) -> set[Company]:
        """Companies of the table whose symbol is written as `$AAPL` or `NASDAQ: AAPL`."""
        found = {*CASHTAG.findall(text), *LISTED.findall(text)}
        return {self._of_symbol[symbol] for symbol in found if symbol in self._of_symbol}

    def mentions(self, text: str, sure: frozenset[Company] = frozenset()) -> list[Mention]:
        """Every name of a company in the text, in order; names never overlap.

        `sure`: companies that are known to be meant: for them an everyday word needs no cue.
        """
        tokens = _tokens(text)
        title_case = _is_title_case(tokens)
        found = list(self._candidates(text, tokens))
        plain = {name.company for name, _ in found if not name.everyday}
        known = plain | sure | self.tickers(text)
        kept = []
        for name, at in found:
            place = _Place(text, tokens, at, at + len(name.words), title_case=title_case)
            if not name.everyday or place.is_company(sure=name.company in known):
                first, last = tokens[at], tokens[at + len(name.words) - 1]
                kept.append(Mention(name.company, name.written, first.start, last.end))
        return kept

    def _candidates(self, text: str, tokens: list[_Token]) -> Iterator[tuple[_Name, int]]:
        at = 0
        while at < len(tokens):
            name = self._longest(text, tokens, at)
            if name is not None:
                yield name, at
            at += 1 if name is None else len(name.words)

    def _longest(self, text: str, tokens: list[_Token], at: int) -> _Name | None:
        for name in self._starting.get(tokens[at].text.casefold(), ()):
            piece = tokens[at : at + len(name.words)]
            if _spells(name, piece, text) and not _vetoed(name, tokens, at, text):
                return None if _sibling(name, tokens, at, text) else name
        return None


def link(articles: pd.DataFrame, linker: Linker) -> pd.DataFrame:
    """The companies of each article with a relevance in (0, 1], sorted by article and symbol.

    Reads article_id, source, url, title and text. The filer's CIK counts for articles whose
    source is EDGAR, because that source took the address from EDGAR's own feed. An article's
    relevance depends on that article alone.
    """
    rows = []
    columns = [articles[name] for name in ("article_id", "source", "url", "title", "text")]
    for article_id, source, url, title, text in zip(*columns, strict=True):
        filer = linker.filer(url) if source == "edgar" else None
        for symbol, relevance in sorted(relevances(linker, title, text, filer).items()):
            rows.append((article_id, symbol, round(relevance, 6)))
    frame = pd.DataFrame(rows, columns=MENTION_COLUMNS)
    return frame.astype({"article_id": "str", "symbol": "str", "relevance": "float64"})


def relevances(
    linker: Linker, title: str, text: str, filer: Company | None = None
) -> dict[str, float]:
    """How much an article is about each symbol: 1 - (1 - title) (1 - text).

    title: 0.8 for the first company of the title, 0.6 for later ones, 0.1 for the house whose
    rating it reports, half of that where it names more than four; 0.4 for a ticker without a
    name. text: 0.5 times the company's share of all mentions there, so that one line in a long
    report counts little. A filing is about its filer: 1.
    """
    whole = f"{title}\n{text}"
    found = linker.mentions(whole, frozenset({filer} if filer else ()))
    in_text = [mention.company for mention in found if mention.start >= len(title)]
    weights = _title_weights([mention for mention in found if mention.start < len(title)], title)
    for company in linker.tickers(whole):
        weights.setdefault(company, TICKER_ALONE)
    scores = {}
    for company in {*weights, *in_text}:
        share = IN_TEXT * in_text.count(company) / len(in_text) if in_text else 0.0
        scores[company] = 1.0 - (1.0 - weights.get(company, 0.0)) * (1.0 - share)
    if filer:
        scores[filer] = 1.0
    return {symbol: score for company, score in scores.items() for symbol in company.symbols}


def _title_weights(found: list[Mention], title: str) -> dict[Company, float]:
    houses = {mention.company for mention in found if RATES.match(title, mention.end)}
    subjects = [m.company for m in found if m.company not in houses]
    order = list(dict.fromkeys(subjects))
    scale = 1.0 if len(order) <= FEW_COMPANIES else 0.5
    weights = {c: scale * (LATER_IN_TITLE if n else FIRST_IN_TITLE) for n, c in enumerate(order)}
    return dict.fromkeys(houses, RATING_HOUSE) | weights


def _tokens(text: str) -> list[_Token]:
    return [_Token(found.group(), found.start(), found.end()) for found in TOKEN.finditer(text)]


def _spells(name: _Name, piece: list[_Token], text: str) -> bool:
    if tuple(token.text.casefold() for token in piece) != name.words:
        return False
    if not all(GAP.fullmatch(text[a.end : b.start]) for a, b in pairwise(piece)):
        return False
    if len(piece) == 1 and name.written.isupper() and len(name.written) <= SHORT_CODE:
        return piece[0].text == name.written
    return not name.written[0].isupper() or piece[0].text[0].isupper()


def _vetoed(name: _Name, tokens: list[_Token], at: int, text: str) -> bool:
    after = at + len(name.words)
    start, end = tokens[at].start, tokens[after - 1].end
    near = [
        token.text.casefold()
        for token in tokens[max(0, at - BESIDE) : at] + tokens[after : after + BESIDE]
        if not CLAUSE_END.search(text[min(end, token.end) : max(start, token.start)])
    ]
    return not name.company.not_beside.isdisjoint(near)


def _sibling(name: _Name, tokens: list[_Token], at: int, text: str) -> bool:
    """Whether the word behind a one-word name makes it another company's."""
    if len(name.words) > 1 or at + 1 >= len(tokens):
        return False
    following = tokens[at + 1]
    beside = text[tokens[at].end : following.start] in {" ", "-"}
    return beside and following.text[0].isupper() and following.text.casefold() in SIBLINGS


def _is_title_case(tokens: list[_Token]) -> bool:
    """Whether capitals say nothing here: most longer words of the text begin with one."""
    long = [token.text for token in tokens if len(token.text) > 3 and token.text.isalpha()]
    return sum(word[0].isupper() for word in long) > 0.6 * len(long)


@dataclass(frozen=True)
class _Place:
    """A name's place among the words of a text: tokens[first:after]."""

    text: str
    tokens: list[_Token]
    first: int
    after: int
    title_case: bool

    def is_company(self, *, sure: bool) -> bool:
        """Whether what stands around an everyday word makes it a company's name."""
        if not self.tokens[self.first].text[0].isupper():
            return False
        if self._cue_after() or self._cue_before():
            return True
        return sure and not self._part_of_longer_name()

    def _cue_after(self) -> bool:
        following = [token.text for token in self.tokens[self.after : self.after + 2]]
        if not following or not self._adjacent(self.after):
            return False
        word = following[0].casefold()
        if word == "s" and self._gap(self.after) in APOSTROPHES:
            return True
        return word in LEGAL_FORMS or word in AFTER

    def _cue_before(self) -> bool:
        if self.first == 0 or not self._adjacent(self.first):
            return False
        word = self.tokens[self.first - 1].text.casefold()
        if word == "on":
            earlier = {token.text.casefold() for token in self.tokens[: self.first]}
            return bool(earlier & ANALYST)
        return word in BEFORE

    def _part_of_longer_name(self) -> bool:
        if self.title_case:
            return False
        after = self.tokens[self.after].text if self.after < len(self.tokens) else ""
        if after and self._adjacent(self.after) and after[0].isupper() and not after.isupper():
            return True
        before = self.tokens[self.first - 1] if self.first else None
        if before is None or not self._adjacent(self.first) or not before.text[0].isupper():
            return False
        opening = self.first == 1 or SENTENCE_END.search(self.text[: before.start])
        return not opening

    def _adjacent(self, at: int) -> bool:
        """Whether only a space, hyphen or apostrophe parts token `at` from the one before."""
        return self._gap(at) in {" ", "-", "\u00a0", *APOSTROPHES}

    def _gap(self, at: int) -> str:
        return self.text[self.tokens[at - 1].end : self.tokens[at].start]
