"""From any text at all to an order: what news may do is bounded all the way through the core."""

from datetime import UTC, date, datetime
from decimal import Decimal
from tempfile import TemporaryDirectory

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from execution.domain import effects as fx
from execution.domain.config import Sizing
from pipelines import calendar, news_lake
from pipelines.analyses.news.impact import impacts
from pipelines.analyses.technical import technical
from pipelines.assets import news_impact, sentiment
from pipelines.assets.resources import News
from pipelines.assets.signals import opinions
from pipelines.feed import Tables, in_feed_order
from pipelines.lake import Lake, open_lake
from pipelines.models.lexicon import Lexicon
from pipelines.sources.base import no_actions
from pipelines.sources.news.base import article, frame_of
from pipelines.sources.news.companies import linker
from pipelines.strategy_file import open_strategy
from router.messages import Signal, decode, encode
from tests.execution.factories import CONFIG, Core
from tests.pipelines.frames import actions, bars, walk

NEWS = News(sentiment="lexicon")
BLEND = open_strategy("blend")
CAP = Decimal("0.1")
ENTRY = Sizing().entry_score
DAY = date(2012, 3, 28)
"""The last of sixty bars."""

CLOSE = calendar.close_of(DAY)
ACCOUNT = structs.replace(
    CONFIG,
    strategies=("blend",),
    capital={"blend": Decimal(90_000), "manual": Decimal(10_000)},
)
LEXICON = Lexicon()

words = st.sampled_from(
    ["profit", "loss", "beats", "guaranteed 500%", "BUY NOW", "$AAPL", "merger", "soars", "fraud"]
)
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80)
texts = st.lists(st.one_of(words, anything), min_size=1, max_size=12).map(" ".join)


def judged(lake: Lake, titles: list[str]) -> None:
    """The tables of news and sentiment, from articles about Apple on the morning of the day."""
    articles = [
        article(
            f"wire {n}",
            url=f"https://wire.example/{n}",
            published=datetime(2012, 3, 28, 12, n % 60, tzinfo=UTC),
            seen=datetime(2012, 3, 28, 12, n % 60, tzinfo=UTC),
            title=f"Apple {title}",
            text=title * 3,
        )
        for n, title in enumerate(titles)
    ]
    news_lake.add(lake, NEWS.dataset, frame_of(articles))
    news_lake.link_again(lake, NEWS.dataset, linker(), DAY, DAY)
    window = news_lake.read_window(lake, NEWS.dataset, [DAY])
    scores, _ = sentiment.score(lake, NEWS.opinions, LEXICON, window)
    daily = sentiment.of_sessions(lake, NEWS.dataset, window, scores, [DAY])
    lake.write(sentiment.DAILY, NEWS.opinions, daily, DAY, DAY)
    found = news_impact.judge(impacts, window, scores[["article_id", "symbol", "score"]])
    of_news = news_impact.of_sessions(found, [DAY])
    lake.write(news_impact.DAILY, NEWS.judged, of_news, DAY, DAY)


def priced(lake: Lake, score: float) -> pd.DataFrame:
    """The last bar of Apple with scores of prices that come to `score` together."""
    closes = bars(walk(60), "AAPL")
    known = {"event_time": pd.Timestamp(CLOSE), "known_at": pd.Timestamp(CLOSE)}
    last = closes.tail(1).reset_index(drop=True).assign(suspect=False, **known)
    table = technical(closes, actions()).tail(1).reset_index(drop=True)
    own = dict.fromkeys(("rsi_score", "macd_score", "bollinger_score"), score / 0.8)
    lake.write("bars", "sample", last, DAY, DAY)
    lake.write("technical", "sample", table.assign(**own, **known), DAY, DAY)
    return last


def bought(titles: list[str], score: float) -> tuple[Decimal, Decimal]:
    """How many shares the core orders, and the score of the signal that it got."""
    with TemporaryDirectory() as folder:
        lake = open_lake(folder)
        judged(lake, titles)
        last = priced(lake, score)
        found = opinions(lake, "sample", BLEND, [DAY], "run", NEWS)
    messages = [
        decode(encode(m))
        for m in in_feed_order(Tables("sample", "blend", last, no_actions(), found, None))
    ]
    (signal,) = (m for m in messages if isinstance(m, Signal))
    core = Core(ACCOUNT)
    core.send(*messages)  # type: ignore[arg-type]
    orders = [created.order for created in core.all(fx.OrderCreated)]
    return sum((o.side.sign * o.quantity for o in orders), Decimal(0)), signal.score


@settings(max_examples=25, deadline=None)
@given(
    st.lists(texts, min_size=1, max_size=6),
    st.sampled_from([-0.4, -0.05, 0.0, 0.04, 0.049, 0.12, 0.2, 0.45]),
)
def test_no_text_makes_an_order_beyond_what_the_cap_allows(titles: list[str], price: float) -> None:
    shares, score = bought(titles, price)
    most = Decimal(str(price)) + CAP
    assert score <= most + Decimal("0.000002")
    no_opinion = score == 0  # what is left of a weak score may be below the threshold
    assert no_opinion or score >= Decimal(str(price)) - CAP - Decimal("0.000002")
    if most < ENTRY:
        assert shares == 0
    else:
        full = Decimal(9_000)  # a tenth of the sleeve at a full score
        value = full * min(Decimal(1), most / Sizing().full_score)
        assert shares * last_close() <= value


def last_close() -> Decimal:
    return Decimal(str(walk(60)[-1]))


def test_these_texts_do_move_scores() -> None:
    """Else the law above would say little."""
    _, good = bought(["profit beats, soars after merger"], 0.12)
    _, none = bought(["of no consequence"], 0.12)
    _, bad = bought(["fraud loss lawsuit"], 0.12)
    assert good > none > bad
    assert bought(["profit beats, soars after merger"], 0.12)[0] > 0
    assert bought(["fraud loss lawsuit"], 0.12)[0] == 0
