"""The time of an account that lives in the world's time, told with each input of the bus."""

from datetime import timedelta

from execution.domain import effects as fx
from execution.domain import engine
from tests.execution import feeds
from tests.execution.factories import DAYS, bars, close_of, signal, signal_set

D1 = DAYS[0]
LATER = close_of(D1) + timedelta(minutes=31)


def test_what_comes_in_moves_the_time_forward_alone() -> None:
    core = feeds.run([])
    engine.handle(core.state, core.inbox, 2, bars(D1), LATER)
    assert core.state.clock == LATER  # and not the end of the bars
    effects = engine.handle(core.state, core.inbox, 3, signal(D1), close_of(D1))
    assert core.state.clock == LATER
    assert not any(isinstance(effect, fx.ClockMoved) for effect in effects)


def test_a_signal_that_comes_after_its_time_is_not_traded() -> None:
    wanted = signal(D1, score="0.9")
    for seconds, traded in ((-1, True), (0, False)):
        core = feeds.run([bars(D1)])
        at = wanted.valid_until + timedelta(seconds=seconds)
        engine.handle(core.state, core.inbox, 3, wanted)
        effects = engine.handle(core.state, core.inbox, 4, signal_set(D1, [wanted]), at)
        (disposed,) = (each for each in effects if isinstance(each, fx.SignalDisposed))
        assert (disposed.disposition == fx.Disposition.EXECUTED) == traded
        assert (disposed.code == "SIGNAL_EXPIRED") != traded
