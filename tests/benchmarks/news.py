"""News: whom headlines name, what filings report, and how fast pages are read.

Linking: the names are those of SEntFiN's list of entities, companies only (a row with a name in
lower case is a sector or a commodity). A label of a headline counts if a name of the table spells
it; labels that the list does not have are left out, and how many is printed. Headlines are halved
by a hash: on one half, names that are an everyday word more often than a company are dropped from
the table (as was done by hand for the packaged one); the other half is the figure.
Events: the truth is the kind of a report's items of form 8-K; their codes and official headings are
hidden from the rules, which judge the remaining words; in the feed they judge the headings alone.
Keep out: assertions (tests/pipelines/news/test_measured.py holds these figures to their goals).
"""

import ast
import csv
import hashlib
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.analyses.news.events import ITEM, ITEMS, TYPES, classify_words, item_codes
from pipelines.analyses.news.linking import Company, Linker
from pipelines.sources.news.edgar import filing_text
from pipelines.sources.news.extract import extract, newspaper_text
from pipelines.sources.news.rss import read_feed
from tests.benchmarks.report import at_least, heading, say

FOLDER = os.environ.get("TRADING_TEST_DATA", "")
PAIR = re.compile(r"""['"](.+?)['"]\s*:\s*['"](positive|negative|neutral)['"]""")
WORD = re.compile(r"[^\W_]+|&")
LEGAL = {"ltd", "limited", "inc", "corp", "corporation", "co", "company"}
LEGAL_END = re.compile(r"[ ,]+(?:Ltd|Limited|Inc|Corp|Co)\.?$")
SHORTEST_WRITTEN_NAME = 4
EVERYDAY_BELOW = 0.3
ROUNDS = 3


@dataclass(frozen=True)
class Headline:
    """A title and the entities that its annotator named in it."""

    title: str
    labels: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        return hashlib.sha256(self.title.encode()).digest()[-1] % 2 == 1


@dataclass(frozen=True)
class Counts:
    """What was found rightly, wrongly and not."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


class Entities:
    """SEntFiN's list as a table of companies, and its headlines."""

    def __init__(self, folder: Path) -> None:
        with (folder / "SEntFiN_entities.csv").open(newline="") as lines:
            rows = [(r["Symbol"], r["Entity"].split(",")) for r in csv.DictReader(lines)]
        self.names = {
            symbol: written
            for symbol, raw in rows
            if (written := list(_written([*(name.strip() for name in raw), symbol])))
        }
        with (folder / "SEntFiN.csv").open(newline="") as lines:
            self.headlines = [
                Headline(row["Title"], tuple(_labels(row["Decisions"])))
                for row in csv.DictReader(lines)
            ]
        self._spelled: dict[str, set[str]] = defaultdict(set)
        for symbol, written in self.names.items():
            for name in written:
                self._spelled[_plain(name)].add(symbol)

    def symbols(self, label: str) -> set[str]:
        """Whom a label may mean; nobody where the list does not spell it."""
        return set() if label.islower() else self._spelled.get(_plain(label), set())

    def linker(self, without: Iterable[str] = ()) -> Linker:
        dropped = set(without)
        return Linker(
            Company((symbol,), tuple(name for name in written if name not in dropped))
            for symbol, written in self.names.items()
        )

    def everyday(self) -> set[str]:
        """Names that on the first half are mostly no company."""
        right, wrong = Counter[str](), Counter[str]()
        self._judge(self.linker(), False, right, wrong)
        return {n for n in wrong if right[n] < EVERYDAY_BELOW * (right[n] + wrong[n])}

    def held_out(self, linker: Linker) -> Counts:
        return self._judge(linker, True, Counter(), Counter())

    def coverage(self) -> float:
        """The share of held-out labels that the list spells."""
        labels = [label for h in self.headlines if h.held_out for label in h.labels]
        return sum(bool(self.symbols(label)) for label in labels) / len(labels)

    def _judge(
        self, linker: Linker, held_out: bool, right: Counter[str], wrong: Counter[str]
    ) -> Counts:
        missed = 0
        for headline in self.headlines:
            if headline.held_out is not held_out:
                continue
            wanted = [found for label in headline.labels if (found := self.symbols(label))]
            named = {m.company.symbols[0]: m.name for m in linker.mentions(headline.title)}
            for symbol, name in named.items():
                hit = next((options for options in wanted if symbol in options), None)
                (wrong if hit is None else right)[name] += 1
                if hit is not None:
                    wanted.remove(hit)
            missed += len(wanted)
        return Counts(right.total(), wrong.total(), missed)


