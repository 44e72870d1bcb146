"""Articles in the lake: each once, in the first session that may use it, grouped and linked.

Belongs here: the tables `articles` and `mentions`, and the moment at which a session is decided.
Keep out: where articles come from (sources/news/) and what they mean (analyses/).

articles: the columns of sources/news/base.py, group_id, group_known_at (when the first article of
the group was known) and session. mentions: article_id, symbol, relevance, name (the company as the
article writes it), group_id, group_known_at, known_at and session.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import pandas as pd

from pipelines import calendar
from pipelines.analyses.news.linking import Linker, link
from pipelines.analyses.news.near_copies import WINDOW, group
from pipelines.analyses.sentiment.daily import sessions_of
from pipelines.lake import Lake
from pipelines.sources.news.base import frame_of

ARTICLES = "articles"
MENTIONS = "mentions"

DECIDED_AT = timedelta(hours=16, minutes=30)
"""New York time on a session's day: what is known by then may move its signals."""

NEW_YORK = "America/New_York"
LOOKBACK = 55
"""Sessions before a range that its scores may rest on: 50 in which an impact counts (five half
lives of the longest), and five for the novelty of the first of those."""

OF_GROUP = ["group_id", "group_known_at"]


@dataclass(frozen=True)
class Window:
    """What may be used for a range of sessions, from `start` on, and what stands there too soon."""

    start: date
    articles: pd.DataFrame
    mentions: pd.DataFrame
    too_soon: pd.DataFrame
    """Articles in a session that was decided before they were known; nothing may use them."""


def decided(sessions: pd.Series) -> pd.Series:
    """When each session is decided, in UTC; `sessions` are naive midnights."""
    local = (sessions + DECIDED_AT).dt.tz_localize(NEW_YORK)
    return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


@lru_cache(maxsize=1)
def decisions() -> pd.DataFrame:
    """Every session of the calendar with decided_at, both ascending."""
    days = pd.Series(calendar.session_index(calendar.FIRST_DAY, calendar.LAST_DAY))
    return pd.DataFrame({"session": days, "decided_at": decided(days)})


def too_soon(rows: pd.DataFrame) -> pd.Series:
    """Which rows (known_at, session) stand in a session that was decided before they were known."""
    return rows["known_at"] > decided(rows["session"])


