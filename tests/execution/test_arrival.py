"""Arrival order means nothing, and neither do batches, restarts and run ids."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from execution import hashing
from execution.domain.config import MANUAL_SLEEVE
from execution.domain.effects import encode_effect, join_effects
from execution.domain.inputs import Input
from execution.domain.state import encode_state
from router.messages import Signal
from tests.execution import feeds, laws
from tests.execution.factories import CONFIG, DAYS, Core, feed

TWO = msgspec.structs.replace(
    CONFIG,
    strategies=("momentum", "technical"),
    capital={"momentum": Decimal(50_000), "technical": Decimal(40_000), "manual": Decimal(10_000)},
)


def outcome(core: Core) -> tuple[bytes, bytes]:
    return join_effects(map(encode_effect, core.effects)), encode_state(core.state)


@given(feeds.sessions(), st.data())
def test_any_order_of_arrival_has_the_same_effects(
    sessions: list[list[Input]], data: st.DataObject
) -> None:
    items = feeds.flat(sessions)
    shuffled = data.draw(st.permutations(items))
    in_order, core = feeds.run(items), feeds.run(shuffled)
    assert outcome(core) == outcome(in_order)
    assert not core.state.pending


@given(feeds.sessions(most=3, strategies=("momentum", "technical")), st.data())
def test_two_strategies_share_limits_in_one_order_of_decision(
    sessions: list[list[Input]], data: st.DataObject
) -> None:
    items = feeds.flat(sessions)
    shuffled = data.draw(st.permutations(items))
    assert outcome(feeds.run(shuffled, TWO)) == outcome(feeds.run(items, TWO))


@given(feeds.traded(), st.data())
def test_a_restart_between_any_two_inputs_changes_nothing(
    items: list[Input], data: st.DataObject
) -> None:
    begins, *others = items
    shuffled = [begins, *(item for item in others if data.draw(st.booleans()))]
    stops = data.draw(st.sets(st.integers(0, len(shuffled))))
    undisturbed, core = Core(), Core()
    for number, item in enumerate(shuffled):
        undisturbed.send(item)
        core.send(item)
        if number in stops:
            feeds.restarted(core)
    assert outcome(core) == outcome(undisturbed)


@given(feeds.traded())
def test_every_law_holds_after_a_feed_with_a_person_trading_beside_it(items: list[Input]) -> None:
    laws.check_all(feeds.run(items))


@given(feeds.spoiled())
def test_every_law_holds_after_a_feed_with_losses_and_revisions(items: list[Input]) -> None:
    laws.check_all(feeds.run(items))


@given(feeds.spoiled())
def test_deadlines_end_every_wait(items: list[Input]) -> None:
    """Where only signals and sets are lost, deadlines let all bars through, last session aside."""
    core = feeds.run(items)
    feeds.give_up(core)
    assert not core.inbox.bars
    laws.check_all(core)


@given(feeds.sessions(most=3), st.text("abc", min_size=1, max_size=5))
def test_the_decision_hash_leaves_out_the_run(sessions: list[list[Input]], run_id: str) -> None:
    items = feeds.flat(sessions)
    again = [_of_run(item, run_id) if isinstance(item, Signal) else item for item in items]
    assert again != items or not any(isinstance(item, Signal) for item in items)
    first, second = feeds.run(items), feeds.run(again)
    head = hashing.decisions(hashing.GENESIS, tuple(first.effects))
    assert hashing.decisions(hashing.GENESIS, tuple(second.effects)) == head


def test_the_decision_hash_knows_a_score() -> None:
    first, second = (
        feeds.run(feed(DAYS[:2], {"AAPL": "0.5"})),
        feeds.run(feed(DAYS[:2], {"AAPL": "0.4"})),
    )
    assert hashing.decisions(hashing.GENESIS, tuple(first.effects)) != hashing.decisions(
        hashing.GENESIS, tuple(second.effects)
    )


def test_a_year_leaves_no_trace_in_the_size_of_the_state() -> None:
    short, long = feeds.run(feed(DAYS[:5], {"AAPL": "0.5"})), feeds.run(feed(DAYS, {"AAPL": "0.5"}))
    assert len(encode_state(long.state)) == len(encode_state(short.state))
    assert MANUAL_SLEEVE in long.state.cash


def _of_run(signal: Signal, run_id: str) -> Signal:
    provenance = msgspec.structs.replace(signal.provenance, run_id=run_id)
    return msgspec.structs.replace(signal, provenance=provenance)
