"""What a person chooses per run, as Dagster resources with defaults.

Belongs here: the feed (which data, which account), the news (which articles, which model), and the
clock.
Keep out: addresses and secrets (settings.py).
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from pipelines.agents.client import SharedImpacts
from pipelines.models.choice import provider_of
from pipelines.models.provider import Provider
from pipelines.settings import Settings
from pipelines.sources import Now, Source, open_source, real_now
from pipelines.sources.base import dataset_of
from pipelines.sources.news import Endpoint, Impacts, NewsSettings, open_impacts, open_news_source
from pipelines.sources.news.base import NewsSource
from pipelines.strategies.opened import Opened
from pipelines.strategy_file import default_strategy, open_strategy
from router.messages import digest

PLAIN_NAME = re.compile(r"[a-z0-9_]+")
STRATEGY_TAG = "trading/strategy"
UNIVERSE_TAG = "trading/universe"
"""The name of the tables of the chosen source and symbols."""

NEWS_TAG = "trading/news"
"""The name of the tables of the chosen source of news."""


class Feed(dg.ConfigurableResource["Feed"]):
    """Which prices a run reads and which replay account it feeds."""

    source: str = Field(
        default="sample",
        description="Where prices come from: `sample` (AAPL, FB, GOOG, IBM and MSFT, sessions from"
        " 2000-03-01 to 2013-03-01), `files` (your own, see path), or `yfinance`, `alpaca` or"
        " `ccxt`, as market.toml in the state folder configures them.",
    )
    path: str = Field(
        default="",
        description="For the source `files`: the absolute path of a CSV or Parquet file, or of a"
        " folder of them. Columns: date, open, high, low, close, volume; symbol unless the file is"
        " named after it; split and dividend where there are any.",
    )
    symbols: list[str] = Field(
        default=[],
        description='Only these symbols, such as ["IBM", "MSFT"]; empty for all. Feed an account'
        " with the same choice each time.",
    )
    account: str = Field(
        default="",
        description="The replay account to feed; empty for the one named as the source."
        " `trading run --account NAME` opens another. An account is fed without gaps: a range may"
        " begin at the latest with the session after the one where it stands.",
    )
    strategy: str = Field(
        default="",
        description="The absolute path of a strategy's settings file (TOML), or `technical` or"
        " `blend`, which come with the system; empty for `blend` where the source is `sample`, and"
        " for `technical` elsewhere. The account must trade a strategy of that name.",
    )
    patience_s: float = Field(
        default=60.0,
        description="Seconds to wait while the account stands still or the trading core does not"
        " answer; then the run fails. There is no bound as long as the account moves.",
    )

    def open(self, now: Now = real_now) -> Source:
        """The source that the run reads; one over the network goes by the clock `now`."""
        return open_source(self.source, self.path, now)

    def open_strategy(self) -> Opened:
        """The strategy that gives the scores."""
        return open_strategy(self.strategy or default_strategy(self.source))

    @property
    def wanted(self) -> list[str] | None:
        """The chosen symbols, those of the strategy where none were, None for all."""
        chosen = [symbol.strip().upper() for symbol in self.symbols]
        return chosen or list(self.open_strategy().settings.symbols) or None

    @property
    def replay_account(self) -> str:
        """The account that is fed."""
        return self.account or self.source

    @property
    def dataset(self) -> str:
        """The name of this choice's tables in the lake; a choice of symbols has its own."""
        return dataset_of(self.open().dataset, self.wanted)

    @property
    def opinions(self) -> str:
        """The name of the strategy's own table in the lake."""
        return f"{self.dataset}-{self.open_strategy().name}"

    @property
    def tags(self) -> dict[str, str]:
        """What a run carries, so that a list of runs can be searched for it."""
        return {STRATEGY_TAG: self.open_strategy().name, UNIVERSE_TAG: self.dataset}


