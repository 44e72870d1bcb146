"""How an asset finds agents and asks them; where none answers, it computes the same itself.

Belongs here: discovery, batches, time-outs, and what happens when an agent dies with a batch.
Keep out: the wire's form (wire.py) and any analysis.

Nothing is lost: what no agent answered in time is computed here, by the same function. Only agents
that have the asker's own model are asked, so who computed it can never be seen in a result.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import msgspec
import pandas as pd
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.micro.request import ERROR_CODE_HEADER, ERROR_HEADER

from pipelines.agents import news, sentiment, wire
from pipelines.analyses.news.impact import impacts
from pipelines.analyses.news.linking import MENTION_COLUMNS
from pipelines.analyses.sentiment.pooling import Sentiment
from pipelines.models.provider import Provider, Reading
from router import subjects
from router.client import connected
from router.errors import ConnectError

log = logging.getLogger(__name__)

FIRST_PONG_S = 1.0
NEXT_PONG_S = 0.2
TIMEOUT_S = 20.0
"""How long an agent may take over one batch, with what it had to do before."""

ATTEMPTS = 2
CONNECT_S = 1.0
"""How long a NATS server may take to answer at all."""

BATCH_TEXTS = 64
BATCH_CHARACTERS = 100_000
AHEAD = 2
"""Batches under way per agent: the next one waits there when one is done."""

_T = TypeVar("_T", bound=msgspec.Struct)


@dataclass(frozen=True)
class Found:
    """An agent that answered a ping."""

    id: str
    name: str
    version: str
    metadata: Mapping[str, str]


async def find(nc: Client, name: str) -> list[Found]:
    """The agents of that name which answer now; at once where there is none, or no connection."""
    try:
        return await _pongs(nc, name)
    except (NatsError, OSError) as error:
        log.warning("agents.not_found name=%s reason=%r", name, error)
        return []


async def _pongs(nc: Client, name: str) -> list[Found]:
    inbox = nc.new_inbox()
    pongs = await nc.subscribe(inbox)
    found = []
    try:
        await nc.publish(f"$SRV.PING.{name}", reply=inbox)
        wait_s = FIRST_PONG_S
        while pong := await _next(pongs, wait_s):
            found.append(pong)
            wait_s = NEXT_PONG_S
    finally:
        await pongs.unsubscribe()
    return found


async def _next(pongs: Subscription, wait_s: float) -> Found | None:
    """The next answer to a ping; None when there is no more, or nobody to answer."""
    try:
        message = await pongs.next_msg(wait_s)
        return msgspec.json.decode(message.data, type=Found)
    except (NatsError, TimeoutError, msgspec.MsgspecError, UnicodeError):
        return None


async def ask_sentiment(
    nc: Client, provider: Provider, readings: Sequence[Reading], timeout_s: float = TIMEOUT_S
) -> list[Sentiment]:
    """What `provider.read` gives, computed by agents that have its model where there are any.

    An answer takes at most ATTEMPTS times `timeout_s` seconds per batch under way; what has none
    by then is read here, and so is all that follows.
    """
    agents = await find(nc, sentiment.NAME)
    if not _all_have(agents, "model_hash", provider.model_hash):
        return await asyncio.to_thread(provider.read, readings)
    asking = _Asking(nc, provider, timeout_s, asyncio.Semaphore(AHEAD * len(agents)))
    once = list(dict.fromkeys(readings))
    batches = await asyncio.gather(*(asking.batch(each) for each in _batches(once)))
    found = dict(zip(once, (score for batch in batches for score in batch), strict=True))
    log.info("agents.asked agents=%d texts=%d", len(agents), len(once))
    return [found[reading] for reading in readings]


async def ask_news(
    nc: Client,
    articles: pd.DataFrame,
    scores: pd.DataFrame | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `news.analyse` gives: the mentions and impacts of grouped articles.

    All are one request, because an article's novelty depends on the others; what does not fit one
    is computed here.
    """
    found = await _asked_news(nc, articles, scores, timeout_s)
    if found is not None:
        return found
    return await asyncio.to_thread(news.analyse, articles, scores)


