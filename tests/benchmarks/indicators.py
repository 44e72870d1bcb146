"""Six indicators over many symbols, against pandas-ta-classic and against merely writing them.

The six are RSI 14, MACD, Bollinger bands of 20, ATR 14, SMA 20 and EMA 20: ten columns. Both sides
run in one process, in turn; a figure is the best of its rounds. pandas-ta-classic runs symbol by
symbol as its users call it, on a sample of the symbols, and its time is scaled up linearly. Writing
is one thread's: a function that hands back ten columns cannot be done sooner than they are written.
Keep out: whether the values are right (tests/pipelines/test_indicators.py).
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines import calendar
from pipelines.analyses import indicators
from pipelines.analyses.named_indicators import library
from pipelines.analyses.panel import WORKERS, Panel, side_by_side
from pipelines.assets.technical import compute
from pipelines.lake import open_lake
from tests.benchmarks.report import at_least, at_most, heading, say

ROUNDS = 9
OUTPUTS = tuple(f"output_{number}" for number in range(10))
UNIVERSE = 5_000
DATASET = "universe"
YEARS = range(2003, 2013)


def market(symbols: int, bars: int) -> Panel:
    """Prices that wander, without holes, and beside them room for the ten columns."""
    moves = np.random.default_rng(1).normal(0, 0.01, (symbols, bars))
    close = (100 * np.exp(np.cumsum(moves, axis=1))).ravel()
    times = np.tile(np.arange(bars).astype("datetime64[us]"), symbols)
    room = {name: np.full(len(close), 1.0) for name in OUTPUTS}
    return Panel(
        tuple(f"S{number:05}" for number in range(symbols)),
        np.arange(symbols + 1) * bars,
        times,
        times,
        {"high": close * 1.01, "low": close * 0.99, "close": close, **room},
    )


def ours(given: Panel) -> None:
    """All six, half of the symbols in each of two threads."""
    side_by_side(given, six, rows=-(-len(given) // WORKERS))


def six(block: Panel) -> None:
    """Written into the ten columns; the middle band is the mean of 20 bars, so that is copied."""
    high, low, close = (block.columns[name] for name in ("high", "low", "close"))
    out, starts = [block.columns[name] for name in OUTPUTS], block.starts
    indicators.rsi(close, starts, (out[0],))
    indicators.macd(close, starts, tuple(out[1:4]))
    indicators.bollinger(close, starts, tuple(out[4:7]))
    indicators.atr(high, low, close, starts, (out[7],))
    np.copyto(out[8], out[5])
    indicators.ema(close, indicators.FAST_BARS, starts, (out[9],))


def theirs(given: Panel, symbols: int) -> None:
    """All six of the first symbols with pandas-ta-classic's defaults, one symbol after another."""
    ta = library()
    for number in range(symbols):
        own = given.slice(number, number + 1).columns
        high, low, close = (pd.Series(own[name]) for name in ("high", "low", "close"))
        ta.rsi(close, 14)
        ta.macd(close, 12, 26, 9)
        ta.bbands(close, 20, 2)
        ta.atr(high, low, close, 14)
        ta.sma(close, 20)
        ta.ema(close, 20)


def bench_market(symbols: int, bars: int, sample: int, goal: float, write_goal: float) -> None:
    """One size: the ratio to pandas-ta-classic, and to writing ten columns."""
    given = market(symbols, bars)
    source = np.random.default_rng(2).random(symbols * bars)

    def write() -> None:
        for name in OUTPUTS:
            np.copyto(given.columns[name], source)

    theirs(given, 1)
    floor, mine, alone, other = _best(
        [write, lambda: ours(given), lambda: six(given), lambda: theirs(given, sample)]
    )
    scaled = other * symbols / sample
    size = f"{symbols:,} x {bars:,} bars"
    say(f"{size}: six indicators, milliseconds", f"{mine * 1e3:,.1f}", f"{WORKERS} threads")
    say(
        "  pandas-ta-classic, milliseconds",
        f"{scaled * 1e3:,.0f}",
        f"{sample} symbols measured, times {symbols / sample:,.0f}",
    )
    at_least("  faster than pandas-ta-classic", scaled / mine, goal, "x")
    say("  writing ten columns, milliseconds", f"{floor * 1e3:,.1f}", "np.copyto, one thread")
    at_most("  time of writing ten columns", mine / floor, write_goal, "x")
    say("  the same in one thread", f"{alone / floor:.2f} x")


def _best(runs: list[Callable[[], None]]) -> list[float]:
    """The shortest time of each, in seconds, taken in turn."""
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for number, run in enumerate(runs):
            began = time.perf_counter()
            run()
            best[number] = min(best[number], time.perf_counter() - began)
    return best


def store_universe(folder: Path) -> date:
    """Ten years of daily bars of the universe in a lake; the last session."""
    lake = open_lake(str(folder))
    names = np.array([f"S{number:05}" for number in range(UNIVERSE)], dtype=object)
    rng = np.random.default_rng(3)
    for year in YEARS:
        sessions = calendar.session_index(date(year, 1, 1), date(year, 12, 31))
        count = len(sessions)
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (UNIVERSE, count)), axis=1)).ravel()
        frame = pd.DataFrame(
            {
                "symbol": np.repeat(names, count),
                "session": np.tile(sessions.to_numpy(), UNIVERSE),
                "open": close.round(2),
                "high": (close * 1.01).round(2),
                "low": (close * 0.99).round(2),
                "close": close.round(2),
                "volume": rng.integers(10**5, 10**7, UNIVERSE * count).astype(np.float64),
            }
        )
        frame["event_time"] = frame["session"].dt.tz_localize("UTC") + pd.Timedelta(hours=21)
        frame["known_at"] = frame["event_time"] + pd.Timedelta(minutes=15)
        lake.write("bars", DATASET, frame, date(year, 1, 1), date(year, 12, 31))
    return sessions[-1].date()


def increment(folder: str, session: str) -> None:
    """One session's rows of the whole universe, from its files: a report in JSON."""
    day = date.fromisoformat(session)
    began, spent = time.perf_counter(), time.process_time()
    frame, agrees = compute(open_lake(folder), DATASET, day, day)
    report = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - spent,
        "mebibytes": _peak_mebibytes(),
        "rows": len(frame),
        "sound": agrees,
    }
    sys.stdout.write(json.dumps(report))


def _peak_mebibytes() -> float:
    """The largest resident memory since this program began: getrusage has that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def bench_increment() -> None:
    """The daily step on a universe, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        last = store_universe(Path(name))
        words = [sys.executable, "-m", "tests.benchmarks.indicators", name, last.isoformat()]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    bars = sum(len(calendar.session_index(date(y, 1, 1), date(y, 12, 31))) for y in YEARS)
    say(f"one new session of {UNIVERSE:,} symbols after {bars:,}, rows", f"{report['rows']:,}")
    at_most("  every indicator and score, files read", report["seconds"], 5, "s")
    say("  of that, CPU, seconds", f"{report['cpu']:.1f}")
    at_most("  peak memory of the process", report["mebibytes"], 1024, "MiB")


def measure() -> None:
    """Print the part of the table that is about indicators."""
    heading("indicators")
    bench_market(1_000, 2_520, sample=40, goal=60, write_goal=2)
    bench_market(5_000, 2_520, sample=40, goal=60, write_goal=2)
    bench_market(50, 500_000, sample=1, goal=25, write_goal=2)
    bench_increment()


if __name__ == "__main__":
    increment(*sys.argv[1:3])