class News(dg.ConfigurableResource["News"]):
    """Which articles a run reads, and which models judge them."""

    source: str = Field(
        default="sample",
        description="Where articles come from: `sample` (summaries of public events of AAPL, FB,"
        " GOOG, IBM and MSFT in 2011 and 2012), `folder` (your own, see path), `rss` (see feeds) or"
        " `edgar` (reports on form 8-K). The last two ask other machines: see agent.",
    )
    path: str = Field(
        default="",
        description="For the source `folder`: the absolute path of a folder of JSON lines (*.jsonl"
        " with published, title, and url and text where there are any) or HTML pages.",
    )
    agent: str = Field(
        default="",
        description="For `rss` and `edgar`: the User-Agent, with an e-mail address or a page to"
        ' complain to, such as "my-news (mailto:me@example.com)".',
    )
    feeds: list[str] = Field(
        default=[], description="For `rss`: the addresses of RSS and Atom feeds."
    )
    hosts: list[str] = Field(
        default=[],
        description="For `rss`: hosts, with all below them, that feeds and their articles may be"
        " read from; no other machine is asked.",
    )
    pages: bool = Field(
        default=True, description="For `rss`: whether the page behind each entry is read."
    )
    ciks: list[str] = Field(default=[], description="For `edgar`: companies by CIK; empty for all.")
    sentiment: str = Field(
        default="finance_minilm",
        description="The model that scores texts: `finance_minilm` (shipped), `lexicon` (a list of"
        " rated words), or a model of Hugging Face by name or folder, such as ProsusAI/finbert.",
    )
    trained_until: str = Field(
        default="",
        description="For a model of Hugging Face: the last day (YYYY-MM-DD) whose texts it may have"
        " learnt from; empty if that is unknown, and then no backtest of it proves anything.",
    )
    threads: int = Field(default=1, description="Threads that the model runs on.")
    endpoint: str = Field(
        default="",
        description="The base address of a language model behind OpenAI's chat API that judges the"
        " impact of articles as well; empty for the rules alone. Its key is the variable"
        " TRADING_NEWS_MODEL_KEY.",
    )
    endpoint_model: str = Field(default="", description="The name of that language model.")

    def open(self) -> NewsSource:
        """The source that the run reads; RequestError where a setting of it is missing."""
        settings = NewsSettings(
            path=self.path,
            agent=self.agent,
            feeds=tuple(self.feeds),
            hosts=tuple(self.hosts),
            pages=self.pages,
            ciks=tuple(self.ciks),
        )
        return open_news_source(self.source, settings)

    def open_provider(self) -> Provider:
        """The model that scores texts, or ModelError."""
        until = date.fromisoformat(self.trained_until) if self.trained_until else None
        return provider_of(self.sentiment, self.threads, until)

    def open_impacts(self, settings: Settings) -> Impacts:
        """What judges the impact of articles: rules, by agents if any, or a model beside them."""
        if not self.endpoint:
            return SharedImpacts(settings.nats_url)
        answers, key = settings.news_folder / "answers", settings.news_model_key
        return open_impacts(Endpoint(self.endpoint, self.endpoint_model, key), answers)

    @property
    def dataset(self) -> str:
        """The name of the source's tables in the lake; each folder has its own."""
        place = str(Path(self.path).expanduser())
        return f"folder-{digest(place)[:8]}" if self.source == "folder" else self.source

    @property
    def opinions(self) -> str:
        """The name of the tables of scores: each model has its own."""
        plain = PLAIN_NAME.fullmatch(self.sentiment)
        return f"{self.dataset}-{self.sentiment if plain else digest(self.sentiment)[:8]}"

    @property
    def judged(self) -> str:
        """The name of the tables of impacts: a language model beside the rules has its own."""
        asked = digest(self.endpoint, self.endpoint_model)[:8] if self.endpoint else ""
        return f"{self.opinions}-{asked}" if asked else self.opinions


class Clock(dg.ConfigurableResource["Clock"]):
    """The wall clock; `fixed` holds it still, for trying out a live run."""

    fixed: str = Field(
        default="", description="an ISO moment with its zone; empty for the real time"
    )

    def now(self) -> datetime:
        """The present moment, aware and UTC."""
        if self.fixed:
            return datetime.fromisoformat(self.fixed).astimezone(UTC)
        return datetime.now(UTC)
