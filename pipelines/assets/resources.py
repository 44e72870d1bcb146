"""What a person chooses per run, as Dagster resources with defaults.

Belongs here: the feed (which data, which account), and the clock.
Keep out: addresses and secrets (settings.py).
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from pipelines.sources import Source, open_source
from pipelines.strategies.technical import TechnicalStrategy
from pipelines.strategy_file import open_strategy
from router.messages import digest


class Feed(dg.ConfigurableResource["Feed"]):
    """Which prices a run reads and which replay account it feeds."""

    source: str = Field(default="sample", description="sample, or files")
    path: str = Field(
        default="", description="for files: a CSV or Parquet file, or a folder of them"
    )
    symbols: list[str] = Field(default=[], description="only these symbols; empty for all")
    account: str = Field(
        default="", description="the replay account; empty for the one named as the source"
    )
    strategy: str = Field(
        default="", description="a strategy's settings file; empty for the shipped one"
    )
    patience_s: float = Field(
        default=60.0, description="give up when the account stands still this long"
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
        name = self.open().dataset
        if self.wanted is None:
            return name
        return f"{name}-{digest(*sorted(set(self.wanted)))[:8]}"

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