def filing_counts(folder: Path) -> dict[str, Counts]:
    """Right and wrong kinds of events, by kind, over the reports and the feeds of a folder."""
    pairs = [*_documents(folder), *_feeds(folder)]
    kinds = {truth for truth, _ in pairs}
    return {
        kind: Counts(
            right=sum(truth == found == kind for truth, found in pairs),
            wrong=sum(truth != kind == found for truth, found in pairs),
            missed=sum(truth == kind != found for truth, found in pairs),
        )
        for kind in TYPES
        if kind in kinds
    }


def macro_f1(counts: dict[str, Counts]) -> float:
    """The mean F1 of the kinds that occur."""
    return sum(count.f1 for count in counts.values()) / len(counts)


def _documents(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.glob("*8[kK-]*.htm*")):
        text = filing_text(file.read_bytes(), file.name)
        hidden = "\n".join(part for part in _without_headings(text) if part)
        yield _kind(item_codes(text)), classify_words("", hidden).kind


def _without_headings(text: str) -> Iterator[str]:
    """The lines of a report but for its items' headings, on their line or the next."""
    bare = False
    for line in text.splitlines():
        found = ITEM.match(line)
        if not found and not bare:
            yield line
        bare = bool(found) and not found[2].strip(" .") if found else False


def _feeds(folder: Path) -> Iterator[tuple[str, str]]:
    seen = set()
    for file in sorted(folder.glob("*.atom.xml")):
        for entry in read_feed(file.read_bytes(), file.name):
            codes = item_codes(entry.summary)
            if codes and entry.url not in seen:
                seen.add(entry.url)
                yield _kind(codes), classify_words("", ITEM.sub(r"\2", entry.summary)).kind


def _kind(codes: list[str]) -> str:
    return next((kind for code, kind in ITEMS.items() if code in codes), "other")


def _labels(cell: str) -> Iterator[str]:
    try:
        yield from ast.literal_eval(cell)
    except (SyntaxError, ValueError):  # an apostrophe inside quotes
        yield from (name for name, _ in PAIR.findall(cell))


def _written(names: list[str]) -> Iterator[str]:
    """A company's names as headlines write them; nothing for a sector or a commodity."""
    if any(name.islower() for name in names):
        return
    for name in filter(None, dict.fromkeys(names)):
        yield name
        if name.isupper() and name.isalpha() and len(name) >= SHORTEST_WRITTEN_NAME:
            yield name.capitalize()
        if LEGAL_END.search(name):
            yield LEGAL_END.sub("", name)


def _plain(name: str) -> str:
    words = [word.casefold() for word in WORD.findall(name)]
    while len(words) > 1 and words[-1] in LEGAL:
        words.pop()
    return " ".join(words)


def measure() -> None:
    """Print the part of the table, or why it cannot be."""
    heading("news")
    if not FOLDER:
        say("linking, events and extraction", "NOT RUN", "TRADING_TEST_DATA names no folder")
        return
    folder = Path(FOLDER)
    _print_linking(Entities(folder / "sentiment"))
    counts = filing_counts(folder / "news" / "sec")
    reports = sum(count.right + count.missed for count in counts.values())
    at_least(f"event types of {reports} reports on form 8-K", macro_f1(counts), 0.8, "macro-F1")
    for kind, count in counts.items():
        say(f"  {kind}: {count.right} right, {count.wrong} wrong, {count.missed} missed", "")
    _print_extraction(sorted((folder / "news").glob("*/*.htm*")))


def _print_linking(entities: Entities) -> None:
    untouched = entities.held_out(entities.linker())
    dropped = entities.everyday()
    found = entities.held_out(entities.linker(dropped))
    at_least("linking SEntFiN's companies, held-out half", found.f1, 0.9, "F1")
    say("  precision and recall", f"{found.precision:.3f} {found.recall:.3f}")
    say("  F1 with the list as it is, no name dropped", f"{untouched.f1:.3f}")
    say(f"  names dropped as everyday words on the other half: {len(dropped)}", "")
    say("  share of held-out labels that the list spells", f"{entities.coverage():.2f}")


def _print_extraction(files: list[Path]) -> None:
    pages = [file.read_bytes() for file in files]
    ours = max(_rate(lambda page: extract(page, "page").text, pages) for _ in range(ROUNDS))
    theirs = max(_rate(newspaper_text, pages) for _ in range(ROUNDS))
    at_least(f"extracting {len(pages)} pages, to newspaper4k", ours / theirs, 1, "x")
    say("  pages per second of processor time, ours", f"{ours:,.1f}")
    say("  pages per second of processor time, newspaper4k", f"{theirs:,.1f}")


def _rate(read: Callable[[bytes], str], pages: list[bytes]) -> float:
    began = time.process_time()
    for page in pages:
        read(page)
    return len(pages) / (time.process_time() - began)
