"""Any indicator of pandas-ta-classic, by name, with parameters and a rule for its score.

Belongs here: checking that it can be used, and running it. Keep out: the indicators that the table
always has (indicators.py), and reading settings (strategies/).

Its conventions are pandas-ta-classic's own. Nothing says which of its values are prices, so it
runs anew for each stretch between two corporate actions, over bars adjusted as that stretch knew
them. What looks ahead is found by trying: bars are added at the end, and no value may change.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats, Steps, adjusted_closes
from pipelines.analyses.panel import COLUMNS, PRICES, Panel
from pipelines.errors import AnalysisError

Parameter = bool | int | float | str
Options = tuple[tuple[str, Parameter], ...]

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
INPUTS = {"open": "open", "open_": "open", **{name: name for name in COLUMNS[1:]}}
"""Arguments that are bars, and the column of each."""

TRIAL_BARS = 400
"""Bars that a new indicator is tried on, and four times its longest window more."""

TRIAL_CUTS = (0.6, 0.71, 0.83, 0.94, 0.99)
TRIAL_SEED = 20120103
TRIAL_WARM_UP = 100
"""How many bars later than in a long history an indicator may begin in one that grows."""


@dataclass(frozen=True)
class NamedIndicator:
    """One indicator, and the line that makes a score of it.

    name: the column it fills; `<name>_score` is its score. indicator: pandas-ta-classic's name.
    buy, sell: the values that score 1 and -1; those between lie on the line. column: which of its
    columns, the first without it. of_close: the value is a price, read as its distance from the
    close, value / close - 1. parameters: as pandas-ta-classic calls them. Raises AnalysisError.
    """

    name: str
    indicator: str
    buy: float
    sell: float
    column: str = ""
    of_close: bool = False
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise AnalysisError(f"the name {self.name!r} is not 1 to 32 of a-z, 0-9 and _")
        if not (np.isfinite(self.buy) and np.isfinite(self.sell) and self.buy != self.sell):
            raise AnalysisError(f"{self.name}: buy and sell are not two different numbers")
        columns = _tried(self.indicator, self._options)
        if self.column and self.column not in columns:
            known = ", ".join(columns)
            raise AnalysisError(f"{self.name}: {self.indicator} has no {self.column!r} of {known}")

    @property
    def score(self) -> str:
        """The column of its score."""
        return f"{self.name}_score"

    @property
    def chosen(self) -> str:
        """The column of the indicator that is read."""
        return self.column or next(iter(_tried(self.indicator, self._options)))

    @property
    def warm_up(self) -> int:
        """How many of a symbol's first bars have no value, on bars like those it was tried on."""
        return _tried(self.indicator, self._options)[self.chosen]

    @property
    def identity(self) -> str:
        """Everything that its values depend on, as a text."""
        line = f"{float(self.buy)!r},{float(self.sell)!r},{self.of_close}"
        return f"{self.name}={self.indicator}{self._options!r}[{self.column}]({line})"

    @property
    def _options(self) -> Options:
        return tuple(sorted(self.parameters.items()))

    def values(self, bars: pd.DataFrame) -> Floats:
        """The indicator of one symbol's adjusted bars with a time as index; shape (n,)."""
        if len(bars) <= self.warm_up:
            return np.full(len(bars), np.nan)
        table = _called(self.indicator, self._options, bars)
        if table is None or self.chosen not in table:
            raise AnalysisError(f"{self.name}: {self.indicator} gives nothing of {len(bars)} bars")
        value = table[self.chosen].to_numpy(dtype=np.float64)
        if self.of_close:
            value = value / bars["close"].to_numpy(dtype=np.float64) - 1.0
        value = np.where(np.isfinite(value), value, np.nan)
        value[: self.warm_up] = np.nan
        return value

    def scores(self, values: Floats) -> Floats:
        """1 at `buy`, -1 at `sell`, a straight line between and beyond, clipped to [-1, 1]."""
        middle, half = (self.buy + self.sell) / 2, (self.buy - self.sell) / 2
        clipped: Floats = np.clip((values - middle) / half, -1.0, 1.0)
        return clipped + 0.0

    def reason(self, value: float) -> str:
        """The figure and its bounds: `cci -120 (buys at -100, sells at 100)`."""
        return f"{self.name} {value:.4g} (buys at {self.buy:g}, sells at {self.sell:g})"


def named_columns(
    block: Panel, steps: Steps, since: NDArray[np.bool_], wanted: Sequence[NamedIndicator]
) -> dict[str, Floats]:
    """Values and scores of a panel's rows, each adjusted as on its own day.

    Input: raw columns, their steps, and which rows are wanted. Output: columns of shape (rows,);
    NaN where a row is not wanted.
    """
    columns = {one.name: np.full(len(block), np.nan) for one in wanted}
    for first, end in zip(block.starts[:-1].tolist(), block.starts[1:].tolist(), strict=True):
        for start, stop, bars in _stretches(block, steps, since, first, end):
            for one in wanted:
                columns[one.name][start:stop] = one.values(bars)[start - stop :]
    return columns | {one.score: one.scores(columns[one.name]) for one in wanted}


def _stretches(
    block: Panel, steps: Steps, since: NDArray[np.bool_], first: int, end: int
) -> Iterator[tuple[int, int, pd.DataFrame]]:
    """From where to where, and all bars up to there, as they were adjusted there."""
    acted = np.flatnonzero((steps.prices[first:end] != 1.0) | (steps.shares[first:end] != 1.0))
    edges = np.unique(np.r_[first, first + acted, end]).tolist()
    for start, stop in pairwise(edges):
        if since[start:stop].any():
            yield start, stop, _as_known(block, steps, first, stop)


