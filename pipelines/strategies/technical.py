"""The shipped strategies: a weighted sum of scores that their settings choose by name.

Belongs here: the combination, its settings and their rules. Keep out: indicators (analyses/), and
the part that news may have (news_part.py).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat

import msgspec
import numpy as np
import pandas as pd

from execution.domain.config import Sizing
from pipelines.analyses import technical
from pipelines.analyses.indicator_scores import RULES
from pipelines.analyses.named_indicators import NamedIndicator
from pipelines.errors import AnalysisError, StrategyError
from pipelines.strategies import news_part
from router.messages import digest

SCORE_SCALE = 6
SEPARATOR = "; "
_TABLE = {"symbol", "session", "close", *technical.INDICATORS, *technical.SCORES}


@dataclass(frozen=True)
class TechnicalStrategy:
    """Weights by score column, and the threshold below which there is no opinion."""

    name: str
    version: str
    weights: Mapping[str, float]
    threshold: float
    sizing: Sizing | None = None
    """How an account that is opened for it turns its scores into positions; None: as by default."""

    indicators: tuple[NamedIndicator, ...] = ()
    """Indicators of pandas-ta-classic that the settings name, whose scores may be weighed too."""

    news_cap: float = 0.1
    """How far news and sentiment together may move a score, in [0, 1)."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", self.name):
            raise StrategyError(f"the name {self.name!r} is not 1 to 32 of a-z, 0-9, _ and -")
        own = {one.score: one for one in self.indicators}
        if taken := {*own, *(one.name for one in self.indicators)} & _TABLE:
            raise StrategyError(f"strategy {self.name}: {min(taken)!r} is in the table already")
        unknown = sorted(set(self.weights) - {*technical.SCORES, *own, *news_part.SCORES})
        if unknown:
            raise StrategyError(f"strategy {self.name}: there is no score {unknown[0]!r}")
        if self.of_news and not self.of_prices:
            raise StrategyError(
                f"strategy {self.name}: news alone gives no signal, weigh a price's"
            )
        if not 0 <= self.news_cap < 1:
            raise StrategyError(f"strategy {self.name}: news_cap {self.news_cap} is not in [0,1)")
        total = sum(abs(weight) for weight in self.weights.values())
        if not 0 < total <= 1 + 1e-9:
            raise StrategyError(f"strategy {self.name}: weights add up to {total}, not within 1")
        if not 0 <= self.threshold < 1:
            raise StrategyError(f"strategy {self.name}: threshold {self.threshold} is not in [0,1)")

    @property
    def of_prices(self) -> dict[str, float]:
        """The weights of scores that come from prices."""
        return {name: w for name, w in self.weights.items() if name not in news_part.SCORES}

    @property
    def of_news(self) -> dict[str, float]:
        """The weights of scores that come from articles."""
        return {name: w for name, w in self.weights.items() if name in news_part.SCORES}

    @property
    def wire_version(self) -> str:
        """The version that signals carry: it tells settings apart that somebody edited."""
        weights = [f"{name}={float(weight)!r}" for name, weight in self.weights.items()]
        weights += [f"news_cap={float(self.news_cap)!r}"] if self.of_news else []
        named = [one.identity for one in self.indicators]
        return f"{self.version}.{digest(*weights, repr(float(self.threshold)), *named)[:8]}"

    @property
    def warm_up(self) -> int:
        """How many of a symbol's first bars give no signal."""
        named = {one.score: one.warm_up for one in self.indicators}
        return max((technical.WARM_UP | named)[name] for name in self.of_prices)

    @property
    def _content_columns(self) -> tuple[str, ...]:
        """What a score was computed from, in the order of the table."""
        read = {name: rule.columns for name, rule in RULES.items()}
        read |= {one.score: (one.name,) for one in self.indicators}
        used = {"close", *self.weights, *(c for name in self.of_prices for c in read[name])}
        named = (name for one in self.indicators for name in (one.name, one.score))
        names = ("close", *technical.INDICATORS, *technical.SCORES, *named, *news_part.SCORES)
        return tuple(name for name in names if name in used)

    def signals(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row per symbol and day with all scores: symbol, session, score, reasons, content.

        Input: a frame of analyses.technical, joined with news_part where news is weighed. `score`
        is in [-1, 1], rounded to 6 decimals;
        `content` is the digest of the row that it was computed from.
        """
        ready = frame.dropna(subset=list(self.of_prices)).reset_index(drop=True)
        combined = np.zeros(len(ready))
        for column, weight in self.of_prices.items():
            combined += weight * ready[column].to_numpy(dtype=np.float64)
        if self.of_news:
            combined += news_part.part(ready, self.of_news, self.news_cap)
        opinion = np.abs(combined) >= self.threshold
        score = np.round(np.where(opinion, combined, 0.0), SCORE_SCALE) + 0.0
        return ready[["symbol", "session"]].assign(
            score=np.clip(score, -1.0, 1.0),
            reasons=self._reasons(ready, combined, opinion),
            content=_contents(ready, self._content_columns),
        )

    def _reasons(self, ready: pd.DataFrame, combined: np.ndarray, opinion: np.ndarray) -> list[str]:
        weak = f"{{:.3f}} is within the threshold {self.threshold}"
        told = map(list, technical.reasons(ready, list(self.of_prices), self.indicators))
        of_news = (
            news_part.reasons(ready, self.of_news, self.news_cap) if self.of_news else repeat([])
        )
        return [
            SEPARATOR.join([*texts, *news, *([] if strong else [weak.format(value)])])
            for texts, news, value, strong in zip(
                told, of_news, combined.tolist(), opinion.tolist(), strict=False
            )
        ]


def from_toml(text: str) -> TechnicalStrategy:
    """The strategy that a settings file describes, or StrategyError."""
    try:
        found = tomllib.loads(text) | _sizing(text)
        named = found.pop("indicators", {})
        indicators = tuple(NamedIndicator(name, **table) for name, table in named.items())
        return TechnicalStrategy(**found, indicators=indicators)
    except (tomllib.TOMLDecodeError, AttributeError, TypeError, AnalysisError) as error:
        raise StrategyError(f"the strategy's settings cannot be read: {error}") from error


def _sizing(text: str) -> dict[str, Sizing]:
    """The table [sizing], with every figure as it is written: 0.1 is a tenth, and no float."""
    found = tomllib.loads(text, parse_float=Decimal)
    if "sizing" not in found:
        return {}
    try:
        return {"sizing": msgspec.convert(found["sizing"], Sizing)}
    except msgspec.ValidationError as error:
        raise StrategyError(f"the strategy's table [sizing] cannot be used: {error}") from error


def _contents(ready: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    columns = [ready[name].tolist() for name in names]
    keys = zip(ready["symbol"].tolist(), ready["session"].dt.strftime("%Y-%m-%d"), strict=True)
    return [
        digest(symbol, session, *map(repr, values))
        for (symbol, session), *values in zip(keys, *columns, strict=True)
    ]