def known_articles(lake: Lake, dataset: str) -> dict[str, datetime]:
    """Every stored article's id, with the moment at which it was known."""
    found: dict[str, datetime] = {}
    for year in lake.years(ARTICLES, dataset, calendar.LAST_DAY):
        rows = lake.columns(ARTICLES, dataset, year, ["article_id", "known_at"])
        found.update(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
    return found


def add(lake: Lake, dataset: str, fresh: pd.DataFrame) -> pd.DataFrame:
    """Store articles that are not there yet, each in its session; returns those rows.

    What was stored before stays as it is: an article that is there keeps its text and its moment,
    and its group. Articles known after the calendar's last decision are left out.
    """
    known = known_articles(lake, dataset)
    new = fresh[~fresh["article_id"].isin(list(known))]
    new = new.assign(session=sessions_of(new["known_at"], decisions()))
    new = new[new["session"].notna()]
    if new.empty:
        return no_articles()
    rows = _grouped(lake, dataset, new)
    start, end = rows["session"].min().date(), rows["session"].max().date()
    held = lake.read(ARTICLES, dataset, start, end, empty=no_articles())
    lake.write(ARTICLES, dataset, _in_order(pd.concat([held, rows])), start, end)
    return rows


def link_again(lake: Lake, dataset: str, linker: Linker, start: date, end: date) -> None:
    """Find the companies in the articles of a range of sessions, and store them."""
    articles = _in_order(lake.read(ARTICLES, dataset, start, end, empty=no_articles()))
    lake.write(MENTIONS, dataset, mentions_of(articles, linker), start, end)


def mentions_of(articles: pd.DataFrame, linker: Linker) -> pd.DataFrame:
    """The companies of articles that were placed and grouped: the rows of the table `mentions`."""
    found = link(articles, linker)
    names = _names(articles[articles["article_id"].isin(found["article_id"])], linker)
    keys = zip(found["article_id"], found["symbol"], strict=True)
    # A symbol that stands alone ("$AAPL") is itself the name that the article writes.
    written = [names.get(key, key[1]) for key in keys]
    rows = found.assign(name=pd.Series(written, dtype="str"))
    of_article = articles[["article_id", *OF_GROUP, "known_at", "session"]]
    return rows.merge(of_article, on="article_id", validate="many_to_one")


def read_window(lake: Lake, dataset: str, sessions: Sequence[date]) -> Window:
    """The articles and mentions that scores of these sessions may rest on."""
    days = calendar.sessions_between(calendar.FIRST_DAY, sessions[0])
    start, end = days[-min(LOOKBACK + 1, len(days))], sessions[-1]
    articles = _in_order(lake.read(ARTICLES, dataset, start, end, empty=no_articles()))
    late = too_soon(articles)
    mentions = lake.read(MENTIONS, dataset, start, end, empty=no_mentions())
    usable = mentions["article_id"].isin(articles["article_id"][~late])
    kept = mentions[usable].reset_index(drop=True)
    return Window(start, articles[~late].reset_index(drop=True), kept, articles[late])


def first_of_group(lake: Lake, dataset: str, mentions: pd.DataFrame) -> pd.DataFrame:
    """Those of the mentions that no earlier near-copy has made for the same symbol."""
    if mentions.empty:
        return mentions
    start = mentions["group_known_at"].min().date() - timedelta(days=1)
    end = mentions["session"].max().date()
    every = lake.read(MENTIONS, dataset, start, end, empty=no_mentions())
    every = every[~too_soon(every)].sort_values(["known_at", "article_id"], kind="stable")
    first = every.drop_duplicates(["symbol", "group_id"])[["article_id", "symbol"]]
    return mentions.merge(first, on=["article_id", "symbol"], validate="one_to_one")


def no_articles() -> pd.DataFrame:
    """The table `articles` without rows, with the right types."""
    frame = frame_of([])
    return frame.assign(
        group_id=pd.Series(dtype="str"),
        group_known_at=frame["known_at"],
        session=pd.Series(dtype="datetime64[us]"),
    )


def no_mentions() -> pd.DataFrame:
    """The table `mentions` without rows, with the right types."""
    texts = ("article_id", "symbol", "relevance", "name")
    frame = pd.DataFrame({name: pd.Series(dtype="str") for name in texts})
    of_article = no_articles()[[*OF_GROUP, "known_at", "session"]]
    return pd.concat([frame.astype({"relevance": "float64"}), of_article], axis="columns")


def _grouped(lake: Lake, dataset: str, new: pd.DataFrame) -> pd.DataFrame:
    """The new articles with their groups, from what was known up to WINDOW before each."""
    before = (new["known_at"].min() - WINDOW).date() - timedelta(days=1)
    held = lake.read(ARTICLES, dataset, before, calendar.LAST_DAY, empty=no_articles())
    held = held[~too_soon(held)]
    missing = pd.Series(pd.NA, index=new.index, dtype="str")
    together = group(pd.concat([held, new.assign(group_id=missing)], ignore_index=True))
    own = together.assign(first=together["group_known_at"].fillna(together["known_at"]))
    first = own.groupby("group_id")["first"].min()
    rows = together[together["article_id"].isin(new["article_id"])]
    return rows.assign(group_known_at=rows["group_id"].map(first))[list(no_articles().columns)]


def _names(articles: pd.DataFrame, linker: Linker) -> dict[tuple[str, str], str]:
    """What each article first calls each company, by article and symbol."""
    names: dict[tuple[str, str], str] = {}
    columns = [articles[name] for name in ("article_id", "title", "text")]
    for article_id, title, text in zip(*columns, strict=True):
        for mention in linker.mentions(f"{title}\n{text}"):
            for symbol in mention.company.symbols:
                names.setdefault((article_id, symbol), mention.name)
    return names


def _in_order(articles: pd.DataFrame) -> pd.DataFrame:
    return articles.sort_values(["known_at", "article_id"], kind="stable", ignore_index=True)
