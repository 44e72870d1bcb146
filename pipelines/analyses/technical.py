"""Every indicator and its score, per symbol and bar, on prices as adjusted on the bar's own day.

Belongs here: which columns there are, and running the indicators so that no later bar, split or
dividend changes one. Keep out: the indicators (indicators.py), what they mean
(indicator_scores.py) and how their scores are weighed (strategies/).

Each symbol's recursions run once, over prices in the dollars of its first bar (adjust.compounded);
what is a price is then put into the dollars of its own day. Both use only what was known by then,
so cutting the data at a day gives the same bits for that day.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipelines.analyses import indicators
from pipelines.analyses.adjust import Floats, Steps, compounded, steps_of
from pipelines.analyses.indicator_scores import RULES, Columns, Score, score_columns
from pipelines.analyses.indicators import bollinger, macd, rsi
from pipelines.analyses.named_indicators import NamedIndicator, named_columns
from pipelines.analyses.panel import Index, Panel, panel_of, side_by_side, sound

__all__ = ["INDICATORS", "SCORES", "WARM_UP", "bollinger", "macd", "reasons", "rsi", "technical"]

DOLLARS = (
    "macd",
    "macd_signal",
    "macd_histogram",
    "bollinger_upper",
    "bollinger_middle",
    "bollinger_lower",
    "atr",
    "move",
    "sma_20",
    "sma_50",
    "ema_20",
    "ema_50",
)
"""Columns that are an amount of money per share."""

INDICATORS: Mapping[str, str] = {
    "rsi": "RSI of 14 bars, Wilder, 0 to 100",
    "macd": "MACD 12, 26, in dollars",
    "macd_signal": "9 bars of MACD, in dollars",
    "macd_histogram": "MACD less its signal line",
    "bollinger_upper": "mean of 20 bars and 2 deviations",
    "bollinger_middle": "mean of 20 bars",
    "bollinger_lower": "mean of 20 bars less 2 deviations",
    "atr": "average true range of 14 bars, Wilder, in dollars",
    "adx": "ADX of 14 bars, Wilder, 0 to 100",
    "plus_di": "+DI of 14 bars, Wilder, 0 to 100",
    "minus_di": "-DI of 14 bars, Wilder, 0 to 100",
    "stochastic_k": "slow %K of 14 bars, mean of 3, 0 to 100",
    "stochastic_d": "%D, mean of 3 %K, 0 to 100",
    "obv": "on-balance volume since the first bar, in shares of the day",
    "obv_share": "change of OBV over 20 bars, as a share of their volume, -1 to 1",
    "sma_20": "simple mean of 20 bars, in dollars",
    "sma_50": "simple mean of 50 bars, in dollars",
    "ema_20": "exponential mean of 20 bars, in dollars",
    "ema_50": "exponential mean of 50 bars, in dollars",
    "roc": "rate of change over 12 bars, in percent",
    "volatility": "deviation of the last 20 logarithmic returns, per bar",
    "volatility_long": "deviation of the last 100 logarithmic returns, per bar",
    "volume_zscore": "deviations of the volume from its mean of 20 bars",
    "move": "close less the close before, adjusted, in dollars",
}
"""Columns of indicators, and what each is."""

SCORES = tuple(RULES)

WARM_UP = {name: rule.warm_up for name, rule in RULES.items()}
"""How many of a symbol's first bars have no such score."""


def technical(
    bars: pd.DataFrame,
    actions: pd.DataFrame,
    time: str = "session",
    named: Sequence[NamedIndicator] = (),
) -> pd.DataFrame:
    """All indicators and their scores for every bar.

    Input: good bars sorted by symbol and `time`, from each symbol's first on, with the session of
    each, and dated actions. Output: symbol, session, `time`, close, INDICATORS, SCORES, and value
    and score of each in `named`; the same rows; NaN while warming up, and where a bar lacks one of
    its five values: such a bar is none.
    """
    whole = sound(bars)
    known = bars if whole.all() else bars[whole]
    columns = columns_of(panel_of(known, time), actions, named=named)
    frame = bars[list(dict.fromkeys(["symbol", "session", time, "close"]))]
    return frame.join(pd.DataFrame(columns, index=known.index))


def columns_of(
    panel: Panel,
    actions: pd.DataFrame,
    since: np.datetime64 | None = None,
    named: Sequence[NamedIndicator] = (),
) -> dict[str, Floats]:
    """INDICATORS, SCORES and what is named, of the panel's rows from a session on, or of all."""

    def work(block: Panel) -> dict[str, Floats]:
        return _block(block, actions, since, named)

    # pandas-ta-classic runs with its warnings off, which is not for one thread alone.
    parts = [work(block) for block in panel.blocks()] if named else side_by_side(panel, work)
    names = [*INDICATORS, *SCORES, *(column for one in named for column in (one.name, one.score))]
    return {
        name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
        for name in names
    }


