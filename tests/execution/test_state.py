"""The memory of an account: its bytes, and how effects change it."""

from decimal import Context, Decimal, Inexact, localcontext

import pytest
from hypothesis import given

from execution.domain import effects as fx
from execution.domain.effects import decode_effects, encode_effect, join_effects
from execution.domain.engine import fold
from execution.domain.inputs import Input, decode_input
from execution.domain.state import Inbox, State, apply, decode_state, encode_state
from router.messages import encode
from tests.execution import feeds, laws
from tests.execution.factories import DAYS, Core, bars, order, session, signal


@given(feeds.traded())
def test_a_state_comes_back_from_its_bytes_as_it_was(items: list[Input]) -> None:
    core = feeds.run(items)
    assert encode_state(decode_state(encode_state(core.state))) == encode_state(core.state)


@given(feeds.traded())
def test_the_journals_bytes_lead_to_the_same_state(items: list[Input]) -> None:
    core, state, inbox = feeds.run(items), State(), Inbox()
    for seq, (item, effects) in enumerate(core.journal, 1):
        read = decode_effects(join_effects(map(encode_effect, effects)))
        assert read == effects
        fold(state, inbox, seq, decode_input(encode(item)), read)
    assert encode_state(state) == encode_state(core.state)


def test_folding_does_not_depend_on_the_callers_arithmetic() -> None:
    core = feeds.run([*session(DAYS[0], {"AAPL": "0.5"}), order(quantity="3")])
    core.send(bars(DAYS[1], previous=DAYS[0]))
    with localcontext(Context(prec=3, traps=[Inexact])):
        state = feeds.folded(core)
    assert encode_state(state) == encode_state(core.state)
    with localcontext(Context(prec=3, traps=[Inexact])):
        again = Core()
        again.send(*(item for item, _ in core.journal[1:]))
    assert again.effects == core.effects


def test_an_input_waits_under_its_journal_row_until_an_effect_consumes_it() -> None:
    core = Core()
    waiting = signal(DAYS[0])
    core.send(waiting)
    assert core.state.pending == {waiting.input_id: 2}
    assert core.inbox.signals == {waiting.input_id: waiting}


def test_two_accounts_share_no_memory() -> None:
    one, other = Core(), Core()
    one.send(*session(DAYS[0], {"AAPL": "0.5"}))
    assert other.state.marks == {}
    assert State().cash == {}
    laws.check_ledger(one)


def test_an_effect_without_a_rule_is_a_defect() -> None:
    with pytest.raises(TypeError, match="no rule for str"):
        apply("nothing", State(), Inbox())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", fx.Effect.__args__)  # type: ignore[attr-defined]
def test_every_effect_has_a_rule(kind: type) -> None:
    assert apply.dispatch(kind) is not apply.dispatch(object)


def test_the_kill_switch_is_remembered() -> None:
    state = State()
    apply(fx.KillSwitchTurned(engaged=True, reason="drill"), state, Inbox())
    assert decode_state(encode_state(state)).kill_switch


def test_figures_keep_their_places_through_bytes() -> None:
    state = State(cash={"manual": Decimal("100.10")})
    assert b'"100.10"' in encode_state(state)
    assert str(decode_state(encode_state(state)).cash["manual"]) == "100.10"