def _as_known(block: Panel, steps: Steps, first: int, stop: int) -> pd.DataFrame:
    prices, shares = steps.prices[first:stop], steps.shares[first:stop]
    columns = {name: adjusted_closes(block.columns[name][first:stop], prices) for name in PRICES}
    columns["volume"] = adjusted_closes(block.columns["volume"][first:stop], shares)
    return pd.DataFrame(columns, index=pd.DatetimeIndex(block.times[first:stop]))


def library() -> ModuleType:
    """pandas-ta-classic, imported when it is first needed: it takes half a second."""
    with warnings.catch_warnings():
        # It asks pandas for something deprecated while it is imported.
        warnings.simplefilter("ignore")
        import pandas_ta_classic
    found: ModuleType = pandas_ta_classic
    return found


def _function(indicator: str) -> Callable[..., Any]:
    known = {name for names in library().Category.values() for name in names}
    if indicator not in known:
        raise AnalysisError(f"pandas-ta-classic has no indicator {indicator!r}")
    found: Callable[..., Any] = getattr(library(), indicator)
    return found


def _called(indicator: str, options: Options, bars: pd.DataFrame) -> pd.DataFrame | None:
    """The indicator's columns, one value per bar; None where the history is too short for one."""
    function = _function(indicator)
    names = [name for name in inspect.signature(function).parameters if name in INPUTS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = function(**{name: bars[INPUTS[name]] for name in names}, **dict(options))
    table = found.to_frame(indicator) if isinstance(found, pd.Series) else found
    if table is not None and not (isinstance(table, pd.DataFrame) and len(table) == len(bars)):
        raise AnalysisError(f"{indicator} does not give one value per bar")
    return table


@lru_cache(maxsize=256)
def _tried(indicator: str, options: Options) -> dict[str, int]:
    """The columns of an indicator that can be used, and the warm-up of each; or AnalysisError."""
    _demand_known(indicator, options)
    whole = _trial_bars(options)
    try:
        table = _called(indicator, options, whole)
        parts = [_called(indicator, options, whole[: int(len(whole) * cut)]) for cut in TRIAL_CUTS]
    except AnalysisError:
        raise
    except Exception as error:  # what it is given was written by a person, and may be anything
        raise AnalysisError(f"{indicator}{dict(options)} cannot be used: {error}") from error
    if table is None or table.isna().all(axis=None):
        raise AnalysisError(f"{indicator}{dict(options)} gives no value of {len(whole)} bars")
    for part in parts:
        _demand_blind(indicator, table, part)
    return {str(name): _warm_up(indicator, options, whole, table[name]) for name in table}


def _demand_known(indicator: str, options: Options) -> None:
    parameters = inspect.signature(_function(indicator)).parameters
    named = {
        name: parameter.default is parameter.empty
        for name, parameter in parameters.items()
        if name not in INPUTS and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    given = {name for name, _ in options}
    # It takes its default for a window that cannot be, and shifts by an offset: neither is meant.
    if wrong := [name for name, value in options if isinstance(value, int) and value < 0]:
        raise AnalysisError(
            f"{indicator}: {wrong[0]} is below 0, which would look ahead or nowhere"
        )
    if unknown := sorted(given - set(named)):
        raise AnalysisError(f"{indicator} has no parameter {unknown[0]!r}")
    if lacking := sorted({name for name, needed in named.items() if needed} - given):
        raise AnalysisError(f"{indicator} needs {lacking[0]!r}, which settings cannot give")


def _demand_blind(indicator: str, whole: pd.DataFrame, part: pd.DataFrame | None) -> None:
    """Bars that came later have changed no value of the earlier ones."""
    if part is None or list(part) != list(whole):
        raise AnalysisError(f"{indicator} has other columns when bars are added")
    before = whole[: len(part)].to_numpy(dtype=np.float64)
    now = part.to_numpy(dtype=np.float64)
    same = np.isclose(before, now, rtol=1e-9, atol=1e-9, equal_nan=True).all(axis=0)
    if not same.all():
        name = whole.columns[int(np.argmin(same))]
        raise AnalysisError(f"{indicator} looks ahead: {name} changes when bars are added")


def _trial_bars(options: Options) -> pd.DataFrame:
    """Bars that wander and gap, the same ones each time."""
    windows = [value for _, value in options if isinstance(value, int)]
    count = TRIAL_BARS + 4 * min(max([0, *map(abs, windows)]), 10_000)
    noise = np.random.default_rng(TRIAL_SEED).normal(0.0, 1.0, (4, count))
    close = 100 * np.exp(np.cumsum(0.02 * noise[0]))
    opened = close * np.exp(0.01 * noise[1])
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * (1 + 0.01 * np.abs(noise[2])),
        "low": np.minimum(opened, close) / (1 + 0.01 * np.abs(noise[3])),
        "close": close,
        "volume": np.round(1e6 * np.exp(noise[1])),
    }
    return pd.DataFrame(columns, index=pd.date_range("2000-01-03", periods=count, freq="B"))


def _warm_up(indicator: str, options: Options, bars: pd.DataFrame, column: pd.Series) -> int:
    """After how many bars it has its first value, and has it too where there are no more bars.

    Some ask for more bars than the first value needs: on the day itself there would be none.
    """
    known = np.flatnonzero(column.notna().to_numpy())
    first = int(known[0]) if len(known) else len(column)
    for count in range(first, min(first + TRIAL_WARM_UP, len(bars))):
        part = _called_or_none(indicator, options, bars[: count + 1])
        if part is not None and column.name in part and pd.notna(part[column.name].iloc[-1]):
            return count
    return len(bars)


def _called_or_none(indicator: str, options: Options, bars: pd.DataFrame) -> pd.DataFrame | None:
    try:
        return _called(indicator, options, bars)
    except Exception:  # noqa: BLE001 - some fail where the history is shorter than their window
        return None
