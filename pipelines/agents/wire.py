"""What agents are asked and what they answer: structs, their limits, and their JSON schemas.

Belongs here: the form of requests and replies, and reading a request that anybody may have sent.
Keep out: NATS (service.py, client.py) and what an analysis does.

JSON in UTF-8. A column is a list with one entry per row; null in a reply's column is a value that
is not known (warming up). Dates are exchange sessions, moments carry their zone.
"""

from datetime import date, datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from pipelines.errors import PipelineError
from router.messages import YEARS, Digest, Symbol

MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_ROWS = 50_000
MAX_ACTIONS = 5_000
MAX_SESSIONS = 1_000
MAX_ARTICLES = 500
MAX_SCORES = 10_000
MAX_TEXTS = 256
MAX_TEXT = 20_000
"""Characters of a text whose sentiment is asked for: no model reads more."""

MAX_ARTICLE_TEXT = 200_000
LONGEST_SENTENCE = 300

INVALID, OTHER_MODEL, TOO_LARGE, FAILED = "400", "409", "413", "500"
"""Codes of an error: the request, the model that it wants, its size or the answer's, or the agent.

Only a request that got FAILED is worth sending again as it is.
"""

Price = Annotated[float, Meta(gt=0, le=1e9)]
Volume = Annotated[float, Meta(ge=0, le=1e15)]
Unit = Annotated[float, Meta(ge=0, le=1)]
Signed = Annotated[float, Meta(ge=-1, le=1)]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

_T = TypeVar("_T", bound=msgspec.Struct)


class RefusedError(PipelineError):
    """A request that gets an error for an answer: its code, and a sentence that says why."""

    def __init__(self, code: str, sentence: str) -> None:
        line = "".join(mark if mark.isprintable() else " " for mark in sentence)
        super().__init__(line[:LONGEST_SENTENCE])
        self.code = code


class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, keyword only, unknown fields refused."""


def _require_even(columns: msgspec.Struct) -> None:
    lengths = {name: len(getattr(columns, name)) for name in columns.__struct_fields__}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns differ in length: {lengths}")


class BarColumns(_Struct, frozen=True):
    """Daily bars in any order, raw prices; one bar per symbol and session."""

    symbol: Annotated[list[Symbol], Meta(min_length=1, max_length=MAX_ROWS)]
    session: list[date]
    open: list[Price]
    high: list[Price]
    low: list[Price]
    close: list[Price]
    volume: list[Volume]

    def __post_init__(self) -> None:
        _require_even(self)


class ActionColumns(_Struct, frozen=True):
    """Splits (new shares per old, 1 for none) and dividends (cash per share) by ex-date."""

    symbol: Annotated[list[Symbol], Meta(max_length=MAX_ACTIONS)] = []
    session: list[date] = []
    split: list[Price] = []
    dividend: list[Annotated[float, Meta(ge=0, le=1e9)]] = []

    def __post_init__(self) -> None:
        _require_even(self)


class TechnicalRequest(_Struct, frozen=True):
    """Bars from each symbol's first on; the answer is about the last `sessions` of them."""

    bars: BarColumns
    actions: ActionColumns = ActionColumns()
    sessions: Annotated[int, Meta(ge=1, le=MAX_SESSIONS)] = 1


class TechnicalReply(_Struct, frozen=True):
    """Rows sorted by symbol and session: indicators, scores in [-1, 1], a sentence per score."""

    symbol: list[str]
    session: list[date]
    columns: dict[str, list[float | None]]
    reasons: list[list[str]]


class Article(_Struct, frozen=True):
    """A dated article, cleaned. Without a `group_id` copies are sought among those of the request.

    `source` is edgar only where the address is from EDGAR's own feed.
    """

    article_id: Digest
    known_at: Annotated[datetime, Meta(tz=True)]
    title: Annotated[str, Meta(min_length=1, max_length=500)]
    text: Annotated[str, Meta(max_length=MAX_ARTICLE_TEXT)] = ""
    source: Annotated[str, Meta(max_length=64)] = ""
    url: Annotated[str, Meta(max_length=4096)] = ""
    group_id: Digest | None = None

    def __post_init__(self) -> None:
        if self.known_at.year not in YEARS:
            raise ValueError(f"known_at is not between {YEARS.start} and {YEARS.stop}")


class Score(_Struct, frozen=True):
    """A model's score of an article for a symbol, positive for good news."""

    article_id: Digest
    symbol: Symbol
    score: Signed


class NewsRequest(_Struct, frozen=True):
    """Articles, each once, and what a model says of them if it was asked.

    `table` is the digest of the table of companies that the asker uses; an agent with another
    table refuses. Left out, any will do.
    """

    articles: Annotated[list[Article], Meta(max_length=MAX_ARTICLES)]
    sentiment: Annotated[list[Score], Meta(max_length=MAX_SCORES)] = []
    table: Digest | None = None

    def __post_init__(self) -> None:
        if len({each.article_id for each in self.articles}) < len(self.articles):
            raise ValueError("an article is there more than once")


class Mention(_Struct, frozen=True):
    """A company that an article names."""

    article_id: str
    symbol: str
    relevance: Unit


class Impact(_Struct, frozen=True):
    """What an article may do to a symbol; `half_life` in sessions."""

    article_id: str
    symbol: str
    event_type: str
    direction: Signed
    magnitude: Unit
    novelty: Unit
    half_life: float
    score: Signed
    reasons: str


class NewsReply(_Struct, frozen=True):
    """Both sorted by article and symbol."""

    mentions: list[Mention]
    impacts: list[Impact]


class Text(_Struct, frozen=True):
    """A text, and the company that the score is `about` (empty: the text as a whole)."""

    text: Annotated[str, Meta(max_length=MAX_TEXT)]
    about: Annotated[str, Meta(max_length=MAX_TEXT)] = ""


class SentimentRequest(_Struct, frozen=True):
    """Texts to score; an agent with another model than `model_hash` refuses, if it is given."""

    readings: Annotated[list[Text], Meta(max_length=MAX_TEXTS)]
    model_hash: Hash | None = None


class TextScore(_Struct, frozen=True):
    """The classes' probabilities of one text, and what follows from them."""

    negative: Unit
    neutral: Unit
    positive: Unit
    score: Signed
    confidence: Unit
    abstained: bool


class SentimentReply(_Struct, frozen=True):
    """One score per text, in their order, and the model that gave them.

    `trained_until` is the last day whose texts it may have learnt from, null where unknown.
    """

    provider: str
    model_hash: Hash
    trained_until: date | None
    scores: list[TextScore]


def read(kind: type[_T], payload: bytes) -> _T:
    """The request in a payload, or RefusedError."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise RefusedError(
            TOO_LARGE, f"{len(payload)} bytes were sent and {MAX_REQUEST_BYTES} are read: send less"
        )
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError(INVALID, f"this is no {kind.__name__}: {error}") from None


def schema(kind: type[msgspec.Struct]) -> str:
    """The JSON schema of a request or reply, as JSON."""
    return msgspec.json.encode(msgspec.json.schema(kind), order="deterministic").decode()
