"""Which fills an analysis moved: decided, sized, or left alone."""

from decimal import Decimal
from typing import Any

import pytest

from deploy.local.moves import Bounds, Fill, bounds_of, by_analysis

BOUNDS = Bounds(entry=Decimal("0.15"), exit=Decimal(0), full=Decimal("0.50"), short=False)
SHORT = Bounds(BOUNDS.entry, BOUNDS.exit, BOUNDS.full, short=True)


def fill(score: str, day: str = "2012-02-02", **without: str) -> dict[str, Any]:
    told = [{"analysis": name, "part": "0", "without": value} for name, value in without.items()]
    signal = {"score": score, "contributions": told}
    return {"symbol": "AAPL", "session": day, "side": "buy", "signal": signal}


@pytest.mark.parametrize(
    ("score", "without", "bounds", "moved"),
    [
        ("0.20", "0.14", BOUNDS, "decided"),  # it would not have been opened
        ("0.14", "0.20", BOUNDS, "decided"),  # it would have been resized
        ("-0.01", "0", BOUNDS, "decided"),  # it would have been kept
        ("0.20", "0.16", BOUNDS, "sized"),
        ("0.60", "0.55", BOUNDS, "not"),  # both ask for the full weight
        ("0.20", "0.20", BOUNDS, "not"),
        ("0.15", "0.150000", BOUNDS, "not"),
        ("-0.30", "-0.10", BOUNDS, "not"),  # closed either way
        ("-0.30", "-0.10", SHORT, "decided"),
        ("-0.30", "-0.20", SHORT, "sized"),
        ("-0.60", "-0.50", SHORT, "not"),
        ("0.10", "0.05", SHORT, "not"),
    ],
)
def test_an_analysis_moves_what_sizing_would_have_done_otherwise(
    score: str, without: str, bounds: Bounds, moved: str
) -> None:
    (found,) = by_analysis([fill(score, news=without)], bounds)
    assert (found.decided, found.sized) == (int(moved == "decided"), int(moved == "sized"))


def test_each_analysis_is_told_with_the_first_fills_that_it_decided() -> None:
    days = [f"2012-02-0{day}" for day in range(1, 6)]
    fills = [fill("0.2", day, technical="0", news="0.1") for day in days]
    fills.append(fill("0.2", technical="0.18"))
    fills.append({**fill("0.2"), "signal": None})  # archived
    technical, news = by_analysis(fills, BOUNDS)
    assert (technical.analysis, technical.decided, technical.sized) == ("technical", 5, 1)
    assert technical.first == [Fill("AAPL", day, "buy") for day in days[:3]]
    assert (news.decided, news.sized) == (5, 0)


def test_the_bounds_are_those_of_the_accounts_sizing() -> None:
    told = {"entry_score": "0.15", "exit_score": "0.00", "full_score": "0.50", "short": False}
    assert bounds_of(told | {"max_weight": "0.1"}) == BOUNDS


def test_signals_from_before_contributions_tell_nothing() -> None:
    assert by_analysis([fill("0.2")], BOUNDS) == []
