"""The shipped class of strategy: a weighted sum of scores that its settings choose by name.

Belongs here: the combination, its options and their rules. Keep out: indicators (analyses/), the
part that news may have (news_part.py), and what every strategy obeys (opened.py).
"""

from collections.abc import Iterator, Mapping
from itertools import repeat

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.analyses import technical
from pipelines.analyses.adjust import Floats
from pipelines.analyses.indicator_scores import RULES
from pipelines.errors import StrategyError
from pipelines.strategies import news_part
from pipelines.strategies.strategy import KEYS, REASONS, SEPARATOR, TECHNICAL, Settings

Shares = Mapping[str, Floats]
"""By score, what it adds to each row's sum: its weight times its value."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a settings file of this class says beside what every strategy's says.

    weights: share of each score, by its column; together at most 1, regardless of sign. threshold:
    a sum smaller than this, up or down, is no opinion. min_sources: how many of the weighed scores
    must say something, so be there and not 0, for an opinion. min_confidence: how much they must
    agree for one. news_cap: how far news and sentiment together may move the sum, in [0, 1).
    """

    weights: dict[str, float]
    threshold: float
    news_cap: float = 0.1
    min_sources: int = 1
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        total = sum(abs(weight) for weight in self.weights.values())
        if not 0 < total <= 1 + 1e-9:
            raise ValueError(f"weights add up to {total}, not within 1")
        for name in ("threshold", "news_cap", "min_confidence"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} is not in [0,1)")
        if not 1 <= self.min_sources <= len(self.weights):
            raise ValueError(
                f"min_sources {self.min_sources} is not from 1 to {len(self.weights)}, the weights"
            )


class View:
    """The sum of some shares of `rows` rows, those of news capped, and how it came about.

    sum: in [-1, 1]. confidence: how much the shares agree, |sum| over the sum of their sizes, 0 to
    1. sources: how many of them are not 0.
    """

    def __init__(self, rows: int, prices: Shares, news: Shares, cap: float) -> None:
        self.sum = _sum(prices, rows) + np.clip(_sum(news, rows), -cap, cap)
        counted = [*prices.values(), *news_part.capped(news, cap).values()]
        size = sum((np.abs(share) for share in counted), np.zeros(rows))
        self.sources = sum((share != 0 for share in counted), np.zeros(rows, dtype=np.int64))
        self.confidence = np.abs(self.sum) / np.where(size > 0, size, 1.0)


