"""Which symbols a strategy can say nothing about, and that the answer is known on the day."""

from datetime import date

import pandas as pd
import pytest

from pipelines.analyses.withheld import FORGOTTEN_AFTER, withheld
from tests.pipelines.frames import SESSIONS, bars

WARM_UP = 2


def day(number: int) -> date:
    return SESSIONS[number].date()


def rows(**numbers: list[int]) -> pd.DataFrame:
    """Rows of these symbols on these sessions, by number."""
    parts = [bars([10], symbol, first=n) for symbol, held in numbers.items() for n in held]
    return pd.concat(parts, ignore_index=True)


def rejected(*numbers: tuple[str, int]) -> pd.DataFrame:
    found = pd.DataFrame(numbers, columns=["symbol", "session"])
    found["session"] = SESSIONS[found["session"].to_numpy(dtype=int)]
    return found.assign(reason="OHLC_ORDER")


def asked(
    prices: pd.DataFrame,
    signals: pd.DataFrame | None = None,
    bad: pd.DataFrame | None = None,
    start: int = 0,
) -> dict[date, dict[str, str]]:
    bad = rejected() if bad is None else bad
    return dict(withheld(prices, bad, prices if signals is None else signals, WARM_UP, day(start)))


def test_a_symbol_without_a_good_bar_is_named_until_it_has_one() -> None:
    prices = rows(A=[0, 1, 2, 3], B=[0, 3])
    because = {"B": f"no good bar since {day(0)}"}
    assert asked(prices) == {day(1): because, day(2): because}


def test_a_rejected_row_names_its_reason() -> None:
    prices = rows(A=[0, 1, 2], B=[0])
    found = asked(prices, bad=rejected(("B", 1), ("A", 0), ("C", 1)))
    assert found[day(1)] == {"B": f"no good bar since {day(0)}: OHLC_ORDER"}
    assert found[day(2)] == {"B": f"no good bar since {day(0)}"}


def test_a_symbol_that_has_not_begun_is_no_matter() -> None:
    assert asked(rows(A=[0, 1, 2], NEW=[1, 2])) == {}


def test_a_bar_without_a_signal_is_a_failure_once_the_symbol_has_warmed_up() -> None:
    prices = rows(A=[0, 1, 2, 3])
    assert asked(prices, signals=rows(A=[3])) == {
        day(2): {"A": "its indicators could not be computed"}
    }


def test_what_is_gone_is_forgotten_after_a_while() -> None:
    last = FORGOTTEN_AFTER + 2
    found = asked(rows(A=list(range(last)), GONE=[0]))
    assert sorted(found) == [day(n) for n in range(1, FORGOTTEN_AFTER + 1)]


@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_session_is_answered_alike_however_the_range_is_cut(start: int) -> None:
    prices, signals = rows(A=[0, 1, 2, 3, 4], B=[0, 2, 4]), rows(A=[0, 1, 2], B=[0, 2])
    whole = asked(prices, signals, rejected(("B", 1), ("B", 3)))
    until = prices[prices["session"] <= SESSIONS[start]]
    alone = asked(
        until, signals[signals["session"] >= SESSIONS[start]], rejected(("B", start)), start
    )
    expected = whole.get(day(start))
    assert alone == ({} if expected is None else {day(start): expected})
