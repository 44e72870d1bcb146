"""What a strategy is: the interface of one's own, and what its settings file says to every class.

Keep out: any arithmetic (weighted_sum.py), reading files and finding classes (strategy_file.py),
and what is made of an answer (opened.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import pandas as pd

from execution.domain.config import Sizing
from pipelines.analyses import technical
from pipelines.analyses.named_indicators import NamedIndicator
from pipelines.errors import StrategyError
from router.messages import MOST_SESSIONS, NAME, SYMBOL, digest

TECHNICAL, NEWS, SENTIMENT = "technical", "news", "sentiment"
ANALYSES = (TECHNICAL, NEWS, SENTIMENT)

REASONS = "_reasons"
"""How the name of a column ends that holds sentences for people; no identity rests on those."""

SEPARATOR = "\n"
"""Parts the sentences of such a column."""

KEYS = ["symbol", "session"]
TABLE = {*KEYS, "close", *technical.INDICATORS, *technical.SCORES}
"""Columns that the table of prices always has."""

LONGEST_HALF_LIFE = 10.0
"""Sessions; the lake is read back for five of them."""


@dataclass(frozen=True)
class Settings:
    """A settings file, as every class is given it; `options` is what only the class understands."""

    name: str
    version: str
    options: Mapping[str, Any]
    symbols: tuple[str, ...] = ()
    """The universe: what a run reads that does not name symbols itself; empty for all there are."""

    horizon: int = 1
    """Over how many sessions a score is meant, 1 to 252; told with each signal."""

    decay: Mapping[str, float] = field(default_factory=dict)
    """`news`: the half-life of every article in sessions, in place of the one of its event."""

    indicators: tuple[NamedIndicator, ...] = ()
    """Indicators of pandas-ta-classic that the file names: columns NAME and NAME_score."""

    sizing: Sizing | None = None
    """How an account that is opened for it turns scores into positions; None: as by default."""

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise StrategyError(f"the name {self.name!r} is not 1 to 32 of a-z, 0-9, _ and -")
        wrong = next((each for each in self.symbols if not re.fullmatch(SYMBOL, each)), None)
        if wrong is not None:
            raise StrategyError(f"strategy {self.name}: {wrong!r} is no symbol")
        if not 1 <= self.horizon <= MOST_SESSIONS:
            raise StrategyError(f"strategy {self.name}: horizon {self.horizon} is not 1 to 252")
        named = {name for one in self.indicators for name in (one.name, one.score)}
        if taken := named & TABLE:
            raise StrategyError(f"strategy {self.name}: {min(taken)!r} is in the table already")
        for analysis, sessions in self.decay.items():
            if analysis != NEWS or not 0 < sessions <= LONGEST_HALF_LIFE:
                raise StrategyError(
                    f"strategy {self.name}: decay {analysis} = {sessions} is not news within "
                    f"{LONGEST_HALF_LIFE:g} sessions"
                )

    @property
    def wire_version(self) -> str:
        """`version`, and eight characters that change with any setting that a score rests on."""
        options = msgspec.json.encode(self.options, order="sorted").decode()
        return self.versioned(options)

    def versioned(self, *parts: str) -> str:
        """The same over a class's own account of its options."""
        shared = [one.identity for one in self.indicators]
        shared += [f"decay {name}={float(days)!r}" for name, days in sorted(self.decay.items())]
        shared += [f"horizon={self.horizon}"] if self.horizon != 1 else []
        return f"{self.version}.{digest(*parts, *shared)[:8]}"


class Strategy(Protocol):
    """From what the analyses say of a symbol in a session to one score: what a class must be.

    It is made as `Class(settings)`, which raises StrategyError where the options cannot be used.
    It is pure: the same rows give the same answer for ever, whatever other rows there are; it reads
    no file, clock, network or chance. It is shown one session at a time, so that it cannot see a
    later one, and only the columns that it names.
    """

    @property
    def analyses(self) -> Sequence[str]:
        """Which of ANALYSES it needs; `technical` always, because its table has the rows."""

    @property
    def reads(self) -> Sequence[str]:
        """The columns that it is given beside symbol and session.

        Of `technical`: close, the indicators, the scores, and named indicators. Of `news` and
        `sentiment`: <analysis>_score, NaN where no article counts, and <analysis>_reasons.
        A signal's identity is the values of these columns, without the reasons.
        """

    @property
    def warm_up(self) -> int:
        """How many of a symbol's first bars give no signal."""

    @property
    def wire_version(self) -> str:
        """What signals carry as their version: `settings.wire_version`, or one's own account."""

    def signals(self, rows: pd.DataFrame) -> pd.DataFrame:
        """At most one row for each given one: symbol, session, and score in [-1, 1].

        Where it can say so: confidence in [0, 1]; reasons, sentences parted by SEPARATOR; and of
        each analysis <analysis>_part, what it added to the score before the strategy's bounds,
        <analysis>_without, the score had it said nothing, and <analysis>_reasons.
        """
