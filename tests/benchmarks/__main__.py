"""`make bench`: measures speed and memory and prints each figure beside its goal.

A part that is named is measured alone: `python -m tests.benchmarks engine --inputs 10000000`.
Figures are for reading: the exit status is 0 unless something breaks.
"""

import argparse

from tests.benchmarks import (
    engine,
    indicators,
    journal,
    main_job,
    news,
    orders,
    quality,
    sentiment,
)
from tests.benchmarks.stage import stage

ALONE = {
    "main-job": main_job.measure,
    "news": news.measure,
    "indicators": indicators.measure,
    "sentiment": sentiment.measure,
    "quality": quality.measure,
}
"""Parts that need no server and no number."""

PARTS = ("engine", "orders", "journal", *ALONE)


def main() -> None:
    """Measure the parts that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="over which memory is flat")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the long journal")
    given = parser.parse_args()
    parts = given.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    if "engine" in parts:
        engine.measure(given.inputs)
    if {"orders", "journal"} & set(parts):
        with stage() as servers:
            if "orders" in parts:
                orders.measure(servers)
            if "journal" in parts:
                journal.measure(servers, given.rows)
    for name, measure in ALONE.items():
        if name in parts:
            measure()


if __name__ == "__main__":
    main()
