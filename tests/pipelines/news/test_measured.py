"""Figures that the rules must reach on real headlines and reports."""

from pathlib import Path

import pytest

from pipelines.analyses.news.events import classify, item_codes
from pipelines.analyses.news.linking import relevances
from pipelines.sources.news.companies import linker
from pipelines.sources.news.edgar import filing_article, filing_text, read_header
from pipelines.sources.news.rss import read_feed
from tests.benchmarks.news import FOLDER, Entities, filing_counts, macro_f1

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="TRADING_TEST_DATA does not name the folder of test data"
)
DATA = Path(FOLDER)
SEC = DATA / "news" / "sec"


def test_linking_reaches_nine_tenths_on_held_out_headlines() -> None:
    entities = Entities(DATA / "sentiment")
    assert entities.held_out(entities.linker()).f1 >= 0.9
    found = entities.held_out(entities.linker(entities.everyday()))
    assert found.f1 >= 0.93
    assert found.right > 2500


def test_kinds_of_events_reach_eight_tenths_without_seeing_the_items() -> None:
    counts = filing_counts(SEC)
    assert sum(count.right + count.missed for count in counts.values()) == 15
    assert macro_f1(counts) >= 0.8


@pytest.mark.parametrize(
    ("file", "items", "kind"),
    [
        ("1800Flowers.8-K.html", ["5.07"], "management"),
        ("8k_jpm-20260624.htm", ["5.02", "9.01"], "management"),
        ("8k_meta-20251219.htm", ["5.02"], "management"),
        ("BuckleInc.8-K.html", ["2.02", "9.01"], "earnings"),
        ("Oracle.8-K.html", ["5.07"], "management"),
        ("form8K.Blackrock.html", ["5.02"], "management"),
        ("form8k.Nordstrom.html", ["5.02", "9.01"], "management"),
    ],
)
def test_a_report_gives_its_items_and_no_hidden_data(
    file: str, items: list[str], kind: str
) -> None:
    text = filing_text((SEC / file).read_bytes(), file)
    assert item_codes(text) == items
    assert text.casefold().startswith("item")
    assert "us-gaap" not in text
    assert classify("", text).kind == kind


@pytest.mark.parametrize(
    ("name", "moment", "symbol"),
    [
        ("8k_jpm-20260624", "2026-06-25T11:59:33+00:00", "JPM"),
        ("8k_meta-20251219", "2025-12-19T22:00:37+00:00", "META"),
    ],
)
def test_a_header_says_when_and_who(name: str, moment: str, symbol: str) -> None:
    header = read_header((SEC / f"{name}_header.txt").read_text(), name)
    url = f"https://www.sec.gov/Archives/edgar/data/{header.cik}/{name}.htm"
    text = filing_text((SEC / f"{name}.htm").read_bytes(), name)
    found = filing_article(header, text, url, seen=None)
    assert found.published.isoformat() == moment
    filer = linker().filer(url)
    assert relevances(linker(), found.title, found.text, filer)[symbol] == 1.0


@pytest.mark.parametrize("file", sorted(p.name for p in SEC.glob("*.xml")) if FOLDER else ["none"])
def test_every_entry_of_the_real_feeds_is_dated(file: str) -> None:
    entries = read_feed((SEC / file).read_bytes(), file)
    assert len(entries) == 100
    assert all(entry.published for entry in entries)