async def _asked_news(
    nc: Client, articles: pd.DataFrame, scores: pd.DataFrame | None, timeout_s: float
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """An agent's mentions and impacts, None where none gave any."""
    agents = await find(nc, news.NAME)
    request = _news_request(articles, scores)
    if request is None or not _all_have(agents, "table", news.table()):
        return None
    for _ in range(ATTEMPTS):
        reply = await _ask(nc, news.NAME, request, wire.NewsReply, timeout_s)
        if reply is not None:
            return news.mentions_frame(reply.mentions), news.impacts_frame(reply.impacts)
    return None


@dataclass
class SharedProvider:
    """A `Provider` that shares its work with the agents of that NATS server, if there are any.

    A server that could not be reached once is not tried again.
    """

    provider: Provider
    nats_url: str
    unreachable: bool = False

    @property
    def name(self) -> str:
        """The provider's."""
        return self.provider.name

    @property
    def model_hash(self) -> str:
        """The provider's."""
        return self.provider.model_hash

    @property
    def trained_until(self) -> date | None:
        """The provider's."""
        return self.provider.trained_until

    def read(self, readings: Sequence[Reading]) -> list[Sentiment]:
        """The provider's scores; not to be called on an event loop."""
        if self.unreachable or not readings:
            return self.provider.read(readings)
        return asyncio.run(self._read(readings))

    async def _read(self, readings: Sequence[Reading]) -> list[Sentiment]:
        try:
            async with connected(self.nats_url, "sentiment", CONNECT_S) as connection:
                return await ask_sentiment(connection.nc, self.provider, readings)
        except ConnectError as error:
            log.warning("agents.unreachable reason=%s", error)
            self.unreachable = True
            return self.provider.read(readings)


@dataclass(frozen=True)
class SharedImpacts:
    """`analyses.news.impact.impacts`, shared with the news agents of that NATS server, if any.

    An agent finds the companies anew: its answer is used where it found the mentions given here.
    """

    nats_url: str

    def __call__(
        self, articles: pd.DataFrame, mentions: pd.DataFrame, scores: pd.DataFrame | None
    ) -> pd.DataFrame:
        """The impacts of the mentions; not to be called on an event loop."""
        found = asyncio.run(self._asked(articles, scores)) if len(mentions) else None
        if found is not None and _in_order(found[0]).equals(_in_order(mentions)):
            return found[1]
        return impacts(articles, mentions, scores)

    async def _asked(
        self, articles: pd.DataFrame, scores: pd.DataFrame | None
    ) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        try:
            async with connected(self.nats_url, "news", CONNECT_S) as connection:
                return await _asked_news(connection.nc, articles, scores, TIMEOUT_S)
        except ConnectError as error:
            log.warning("agents.unreachable reason=%s", error)
            return None


def _in_order(mentions: pd.DataFrame) -> pd.DataFrame:
    ordered = mentions[MENTION_COLUMNS].sort_values(["article_id", "symbol"], kind="stable")
    return ordered.reset_index(drop=True)


@dataclass
class _Asking:
    """One asker's batches, and whether agents are still worth asking."""

    nc: Client
    provider: Provider
    timeout_s: float
    places: asyncio.Semaphore
    lost: bool = False
    here: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Models are read by one thread at a time."""

    async def batch(self, readings: Sequence[Reading]) -> list[Sentiment]:
        """The scores of a batch, from an agent or from here."""
        async with self.places:
            found = None if self.lost else await self._asked(readings)
        if found is not None:
            return found
        self.lost = True
        async with self.here:
            return await asyncio.to_thread(self.provider.read, readings)

    async def _asked(self, readings: Sequence[Reading]) -> list[Sentiment] | None:
        request = wire.SentimentRequest(
            readings=[wire.Text(text=sent(r.text), about=sent(r.entity)) for r in readings],
            model_hash=self.provider.model_hash,
        )
        for _ in range(ATTEMPTS):
            reply = await _ask(
                self.nc, sentiment.NAME, request, wire.SentimentReply, self.timeout_s
            )
            if reply is not None and self._fits(reply, len(readings)):
                return [self._sentiment(score) for score in reply.scores]
        return None

    def _fits(self, reply: wire.SentimentReply, texts: int) -> bool:
        return reply.model_hash == self.provider.model_hash and len(reply.scores) == texts

    def _sentiment(self, score: wire.TextScore) -> Sentiment:
        """The model is ours by its hash, so its name and cut-off are as this provider says."""
        model = self.provider
        probabilities = (score.negative, score.neutral, score.positive)
        return Sentiment(*probabilities, model.name, model.model_hash, model.trained_until)


def sent(text: str) -> str:
    """A text as it travels: what no model reads of it is left out (analyses/sentiment/text.py)."""
    return text[: wire.MAX_TEXT].encode(errors="ignore").decode()


def _all_have(agents: Sequence[Found], name: str, value: str) -> bool:
    """Whether there are agents and all agree with us; requests go to any of them."""
    return bool(agents) and all(each.metadata.get(name) == value for each in agents)


def _batches(readings: Sequence[Reading]) -> Iterator[list[Reading]]:
    """Batches of bounded work, in order; one long text may be a batch."""
    batch: list[Reading] = []
    characters = 0
    for reading in readings:
        size = len(sent(reading.text)) + len(sent(reading.entity))
        if batch and (len(batch) == BATCH_TEXTS or characters + size > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(reading)
        characters += size
    if batch:
        yield batch


def _news_request(articles: pd.DataFrame, scores: pd.DataFrame | None) -> wire.NewsRequest | None:
    """The request, or None where these articles cannot be one."""
    rows = articles[list(wire.Article.__struct_fields__)].to_dict("records")
    known = None if scores is None else scores[scores["score"].notna()]
    names = list(wire.Score.__struct_fields__)
    request = {
        "articles": [row | {"known_at": row["known_at"].to_pydatetime()} for row in rows],
        "sentiment": [] if known is None else known[names].to_dict("records"),
        "table": news.table(),
    }
    try:
        return msgspec.convert(request, type=wire.NewsRequest)
    except msgspec.ValidationError as error:
        log.info("agents.not_asked name=%s reason=%s", news.NAME, error)
        return None


async def _ask(
    nc: Client, name: str, request: msgspec.Struct, reply: type[_T], timeout_s: float
) -> _T | None:
    """An agent's reply, or None where none came that can be used; the log says why."""
    try:
        message = await nc.request(
            subjects.agent(name), msgspec.json.encode(request), timeout=timeout_s
        )
        headers = message.headers or {}
        if ERROR_CODE_HEADER not in headers:
            return msgspec.json.decode(message.data, type=reply)
        reason = f"{headers[ERROR_CODE_HEADER]} {headers.get(ERROR_HEADER, '')}"
    except NoRespondersError:
        reason = "no agent is there any more"
    except (NatsError, TimeoutError, msgspec.MsgspecError, UnicodeError) as error:
        reason = repr(error)
    log.warning("agent.no_answer name=%s reason=%s", name, reason)
    return None
