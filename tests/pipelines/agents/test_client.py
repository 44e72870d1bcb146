"""Asking agents: the same result with and without them, and with ones that fail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from nats.aio.client import Client

from pipelines.agents import news, sentiment, wire
from pipelines.agents.client import SharedProvider, ask_news, ask_sentiment, find
from pipelines.agents.service import Analysis, Prepared
from pipelines.models.lexicon import Lexicon
from pipelines.models.provider import Provider, Reading, score_mentions
from tests.pipelines.agents.support import SENTIMENT, Gated, asking, opened, running
from tests.pipelines.agents.test_answers import sample_articles, scored
from tests.servers import NatsServer

READINGS = [
    Reading(f"Shares of company {n} {'surge' if n % 3 else 'plunge'} {n % 40} %", f"Company {n}")
    for n in range(300)
] + [Reading("x" * 50_000), Reading("up \ud800 down", "\udfff"), Reading("")]


def served(provider: Provider, model_hash: str = "") -> Analysis:
    metadata = {"model_hash": model_hash or provider.model_hash}
    answer = partial(sentiment.answer, provider)
    return replace(sentiment.analysis(""), prepare=lambda: Prepared(answer, metadata))


def failing(request: wire.SentimentRequest) -> wire.SentimentReply:
    raise ZeroDivisionError


def short(request: wire.SentimentRequest) -> wire.SentimentReply:
    reply = sentiment.answer(Lexicon(), request)
    return replace_scores(reply, reply.scores[1:])


def foreign(request: wire.SentimentRequest) -> wire.SentimentReply:
    reply = sentiment.answer(Lexicon(), request)
    return wire.SentimentReply(
        provider="lexicon", model_hash="0" * 64, trained_until=None, scores=reply.scores
    )


def replace_scores(
    reply: wire.SentimentReply, scores: Sequence[wire.TextScore]
) -> wire.SentimentReply:
    return wire.SentimentReply(
        provider=reply.provider,
        model_hash=reply.model_hash,
        trained_until=reply.trained_until,
        scores=list(scores),
    )


@asynccontextmanager
async def asked(url: str, analysis: Analysis) -> AsyncIterator[Client]:
    async with running(url, analysis), asking(url) as nc:
        yield nc


async def test_without_agents_the_asker_reads(nats_url: str) -> None:
    own = opened()
    async with asking(nats_url) as nc:
        assert await find(nc, SENTIMENT) == []
        assert await ask_sentiment(nc, own, READINGS) == Lexicon().read(READINGS)
    assert own.texts == len(READINGS)


async def test_with_an_agent_the_asker_reads_nothing_and_gets_the_same(nats_url: str) -> None:
    own, theirs = opened(), opened()
    async with asked(nats_url, served(theirs)) as nc:
        (agent,) = await find(nc, SENTIMENT)
        found = await ask_sentiment(nc, own, READINGS + READINGS[:50])
    assert agent.metadata["model_hash"] == own.model_hash
    assert found == Lexicon().read(READINGS + READINGS[:50])
    assert (own.texts, theirs.texts) == (0, len(READINGS))


async def test_without_a_connection_the_asker_reads(nats_url: str) -> None:
    async with asking(nats_url) as nc:
        await nc.close()
        assert await ask_sentiment(nc, opened(), READINGS) == Lexicon().read(READINGS)


async def test_no_readings_need_no_agent(nats_url: str) -> None:
    async with asked(nats_url, served(opened())) as nc:
        assert await ask_sentiment(nc, opened(), []) == []


async def test_an_agent_with_another_model_is_not_asked(nats_url: str) -> None:
    own, theirs = opened(), opened()
    async with asked(nats_url, served(theirs, "0" * 64)) as nc:
        assert await ask_sentiment(nc, own, READINGS) == Lexicon().read(READINGS)
    assert (own.texts, theirs.texts) == (len(READINGS), 0)


@pytest.mark.parametrize("answer", [failing, short, foreign])
async def test_an_answer_that_cannot_be_used_is_computed_here(
    answer: "partial[wire.SentimentReply]", nats_url: str
) -> None:
    own = opened()
    analysis = replace(
        served(own), prepare=lambda: Prepared(answer, {"model_hash": own.model_hash})
    )
    async with asked(nats_url, analysis) as nc:
        assert await ask_sentiment(nc, own, READINGS) == Lexicon().read(READINGS)
    assert own.texts == len(READINGS)


async def test_an_agent_that_hangs_holds_the_asker_for_a_bounded_time(nats_url: str) -> None:
    own, stuck = opened(), Gated()
    async with asked(nats_url, served(stuck)) as nc:
        async with asyncio.timeout(10):
            found = await ask_sentiment(nc, own, READINGS, timeout_s=0.3)
        stuck.gate.set()
    assert found == Lexicon().read(READINGS)


def test_scores_of_mentions_are_the_same_through_agents(nats_server: NatsServer) -> None:
    articles = sample_articles()
    mentions, _ = news.analyse(articles, None)
    alone = score_mentions(Lexicon(), articles, mentions, {"AAPL": "Apple"})
    theirs = opened()

    async def through() -> pd.DataFrame:
        shared = SharedProvider(Lexicon(), nats_server.url)
        async with running(nats_server.url, served(theirs)):
            return await asyncio.to_thread(
                score_mentions, shared, articles, mentions, {"AAPL": "Apple"}
            )

    pd.testing.assert_frame_equal(asyncio.run(through()), alone)
    assert theirs.texts > 0


def test_without_nats_scores_are_computed_here(tmp_path: Path) -> None:
    own = opened()
    shared = SharedProvider(own, NatsServer(tmp_path).url)
    assert shared.read(READINGS[:3]) == Lexicon().read(READINGS[:3])
    assert own.texts == 3


@pytest.mark.parametrize("present", [True, False])
async def test_news_is_the_same_with_and_without_an_agent(present: bool, nats_url: str) -> None:
    articles = sample_articles()
    scores = scored(articles)
    answered = []

    def answer(request: wire.NewsRequest) -> wire.NewsReply:
        answered.append(len(request.articles))
        return news.answer(request)

    metadata = {"table": news.table() if present else "other"}
    analysis = replace(news.analysis(), prepare=lambda: Prepared(answer, metadata))
    async with asked(nats_url, analysis) as nc:
        mentions, impacts = await ask_news(nc, articles, scores)
    expected = news.analyse(articles, scores)
    pd.testing.assert_frame_equal(mentions, expected[0])
    pd.testing.assert_frame_equal(impacts, expected[1])
    assert answered == ([len(articles)] if present else [])


async def test_more_news_than_one_request_holds_is_computed_here(nats_url: str) -> None:
    articles = sample_articles().head(1)
    many = pd.concat([articles.assign(article_id=f"{n:032x}") for n in range(501)])
    async with asked(nats_url, news.analysis()) as nc:
        mentions, _ = await ask_news(nc, many)
    assert mentions["article_id"].nunique() == 501
