"""What agents answer is what the pure functions give, after a journey through JSON."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.agents import client, news, sentiment, technical, wire
from pipelines.analyses.news.impact import impacts
from pipelines.analyses.news.linking import link
from pipelines.analyses.news.near_copies import group
from pipelines.analyses.sentiment.text import normalise
from pipelines.analyses.technical import INDICATORS, SCORES, reasons
from pipelines.analyses.technical import technical as compute
from pipelines.models.lexicon import Lexicon
from pipelines.models.provider import Reading
from pipelines.sources.news.base import Memory, frame_of
from pipelines.sources.news.companies import linker
from pipelines.sources.news.sample import SampleNews
from tests.pipelines import frames

HEADLINES = ["Apple shares surge on record profit", "IBM plunges after fraud probe", ""]


def travelled(value: msgspec.Struct) -> Any:
    """The struct as the other side reads it."""
    return msgspec.json.decode(msgspec.json.encode(value), type=type(value))


def columns(frame: pd.DataFrame) -> dict[str, list[object]]:
    session = [moment.date() for moment in frame["session"]]
    return frame.assign(session=pd.Series(session, dtype="object")).to_dict("list")  # type: ignore[return-value]


def technical_request(bars: pd.DataFrame, actions: pd.DataFrame, **more: object) -> bytes:
    return msgspec.json.encode({"bars": columns(bars), "actions": columns(actions), **more})


@pytest.mark.parametrize("sessions", [1, 3])
def test_the_technical_answer_is_the_analysis_of_the_last_sessions(sessions: int) -> None:
    bars = pd.concat([frames.bars(frames.walk(120)), frames.bars(frames.walk(30, 2), "AAPL", 90)])
    actions = frames.actions(("IBM", 60, 2.0, 0.5))
    shuffled = bars.sample(frac=1, random_state=1)
    request = wire.read(
        wire.TechnicalRequest,
        technical_request(shuffled.reset_index(drop=True), actions, sessions=sessions),
    )
    reply = travelled(technical.answer(request))
    ordered = bars.sort_values(["symbol", "session"], ignore_index=True)
    expected = compute(ordered, actions)
    expected = expected[expected["session"] >= frames.SESSIONS[120 - sessions]]
    assert reply.symbol == ["AAPL"] * sessions + ["IBM"] * sessions
    assert reply.session == [moment.date() for moment in expected["session"]]
    assert reply.columns.keys() == {"close", *INDICATORS, *SCORES}
    for name, values in reply.columns.items():
        np.testing.assert_array_equal(np.array(values, dtype=float), expected[name], name)
    assert reply.reasons == [list(row) for row in reasons(expected)]


def test_a_column_that_warms_up_is_null() -> None:
    request = technical_request(frames.bars([10.0, 11.0]), frames.actions())
    reply = travelled(technical.answer(wire.read(wire.TechnicalRequest, request)))
    assert reply.columns["rsi"] == [None]
    assert reply.columns["close"] == [11.0]


def sample_articles() -> pd.DataFrame:
    harvest = SampleNews().harvest(Memory(), datetime(2026, 1, 1, tzinfo=UTC))
    return group(frame_of(harvest.articles))


def scored(articles: pd.DataFrame) -> pd.DataFrame:
    """Scores of some mentions, one of them unknown."""
    rows = link(articles, linker())[["article_id", "symbol"]].iloc[::2]
    scores = np.linspace(-1, 1, len(rows))
    scores[3] = np.nan
    return rows.assign(score=scores)


@pytest.mark.parametrize("with_scores", [False, True])
def test_the_news_answer_is_links_and_impacts(with_scores: bool) -> None:
    articles = sample_articles()
    scores = scored(articles) if with_scores else None
    request = client._news_request(articles, scores)
    assert request is not None
    reply = travelled(news.answer(travelled(request)))
    mentions = link(articles, linker())
    pd.testing.assert_frame_equal(news.mentions_frame(reply.mentions), mentions)
    pd.testing.assert_frame_equal(
        news.impacts_frame(reply.impacts), impacts(articles, mentions, scores)
    )


def test_copies_are_sought_where_no_group_is_given() -> None:
    title = "Apple reports record quarterly profit on strong demand for its new phones"
    moment = datetime(2012, 5, 18, 12, tzinfo=UTC)
    rows = [
        {"article_id": f"{n:032x}", "known_at": moment + timedelta(hours=n), "title": title}
        for n in range(2)
    ]
    request = wire.read(wire.NewsRequest, msgspec.json.encode({"articles": rows}))
    assert [each.novelty for each in news.answer(request).impacts] == [1.0, 0.0]


def test_news_without_articles_has_no_impacts() -> None:
    reply = news.answer(wire.read(wire.NewsRequest, b'{"articles":[]}'))
    assert (reply.mentions, reply.impacts) == ([], [])


def test_another_table_of_companies_is_refused() -> None:
    request = wire.NewsRequest(articles=[], table="0" * 32)
    with pytest.raises(wire.RefusedError, match="table of companies") as caught:
        news.answer(request)
    assert caught.value.code == "409"


def test_the_sentiment_answer_is_the_models() -> None:
    provider = Lexicon()
    request = wire.SentimentRequest(readings=[wire.Text(text=each) for each in HEADLINES])
    reply = travelled(sentiment.answer(provider, travelled(request)))
    expected = provider.read([Reading(each) for each in HEADLINES])
    assert [
        (each.negative, each.neutral, each.positive, each.score, each.confidence, each.abstained)
        for each in reply.scores
    ] == [
        (each.negative, each.neutral, each.positive, each.score, each.confidence, each.abstained)
        for each in expected
    ]
    assert (reply.provider, reply.model_hash) == ("lexicon", provider.model_hash)
    assert reply.trained_until == date(2014, 12, 31)
    assert [each.abstained for each in reply.scores] == [False, False, True]


@given(st.text(st.characters(), max_size=60), st.sampled_from([1, 7_000]))
def test_no_model_sees_that_a_text_has_travelled(text: str, times: int) -> None:
    whole = text * times
    sent = client.sent(whole)
    assert len(sent) <= wire.MAX_TEXT
    assert sent.encode().decode() == sent
    assert normalise(sent) == normalise(whole)


def test_a_lone_surrogate_does_not_travel() -> None:
    assert client.sent("up \ud800 10 %") == "up  10 %"
