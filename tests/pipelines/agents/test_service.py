"""An agent on a real server: found, asked, wrongly asked, and stopped with a request in flight."""

import asyncio
import contextlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from pipelines.agents import analysis_of, news, sentiment, wire
from pipelines.agents.service import Analysis, Prepared, run
from pipelines.agents.settings import Settings
from pipelines.errors import AgentPortError, ModelError
from pipelines.models.provider import Provider
from tests.pipelines.agents.support import (
    SENTIMENT,
    Gated,
    ask,
    asking,
    code_of,
    decoded,
    found,
    opened,
    running,
    texts,
)
from tests.servers import NatsServer, free_port

NAMES = {kind: f"{kind}-analysis" for kind in ("technical", "news", "sentiment")}


async def heard(nc: Client, subject: str) -> bool:
    """Whether anybody still listens there; asks nothing that would be worked on."""
    try:
        await nc.request(subject, b"", timeout=5)
    except NoRespondersError:
        return False
    return True


def served(provider: Provider) -> Analysis:
    return replace(
        sentiment.analysis("lexicon"),
        prepare=lambda: Prepared(
            partial(sentiment.answer, provider), {"model_hash": provider.model_hash}
        ),
    )


@pytest.mark.parametrize("kind", NAMES)
async def test_an_agent_is_found_with_the_schemas_of_its_endpoint(kind: str, nats_url: str) -> None:
    name = NAMES[kind]
    settings = Settings(nats_url, provider="lexicon")
    async with running(nats_url, analysis_of(kind, settings)), asking(nats_url) as nc:
        ping = json.loads((await nc.request("$SRV.PING", timeout=5)).data)
        info = json.loads((await nc.request(f"$SRV.INFO.{name}", timeout=5)).data)
        stats = json.loads((await nc.request(f"$SRV.STATS.{name}", timeout=5)).data)
    assert (ping["name"], ping["version"]) == (name, "0.1.0")
    (endpoint,) = info["endpoints"]
    assert (endpoint["name"], endpoint["subject"]) == ("analyse", f"agents.{name}")
    for schema in ("request_schema", "reply_schema"):
        assert json.loads(endpoint["metadata"][schema])["$ref"].startswith("#/$defs/")
    assert stats["endpoints"][0]["num_requests"] == 0


async def test_the_sentiment_agent_names_its_model(nats_url: str) -> None:
    provider = opened()
    analysis = analysis_of("sentiment", Settings(provider="lexicon"))
    async with running(nats_url, analysis), asking(nats_url) as nc:
        ping = json.loads((await nc.request(f"$SRV.PING.{SENTIMENT}", timeout=5)).data)
    assert ping["metadata"] == {
        "provider": "lexicon",
        "model_hash": provider.model_hash,
        "trained_until": "2014-12-31",
    }


@pytest.mark.parametrize(
    ("payload", "code", "said"),
    [
        (b"{", "400", "truncated"),
        (texts("up") + b"x", "400", "malformed"),
        (b'{"readings":[],"a\\r\\nNats-Service-Error-Code: 200":1}', "400", "unknown field"),
        (b'{"readings":[{"text":"\\ud800"}]}', "400", "SentimentRequest"),
        (texts(*["up"] * 257), "400", "length <= 256"),
        (b'{"readings":[],"model_hash":"' + b"0" * 64 + b'"}', "409", "lexicon"),
        (b" " * (wire.MAX_REQUEST_BYTES + 1), "413", "send less"),
    ],
    ids=["cut", "trailing", "header", "surrogate", "many", "model", "large"],
)
async def test_a_bad_request_gets_an_error_and_the_next_one_an_answer(
    payload: bytes, code: str, said: str, nats_url: str
) -> None:
    async with running(nats_url, served(opened())), asking(nats_url) as nc:
        given, sentence = code_of(await ask(nc, SENTIMENT, payload))
        good = decoded(await ask(nc, SENTIMENT, texts("shares surge")))
        stats = json.loads((await nc.request(f"$SRV.STATS.{SENTIMENT}", timeout=5)).data)
    assert given == code
    assert said in sentence
    assert good.scores[0].score > 0
    (endpoint,) = stats["endpoints"]
    assert (endpoint["num_requests"], endpoint["num_errors"]) == (2, 1)


