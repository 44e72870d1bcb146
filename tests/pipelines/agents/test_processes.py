"""`trading agent` as real processes: start, share, stop, and die with a batch under way."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from pipelines.agents import client
from pipelines.analyses.sentiment.pooling import Sentiment
from pipelines.models.lexicon import Lexicon
from pipelines.models.provider import Reading
from tests.pipelines.agents.support import (
    SENTIMENT,
    AgentProcess,
    Gated,
    ask,
    asking,
    decoded,
    found,
    opened,
    texts,
)
from tests.servers import until

READINGS = [Reading(f"Shares of company {n} surge {n % 40} %") for n in range(3_000)]


@pytest.fixture
def one(nats_url: str, tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(nats_url, tmp_path)
    agent.start()
    until(agent.ready, "the agent")
    yield agent
    agent.kill()


@pytest.fixture
def another(one: AgentProcess, nats_url: str, tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(nats_url, tmp_path, name="another")
    agent.start()
    until(agent.ready, "the other agent")
    yield agent
    agent.kill()


def send(agent: AgentProcess, number: signal.Signals) -> None:
    assert agent.process is not None
    agent.process.send_signal(number)


async def requests_by_process(nc: Client) -> list[int]:
    """How many requests each of the two agents has taken."""
    inbox = nc.new_inbox()
    answers = await nc.subscribe(inbox)
    await nc.publish(f"$SRV.STATS.{SENTIMENT}", reply=inbox)
    told = [json.loads((await answers.next_msg(10)).data) for _ in range(2)]
    assert len({each["id"] for each in told}) == 2
    return [each["endpoints"][0]["num_requests"] for each in told]


@pytest.mark.parametrize("kind", ["technical", "news", "sentiment"])
def test_an_agent_starts_shows_its_health_and_ends_with_0(
    kind: str, nats_url: str, tmp_path: Path
) -> None:
    agent = AgentProcess(nats_url, tmp_path, kind)
    agent.start()
    until(agent.ready, "the agent")
    assert agent.page("/health/live").json() == {"status": "live"}
    assert agent.page("/health").json() == {"status": "ready"}
    assert agent.page("/nothing").status_code == 404
    assert "agent_ready 1.0" in agent.page("/metrics").text
    send(agent, signal.SIGTERM)
    assert agent.wait() == 0
    assert f"agent.stopped name={kind}-analysis" in agent.log.read_text()


async def test_two_processes_share_the_work(
    one: AgentProcess, another: AgentProcess, nats_url: str
) -> None:
    async with asking(nats_url) as nc:
        await found(nc, SENTIMENT, 2)
        replies = await asyncio.gather(
            *(ask(nc, SENTIMENT, texts(f"shares surge {n} %")) for n in range(60))
        )
        counts = await requests_by_process(nc)
    assert all(len(decoded(reply).scores) == 1 for reply in replies)
    assert sum(counts) == 60
    assert min(counts) > 0
    metrics = one.page("/metrics").text + another.page("/metrics").text
    for count in counts:
        line = f'agent_requests_total{{agent="{SENTIMENT}",code="200"}} {count}.0'
        assert line in metrics


async def test_sigterm_finishes_the_requests_that_were_taken(
    one: AgentProcess, nats_url: str
) -> None:
    """Stopped, it has taken the requests and answered none; then it is told to end."""
    async with asking(nats_url) as nc:
        send(one, signal.SIGSTOP)
        waiting = [
            asyncio.create_task(ask(nc, SENTIMENT, texts(*["shares surge " * 50] * 50)))
            for _ in range(5)
        ]
        await asyncio.sleep(0)
        await nc.flush()
        send(one, signal.SIGTERM)
        send(one, signal.SIGCONT)
        replies = [decoded(reply) for reply in await asyncio.gather(*waiting)]
    assert [len(reply.scores) for reply in replies] == [50] * 5
    assert await asyncio.to_thread(one.wait) == 0


@pytest.fixture
def stopped(one: AgentProcess, monkeypatch: pytest.MonkeyPatch) -> AgentProcess:
    """An agent that answers the asker's ping, and then takes batches and answers none."""
    look = client.find

    async def find_and_stop(nc: Client, name: str) -> list[client.Found]:
        agents = await look(nc, name)
        send(one, signal.SIGSTOP)
        return agents

    monkeypatch.setattr(client, "find", find_and_stop)
    return one


async def asked_and_killed(nc: Client, agent: AgentProcess, own: Gated) -> list[Sentiment]:
    """The scores of READINGS, where the agent is killed once the first batches were sent."""
    before = nc.stats["out_msgs"]
    scores = asyncio.create_task(client.ask_sentiment(nc, own, READINGS, timeout_s=5))
    while nc.stats["out_msgs"] < before + 1 + client.AHEAD:
        await asyncio.wait({scores}, timeout=0.01)
    await nc.flush()
    agent.kill()
    async with asyncio.timeout(60):
        return await scores


async def test_nothing_is_lost_when_an_agent_is_killed_with_batches_under_way(
    stopped: AgentProcess,
    another: AgentProcess,
    nats_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So many are under way that each of the two has some."""
    monkeypatch.setattr(client, "AHEAD", 16)
    async with asking(nats_url) as nc:
        await found(nc, SENTIMENT, 2)
        scores = await asked_and_killed(nc, stopped, opened())
    assert scores == Lexicon().read(READINGS)
    assert "agent.no_answer" in caplog.text
    assert 'code="200"' in another.page("/metrics").text


async def test_nothing_is_lost_when_the_only_agent_is_killed(
    stopped: AgentProcess, nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = opened()
    async with asking(nats_url) as nc:
        scores = await asked_and_killed(nc, stopped, own)
    assert scores == Lexicon().read(READINGS)
    assert own.texts == len(READINGS)
    assert "agent.no_answer" in caplog.text


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_that_cannot_be_is_bad_input(port: str, tmp_path: Path) -> None:
    agent = AgentProcess("nats://127.0.0.1:1", tmp_path)
    agent.words[-1] = port
    agent.start()
    assert agent.wait() == 2
    assert "from 1 to 65535" in agent.log.read_text()
