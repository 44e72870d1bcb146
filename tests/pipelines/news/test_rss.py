"""Feeds: good ones give dated articles, bad ones a notice, and none stops another."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.errors import SourceError
from pipelines.sources.news.base import Harvest, Memory, frame_of, load_memory, save_memory
from pipelines.sources.news.rss import RssSource, read_feed
from tests.pipelines.news.site import Site

NOW = datetime(2012, 5, 18, 21, 0, tzinfo=UTC)
ITEM = """<item><title>{title}</title><link>{link}</link>{date}
<description>&lt;p&gt;Revenue &lt;b&gt;rose&lt;/b&gt; in the quarter.&lt;/p&gt;</description>
</item>"""
DATE = "<pubDate>Fri, 18 May 2012 16:15:00 -0400</pubDate>"
PAGE = """<html lang="en"><head><title>t</title></head><body><article><h1>Apple</h1>
<p>Apple reported that revenue rose in the quarter on sales of its phones and tablets.</p>
<p>The company also said that it expects further growth in the quarter that began in April.</p>
</article></body></html>"""
BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]><rss version="2.0"><channel>
<title>&lol2;</title></channel></rss>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<rss version="2.0"><channel><title>&x;</title></channel></rss>"""


def rss(*items: str) -> bytes:
    head = '<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>'
    return f"{head}<language>en-us</language>{''.join(items)}</channel></rss>".encode()


def item(site: Site, path: str = "/a", title: str = "Apple revenue rises", date: str = DATE) -> str:
    return ITEM.format(title=title, link=f"{site.root}{path}", date=date)


def harvest(site: Site, *paths: str, memory: Memory | None = None, pages: bool = False) -> Harvest:
    feeds = [f"{site.root}{path}" for path in paths]
    return RssSource(feeds, site.fetcher(), pages=pages).harvest(memory or Memory(), NOW)


def test_an_entry_is_an_article_known_when_it_was_seen(site: Site) -> None:
    site.page("/feed", rss(item(site)))
    found = harvest(site, "/feed")
    [article] = found.articles
    assert article.title == "Apple revenue rises"
    assert article.text == "Revenue rose in the quarter."
    assert article.published == datetime(2012, 5, 18, 20, 15, tzinfo=UTC)
    assert (article.known_at, article.known_by) == (NOW, "observed")
    assert (article.source, article.language) == ("127.0.0.1", "en")
    frame = frame_of(found.articles)
    assert str(frame["known_at"].dtype) == "datetime64[us, UTC]"
    assert len(frame["article_id"].iloc[0]) == 32


def test_the_page_behind_an_entry_gives_the_text(site: Site) -> None:
    site.page("/feed", rss(item(site)))
    site.page("/a", PAGE.encode())
    [article] = harvest(site, "/feed", pages=True).articles
    assert "expects further growth" in article.text


def test_a_page_that_is_away_leaves_the_summary_and_a_notice(site: Site) -> None:
    site.page("/feed", rss(item(site)))
    found = harvest(site, "/feed", pages=True)
    assert found.articles[0].text == "Revenue rose in the quarter."
    assert found.notices[0].place == f"{site.root}/a"
    assert "404" in found.notices[0].reason


def test_a_link_to_a_host_that_was_not_named_is_not_followed(site: Site) -> None:
    entry = ITEM.format(title="t", link="http://169.254.169.254/latest", date=DATE)
    site.page("/feed", rss(entry))
    found = harvest(site, "/feed", pages=True)
    assert len(found.articles) == 1
    assert found.notices[0].place == "http://169.254.169.254/latest"


BROKEN = {
    "html": b"<!doctype html><html><body><p>Sorry<br>down</body></html>",
    "xhtml": b"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>Sorry</p></body></html>",
    "laughs": BILLION_LAUGHS,
    "entity": OUTSIDE,
    "deep": b"<a>" * 50_000 + b"</a>" * 50_000,
    "cut": rss()[:-9],
    "empty": b"",
    "binary": bytes(range(256)),
    "json": b'{"items": []}',
    "utf-7": b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_feed_is_a_notice_and_the_next_one_is_read(site: Site, kind: str) -> None:
    site.page("/bad", BROKEN[kind])
    site.page("/good", rss(item(site)))
    found = harvest(site, "/bad", "/away", "/good")
    assert [article.title for article in found.articles] == ["Apple revenue rises"]
    assert [notice.place for notice in found.notices] == [f"{site.root}/bad", f"{site.root}/away"]
    with pytest.raises(SourceError):
        read_feed(BROKEN[kind], "feed")


def test_the_reasons_say_what_is_wrong() -> None:
    reasons = {"html": "no XML", "xhtml": "neither RSS nor Atom", "laughs": "DTD", "deep": "nests"}
    for kind, reason in reasons.items():
        with pytest.raises(SourceError, match=reason):
            read_feed(BROKEN[kind], "feed")


def test_an_undated_entry_is_refused_by_its_address(site: Site) -> None:
    site.page("/feed", rss(item(site, "/a", date=""), item(site, "/b", "Dated")))
    found = harvest(site, "/feed")
    assert [article.title for article in found.articles] == ["Dated"]
    assert found.notices[0].place == f"{site.root}/a"
    assert "no date" in found.notices[0].reason


def test_an_entry_from_the_future_is_refused(site: Site) -> None:
    late = "<pubDate>Fri, 18 May 2029 16:15:00 -0400</pubDate>"
    site.page("/feed", rss(item(site, date=late)))
    found = harvest(site, "/feed")
    assert not found.articles
    assert "after it was seen" in found.notices[0].reason


def test_a_title_of_tricks_is_made_plain(site: Site) -> None:
    tricky = "Ap\u200bple \u202egnisir\u202c \uff22\uff35\uff39\u00a0now\u0007 &amp; &lt;b&gt;x"
    site.page("/feed", rss(item(site, title=tricky.replace("\u0007", ""))))
    assert harvest(site, "/feed").articles[0].title == "Apple gnisir BUY now & x"


def test_what_was_seen_is_not_told_twice(site: Site, tmp_path: Path) -> None:
    site.page("/feed", rss(item(site)), ETag='"1"')
    first = harvest(site, "/feed")
    save_memory(first.memory, tmp_path / "state" / "rss.json")
    memory = load_memory(tmp_path / "state" / "rss.json")
    assert memory == first.memory
    site.page("/feed", rss(item(site), item(site, "/b", "Second")), ETag='"2"')
    later = RssSource([f"{site.root}/feed"], site.fetcher(), pages=False)
    again = later.harvest(memory, NOW + timedelta(hours=1))
    assert [article.title for article in again.articles] == ["Second"]
    assert site.asked[-1][1]["If-None-Match"] == '"1"'
    assert list((tmp_path / "state").iterdir()) == [tmp_path / "state" / "rss.json"]


def test_a_feed_that_failed_keeps_what_was_known_about_it(site: Site) -> None:
    site.page("/feed", rss(item(site)), ETag='"1"')
    memory = harvest(site, "/feed").memory
    site.status("/feed", 500)
    assert harvest(site, "/feed", memory=memory).memory == memory


def test_a_broken_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(SourceError, match=r"m\.json"):
        load_memory(tmp_path / "m.json")
    assert load_memory(tmp_path / "none.json") == Memory()
