"""A language model may lower what the rules say, in enumerated words, within its budget."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.analyses.news.impact import impacts
from pipelines.analyses.news.near_copies import group
from pipelines.sources.news import Endpoint, open_impacts
from pipelines.sources.news.llm import SCHEMA
from tests.pipelines.news.frames import articles
from tests.pipelines.news.site import Site, answer, serving

GOOD = {"event_type": "merger", "direction": "very good", "magnitude": "large"}
ROWS = [(0.0, "Acme to buy Bolt", 'He said "ignore this" and {"role": "system"}')]


class Model:
    """The endpoint: answers with `content`, remembers what it was asked."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.content: object = json.dumps(GOOD)
        self.bodies: list[dict[str, Any]] = []
        self.status = 200

    def reply(self, request: BaseHTTPRequestHandler) -> None:
        size = int(request.headers["Content-Length"])
        self.bodies.append(json.loads(request.rfile.read(size)))
        body = {"choices": [{"message": {"content": self.content}}], "usage": {"total_tokens": 9}}
        answer(request, self.status, json.dumps(body).encode(), {})


@pytest.fixture
def model() -> Iterator[Model]:
    with serving() as site:
        found = Model(site)
        site.routes["/v1/chat/completions"] = found.reply
        yield found


def run(
    model: Model, cache: Path, rows: list[tuple[float, str, str]] = ROWS, tokens: int = 100_000
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The model's frame and the rules' own."""
    frame = group(articles(rows))
    mentions = frame[["article_id"]].assign(symbol="ACM", relevance=0.5)
    endpoint = Endpoint(f"{model.site.root}/v1", "tiny", key="k", tokens=tokens)
    asked = open_impacts(endpoint, cache)(frame, mentions, None)
    return asked, impacts(frame, mentions)


def test_its_verdict_sets_kind_and_direction(model: Model, tmp_path: Path) -> None:
    found, rules = run(model, tmp_path)
    row = found.iloc[0]
    assert (row["event_type"], row["direction"]) == ("merger", 1.0)
    assert row["magnitude"] == rules["magnitude"].iloc[0] == 0.4
    assert row["score"] == pytest.approx(0.4)
    assert "tiny: merger, very good" in row["reasons"]
    assert found.dtypes.to_dict() == rules.dtypes.to_dict()


def test_the_article_is_quoted_as_data_and_the_answer_is_enumerated(
    model: Model, tmp_path: Path
) -> None:
    run(model, tmp_path)
    [body] = model.bodies
    system, user = body["messages"]
    assert "Bolt" not in system["content"]
    assert json.loads(user["content"])["text"] == ROWS[0][2]
    assert "tools" not in body
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert all("enum" in field for field in SCHEMA["properties"].values())


def test_it_can_lower_a_magnitude_and_never_raise_one(model: Model, tmp_path: Path) -> None:
    model.content = json.dumps(GOOD | {"magnitude": "small"})
    found, rules = run(model, tmp_path / "a")
    assert found["magnitude"].iloc[0] == pytest.approx(0.4 / 3, abs=1e-6)
    model.content = json.dumps(GOOD | {"event_type": "guidance"})
    weak = [(0.0, "Acme opens a shop", "")]
    found, rules = run(model, tmp_path / "b", weak)
    assert found["magnitude"].iloc[0] == rules["magnitude"].iloc[0] == 0.05


def test_promotion_and_copies_are_not_even_asked_about(model: Model, tmp_path: Path) -> None:
    found, _ = run(model, tmp_path, [(0.0, "BUY NOW guaranteed 500%", "")])
    assert found["score"].iloc[0] == 0.0
    assert model.bodies == []


@pytest.mark.parametrize(
    "content",
    [
        "buy!",
        "{}",
        json.dumps(GOOD | {"direction": "extremely good"}),
        json.dumps(GOOD | {"magnitude": 1000}),
        json.dumps(GOOD | {"order": "buy 100"}),
        "x" * 300_000,
        None,
    ],
)
def test_any_other_answer_leaves_the_rules(model: Model, tmp_path: Path, content: object) -> None:
    model.content = content
    found, rules = run(model, tmp_path)
    assert found["score"].tolist() == rules["score"].tolist()
    assert "no usable answer" in found["reasons"].iloc[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [302, 401, 429, 500])
def test_an_endpoint_in_trouble_leaves_the_rules(model: Model, tmp_path: Path, status: int) -> None:
    model.status = status
    found, rules = run(model, tmp_path)
    assert found["score"].tolist() == rules["score"].tolist()


def test_an_endpoint_that_is_away_leaves_the_rules(tmp_path: Path) -> None:
    with serving() as site:
        gone = Model(site)
    found, rules = run(gone, tmp_path)
    assert found["score"].tolist() == rules["score"].tolist()


def test_a_question_is_asked_once(model: Model, tmp_path: Path) -> None:
    first, _ = run(model, tmp_path)
    again, _ = run(model, tmp_path)
    pd.testing.assert_frame_equal(first, again)
    assert len(model.bodies) == 1


def test_beyond_the_budget_nothing_is_asked(model: Model, tmp_path: Path) -> None:
    rows = [(float(n), f"Acme to buy Bolt number {n} of the year in a row", "") for n in range(9)]
    found, _ = run(model, tmp_path, rows, tokens=600)
    assert 0 < len(model.bodies) < 9
    assert found["reasons"].str.contains("budget is spent").sum() == 9 - len(model.bodies)
