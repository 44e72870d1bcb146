"""What news may do to a strategy's score: the cap, a day without articles, and the reasons."""

import math
from datetime import date
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.config import Sizing
from pipelines.analyses.technical import technical
from pipelines.errors import StrategyError
from pipelines.feed import VERSIONED
from pipelines.lake import open_lake
from pipelines.strategies import news_part
from pipelines.strategies.opened import Opened
from pipelines.strategy_file import open_strategy
from tests.pipelines.dagster_runs import checks, failure, run
from tests.pipelines.frames import actions, bars, walk
from tests.pipelines.news_runs import run_news
from tests.pipelines.strategies import weighted

TABLE = technical(bars(walk(60)), actions())
WEIGHTS = {"rsi_score": 0.2, "macd_score": 0.4, "news_score": 0.3, "sentiment_score": 0.1}
BLEND = weighted(WEIGHTS)
CAP = 0.1

score = st.one_of(st.just(math.nan), st.floats(-1, 1))
title = st.text(max_size=40)


def row(
    news: float, sentiment: float, told: str = "an article", price: float = 0.5
) -> pd.DataFrame:
    last = TABLE.tail(1).reset_index(drop=True)
    of_news = {"news_score": news, "news_reasons": told}
    of_sentiment = {"sentiment_score": sentiment, "sentiment_reasons": told}
    return last.assign(rsi_score=price, macd_score=price, **of_news, **of_sentiment)


def given_score(frame: pd.DataFrame, strategy: Opened = BLEND) -> float:
    return float(strategy.signals(frame)["score"].iloc[0])


@settings(max_examples=50, deadline=None)
@given(score, score, title, st.floats(-1, 1))
def test_no_article_moves_a_score_beyond_the_cap(
    news: float, sentiment: float, told: str, price: float
) -> None:
    open_minded = weighted(WEIGHTS, 0.0)
    without = given_score(row(math.nan, math.nan, price=price), open_minded)
    found = open_minded.signals(row(news, sentiment, told, price)).iloc[0]
    assert abs(found["score"] - without) <= CAP + 1e-6
    parts = np.nan_to_num(found[["news_part", "sentiment_part"]].to_numpy(dtype=float))
    assert abs(parts.sum()) <= CAP + 1e-6
    assert abs(found["technical_part"] + parts.sum() - found["score"]) <= 2e-6


@settings(max_examples=30, deadline=None)
@given(score, score, st.floats(-1, 1))
def test_what_a_signal_says_of_itself_without_an_analysis_is_so(
    news: float, sentiment: float, price: float
) -> None:
    """The same row without its articles, or without prices that say something."""
    strategy = weighted(WEIGHTS, min_sources=2, min_confidence=0.2)
    told = strategy.signals(row(news, sentiment, price=price)).iloc[0]
    silent = {
        "news": row(math.nan, sentiment, price=price),
        "sentiment": row(news, math.nan, price=price),
        "technical": row(news, sentiment, price=0.0),
    }
    for analysis, frame in silent.items():
        assert told[f"{analysis}_without"] == given_score(frame, strategy)
    assert math.isnan(told["news_part"]) == math.isnan(news)


@given(score, score, title)
def test_no_article_opens_a_position_by_itself(news: float, sentiment: float, told: str) -> None:
    found = open_strategy("blend").signals(
        row(news, sentiment, told, price=0.0).assign(bollinger_score=0.0)
    )
    assert abs(found["score"].iloc[0]) < float(Sizing().entry_score)


def test_news_counts_by_its_weight_below_the_cap() -> None:
    """0.2 * 0.5 + 0.4 * 0.5 + 0.3 * 0.2 + 0.1 * 0.1 = 0.37; without articles 0.3."""
    assert given_score(row(0.2, 0.1)) == 0.37
    assert given_score(row(math.nan, math.nan)) == 0.3
    assert given_score(row(1.0, 1.0)) == 0.4


def test_the_reasons_name_the_articles_and_the_cap() -> None:
    found = BLEND.signals(row(1.0, math.nan, "Example Corp wins")).iloc[0]
    assert found["news_reasons"] == "1.00: Example Corp wins"
    assert found["sentiment_reasons"] == ""
    assert found["reasons"] == "news and sentiment are capped at 0.1"
    assert found["news_part"] == CAP


