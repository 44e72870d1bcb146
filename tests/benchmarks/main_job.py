"""The main job on a stack of its own, as a user runs it: wall time, processor time and memory.

The second part needs the S&P prices: TRADING_TEST_DATA names the folder that holds
prices/sp500_daily_2013_2018.parquet; without it that part says NOT RUN.
Keep out: parts of the trading core on their own (engine.py, orders.py, journal.py).
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from execution.verify import verify
from tests.benchmarks.report import heading, say
from tests.system.stack import LocalStack, up

SP500 = "prices/sp500_daily_2013_2018.parquet"
SESSIONS_PER_MONTH = 21


@dataclass
class Watch:
    """Peak resident memory by process name, sampled while the block runs; MiB."""

    peaks: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def over(self, stack: LocalStack) -> Iterator["Watch"]:
        done = threading.Event()
        children = stack.status()["children"]
        names = {child["pid"]: child["name"] for child in children if child["pid"]}
        thread = threading.Thread(target=self._sample, args=(names, done))
        thread.start()
        try:
            yield self
        finally:
            done.set()
            thread.join()

    def _sample(self, names: dict[int, str], done: threading.Event) -> None:
        while not done.wait(0.5):
            for pid, name in names.items():
                for process, label in _family(pid, name):
                    try:
                        mebibytes = process.memory_info().rss / 2**20
                    except psutil.Error:
                        continue
                    self.peaks[label] = max(self.peaks.get(label, 0), mebibytes)


def _family(pid: int, name: str) -> Iterator[tuple[psutil.Process, str]]:
    try:
        process = psutil.Process(pid)
        yield process, name
        for child in process.children(recursive=True):
            yield child, f"{name}'s child"
    except psutil.Error:
        return


def cpu_seconds(stack: LocalStack, child: str) -> float:
    times = psutil.Process(stack.pid_of(child)).cpu_times()
    return float(times.user + times.system)


def measured(stack: LocalStack, *words: str) -> tuple[dict[str, Any], float, float]:
    """The report of a run, its wall time, and the CPU time that the trading core took for it."""
    before, began = cpu_seconds(stack, "trading-core"), time.monotonic()
    report = stack.run(*words)
    wall = time.monotonic() - began
    return report, wall, cpu_seconds(stack, "trading-core") - before


def month_ratio(stack: LocalStack, account: str) -> float:
    """How long the last month's sessions took in the core, against the first month's."""
    query = """SELECT max(received_at) FROM journal WHERE account = %s AND kind = 'signal_set.v1'
        GROUP BY stamped_at ORDER BY stamped_at"""
    with psycopg.connect(stack.secret_environment()["DATABASE_URL"]) as connection:
        ends = [row[0] for row in connection.execute(query, (account,)).fetchall()]
    first = ends[SESSIONS_PER_MONTH] - ends[0]
    last = ends[-1] - ends[-1 - SESSIONS_PER_MONTH]
    return float(last / first)


def bench_sample(stack: LocalStack) -> None:
    stack.run("--account", "warmup")
    report, wall, core = measured(stack)
    say("5 symbols x 250 sessions, warm trading run, seconds", f"{wall:.1f}", "goal: under 60")
    say("  of that, the trading core's CPU, seconds", f"{core:.1f}", "goal: under 10")
    for stage in report["stages"]:
        say(f"  stage {stage['name']}, seconds", f"{stage['seconds']:.1f}")


def bench_sp500(stack: LocalStack, prices: Path) -> None:
    words = ["--source", "files", "--path", str(prices), "--from", "2014-01-01", "--to"]
    with Watch().over(stack) as watch:
        report, wall, core = measured(stack, *words, "2014-12-31")
    signals = sum(report["account"]["dispositions"].values())
    say("505 symbols x 252 sessions, trading run, seconds", f"{wall:.1f}", "goal: under 300")
    say("  signals", f"{signals:,}")
    say("  the trading core's CPU, seconds", f"{core:.1f}")
    for stage in report["stages"]:
        say(f"  stage {stage['name']}, seconds", f"{stage['seconds']:.1f}")
    largest = max(watch.peaks, key=lambda name: watch.peaks[name])
    peak = f"{watch.peaks[largest]:,.0f} MiB"
    say(f"  largest process ({largest})", peak, "goal: under 2,048 MiB")
    ratio = month_ratio(stack, "files")
    say("  last month's sessions against the first month's", f"{ratio:.2f}x", "goal: at most 1.2x")
    began = time.monotonic()
    sound = verify(stack.secret_environment()["DATABASE_URL"]).sound
    say(
        "  trading verify of everything, seconds",
        f"{time.monotonic() - began:.1f}",
        f"sound: {sound}",
    )


def measure() -> None:
    """Print the part of the table that needs a whole stack."""
    heading("the main job")
    data = os.environ.get("TRADING_TEST_DATA")
    with tempfile.TemporaryDirectory() as folder, up(Path(folder)) as stack:
        bench_sample(stack)
        if data:
            bench_sp500(stack, Path(data) / SP500)
        else:
            say("505 symbols x 252 sessions", "NOT RUN", "TRADING_TEST_DATA is not set")
