"""The rules that set rows aside, and those that ask for a second look."""

import numpy as np
import pandas as pd
import pytest

from pipelines.analyses.bars import (
    gaps,
    jumps,
    split_actions,
    split_rows,
    suspects,
    taking_effect,
)
from tests.pipelines.frames import SESSIONS, actions, bars


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("open", np.nan, "MISSING_PRICE"),
        ("volume", np.nan, "MISSING_VOLUME"),
        ("low", 0.0, "NOT_POSITIVE"),
        ("close", -1.0, "NOT_POSITIVE"),
        ("low", 0.0000001, "NOT_POSITIVE"),
        ("volume", -1.0, "NEGATIVE_VOLUME"),
        ("high", 9.5, "OHLC_ORDER"),
        ("open", 12.0, "OHLC_ORDER"),
        ("session", pd.Timestamp("2012-01-07"), "NOT_A_SESSION"),
    ],
)
def test_a_row_that_cannot_be_true_is_set_aside(column: str, value: object, reason: str) -> None:
    rows = bars([10, 10, 10])
    rows.loc[1, column] = value
    good, rejected = split_rows(rows, SESSIONS)
    assert rejected["reason"].tolist() == [reason]
    assert len(good) == 2


def test_a_copy_is_set_aside_and_contradictions_altogether() -> None:
    rows = pd.concat([bars([10, 11, 12]), bars([10]), bars([99], first=1)])
    good, rejected = split_rows(rows, SESSIONS)
    assert good["close"].tolist() == [10, 12]
    assert rejected["close"].tolist() == [10, 11, 99]
    assert set(rejected["reason"]) == {"DUPLICATE"}


def test_zero_volume_is_allowed() -> None:
    good, rejected = split_rows(bars([10]).assign(volume=0.0), SESSIONS)
    assert len(good) == 1
    assert rejected.empty


def test_a_move_beyond_a_quarter_wants_an_explanation() -> None:
    """ln(100/129) = -0.2546 is beyond 0.25; ln(100/128) = -0.2469 is not."""
    assert jumps(bars([129, 100]), actions())["move"].tolist() == [pytest.approx(-0.2546, abs=1e-4)]
    assert jumps(bars([128, 100]), actions()).empty


def test_an_open_that_jumps_counts_although_the_close_returns() -> None:
    rows = bars([100, 100])
    rows.loc[1, "open"] = 50.0
    assert jumps(rows, actions())["symbol"].tolist() == ["IBM"]


def test_a_split_or_a_dividend_explains() -> None:
    assert jumps(bars([100, 50]), actions(("IBM", 1, 2.0, 0.0))).empty
    assert jumps(bars([100, 65]), actions(("IBM", 1, 1.0, 35.0))).empty
    assert len(jumps(bars([100, 50]), actions(("KO", 1, 2.0, 0.0)))) == 1


def test_two_symbols_side_by_side_are_no_jump() -> None:
    assert jumps(pd.concat([bars([10], "A"), bars([100], "B")]), actions()).empty


def test_a_jump_blocks_five_bars_of_its_symbol_only() -> None:
    rows = pd.concat([bars([100, 50, *[50] * 6], "A"), bars([10] * 8, "B")], ignore_index=True)
    blocked = suspects(rows, jumps(rows, actions()))
    assert np.flatnonzero(blocked).tolist() == [1, 2, 3, 4, 5]


def test_a_gap_is_a_session_between_first_and_last_bar() -> None:
    rows = pd.concat([bars([1, 2, 3, 4], "A").drop(index=[1, 2]), bars([5], "B", first=3)])
    found = gaps(rows, SESSIONS)
    assert found["session"].tolist() == SESSIONS[1:3].tolist()
    assert found["symbol"].tolist() == ["A", "A"]


def test_actions_that_cannot_be_true_are_set_aside() -> None:
    given = actions(("IBM", 1, 1.0, 100.0), ("IBM", 2, -2.0, 0.0), ("IBM", 3, 1.0, 1.0))
    good, rejected = split_actions(given, bars([100, 100, 100, 100]), SESSIONS)
    assert good["dividend"].tolist() == [1.0]
    assert rejected["reason"].tolist() == ["ACTION_TOO_LARGE", "NOT_POSITIVE"]


def test_a_split_that_is_a_misprint_is_set_aside() -> None:
    given = actions(("IBM", 1, 2000.0, 0.0), ("IBM", 2, 0.0004, 0.0), ("IBM", 3, 0.002, 0.0))
    good, rejected = split_actions(given, bars([100, 100, 100, 100]), SESSIONS)
    assert good["split"].tolist() == [0.002]
    assert rejected["reason"].tolist() == ["ACTION_TOO_LARGE", "ACTION_TOO_LARGE"]


def test_an_action_of_a_session_without_bars_is_not_lost() -> None:
    """No bars of the sessions 1 and 4: the split waits for session 2, the last one for a later."""
    rows = bars([100, 100, 50, 50, 50]).drop(index=[1, 4])
    given = actions(("IBM", 1, 2.0, 0.0), ("IBM", 2, 1.0, 0.5), ("IBM", 4, 3.0, 0.0))
    found = taking_effect(given, rows)
    assert found["session"].tolist() == [SESSIONS[2], SESSIONS[2]]
    assert found[["split", "dividend"]].to_numpy().tolist() == [[2.0, 0.0], [1.0, 0.5]]
    assert found.dtypes.equals(given.dtypes)
    assert taking_effect(actions(), rows).empty
