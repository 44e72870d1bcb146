"""What waits, what is used when, and how everything that waits ends."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain import engine
from execution.domain.effects import Disposition
from execution.domain.inputs import Deadline, TurnKillSwitch
from tests.execution import feeds, laws
from tests.execution.factories import (
    CONFIG,
    DAYS,
    Core,
    bar,
    bars,
    close_of,
    feed,
    order,
    session,
    signal,
    signal_set,
)

D1, D2, D3, D4, D5 = DAYS[:5]


def dispositions(core: Core) -> dict[str, tuple[str, str | None]]:
    """Signal id to how it ended."""
    return {d.signal_id: (d.disposition, d.code) for d in core.all(fx.SignalDisposed)}


def test_bars_wait_for_their_predecessor() -> None:
    core = feeds.run([bars(D2, previous=D1)])
    assert core.state.session is None
    core.send(bars(D1), signal_set(D1, []))
    assert core.state.session == D2


def test_bars_wait_for_the_sets_of_the_session_before() -> None:
    core = feeds.run([bars(D1), bars(D2, previous=D1)])
    assert (core.state.session, core.state.closed_session) == (D1, None)
    core.send(signal_set(D1, []))
    assert (core.state.session, core.state.closed_session) == (D2, D1)


def test_a_set_waits_for_its_last_signal() -> None:
    first, second = signal(D1, "AAPL"), signal(D1, "MSFT")
    core = feeds.run([bars(D1, bar("AAPL"), bar("MSFT")), signal_set(D1, [first, second]), first])
    assert core.all(fx.SignalDisposed) == []
    core.send(second)
    assert [d.symbol for d in core.all(fx.SignalDisposed)] == ["AAPL", "MSFT"]


def test_an_order_fills_from_the_session_after_the_one_it_was_decided_in() -> None:
    core = feeds.run(session(D1, {"AAPL": "0.5"}))
    assert core.all(fx.Filled) == []
    core.send(bars(D2, bar(price="110"), previous=D1))
    # a market buy fills at the open of 110 with 0.05 % slippage: 110 x 1.0005 = 110.055
    assert [(f.fill.session, f.fill.price) for f in core.all(fx.Filled)] == [
        (D2, Decimal("110.055"))
    ]


def test_an_older_or_restated_bar_never_fills() -> None:
    core = feeds.run([*session(D2, {"AAPL": "0.5"}), bars(D1), bars(D2, bar(price="99"))])
    assert [(r.session, r.code) for r in core.all(fx.BarsRefused)] == [
        (D1, "BARS_STALE"),
        (D2, "BARS_STALE"),
    ]
    assert core.all(fx.Filled) == []
    assert core.state.marks["AAPL"].price == 100


def test_bars_that_would_turn_the_clock_back_are_refused() -> None:
    late = msgspec.structs.replace(bars(D2, previous=D1), bar_end=close_of(D1))
    core = feeds.run([*session(D1, {"AAPL": "0.5"}), late])
    assert [r.code for r in core.all(fx.BarsRefused)] == ["BARS_STALE"]
    assert core.state.clock == close_of(D1)


def test_a_deadline_closes_a_set_and_names_the_signals_that_never_came() -> None:
    came, lost = signal(D1, "AAPL"), signal(D1, "MSFT")
    core = feeds.run([bars(D1), came, signal_set(D1, [came, lost]), bars(D2, previous=D1)])
    assert engine.held_up(core.state, core.inbox) == Deadline(session=D1)
    feeds.give_up(core)
    assert dispositions(core) == {came.input_id: (Disposition.EXPIRED, "SET_INCOMPLETE")}
    assert core.all(fx.SetDecided)[0].missing == (lost.input_id,)
    assert core.state.session == D2


def test_a_deadline_names_a_set_that_never_came() -> None:
    core = feeds.run([bars(D1), bars(D2, previous=D1)])
    feeds.give_up(core)
    assert core.all(fx.SetDecided)[0].missing == ("set",)


def test_a_deadline_that_comes_too_late_does_nothing() -> None:
    core = feeds.run(feed([D1, D2], {"AAPL": "0.5"}))
    assert core.send(Deadline(session=D1)) == ()


def test_a_deadline_leaves_a_complete_set_of_another_strategy_alone() -> None:
    both = msgspec.structs.replace(
        CONFIG,
        strategies=("alpha", "beta"),
        capital=dict.fromkeys(("alpha", "beta", "manual"), Decimal(50_000)),
    )
    here = signal(D1, strategy="beta")
    waits = [bars(D1), here, signal_set(D1, [here], "beta"), bars(D2, previous=D1)]
    core = feeds.run(waits, both)
    assert core.all(fx.SetDecided) == []  # alpha goes first
    feeds.give_up(core)
    assert [(s.strategy, s.missing) for s in core.all(fx.SetDecided)] == [
        ("alpha", ("set",)),
        ("beta", ()),
    ]
    assert dispositions(core) == {here.input_id: (Disposition.EXECUTED, None)}


def test_nothing_is_held_up_where_no_bars_wait() -> None:
    core = feeds.run([bars(D1)])
    assert engine.held_up(core.state, core.inbox) is None


def test_a_gap_is_never_jumped_over() -> None:
    """What lies between may hold a split: bars wait for the session that they follow."""
    core = feeds.run([*session(D1, {"AAPL": "0.5"}), bars(D3, previous=D2), bars(D4, previous=D3)])
    starts_later = msgspec.structs.replace(bars(D5, previous=D4), starts=True)
    core.send(starts_later)
    assert core.state.session == D1
    assert engine.held_up(core.state, core.inbox) is None
    core.send(bars(D2, previous=D1), *(signal_set(day, []) for day in (D2, D3, D4)))
    assert core.state.session == D5


def test_an_account_begins_only_where_a_run_starts() -> None:
    core = feeds.run([bars(D2, previous=D1)])
    assert core.state.session is None
    core.send(bars(D1), signal_set(D1, []))
    assert core.state.session == D2


def test_a_feed_that_was_sent_again_from_where_it_broke_goes_on() -> None:
    core = feeds.run([*session(D1, {"AAPL": "0.5"}), bars(D3, previous=D2)])
    core.send(bars(D2, previous=D1), signal_set(D2, []))
    assert core.state.session == D3


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # the account stands at the close of D1; the signal is valid until the next open
        ([], (Disposition.SUPERSEDED, "SIGNAL_SUPERSEDED")),
        ([bars(D2, previous=D1)], (Disposition.EXPIRED, "SIGNAL_EXPIRED")),
    ],
)
def test_a_signal_of_a_decided_session_ends_at_once(after: list, expected: tuple[str, str]) -> None:
    core = feeds.run([*session(D1, {"MSFT": "0.5"}), *after])
    late = signal(D1, "AAPL")
    core.send(late, signal_set(D1, [late]))
    assert dispositions(core)[late.input_id] == expected
    assert core.all(fx.SetRefused) == [fx.SetRefused(strategy="technical", session=D1)]
    assert not core.state.pending


def test_signals_of_a_session_that_never_had_bars_expire() -> None:
    skipped = signal(D2)
    core = feeds.run([*session(D1, {"AAPL": "0"}), skipped, signal_set(D2, [skipped])])
    core.send(bars(D3, previous=D1))
    assert dispositions(core)[skipped.input_id] == (Disposition.EXPIRED, "SIGNAL_EXPIRED")
    assert core.all(fx.SetRefused) == [fx.SetRefused(strategy="technical", session=D2)]


def test_a_revision_that_no_set_names_is_superseded() -> None:
    named, stray = signal(D1, content="a"), signal(D1, content="b")
    core = feeds.run([named, stray, signal_set(D1, [named]), bars(D1)])
    assert dispositions(core) == {
        named.input_id: (Disposition.EXECUTED, None),
        stray.input_id: (Disposition.SUPERSEDED, "SIGNAL_SUPERSEDED"),
    }


def test_of_two_complete_sets_one_is_decided_whichever_came_first() -> None:
    first, second = signal(D1, score="0.5"), signal(D1, score="0.3", content="revised")
    sets = [signal_set(D1, [first]), signal_set(D1, [second])]
    one = feeds.run([first, second, *sets, bars(D1)])
    other = feeds.run([second, first, *reversed(sets), bars(D1)])
    assert dispositions(one) == dispositions(other)
    assert len(one.all(fx.SetDecided)) == 1
    laws.check_all(one)


def test_a_set_with_the_same_symbol_twice_executes_one_of_them_whichever_came_first() -> None:
    twice = [signal(D1, content="a"), signal(D1, content="b")]
    strays = [signal(D1, "MSFT", content="c"), signal(D1, "MSFT", content="d")]
    marker = signal_set(D1, twice)
    core = feeds.run([bars(D1), *twice, *strays, marker])
    other = feeds.run([bars(D1), *reversed(twice), *reversed(strays), marker])
    ends = [disposition for disposition, _ in dispositions(core).values()]
    assert ends == [Disposition.EXECUTED, *[Disposition.SUPERSEDED] * 3]
    assert len(core.all(fx.OrderCreated)) == 1
    assert other.effects == core.effects


def test_one_as_of_executes_once_whatever_session_a_signal_claims() -> None:
    again = msgspec.structs.replace(signal(D2, content="again"), as_of=close_of(D1))
    core = feeds.run([*session(D1, {"AAPL": "0.2"})])
    # 0.2 of 0.5 asks for 4 %: 36 shares; by D2 nothing has filled, and 90 are wanted
    core.send(bars(D2, bar(volume="0"), previous=D1), again, signal_set(D2, [again]))
    assert dispositions(core)[again.input_id] == (Disposition.REJECTED, "SIGNAL_DUPLICATE")
    laws.check_all(core)


def test_a_signal_from_before_the_last_executed_one_is_superseded() -> None:
    older = msgspec.structs.replace(
        signal(D2, content="older"), as_of=close_of(D1) - timedelta(hours=1)
    )
    core = feeds.run([*session(D1, {"AAPL": "0.2"})])
    core.send(bars(D2, bar(volume="0"), previous=D1), older, signal_set(D2, [older]))
    assert dispositions(core)[older.input_id] == (Disposition.REJECTED, "SIGNAL_SUPERSEDED")


def test_a_symbol_that_begins_in_the_middle_simply_begins() -> None:
    core = feeds.run(session(D1, {"AAPL": "0.5"}))
    core.send(
        *session(D2, {"AAPL": "0.5", "FB": "0.5"}, previous=D1), bars(D3, bar("FB"), previous=D2)
    )
    assert [f.fill.symbol for f in core.all(fx.Filled)] == ["AAPL", "FB"]


def test_a_symbol_without_a_bar_keeps_its_mark_and_may_be_sold_but_not_bought() -> None:
    core = feeds.run([*session(D1, {"AAPL": "0.5", "MSFT": "0.2"}, {"AAPL": "100", "MSFT": "50"})])
    core.send(bars(D2, bar("AAPL"), bar("MSFT", "50"), previous=D1), signal_set(D2, []))
    wants = [signal(D3, "AAPL", "-1"), signal(D3, "MSFT", "1")]
    core.send(bars(D3, bar("IBM"), previous=D2), *wants, signal_set(D3, wants))
    assert core.state.marks["MSFT"].session == D2
    assert dispositions(core)[wants[0].input_id] == (Disposition.EXECUTED, None)
    assert dispositions(core)[wants[1].input_id] == (Disposition.REJECTED, "QUOTE_STALE")


@pytest.mark.parametrize(
    ("sessions", "end"), [(1, Disposition.REJECTED), (2, Disposition.EXECUTED)]
)
def test_how_old_a_reference_may_be_is_a_limit(sessions: int, end: Disposition) -> None:
    limits = msgspec.structs.replace(CONFIG.limits, quote_max_age_sessions=sessions)
    core = Core(msgspec.structs.replace(CONFIG, limits=limits))
    core.send(bars(D1, bar("AAPL")), signal_set(D1, []))
    wanted = signal(D2, "AAPL")
    core.send(bars(D2, bar("IBM"), previous=D1), wanted, signal_set(D2, [wanted]))
    assert dispositions(core)[wanted.input_id][0] == end


def test_a_signal_without_any_price_is_refused_by_name() -> None:
    wanted, unwanted = signal(D1, "MSFT", "0.5"), signal(D1, "IBM", "-0.5")
    core = feeds.run([bars(D1), wanted, unwanted, signal_set(D1, [wanted, unwanted])])
    assert dispositions(core)[wanted.input_id] == (Disposition.REJECTED, "QUOTE_MISSING")
    assert dispositions(core)[unwanted.input_id] == (Disposition.HELD, None)


def switch(*, engaged: bool, day: date = D1) -> TurnKillSwitch:
    return TurnKillSwitch(engaged=engaged, reason="drill", changed_at=close_of(day))


def test_the_kill_switch_refuses_purchases_and_sales_until_it_is_released() -> None:
    core = feeds.run([*session(D1, {"AAPL": "0.5"}), bars(D2, previous=D1), switch(engaged=True)])
    wants = [signal(D2, "AAPL", "-1")]
    core.send(*wants, signal_set(D2, wants), order("AAPL", "1", request_id="a"))
    refused = [o.order.code for o in core.all(fx.OrderCreated)[1:]]
    assert refused == ["KILL_SWITCH", "KILL_SWITCH"]
    core.send(switch(engaged=False, day=D2), order("AAPL", "1", request_id="b"))
    assert core.all(fx.OrderCreated)[-1].order.code is None
