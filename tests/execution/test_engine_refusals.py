"""What is left of an input that the engine could not decide on."""

import pytest

from execution.domain import effects as fx
from execution.domain import engine
from execution.domain.desk import AccountNotOpenError
from execution.domain.effects import encode_effect, join_effects
from execution.domain.inputs import Deadline, Input
from execution.domain.state import Inbox, State
from tests.execution import feeds
from tests.execution.factories import DAYS, bar, bars, order, signal, signal_set

D1, D2, D3 = DAYS[:3]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (signal(D2), fx.SignalDisposed),
        (bars(D2), fx.BarsRefused),
        (signal_set(D2, []), fx.SetRefused),
        (order(), fx.OrderCreated),
    ],
)
def test_a_refused_input_ends_and_leaves_nothing_waiting(item: Input, kind: type) -> None:
    core = feeds.run([bars(D1)])
    (effect,) = engine.refuse(core.state, core.inbox, 3, item)
    assert isinstance(effect, kind)
    assert b"INTERNAL_ERROR" in join_effects([encode_effect(effect)]) or kind is fx.SetRefused
    assert not core.state.pending
    assert not core.state.orders


def test_a_refused_deadline_lets_go_of_the_bars_that_wait() -> None:
    core = feeds.run([bars(D1), bars(D2, previous=D1)])
    deadline = Deadline(session=D1)
    effects = engine.refuse(core.state, core.inbox, 4, deadline)
    kinds = [fx.RestrictionChanged, fx.SetDecided, fx.BarsRefused]
    assert [type(effect) for effect in effects] == kinds
    assert not core.state.pending
    corrected = bars(D2, bar(price="101"), previous=D1)  # other content, so another input
    core.send(corrected, signal_set(D2, []))
    assert core.state.closed_session == D2


def test_bars_of_an_account_that_was_not_opened_are_a_defect() -> None:
    with pytest.raises(AccountNotOpenError):
        engine.handle(State(), Inbox(), 1, bars(D1))