class WeightedSum:
    """Scores times weights, bounded, or no opinion."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._options = msgspec.convert(dict(settings.options), Options)
        except msgspec.ValidationError as error:
            raise StrategyError(f"strategy {settings.name}: {error}") from error
        own = {one.score for one in settings.indicators}
        unknown = sorted({*self._options.weights} - {*technical.SCORES, *own, *news_part.SCORES})
        if unknown:
            raise StrategyError(f"strategy {settings.name}: there is no score {unknown[0]!r}")
        if not self._of_prices:
            raise StrategyError(
                f"strategy {settings.name}: news alone gives no signal, weigh a price's"
            )

    @property
    def analyses(self) -> tuple[str, ...]:
        """Those whose scores are weighed."""
        return (TECHNICAL, *(news_part.SCORES[name] for name in self._of_news))

    @property
    def reads(self) -> tuple[str, ...]:
        """What a score is computed from, in the order of the table."""
        named = self._settings.indicators
        read = {name: rule.columns for name, rule in RULES.items()}
        read |= {one.score: (one.name,) for one in named}
        used = {"close", *self._of_prices, *(c for name in self._of_prices for c in read[name])}
        own = (name for one in named for name in (one.name, one.score))
        columns = ("close", *technical.INDICATORS, *technical.SCORES, *own)
        of_news = (*self._of_news, *(news_part.REASONS[name] for name in self._of_news))
        return (*(name for name in columns if name in used), *of_news)

    @property
    def warm_up(self) -> int:
        """That of the slowest score."""
        named = {one.score: one.warm_up for one in self._settings.indicators}
        return max((technical.WARM_UP | named)[name] for name in self._of_prices)

    @property
    def wire_version(self) -> str:
        """It follows the settings by value: an option that is written as its default is no edit."""
        found = self._options
        said = [f"{name}={float(weight)!r}" for name, weight in found.weights.items()]
        said += [f"news_cap={float(found.news_cap)!r}"] if self._of_news else []
        said += [f"min_sources={found.min_sources}"] if found.min_sources > 1 else []
        said += [f"min_confidence={found.min_confidence!r}"] if found.min_confidence else []
        return self._settings.versioned(*said, repr(float(found.threshold)))

    def signals(self, rows: pd.DataFrame) -> pd.DataFrame:
        """One row for each that has all scores of prices."""
        ready = rows.dropna(subset=list(self._of_prices)).reset_index(drop=True)
        prices = {name: w * _column(ready, name) for name, w in self._of_prices.items()}
        news = news_part.shares(ready, self._of_news)
        view = self._view(len(ready), prices, news)
        columns: dict[str, object] = {
            **{name: ready[name] for name in KEYS},
            "score": self._bounded(view),
            "confidence": view.confidence,
            "reasons": self._reasons(view, news),
            f"{TECHNICAL}_part": _sum(prices, len(ready)),
            f"{TECHNICAL}_without": self._bounded(self._view(len(ready), {}, news)),
            f"{TECHNICAL}{REASONS}": self._price_reasons(ready),
        }
        parts = news_part.capped(news, self._options.news_cap)
        for name, analysis in news_part.SCORES.items():
            if name not in news:
                continue
            others = {each: share for each, share in news.items() if each != name}
            columns[f"{analysis}_part"] = np.where(ready[name].isna(), np.nan, parts[name])
            columns[f"{analysis}_without"] = self._bounded(self._view(len(ready), prices, others))
            columns[f"{analysis}{REASONS}"] = news_part.reasons(ready, name)
        return pd.DataFrame(columns)

    @property
    def _of_prices(self) -> dict[str, float]:
        weights = self._options.weights.items()
        return {name: w for name, w in weights if name not in news_part.SCORES}

    @property
    def _of_news(self) -> dict[str, float]:
        weights = self._options.weights.items()
        return {name: w for name, w in weights if name in news_part.SCORES}

    def _view(self, rows: int, prices: Shares, news: Shares) -> View:
        return View(rows, prices, news, self._options.news_cap)

    def _silent(self, view: View) -> NDArray[np.bool_]:
        """Where there is no opinion."""
        options = self._options
        weak = np.abs(view.sum) < options.threshold
        unsure = view.confidence < options.min_confidence
        silent: NDArray[np.bool_] = weak | unsure | (view.sources < options.min_sources)
        return silent

    def _bounded(self, view: View) -> Floats:
        return np.clip(np.where(self._silent(view), 0.0, view.sum), -1.0, 1.0)

    def _reasons(self, view: View, news: Shares) -> list[str]:
        """Why a row has no opinion, and where the cap cut news; most rows have nothing to tell."""
        told = [""] * len(view.sum)
        cut = np.abs(_sum(news, len(told))) > self._options.news_cap
        for row in np.flatnonzero(cut | self._silent(view)).tolist():
            told[row] = SEPARATOR.join(self._reasons_of(view, row, cut=bool(cut[row])))
        return told

    def _reasons_of(self, view: View, row: int, *, cut: bool) -> Iterator[str]:
        options, total = self._options, float(view.sum[row])
        if cut:
            yield f"news and sentiment are capped at {options.news_cap}"
        if abs(total) < options.threshold:
            yield f"{total:.3f} is within the threshold {options.threshold}"
        if view.sources[row] < options.min_sources:
            yield f"{view.sources[row]} of the scores speak, {options.min_sources} are needed"
        if view.confidence[row] < options.min_confidence:
            yield f"confidence {view.confidence[row]:.2f} is below {options.min_confidence}"

    def _price_reasons(self, ready: pd.DataFrame) -> list[str]:
        told = technical.reasons(ready, list(self._of_prices), self._settings.indicators)
        return list(map(str.join, repeat(SEPARATOR), told))


def _column(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype=np.float64)


def _sum(shares: Shares, rows: int) -> Floats:
    total = np.zeros(rows)
    for share in shares.values():
        total += share
    return total
