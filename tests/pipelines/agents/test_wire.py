"""Requests that nobody should send: each gets a code and one line, never another exception."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.agents import wire

KINDS = [wire.TechnicalRequest, wire.NewsRequest, wire.SentimentRequest]
BAR = {
    "symbol": ["IBM"], "session": ["2012-05-18"],
    "open": [10.0], "high": [11.0], "low": [9.0], "close": [10.5], "volume": [100.0],
}  # fmt: skip
ARTICLE = {"article_id": "0" * 32, "known_at": "2012-05-18T12:00:00Z", "title": "Apple rises"}


def refused(kind: type[msgspec.Struct], payload: bytes) -> wire.RefusedError:
    with pytest.raises(wire.RefusedError) as caught:
        wire.read(kind, payload)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) <= wire.LONGEST_SENTENCE
    return caught.value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"close": [None]}, "close"),
        ({"close": [0]}, "close"),
        ({"close": [-1.0]}, "close"),
        ({"volume": [-1.0]}, "volume"),
        ({"close": [10.5, 10.6]}, "differ in length"),
        ({"symbol": ["ibm\r\nX: y"]}, "symbol"),
        ({"session": ["2012-02-30"]}, "session"),
        ({"symbol": []}, "symbol"),
        ({"vwap": [1.0]}, "unknown field `vwap`"),
    ],
)
def test_bars_that_cannot_be_are_refused(change: dict[str, object], said: str) -> None:
    error = refused(wire.TechnicalRequest, json.dumps({"bars": BAR | change}).encode())
    assert error.code == "400"
    assert said in str(error)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_price_that_is_no_number_is_refused(number: str) -> None:
    payload = json.dumps({"bars": BAR}).replace("10.5", number).encode()
    assert refused(wire.TechnicalRequest, payload).code == "400"


@pytest.mark.parametrize(
    "articles",
    [
        [ARTICLE, ARTICLE],
        [ARTICLE | {"known_at": "2012-05-18T12:00:00"}],
        [ARTICLE | {"known_at": "0001-01-01T00:00:00Z"}],
        [{**ARTICLE, "known_at": None}],
        [ARTICLE | {"title": ""}],
        [ARTICLE | {"text": "x" * (wire.MAX_ARTICLE_TEXT + 1)}],
        [ARTICLE | {"article_id": f"{n:032x}"} for n in range(wire.MAX_ARTICLES + 1)],
    ],
    ids=["twice", "no zone", "year 1", "undated", "untitled", "long", "many"],
)
def test_articles_that_cannot_be_are_refused(articles: list[dict[str, Any]]) -> None:
    assert refused(wire.NewsRequest, json.dumps({"articles": articles}).encode()).code == "400"


@pytest.mark.parametrize(
    "readings",
    [
        [{"text": "x"}] * (wire.MAX_TEXTS + 1),
        [{"text": "x" * (wire.MAX_TEXT + 1)}],
        [{"text": "\ud800"}],
        [{"text": 5}],
        [{"about": "Apple"}],
    ],
    ids=["many", "long", "surrogate", "number", "no text"],
)
def test_texts_that_cannot_be_are_refused(readings: list[dict[str, Any]]) -> None:
    assert refused(wire.SentimentRequest, json.dumps({"readings": readings}).encode()).code == "400"


def test_a_text_of_50_mb_is_refused_unread() -> None:
    payload = b'{"readings":[{"text":"' + b"x" * 50_000_000 + b'"}]}'
    assert refused(wire.SentimentRequest, payload).code == "413"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"readings":[{"text":"\xed\xa0\x80"}]}',
     b"[" * 100_000, b'{"a\\r\\nStatus: 503\\u2028":' + b"1" * 5000 + b"}"],
    ids=["empty", "null", "list", "cut", "no utf-8", "surrogate", "deep", "header"],
)  # fmt: skip
def test_what_is_no_request_is_refused(kind: type[msgspec.Struct], payload: bytes) -> None:
    assert refused(kind, payload).code == "400"


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind: type[msgspec.Struct], payload: bytes) -> None:
    try:
        wire.read(kind, payload)
    except wire.RefusedError as error:
        assert error.code == "400"  # noqa: PT017 - most bytes are refused, and any may be read


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_json_of_bounded_size(kind: type[msgspec.Struct]) -> None:
    schema = wire.schema(kind)
    assert kind.__name__ in json.loads(schema)["$defs"]
    assert len(schema) < 8_000