def _block(
    block: Panel,
    actions: pd.DataFrame,
    since: np.datetime64 | None,
    named: Sequence[NamedIndicator],
) -> dict[str, Floats]:
    own = actions[actions["symbol"].isin(block.symbols)]
    close = block.columns["close"]
    steps = steps_of(block.symbols, block.starts, block.sessions, close, own)
    wanted = np.full(len(block), True) if since is None else block.sessions >= since
    kept = slice(None) if wanted.all() else np.flatnonzero(wanted)
    columns = {"close": close[kept], **_indicators(block, steps, kept)}
    if named:
        others = named_columns(block, steps, wanted, named)
        columns |= {name: column[kept] for name, column in others.items()}
    return columns | score_columns(columns)


def _indicators(block: Panel, steps: Steps, kept: slice | Index) -> dict[str, Floats]:
    """Every indicator of the rows that are kept, each in the dollars and shares of its own day."""
    dollars, shares = _units(block, steps)
    prices = {name: _divided(block.columns[name], dollars) for name in ("high", "low", "close")}
    found = _run(prices, _divided(block.columns["volume"], shares), block.starts)
    columns = {name: column[kept] for name, column in found.items()}
    for name in DOLLARS:
        columns[name] *= dollars[kept]
    columns["obv"] *= shares[kept]
    return columns


def _divided(column: Floats, unit: Floats) -> Floats:
    """Most blocks of a universe have nothing to adjust; then nothing is copied."""
    return column if (unit == 1.0).all() else column / unit


def _units(block: Panel, steps: Steps) -> tuple[Floats, Floats]:
    """What a row's adjusted price, and its volume, is multiplied by to be of its own day.

    TA-Lib takes a variance below 1e-14 for none, whatever the price is. Prices that begin under a
    dollar are therefore lifted by a power of two, which changes no bit of what comes out.
    """
    firsts = block.columns["close"][block.starts[:-1]]
    low = np.where((firsts > 0) & (firsts < 1), firsts, 1.0)
    lift = np.exp2(np.floor(np.log2(low)))
    dollars = compounded(steps.prices, block.starts) * np.repeat(lift, np.diff(block.starts))
    return dollars, compounded(steps.shares, block.starts)


def _run(prices: Columns, volume: Floats, starts: Index) -> dict[str, Floats]:
    """The indicators of adjusted columns, in the dollars of each symbol's first bar."""
    high, low, close = prices["high"], prices["low"], prices["close"]
    upper, middle, lower = bollinger(close, starts)
    line, signal, histogram = macd(close, starts)
    trend, plus, minus = indicators.adx(high, low, close, starts)
    slow_k, slow_d = indicators.stochastic(high, low, close, starts)
    balance = indicators.obv(close, volume, starts)
    short, long = indicators.VOLATILITY_BARS
    found = {
        "rsi": rsi(close, starts),
        "macd": line,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "bollinger_upper": upper,
        "bollinger_middle": middle,
        "bollinger_lower": lower,
        "atr": indicators.atr(high, low, close, starts),
        "adx": trend,
        "plus_di": plus,
        "minus_di": minus,
        "stochastic_k": slow_k,
        "stochastic_d": slow_d,
        "obv": balance,
        "obv_share": indicators.obv_share(balance, volume, starts),
        "sma_20": middle.copy(),
        "sma_50": indicators.sma(close, indicators.SLOW_BARS, starts),
        "ema_20": indicators.ema(close, indicators.FAST_BARS, starts),
        "ema_50": indicators.ema(close, indicators.SLOW_BARS, starts),
        "roc": indicators.rate_of_change(close, starts),
        "volatility": indicators.realised_volatility(close, short, starts),
        "volatility_long": indicators.realised_volatility(close, long, starts),
        "volume_zscore": indicators.volume_zscore(volume, starts),
        "move": indicators.move(close, starts),
    }
    return {name: found[name] for name in INDICATORS}


def reasons(
    frame: pd.DataFrame,
    names: Sequence[str] = SCORES,
    named: Sequence[NamedIndicator] = (),
) -> list[tuple[str, ...]]:
    """One sentence per score that is named, of each row, for people: `RSI 24.1 below 30`."""
    others = {one.score: one for one in named}
    texts = [
        _texts_of(frame, others[name]) if name in others else _texts(frame, RULES[name])
        for name in names
    ]
    return list(zip(*texts, strict=True)) if texts else [()] * len(frame)


def _texts(frame: pd.DataFrame, rule: Score) -> list[str]:
    figures = [frame[name].to_numpy(dtype=np.float64).tolist() for name in rule.columns]
    return [rule.reason(*row) for row in zip(*figures, strict=True)]


def _texts_of(frame: pd.DataFrame, one: NamedIndicator) -> list[str]:
    return [one.reason(value) for value in frame[one.name].to_numpy(dtype=np.float64).tolist()]
