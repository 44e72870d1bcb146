"""What news may do to a strategy's score: the cap, a day without articles, and the reasons."""

import math
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.config import Sizing
from pipelines.analyses.technical import technical
from pipelines.errors import StrategyError
from pipelines.feed import VERSIONED
from pipelines.lake import open_lake
from pipelines.strategies import news_part
from pipelines.strategies.technical import TechnicalStrategy
from pipelines.strategy_file import open_strategy
from tests.pipelines.dagster_runs import checks, failure, run
from tests.pipelines.frames import actions, bars, walk
from tests.pipelines.news_runs import run_news

TABLE = technical(bars(walk(60)), actions())
WEIGHTS = {"rsi_score": 0.2, "macd_score": 0.4, "news_score": 0.3, "sentiment_score": 0.1}
BLEND = TechnicalStrategy("blend", "1", WEIGHTS, threshold=0.1, news_cap=0.1)

SHIPPED = str(files("pipelines.strategies").joinpath("blend.toml"))

score = st.one_of(st.just(math.nan), st.floats(-1, 1))
title = st.text(max_size=40)


def row(
    news: float, sentiment: float, told: str = "an article", price: float = 0.5
) -> pd.DataFrame:
    last = TABLE.tail(1).reset_index(drop=True)
    of_news = {"news_score": news, "news_reasons": told}
    of_sentiment = {"sentiment_score": sentiment, "sentiment_reasons": told}
    return last.assign(rsi_score=price, macd_score=price, **of_news, **of_sentiment)


def given_score(frame: pd.DataFrame) -> float:
    return float(BLEND.signals(frame)["score"].iloc[0])


@given(score, score, title, st.floats(-1, 1))
def test_no_article_moves_a_score_beyond_the_cap(
    news: float, sentiment: float, told: str, price: float
) -> None:
    open_minded = replace(BLEND, threshold=0.0)
    without = open_minded.signals(row(math.nan, math.nan, price=price))["score"].iloc[0]
    found = open_minded.signals(row(news, sentiment, told, price))["score"].iloc[0]
    assert abs(found - without) <= BLEND.news_cap + 1e-6


@given(score, score, title)
def test_no_article_opens_a_position_by_itself(news: float, sentiment: float, told: str) -> None:
    found = open_strategy(SHIPPED).signals(
        row(news, sentiment, told, price=0.0).assign(bollinger_score=0.0)
    )
    assert abs(found["score"].iloc[0]) < float(Sizing().entry_score)


def test_news_counts_by_its_weight_below_the_cap() -> None:
    """0.2 * 0.5 + 0.4 * 0.5 + 0.3 * 0.2 + 0.1 * 0.1 = 0.37; without articles 0.3."""
    assert given_score(row(0.2, 0.1)) == 0.37
    assert given_score(row(math.nan, math.nan)) == 0.3
    assert given_score(row(1.0, 1.0)) == 0.4


def test_the_reasons_name_the_articles_their_absence_and_the_cap() -> None:
    told = BLEND.signals(row(1.0, math.nan, "Example Corp wins"))["reasons"].iloc[0].split("; ")
    assert told[-3:] == [
        "news 1.00: Example Corp wins",
        "no sentiment",
        "news and sentiment are capped at 0.1",
    ]


def test_the_content_follows_the_news() -> None:
    contents = {BLEND.signals(row(*each))["content"].iloc[0] for each in [(0.2, 0.1), (0.2, 0.2)]}
    assert len(contents) == 2


def test_the_settings_are_part_of_the_version_only_where_news_counts() -> None:
    assert BLEND.wire_version != replace(BLEND, news_cap=0.2).wire_version
    plain = open_strategy()
    assert plain.wire_version == replace(plain, news_cap=0.2).wire_version


@pytest.mark.parametrize(
    ("weights", "cap", "sentence"),
    [
        ({"news_score": 0.5}, 0.1, "news alone gives no signal"),
        (WEIGHTS, 1.0, r"news_cap 1.0 is not in \[0,1\)"),
        (WEIGHTS, -0.1, "news_cap -0.1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    weights: dict[str, float], cap: float, sentence: str
) -> None:
    with pytest.raises(StrategyError, match=sentence):
        TechnicalStrategy("blend", "1", weights, 0.1, news_cap=cap)


def test_a_day_is_joined_by_symbol_and_session() -> None:
    last = TABLE.tail(2).reset_index(drop=True)
    keys = last[["symbol", "session"]].tail(1)
    known = pd.Timestamp("2012-03-01 15:00", tz="UTC")
    news = keys.assign(score=0.5, reasons="told", known_at=known)
    quiet = keys.assign(count=0, novelty_weighted=0.0, reasons="not sure", known_at=known)
    found = news_part.joined(last, news, quiet)
    assert len(found) == 2
    assert found["news_score"].tolist()[1] == 0.5
    assert math.isnan(found["news_score"].tolist()[0])
    assert found["sentiment_score"].isna().all()  # an abstaining model has no opinion
    assert found[news_part.KNOWN_AT].tolist() == [pd.NaT, known]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRADING_LAKE_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    return str(tmp_path / "lake")


def test_signals_read_the_news_of_their_sessions(lake: str) -> None:
    """Facebook's offering of 2012-05-18 is in the sample."""
    news = {"sentiment": "lexicon"}
    run_news("2012-05-14", "2012-05-25", **news)
    done = run("2012-05-14", "2012-05-25", strategy=SHIPPED, news=news)
    assert checks(done)["point_in_time"].passed
    found = open_lake(lake).read("signals", "sample-blend", date(2012, 5, 14), date(2012, 5, 25))
    told = found[found["reasons"].str.contains("news -?[0-9]")]
    assert set(told["symbol"]) <= {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    assert len(told) > 0
    assert {f"{name}_version" for name in VERSIONED} <= set(found.columns)
    assert found["news_version"].nunique() > 1


def test_signals_that_weigh_news_fail_where_none_was_judged(lake: str) -> None:
    assert lake
    failed = run("2012-05-14", strategy=SHIPPED, raises=False)
    assert "run news_job first" in failure(failed, "signals")