def test_the_content_follows_the_news() -> None:
    contents = {BLEND.signals(row(*each))["content"].iloc[0] for each in [(0.2, 0.1), (0.2, 0.2)]}
    assert len(contents) == 2
    told = {BLEND.signals(row(0.2, 0.1, text))["content"].iloc[0] for text in ("one", "other")}
    assert len(told) == 1  # sentences are for people


def test_the_settings_are_part_of_the_version_only_where_news_counts() -> None:
    assert BLEND.wire_version != weighted(WEIGHTS, news_cap=0.2).wire_version
    assert weighted().wire_version == weighted(news_cap=0.2).wire_version


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
        weighted(weights, news_cap=cap)


def test_a_day_is_joined_by_symbol_and_session() -> None:
    last = TABLE.tail(2).reset_index(drop=True)
    keys = last[["symbol", "session"]].tail(1)
    known = pd.Timestamp("2012-03-01 15:00", tz="UTC")
    news = keys.assign(
        score=0.5, reasons="told", known_at=known, article_ids="a b", content_hashes="c d"
    )
    of_model = {"model_hash": "m", "contaminated": True}
    quiet = keys.assign(
        count=0, novelty_weighted=0.0, reasons="not sure", known_at=known, **of_model
    )
    found = news_part.joined(last, news, quiet)
    loud = news_part.joined(last, news, quiet.assign(count=1))
    assert loud["sentiment_reasons"].tolist()[1] == f"not sure\n{news_part.CONTAMINATED}"
    assert loud["model_hash"].tolist()[1] == "m"
    assert found["article_ids"].tolist()[1] == "a b"
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
    done = run("2012-05-14", "2012-05-25", strategy="blend", news=news)
    assert checks(done)["point_in_time"].passed
    found = open_lake(lake).read("signals", "sample-blend", date(2012, 5, 14), date(2012, 5, 25))
    told = found[found["news_part"].notna()]
    assert told["news_reasons"].str.contains("summary").all()
    assert (told["article_ids"].str.split().str.len() > 0).all()
    assert set(told["symbol"]) <= {"AAPL", "FB", "GOOG", "IBM", "MSFT"}
    assert len(told) > 0
    assert {f"{name}_version" for name in VERSIONED} <= set(found.columns)
    assert found["news_version"].nunique() > 1


def test_signals_that_weigh_news_fail_where_none_was_judged(lake: str) -> None:
    assert lake
    failed = run("2012-05-14", strategy="blend", raises=False)
    assert "run news_job first" in failure(failed, "signals")


def test_years_without_an_article_are_traded_by_prices_alone(lake: str) -> None:
    """Whether or not other years have some."""
    for later in (False, True):
        if later:
            run_news("2012-05-18")
        run_news("2005-01-03", "2005-01-05")
        news = {"sentiment": "lexicon"}
        run("2005-01-03", "2005-01-05", strategy="blend", news=news)
        found = open_lake(lake).read("signals", "sample-blend", date(2005, 1, 3), date(2005, 1, 5))
        assert len(found) == 12  # FB was not listed yet
        assert found["news_part"].isna().all()
        assert set(found["news_version"]) == {"no rows"}


def test_a_strategy_may_say_how_long_news_counts(lake: str, tmp_path: Path) -> None:
    """Apple's quarter of 2012-01-24 has a half-life of five sessions by the rules."""
    news = {"sentiment": "lexicon"}
    run_news("2012-01-20", "2012-02-03", **news)
    text = (files("pipelines.strategies") / "blend.toml").read_text()
    parts = []
    for days in (5, 1):
        file = tmp_path / "mine.toml"
        decayed = text.replace('"blend"', f'"mine{days}"') + f"[decay]\nnews = {days}\n"
        file.write_text(decayed)
        run("2012-01-20", "2012-02-03", strategy=str(file), news=news)
        span = (date(2012, 1, 20), date(2012, 2, 3))
        rows = open_lake(lake).read("signals", f"sample-mine{days}", *span)
        parts.append(rows[rows["symbol"] == "AAPL"].set_index("session")["news_part"])
    slow, quick = parts
    first = pd.Timestamp("2012-01-25")
    assert abs(quick[first]) == pytest.approx(abs(slow[first]), abs=1e-3)
    assert abs(quick["2012-01-27"]) < abs(slow["2012-01-27"])
    assert math.isnan(quick["2012-02-03"]) or abs(quick["2012-02-03"]) < 0.01
