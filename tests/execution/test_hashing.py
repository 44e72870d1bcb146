"""Two chains: one over every byte, one over decisions alone."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import hashing
from execution.domain import effects as fx
from execution.domain.inputs import Input
from execution.hashing import GENESIS, JournalRow
from tests.execution import feeds
from tests.execution.factories import DAYS

NOON = datetime(2012, 1, 3, 12, tzinfo=UTC)
ROW = JournalRow(1, "id", "bars.v1", b"input", b"effects", "1", NOON, NOON)


def test_the_chain_of_a_row_never_changes() -> None:
    # worked once with hashlib over length-prefixed parts; another value breaks every old journal
    first = hashing.chain(GENESIS, "sample", ROW)
    assert first == hashing.chain(GENESIS, "sample", ROW)
    assert len(first) == 32


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 2},
        {"input_id": "di"},
        {"kind": "bars.v2"},
        {"input": b"inpu"},
        {"effects": b"effect"},
        {"engine_version": "2"},
        {"stamped_at": None},
        {"received_at": NOON + timedelta(microseconds=1)},
        # the same bytes, cut elsewhere
        {"input": b"inputeffec", "effects": b"ts"},
        {"input_id": "idbars", "kind": ".v1"},
    ],
)
def test_the_chain_covers_every_part_and_where_it_ends(changes: dict[str, Any]) -> None:
    other = ROW._replace(**changes)
    assert hashing.chain(GENESIS, "sample", other) != hashing.chain(GENESIS, "sample", ROW)


def test_the_chain_covers_the_account_and_what_came_before() -> None:
    head = hashing.chain(GENESIS, "sample", ROW)
    assert hashing.chain(GENESIS, "files", ROW) != head
    assert hashing.chain(head, "sample", ROW) != head


def test_the_chain_is_of_moments_not_of_zones() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    other = ROW._replace(received_at=elsewhere)
    assert hashing.chain(GENESIS, "sample", other) == hashing.chain(GENESIS, "sample", ROW)


@given(feeds.sessions(most=3), st.data())
def test_how_effects_were_cut_into_rows_changes_no_decision_hash(
    sessions: list[list[Input]], data: st.DataObject
) -> None:
    effects = tuple(feeds.run(feeds.flat(sessions)).effects)
    cut = data.draw(st.integers(0, len(effects)))
    head = hashing.decisions(hashing.decisions(GENESIS, effects[:cut]), effects[cut:])
    assert head == hashing.decisions(GENESIS, effects)


def test_the_order_of_decisions_matters() -> None:
    first, second = fx.SessionClosed(session=DAYS[0]), fx.SessionClosed(session=DAYS[1])
    assert hashing.decisions(GENESIS, (first, second)) != hashing.decisions(
        GENESIS, (second, first)
    )
    assert hashing.decisions(GENESIS, ()) == GENESIS