async def test_an_error_of_the_analysis_is_told_without_its_contents(
    nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: wire.SentimentRequest) -> wire.SentimentReply:
        raise KeyError("secret\r\nX: y")

    analysis = replace(sentiment.analysis("lexicon"), prepare=lambda: Prepared(broken))
    async with running(nats_url, analysis), asking(nats_url) as nc:
        code, sentence = code_of(await ask(nc, SENTIMENT, texts("up")))
    assert code == "500"
    assert sentence == "the analysis failed (KeyError); the agent's log says more"
    assert "secret" in caplog.text


async def test_an_answer_that_does_not_fit_a_message_is_an_error(nats_url: str) -> None:
    large = wire.NewsReply(
        mentions=[wire.Mention(article_id="x" * 9_000_000, symbol="A", relevance=1.0)], impacts=[]
    )
    analysis = replace(news.analysis(), prepare=lambda: Prepared(lambda _: large))
    async with running(nats_url, analysis), asking(nats_url) as nc:
        code, sentence = code_of(await ask(nc, news.NAME, b'{"articles":[]}'))
    assert code == "413"
    assert "ask for less" in sentence


async def test_pings_are_answered_while_a_model_works(nats_url: str) -> None:
    provider = Gated()
    async with running(nats_url, served(provider)), asking(nats_url) as nc:
        answer = asyncio.create_task(ask(nc, SENTIMENT, texts("up")))
        await asyncio.to_thread(provider.asked.wait)
        assert await nc.request(f"$SRV.PING.{SENTIMENT}", timeout=5)
        assert not answer.done()
        provider.gate.set()
        assert len(decoded(await answer).scores) == 1


async def test_stopping_finishes_what_was_taken_and_takes_no_more(nats_url: str) -> None:
    provider = Gated()
    async with running(nats_url, served(provider)) as stop, asking(nats_url) as nc:
        answers = [asyncio.create_task(ask(nc, SENTIMENT, texts("up"))) for _ in range(3)]
        await asyncio.to_thread(provider.asked.wait)
        await nc.flush()
        stop.set()
        await found(nc, SENTIMENT, 0)
        assert not any(answer.done() for answer in answers)
        assert not await heard(nc, f"agents.{SENTIMENT}")
        provider.gate.set()
        replies = [decoded(await answer) for answer in answers]
    assert [len(reply.scores) for reply in replies] == [1, 1, 1]


async def test_a_port_that_is_taken_ends_the_agent(nats_url: str) -> None:
    port = free_port()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with server:
        with pytest.raises(AgentPortError, match=str(port)):
            await run(news.analysis(), Settings(nats_url, port=port), asyncio.Event())


async def test_a_model_that_does_not_load_ends_the_agent(nats_url: str) -> None:
    analysis = sentiment.analysis("/no/such/model")
    with pytest.raises(ModelError):
        await run(analysis, Settings(nats_url, port=free_port()), asyncio.Event())


async def test_an_agent_serves_again_when_nats_is_back(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await asyncio.to_thread(server.start)
    settings, stop = Settings(server.url, port=free_port()), asyncio.Event()
    agent = asyncio.create_task(run(served(opened()), settings, stop))
    await shows(settings, agent, 200)
    await asyncio.to_thread(server.stop)
    await shows(settings, agent, 503)
    await asyncio.to_thread(server.start)
    await shows(settings, agent, 200)
    async with asking(server.url) as nc:
        assert len(decoded(await ask(nc, SENTIMENT, texts("up"))).scores) == 1
    stop.set()
    await agent
    await asyncio.to_thread(server.stop)


async def shows(settings: Settings, agent: "asyncio.Task[None]", status: int) -> None:
    """Return once /health/ready has that status."""
    url = f"http://127.0.0.1:{settings.port}/health/ready"
    async with asyncio.timeout(30), httpx.AsyncClient() as http:
        while True:
            assert not agent.done()
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(url)).status_code == status:
                    return
            await asyncio.sleep(0.05)
