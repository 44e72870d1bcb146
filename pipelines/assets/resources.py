"""What a person chooses per run, as Dagster resources with defaults.

Belongs here: the feed (which data, which account), and the clock.
Keep out: addresses and secrets (settings.py).
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from pipelines.sources import Source, open_source
from pipelines.sources.base import dataset_of
from pipelines.strategies.technical import TechnicalStrategy
from pipelines.strategy_file import open_strategy


class Feed(dg.ConfigurableResource["Feed"]):
    """Which prices a run reads and which replay account it feeds."""

    source: str = Field(
        default="sample",
        description="Where prices come from: `sample` (AAPL, FB, GOOG, IBM and MSFT, sessions from"
        " 2000-03-01 to 2013-03-01) or `files` (your own, see path).",
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
        description="The absolute path of a strategy's settings file (TOML: name, version, weights,"
        " threshold); empty for the shipped one. The account must trade a strategy of that name.",
    )
    patience_s: float = Field(
        default=60.0,
        description="Seconds to wait while the account stands still or the trading core does not"
        " answer; then the run fails. There is no bound as long as the account moves.",
    )

    def open(self) -> Source:
        """The source that the run reads."""
        return open_source(self.source, self.path)

    def open_strategy(self) -> TechnicalStrategy:
        """The strategy that gives the scores."""
        return open_strategy(self.strategy)

    @property
    def wanted(self) -> list[str] | None:
        """The chosen symbols, None for all."""
        return [symbol.strip().upper() for symbol in self.symbols] or None

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
