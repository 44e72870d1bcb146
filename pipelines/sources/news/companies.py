"""The packaged table of companies: names, symbols and CIKs of the S&P 500, now and in early 2018.

Belongs here: reading companies.csv, or another table of its form.
Keep out: how names are found in texts (analyses/news/linking.py).

Columns, each a list parted by "|": symbols, names, everyday (names that are also everyday words)
and not_beside (words near a name that say it is not meant); and cik, without leading zeros.
"""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from pipelines.analyses.news.linking import Company, Linker


@cache
def linker() -> Linker:
    """A linker for the packaged table."""
    text = files("pipelines.sources.news").joinpath("companies.csv").read_text("utf-8")
    return Linker(read_companies(text.splitlines()))


def read_companies(lines: Iterable[str]) -> list[Company]:
    """The companies of a table in that form; lines that begin with # are comments."""
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [
        Company(
            symbols=tuple(row["symbols"].split("|")),
            names=tuple(row["names"].split("|")),
            cik=row["cik"],
            everyday=frozenset(_list(row["everyday"])),
            not_beside=frozenset(_list(row["not_beside"])),
        )
        for row in rows
    ]


def _list(cell: str) -> list[str]:
    return cell.split("|") if cell else []
