"""The assets `sentiment` and `news_impact` with agents as real processes: never another result."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from nats.aio.client import Client

from pipelines.agents import client
from pipelines.assets.resources import News
from pipelines.lake import open_lake
from tests.pipelines.agents.support import AgentProcess
from tests.pipelines.news_runs import run_news, tables
from tests.servers import until

SPAN = ("2012-04-02", "2012-05-18")
NEWS = News(sentiment="lexicon")


@pytest.fixture
def agents(nats_url: str, tmp_path: Path) -> Iterator[dict[str, AgentProcess]]:
    """A sentiment agent with the lexicon, and a news agent."""
    found = {kind: AgentProcess(nats_url, tmp_path, kind) for kind in ("sentiment", "news")}
    for agent in found.values():
        agent.start()
    for kind, agent in found.items():
        until(agent.ready, f"the {kind} agent")
    yield found
    for agent in found.values():
        agent.kill()


def judged(folder: Path, nats_url: str, monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """What a run of both assets stores in a lake of its own."""
    monkeypatch.setenv("TRADING_HOME", str(folder))
    monkeypatch.setenv("NATS_URL", nats_url)
    assert run_news(*SPAN).success
    return tables(open_lake(str(folder / "lake")), NEWS)


@pytest.fixture
def alone(tmp_path: Path, nats_url: str, monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """The same without any agent."""
    return judged(tmp_path / "alone", nats_url, monkeypatch)


def same(found: list[pd.DataFrame], expected: list[pd.DataFrame]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert len(one)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def answered(agent: AgentProcess, kind: str) -> bool:
    line = f'agent_requests_total{{agent="{kind}-analysis",code="200"}}'
    return line in agent.page("/metrics").text


def test_agents_share_the_work_and_the_result_is_the_same(
    alone: list[pd.DataFrame],
    agents: dict[str, AgentProcess],
    tmp_path: Path,
    nats_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    same(judged(tmp_path / "shared", nats_url, monkeypatch), alone)
    assert {kind: answered(agent, kind) for kind, agent in agents.items()} == {
        "sentiment": True,
        "news": True,
    }


@pytest.mark.parametrize("dying", ["sentiment", "news"])
def test_an_agent_that_dies_midway_changes_no_score(
    dying: str,
    alone: list[pd.DataFrame],
    agents: dict[str, AgentProcess],
    tmp_path: Path,
    nats_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Sentiment after its second batch of many, news with its one request under way."""
    monkeypatch.setattr(client, "BATCH_TEXTS", 4)
    asked, ask = [], client._ask

    async def ask_and_kill(nc: Client, name: str, *rest: Any) -> Any:
        if name.startswith(dying):
            asked.append(name)
            if len(asked) == (3 if dying == "sentiment" else 1):
                agents[dying].kill()
        return await ask(nc, name, *rest[:-1], 2.0)

    monkeypatch.setattr(client, "_ask", ask_and_kill)
    same(judged(tmp_path / "shared", nats_url, monkeypatch), alone)
    assert "agent.no_answer" in caplog.text


def test_a_server_that_is_away_is_tried_once(
    alone: list[pd.DataFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    same(judged(tmp_path / "away", "nats://127.0.0.1:1", monkeypatch), alone)
    assert caplog.text.count("agents.unreachable") == 2  # once by each asset
