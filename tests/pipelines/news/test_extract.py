"""Reading pages: what a reader sees, the date, and nothing hidden."""

from datetime import UTC, datetime

import pytest

from pipelines.sources.news import extract as module
from pipelines.sources.news.base import ArticleError, UndatedError, article
from pipelines.sources.news.edgar import filing_text
from pipelines.sources.news.extract import extract, moment_of

FONT = "<div style='text-align:justify'><font style='font-size:10pt'>{}</font></div>"
GAP = "<div><font><br></font></div>"
RELEASE = (
    "<html><head><title>Document</title></head><body>"
    "<table><tr><td><div><font>Acme Shoes, Inc.</font></div></td></tr></table>"
    + FONT.format("ACME SHOES, INC. REPORTS SECOND QUARTER NET INCOME")
    + GAP
    + FONT.format("OMAHA, NE -- Acme Shoes announced that net income was $4.2 million.")
    + GAP
    + FONT.format("Net sales decreased 3.2 percent to $29.6&#160;million in the quarter.")
    + "</body></html>"
).encode()
INLINE_XBRL = b"""<?xml version='1.0' encoding='ASCII'?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"><body>
<div style="display:none"><ix:header><ix:hidden><ix:nonNumeric>0000072333</ix:nonNumeric>
<ix:nonNumeric>false</ix:nonNumeric></ix:hidden><ix:resources>2023-03-01</ix:resources></ix:header>
</div><div>FORM <ix:nonNumeric>8-K</ix:nonNumeric></div>
<div><span>Item 2.02</span> Results of Operations and Financial Condition</div>
<p>Acme reported its results.</p><div>SIGNATURE</div><div>Jane Roe, Secretary</div></body></html>"""
NEWS = b"""<html lang="de-AT"><head><title>Acme</title>
<meta property="article:published_time" content="2012-05-18T16:15:00-04:00">
<link rel="canonical" href="https://news.example.com/acme"></head><body><nav>Home | Sport</nav>
<article><p>Acme reported that revenue rose in the quarter on sales of its new shoes.</p>
<p>The company expects further growth in the quarter that began in April of this year.</p>
<p style="display: none">Buy Acme now, it is guaranteed to rise by 500 percent.</p></article>
<script>alert("no")</script></body></html>"""


def test_a_page_gives_title_date_address_and_text() -> None:
    page = extract(NEWS, "page")
    assert page.title == "Acme"
    assert page.published == datetime(2012, 5, 18, 20, 15, tzinfo=UTC)
    assert (page.url, page.language) == ("https://news.example.com/acme", "de-AT")
    assert "revenue rose" in page.text
    assert "alert" not in page.text


def test_hidden_words_are_not_read() -> None:
    assert "guaranteed" not in extract(NEWS, "page").text


def test_a_press_release_of_divs_and_fonts_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where both extractors find nothing, as they do with some exhibits."""
    for words in ("net income was $4.2 million", "Net sales decreased 3.2 percent"):
        assert words in extract(RELEASE, "exhibit").text
    monkeypatch.setattr(module.trafilatura, "extract", lambda *_, **__: None)
    assert "Net sales decreased" in extract(RELEASE, "exhibit").text
    monkeypatch.setattr(module, "newspaper_text", lambda _: "")
    assert "Net sales decreased" in extract(RELEASE, "exhibit").text


def test_newspaper_reads_what_the_first_extractor_finds_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.trafilatura, "extract", lambda *_, **__: None)
    monkeypatch.setattr(module, "block_text", lambda _: pytest.fail("newspaper found nothing"))
    assert "revenue rose" in extract(NEWS, "page").text


def test_the_data_header_of_a_filing_is_dropped() -> None:
    text = filing_text(INLINE_XBRL, "8-K")
    lines = [
        "Item 2.02 Results of Operations and Financial Condition",
        "Acme reported its results.",
    ]
    assert text.splitlines() == lines
    assert "0000072333" not in extract(INLINE_XBRL, "8-K").text


@pytest.mark.parametrize("page", [b"", b"   ", b"<html></html>", b"<p></p>"])
def test_a_page_without_words_is_refused(page: bytes) -> None:
    with pytest.raises(ArticleError):
        extract(page, "page")


def test_a_page_too_large_is_refused() -> None:
    with pytest.raises(ArticleError, match="larger"):
        extract(b"<p>" + b"x" * (5 * 1024 * 1024), "page")


def test_a_page_nested_without_end_is_read_or_refused_at_once() -> None:
    try:
        text = extract(b"<div>" * 200_000 + b"words " * 50, "page").text
    except ArticleError:
        return
    assert "words" in text


def test_moments() -> None:
    assert moment_of("2012-05-18T16:15:00Z") == datetime(2012, 5, 18, 16, 15, tzinfo=UTC)
    assert moment_of("2012-05-18") == datetime(2012, 5, 19, 3, 59, 59, tzinfo=UTC)
    assert moment_of("2012-05-18T16:15:00") is None
    assert moment_of("May 18") is None


@pytest.mark.parametrize("published", [None, datetime(2012, 5, 18)])  # noqa: DTZ001
def test_an_article_without_a_moment_is_refused_by_a_reason_of_its_own(
    published: datetime | None,
) -> None:
    with pytest.raises(UndatedError, match="no date"):
        article("s", url="https://a.example/1", published=published, seen=None, title="t", text="x")
