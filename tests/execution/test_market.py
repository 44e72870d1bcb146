"""Estimates from bars: variance of a session's return and average volume."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain import effects as fx
from router.messages import Action, Bar, Dividend, Rename, Split
from tests.execution.factories import DAYS, Core, bar, bars, signal_set

D1, D2, D3 = DAYS[:3]


def after(*sessions: tuple[Bar, ...], actions: tuple[Action, ...] = ()) -> Core:
    """An account that was fed these bars, one tuple a session; the actions are of the last."""
    core = Core()
    days = DAYS[: len(sessions)]
    previous: date | None = None
    for day, rows in zip(days, sessions, strict=True):
        of_day = actions if day == days[-1] else ()
        core.send(bars(day, *rows, previous=previous, actions=of_day), signal_set(day, []))
        previous = day
    return core


def test_variance_is_the_weighted_average_of_squared_returns() -> None:
    core = after((bar(price="100"),), (bar(price="110"),), (bar(price="99"),))
    seen = [applied.variances for applied in core.all(fx.BarsApplied)]
    # +10 %, then -10 %: 0.94 x 0.01 + 0.06 x 0.01
    assert seen == [{}, {"AAPL": Decimal("0.01")}, {"AAPL": Decimal("0.01")}]
    quiet = after((bar(price="100"),), (bar(price="110"),), (bar(price="110"),))
    assert quiet.state.variances == {"AAPL": Decimal("0.0094")}


def test_volume_is_averaged_from_its_first_bar_on() -> None:
    core = after((bar(volume="1000"),), (bar(volume="2000"),))
    assert core.state.volumes == {"AAPL": Decimal(1060)}  # 0.94 x 1,000 + 0.06 x 2,000


@pytest.mark.parametrize(
    ("actions", "close"),
    [
        ((Split(symbol="AAPL", new_shares=2, old_shares=1),), "55"),
        ((Split(symbol="AAPL", new_shares=1, old_shares=4),), "440"),
        ((Dividend(symbol="AAPL", amount=Decimal("2.5")),), "107.5"),
        # a dividend is of the shares before a split of the same day
        (
            (
                Split(symbol="AAPL", new_shares=2, old_shares=1),
                Dividend(symbol="AAPL", amount=Decimal(2)),
            ),
            "54",
        ),
        ((Split(symbol="IBM", new_shares=2, old_shares=1),), "110"),
    ],
)
def test_splits_and_dividends_are_no_return(actions: tuple[Action, ...], close: str) -> None:
    core = after((bar(price="100"),), (bar(price=close),), actions=actions)
    assert core.state.variances["AAPL"] == Decimal("0.01")


def test_the_average_volume_follows_a_split() -> None:
    core = after(
        (bar(volume="1000"),),
        (bar(price="50", volume="2000"),),
        actions=(Split(symbol="AAPL", new_shares=2, old_shares=1),),
    )
    assert core.state.volumes["AAPL"] == 2_000


def test_estimates_go_on_under_a_new_name() -> None:
    core = after(
        (bar("FB", "100", volume="1000"),),
        (bar("META", "110", volume="2000"),),
        actions=(Rename(symbol="FB", new_symbol="META"),),
    )
    assert core.state.variances == {"META": Decimal("0.01")}
    assert core.state.volumes == {"META": Decimal(1060)}


def test_a_symbol_without_a_bar_keeps_its_estimates() -> None:
    both = (bar("AAPL", "100"), bar("FB", "100"))
    core = after(both, (bar("AAPL", "110"), bar("FB", "110")), (bar("AAPL", "110"),))
    assert core.state.variances == {"AAPL": Decimal("0.0094"), "FB": Decimal("0.01")}


def test_a_price_that_rounds_to_nothing_says_nothing() -> None:
    core = after((bar(price="0.000000001"),), (bar(price="1"),))
    assert core.state.variances == {}


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=6))
def test_estimates_lie_within_what_was_seen(closes: list[int]) -> None:
    core = after(*((bar(price=str(close), volume=str(close)),) for close in closes))
    squares = [(Decimal(b) / a - 1) ** 2 for a, b in pairwise(closes)]
    slack, most = Decimal("1e-11"), Decimal(10) ** 6
    found = core.state.variances["AAPL"]
    assert min(*squares, most) - slack <= found <= min(max(squares), most) + slack
    assert min(closes) <= core.state.volumes["AAPL"] <= max(closes)


def test_estimates_take_the_same_room_after_years() -> None:
    calm = (bar(price="100", volume="0"),)
    core = after((bar(price="90"),), *[calm] * 50)
    left = Decimal(1) / 81 * Decimal("0.94") ** 49
    assert abs(core.state.variances["AAPL"] - left) < Decimal("1e-10")
    flat = after(*[calm] * 50)
    assert (flat.state.variances, flat.state.volumes) == ({"AAPL": 0}, {"AAPL": 0})
    assert len(str(flat.state.variances["AAPL"])) <= len("0E-12")


def test_a_price_that_explodes_overflows_nothing() -> None:
    core = after((bar(price="0.00000001"),), (bar(price="999999999999999"),))
    assert core.state.variances == {"AAPL": Decimal(10) ** 6}
