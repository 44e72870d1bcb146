"""EDGAR's feed, headers and reports, from a site that serves what EDGAR serves."""

from datetime import UTC, datetime

import pytest

from pipelines.analyses.news.linking import Company, Linker, link
from pipelines.sources.news.base import ArticleError, Harvest, Memory, frame_of
from pipelines.sources.news.edgar import EdgarSource, documents, filing_text, read_header
from tests.pipelines.news.site import Site
from tests.pipelines.news.test_extract import INLINE_XBRL, RELEASE

NOW = datetime(2026, 1, 12, 22, 0, tzinfo=UTC)
NUMBER = "0000123456-26-000007"
FOLDER = "/Archives/edgar/data/123456/000012345626000007"
HEADER = """<SEC-HEADER>0000123456-26-000007.hdr.sgml : 20260112
<ACCEPTANCE-DATETIME>20260112163012
ACCESSION NUMBER:\t\t0000123456-26-000007
CONFORMED SUBMISSION TYPE:\t8-K
ITEM INFORMATION:\t\tResults of Operations and Financial Condition
ITEM INFORMATION:\t\tFinancial Statements and Exhibits
\t\tCOMPANY CONFORMED NAME:\t\t\tACME SHOES, INC.
\t\tCENTRAL INDEX KEY:\t\t\t0000123456
</SEC-HEADER>"""
INDEX = """<table><tr><th>Seq</th></tr>
<tr><td>1</td><td><a href="/ix?doc={folder}/a8k.htm">a8k.htm</a></td><td>8-K</td></tr>
<tr><td>2</td><td><a href="{folder}/ex991.htm">ex991.htm</a></td><td>EX-99.1</td></tr>
<tr><td>3</td><td><a href="{folder}/logo.jpg">logo.jpg</a></td><td>GRAPHIC</td></tr>
</table>"""
ENTRY = """<entry><title>{form} - {company} ({cik}) ({role})</title>
<link rel="alternate" type="text/html" href="{root}{folder}/{number}-index.htm"/>
<summary type="html">&lt;b&gt;Filed:&lt;/b&gt; 2026-01-12
&lt;br&gt;Item 2.02: Results of Operations and Financial Condition
&lt;br&gt;Item 9.01: Financial Statements and Exhibits</summary>
<updated>2026-01-12T16:30:12-05:00</updated><id>urn:{number}:{cik}</id></entry>"""


def entry(site: Site, **change: str) -> str:
    fields = {"form": "8-K", "company": "ACME SHOES, INC.", "cik": "0000123456", "role": "Filer"}
    return ENTRY.format(root=site.root, folder=FOLDER, number=NUMBER, **(fields | change))


def serve(site: Site, *entries: str) -> None:
    head = '<?xml version="1.0" encoding="ISO-8859-1"?><feed xmlns="http://www.w3.org/2005/Atom">'
    site.page("/feed", f"{head}<title>Latest</title>{''.join(entries)}</feed>".encode())
    site.page(f"{FOLDER}/{NUMBER}.hdr.sgml", HEADER.encode())
    site.page(f"{FOLDER}/{NUMBER}-index.htm", INDEX.format(folder=FOLDER).encode())
    site.page(f"{FOLDER}/a8k.htm", INLINE_XBRL)
    site.page(f"{FOLDER}/ex991.htm", RELEASE)


def harvest(site: Site, ciks: set[str] | None = None, memory: Memory | None = None) -> Harvest:
    source = EdgarSource(site.fetcher(), ciks, f"{site.root}/feed")
    return source.harvest(memory or Memory(), NOW)


def test_a_report_is_an_article_of_its_acceptance_with_items_and_exhibit(site: Site) -> None:
    serve(site, entry(site))
    [article] = harvest(site).articles
    assert article.published == datetime(2026, 1, 12, 21, 30, 12, tzinfo=UTC)
    assert article.known_at == NOW
    assert article.title.startswith("ACME SHOES, INC. 8-K: Results of Operations")
    first, *rest = article.text.splitlines()
    assert first == "Item 2.02: Results of Operations and Financial Condition"
    assert "Net sales decreased 3.2 percent to $29.6 million in the quarter." in rest
    assert "0000072333" not in article.text


def test_its_filer_is_linked_by_cik_and_nobody_by_its_words(site: Site) -> None:
    serve(site, entry(site))
    frame = frame_of(harvest(site).articles)
    linker = Linker([Company(("ACM",), ("Unrelated Name",), cik="123456")])
    assert link(frame, linker)[["symbol", "relevance"]].to_numpy().tolist() == [["ACM", 1.0]]
    claimed = frame.assign(source="folder")
    assert link(claimed, linker).empty


def test_only_reports_of_the_asked_companies_are_read(site: Site) -> None:
    serve(site, entry(site, form="4"), entry(site, form="424B2"), entry(site, role="Reporting"))
    assert harvest(site).articles == []
    serve(site, entry(site))
    assert harvest(site, {"99"}).articles == []
    assert len(harvest(site, {"0000123456"}).articles) == 1


def test_a_report_that_cannot_be_read_is_asked_for_again(site: Site) -> None:
    serve(site, entry(site))
    site.status(f"{FOLDER}/ex991.htm", 503)
    found = harvest(site)
    assert not found.articles
    assert found.notices[0].place.endswith("ex991.htm")
    assert not found.memory.feeds
    site.page(f"{FOLDER}/ex991.htm", RELEASE)
    again = harvest(site, memory=found.memory)
    assert len(again.articles) == 1
    assert harvest(site, memory=again.memory).articles == []


def test_a_feed_that_is_a_page_of_apology_is_a_notice(site: Site) -> None:
    site.page("/feed", b"<html><body>Your Request Originates from an Undeclared Automated Tool<br>")
    found = harvest(site)
    assert found.notices[0].place == f"{site.root}/feed"


def test_a_header_in_winter_and_in_summer_is_new_york_time() -> None:
    assert read_header(HEADER, "h").accepted.astimezone(UTC).hour == 21
    summer = HEADER.replace("20260112163012", "20260712163012")
    assert read_header(summer, "h").accepted.astimezone(UTC).hour == 20
    assert read_header(HEADER, "h").cik == "123456"
    assert len(read_header(HEADER, "h").items) == 2


@pytest.mark.parametrize("lost", ["<ACCEPTANCE-DATETIME>", "20260112163012", "CENTRAL INDEX KEY"])
def test_a_garbled_header_is_refused(lost: str) -> None:
    with pytest.raises(ArticleError, match="header"):
        read_header(HEADER.replace(lost, "x"), "h")


def test_an_index_without_documents_is_refused() -> None:
    with pytest.raises(ArticleError, match="no document"):
        documents(b"<table><tr><td>GRAPHIC</td></tr></table>", "https://www.sec.gov/x-index.htm")


def test_a_report_ends_at_its_signature() -> None:
    assert "Jane Roe" not in filing_text(INLINE_XBRL, "8-K")
