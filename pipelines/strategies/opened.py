"""A strategy that was opened: what its class answers, checked, and made into rows of `signals`.

Belongs here: the rules that every answer must obey, whoever wrote the class, and the identity of a
row's inputs. Keep out: the interface (strategy.py), any arithmetic, the lake.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from execution.domain.config import Sizing
from pipelines.analyses.named_indicators import NamedIndicator
from pipelines.errors import StrategyError
from pipelines.strategies.strategy import (
    ANALYSES,
    KEYS,
    NEWS,
    REASONS,
    SENTIMENT,
    TABLE,
    TECHNICAL,
    Settings,
    Strategy,
)
from router.messages import digest

SCORE_SCALE = 6
CONFIDENCE_SCALE = 4
OF_NEWS = tuple(f"{name}{end}" for name in (NEWS, SENTIMENT) for end in ("_score", REASONS))


@dataclass(frozen=True)
class Opened:
    """A class with its settings; raises StrategyError where the class is not what it must be."""

    settings: Settings
    strategy: Strategy

    def __post_init__(self) -> None:
        unknown = set(self.analyses) - set(ANALYSES)
        if unknown or TECHNICAL not in self.analyses:
            raise self._wrong(f"needs the analyses {', '.join(self.analyses)}: of {ANALYSES} some")
        stranger = next((name for name in self.strategy.reads if name not in self._columns), None)
        if stranger is not None:
            raise self._wrong(f"reads {stranger!r}, which no analysis that it needs gives")

    @property
    def name(self) -> str:
        """What accounts and signals call it."""
        return self.settings.name

    @property
    def indicators(self) -> tuple[NamedIndicator, ...]:
        """Indicators that the table must have beside the usual ones."""
        return self.settings.indicators

    @property
    def sizing(self) -> Sizing | None:
        """How an account that is opened for it turns its scores into positions."""
        return self.settings.sizing

    @property
    def analyses(self) -> tuple[str, ...]:
        """The analyses that it needs, in the order of ANALYSES."""
        needed = tuple(self.strategy.analyses)
        return tuple(sorted(needed, key=lambda name: [*ANALYSES, name].index(name)))

    @property
    def weighs_news(self) -> bool:
        """Whether articles must have been judged before."""
        return not {NEWS, SENTIMENT}.isdisjoint(self.analyses)

    @property
    def warm_up(self) -> int:
        """How many of a symbol's first bars give no signal."""
        return self.strategy.warm_up

    @property
    def wire_version(self) -> str:
        """The version that signals carry: it tells settings apart that somebody edited."""
        return self.strategy.wire_version

    def signals(self, table: pd.DataFrame) -> pd.DataFrame:
        """The strategy's opinion of each row, sorted by symbol and session.

        Input: a frame of analyses.technical, joined with news_part where news is needed. Output:
        symbol, session, score in [-1, 1] with 6 decimals, confidence in [0, 1] with 4 (NaN: not
        said), reasons, content (the digest of what the score was computed from), and of each
        analysis that is needed <analysis>_part and <analysis>_without (NaN: not said) and
        <analysis>_reasons. Raises StrategyError for an answer that cannot be meant.
        """
        answers = [self._answer(rows) for rows in self._by_session(table)]
        found = pd.concat(answers, ignore_index=True) if answers else self._nothing(table)
        keyed = table.set_index(KEYS)
        at = keyed.index.get_indexer(pd.MultiIndex.from_frame(found[KEYS]))
        if (at < 0).any() or len(np.unique(at)) < len(at):
            raise self._wrong("answered more than one row for one that it was given")
        return self._made(found, table.iloc[at]).sort_values(KEYS, kind="stable", ignore_index=True)

    @property
    def _columns(self) -> set[str]:
        named = {name for one in self.indicators for name in (one.name, one.score)}
        of_news = {name for name in OF_NEWS if name.startswith(self.analyses)}
        return {*TABLE, *named, *of_news} - {*KEYS}

    def _by_session(self, table: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """One session's rows at a time: nobody can read what is not there."""
        columns = [*KEYS, *dict.fromkeys(self.strategy.reads)]
        ordered = table[columns].sort_values(["session", "symbol"], kind="stable")
        sessions = ordered["session"].to_numpy()
        starts = np.flatnonzero(np.r_[True, sessions[1:] != sessions[:-1]][: len(sessions)])
        for start, end in pairwise([*starts.tolist(), len(ordered)]):
            yield ordered.iloc[start:end].reset_index(drop=True)

    def _answer(self, rows: pd.DataFrame) -> pd.DataFrame:
        try:
            answer = self.strategy.signals(rows)
        except Exception as error:
            raise self._wrong(f"failed: {type(error).__name__}: {error}") from error
        if not isinstance(answer, pd.DataFrame) or not {*KEYS, "score"} <= set(answer.columns):
            raise self._wrong("did not answer a frame with symbol, session and score")
        return answer

    def _nothing(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[KEYS].iloc[:0].assign(score=np.empty(0))

    def _made(self, found: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
        """The answer with every column, each within its bounds; a lone analysis did all of it."""
        if self.analyses == (TECHNICAL,) and f"{TECHNICAL}_part" not in found:
            found = found.assign(technical_part=found["score"], technical_without=0.0)
        columns: dict[str, object] = {
            **{name: found[name] for name in KEYS},
            "score": self._figures(found, "score", -1, SCORE_SCALE, said=True),
            "confidence": self._figures(found, "confidence", 0, CONFIDENCE_SCALE),
            "reasons": _texts(found, "reasons"),
            "content": contents(given, [n for n in self.strategy.reads if not n.endswith(REASONS)]),
        }
        for analysis in self.analyses:
            for end in ("_part", "_without"):
                name = f"{analysis}{end}"
                columns[name] = self._figures(found, name, -1, SCORE_SCALE)
            columns[f"{analysis}{REASONS}"] = _texts(found, f"{analysis}{REASONS}")
        return pd.DataFrame(columns)

    def _figures(
        self, found: pd.DataFrame, name: str, least: int, scale: int, *, said: bool = False
    ) -> np.ndarray:
        """A column rounded; NaN where it was not said, unless it must be."""
        if name not in found:
            return np.full(len(found), np.nan)
        raw = pd.to_numeric(found[name], errors="coerce").to_numpy(dtype=np.float64)
        values = np.round(raw, scale) + 0.0
        inside = (values >= least) & (values <= 1) | (np.isnan(values) & (not said))
        if not inside.all():
            at = int(np.argmin(inside))
            told, symbol = found[name].iloc[at], found["symbol"].iloc[at]
            raise self._wrong(f"answered the {name} {told} for {symbol}: not within {least} to 1")
        return values

    def _wrong(self, what: str) -> StrategyError:
        kind = type(self.strategy)
        return StrategyError(f"strategy {self.name} ({kind.__module__}.{kind.__name__}) {what}")


def contents(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The digest of symbol, session and each named value of a row; numbers count bit by bit."""
    columns = [rows[name].tolist() for name in names]
    keys = zip(rows["symbol"].tolist(), rows["session"].dt.strftime("%Y-%m-%d"), strict=True)
    return [
        digest(symbol, session, *map(repr, values))
        for (symbol, session), *values in zip(keys, *columns, strict=True)
    ]


def _texts(found: pd.DataFrame, name: str) -> list[str]:
    return found[name].fillna("").astype("str").tolist() if name in found else [""] * len(found)
