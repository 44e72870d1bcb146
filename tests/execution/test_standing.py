"""Restrictions by cause, measures of loss, and new limits, through the whole engine."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from execution.domain import effects as fx
from execution.domain.config import AccountConfig, Limits
from execution.domain.inputs import (
    ChangeLimits,
    Deadline,
    DescribeInstruments,
    Input,
    Instrument,
    Scope,
    SetTradingState,
    TradingState,
)
from execution.domain.orders import Side, Status
from execution.domain.risk import Code
from tests.execution.factories import (
    CONFIG,
    DAYS,
    Core,
    bar,
    bars,
    close_of,
    order,
    signal,
    signal_set,
)
from tests.execution.laws import check_folding

D0, D1, D2, D3, D4 = DAYS[:5]
ROOM = Limits(position_limit=Decimal(1), max_order_notional=Decimal(1))
"""A whole account may go into one symbol, so that its price moves the equity."""


def an_account(limits: Limits = ROOM, **changes: Any) -> Core:
    return Core(msgspec.structs.replace(CONFIG, limits=limits, **changes))


def by_hand(limits: Limits = ROOM) -> Core:
    """An account that a person trades alone."""
    capital = {"manual": Decimal(100_000)}
    core = Core(
        AccountConfig(
            account="sample",
            mode="replay",
            strategies=(),
            sources=("sample",),
            capital=capital,
            limits=limits,
        )
    )
    core.send(bars(D0))
    return core


def restrict(scope: Scope, state: TradingState, name: str = "", number: int = 1) -> Input:
    return SetTradingState(
        account="sample",
        request_id=f"state-{scope}-{state}-{number}",
        scope=scope,
        name=name,
        state=state,
        changed_by="ada",
        reason="a look first",
    )


def causes(core: Core) -> dict[str, dict[str, TradingState]]:
    check_folding(core)
    return {
        key: {cause: each.state for cause, each in found.items()}
        for key, found in core.state.restrictions.items()
    }


def status(core: Core, **fields: Any) -> tuple[Status, str | None]:
    """How a person's order ends."""
    name = f"order-{len(core.journal)}"
    (created,) = core.send(order(request_id=name, **fields))
    assert isinstance(created, fx.OrderCreated)
    return created.order.status, created.order.code


def refused(core: Core) -> fx.CommandRefused:
    (found,) = core.all(fx.CommandRefused)
    return found


ACTIVE, REDUCING, HALTED = TradingState


@pytest.mark.parametrize(
    ("scope", "name"),
    [(Scope.ACCOUNT, ""), (Scope.STRATEGY, "manual"), (Scope.SYMBOL, "AAPL")],
)
def test_a_persons_word_holds_until_he_takes_it_back(scope: Scope, name: str) -> None:
    core = by_hand()
    core.send(restrict(scope, HALTED, name))
    (found,) = core.all(fx.RestrictionChanged)
    assert (found.cause, found.reason) == ("operator", "a look first (ada)")
    assert status(core) == (Status.REFUSED, Code.TRADING_HALTED)
    core.send(restrict(scope, REDUCING, name))
    assert status(core) == (Status.REFUSED, Code.TRADING_REDUCING)
    core.send(restrict(scope, ACTIVE, name))
    assert status(core) == (Status.ACCEPTED, None)
    assert causes(core) == {}


def test_what_is_free_already_stays_free() -> None:
    core = by_hand()
    assert core.send(restrict(Scope.ACCOUNT, ACTIVE)) == ()


def test_a_strategy_that_does_not_exist_is_named() -> None:
    core = an_account()
    core.send(bars(D0), restrict(Scope.STRATEGY, HALTED, "news"))
    assert refused(core).code == "STRATEGY_UNKNOWN"
    assert "news is no strategy here; there are manual, technical" in refused(core).message
    assert causes(core) == {}


def new_limits(limits: Limits, number: int = 1) -> Input:
    return ChangeLimits(
        account="sample",
        request_id=f"limits-{number}",
        limits=limits,
        changed_by="ada",
        reason="a calmer week",
    )


def test_new_limits_judge_from_now_on_and_are_named_on_the_order() -> None:
    core = by_hand()
    assert status(core) == (Status.ACCEPTED, None)
    tight = msgspec.structs.replace(ROOM, version=2, max_order_quantity=Decimal(9))
    (changed,) = core.send(new_limits(msgspec.structs.replace(tight, adv_participation=Decimal(0))))
    assert isinstance(changed, fx.LimitsChanged)
    assert (changed.changed_by, changed.reason) == ("ada", "a calmer week")
    assert changed.at == close_of(D0)
    assert status(core, quantity="11") == (Status.REFUSED, Code.MAX_ORDER_QTY)
    versions = [created.order.limits_version for created in core.all(fx.OrderCreated)]
    assert versions == [1, 2]
    check_folding(core)


@pytest.mark.parametrize("version", [1, 3])
def test_limits_that_are_not_the_next_change_nothing(version: int) -> None:
    core = by_hand()
    core.send(new_limits(msgspec.structs.replace(ROOM, version=version)))
    assert refused(core).code == "LIMITS_VERSION"
    assert refused(core).message == f"limits are at version 1: the next is 2, not {version}"
    assert core.state.limits == ROOM


def test_what_is_said_of_instruments_is_known_to_the_checks() -> None:
    core = by_hand()
    halted = Instrument(symbol="AAPL", tradable=False)
    told = DescribeInstruments(account="sample", request_id="told", instruments=(halted,))
    core.send(told)
    assert core.state.instruments == {"AAPL": halted}
    assert status(core) == (Status.REFUSED, Code.NOT_TRADABLE)


def invested(shares: str = "900", limits: Limits = ROOM) -> Core:
    """100,000, of which 90,000 are in shares that cost 100."""
    free = PAPER_FREE
    core = Core(
        AccountConfig(
            account="sample",
            mode="replay",
            strategies=(),
            sources=("sample",),
            capital={"manual": Decimal(100_000)},
            limits=limits,
            costs=free,
        )
    )
    core.send(bars(D0), order(quantity=shares), bars(D1, previous=D0))
    assert core.state.equity == 100_000
    return core


PAPER_FREE = msgspec.structs.replace(
    CONFIG.costs,
    commission_minimum=Decimal(0),
    commission_per_share=Decimal(0),
    slippage=Decimal(0),
)


def close_at(core: Core, day: date, previous: date, price: str) -> None:
    core.send(bars(day, bar(open="100", high="200", low="1", close=price), previous=previous))


@pytest.mark.parametrize(
    ("price", "restricted"), [("98.01", False), ("98.00", True), ("97.99", True)]
)
def test_a_days_loss_restricts_from_its_limit_on(price: str, restricted: bool) -> None:
    core = invested("1000", msgspec.structs.replace(ROOM, market_buffer=Decimal(0)))
    close_at(core, D2, D1, price)
    assert causes(core) == ({"account": {"daily_loss": REDUCING}} if restricted else {})


def test_a_days_loss_is_lifted_by_a_session_without_one() -> None:
    core = invested()
    close_at(core, D2, D1, "97")
    assert causes(core) == {"account": {"daily_loss": REDUCING}}
    assert status(core, quantity="1") == (Status.REFUSED, Code.TRADING_REDUCING)
    assert status(core, quantity="1", side=Side.SELL) == (Status.ACCEPTED, None)
    (found,) = core.all(fx.RestrictionChanged)
    assert found.reason == "equity fell from 100000.00 to 97300.00; the limit is 0.02 of it"
    close_at(core, D3, D2, "97")
    assert causes(core) == {}
    assert status(core, quantity="1") == (Status.ACCEPTED, None)


def test_a_second_days_loss_goes_on_with_its_own_figures() -> None:
    core = invested()
    close_at(core, D2, D1, "97")
    close_at(core, D3, D2, "94")
    first, second = core.all(fx.RestrictionChanged)
    assert "from 97300.00 to 94600.00" in second.reason
    assert first.cause == second.cause == "daily_loss"


def fallen() -> Core:
    """Three sessions, each below a day's limit in itself once the day's limit is wide."""
    core = invested(limits=msgspec.structs.replace(ROOM, daily_loss=Decimal("0.99")))
    close_at(core, D2, D1, "89")
    return core


def test_a_drawdown_restricts_until_a_person_lets_it_go_on() -> None:
    core = fallen()
    assert causes(core) == {}
    close_at(core, D3, D2, "88")
    assert causes(core) == {"account": {"drawdown": REDUCING}}
    close_at(core, D4, D3, "95")
    assert causes(core) == {"account": {"drawdown": REDUCING}}
    lifted, rebased = core.send(restrict(Scope.ACCOUNT, ACTIVE))
    assert isinstance(lifted, fx.RestrictionChanged)
    assert rebased == fx.LossesRebased(opening=core.state.opening_equity, peak=Decimal("95500.00"))
    assert causes(core) == {}


def test_a_drawdown_that_was_let_pass_is_measured_from_there() -> None:
    core = fallen()
    close_at(core, D3, D2, "88")
    core.send(restrict(Scope.ACCOUNT, ACTIVE))
    assert status(core, quantity="1") == (Status.ACCEPTED, None)
    assert core.state.peak_equity == core.state.equity == Decimal("89200.00")
    close_at(core, D4, D3, "87")
    assert causes(core) == {}


def test_a_drawdown_is_recorded_once() -> None:
    core = fallen()
    close_at(core, D3, D2, "88")
    close_at(core, D4, D3, "87")
    assert len(core.all(fx.RestrictionChanged)) == 1


def test_a_days_loss_that_was_let_pass_is_no_loss_any_more() -> None:
    core = invested()
    close_at(core, D2, D1, "97")
    core.send(restrict(Scope.ACCOUNT, ACTIVE))
    assert core.state.opening_equity == core.state.equity
    assert core.state.peak_equity == 100_000
    assert status(core, quantity="1") == (Status.ACCEPTED, None)


def test_lifting_what_a_person_said_forgets_no_loss() -> None:
    core = invested()
    close_at(core, D2, D1, "99")
    core.send(restrict(Scope.ACCOUNT, HALTED), restrict(Scope.ACCOUNT, ACTIVE))
    assert core.all(fx.LossesRebased) == []
    assert core.state.peak_equity == 100_000


def a_set(day: date, withheld: dict[str, str], scores: dict[str, str]) -> list[Input]:
    signals = [signal(day, symbol, score) for symbol, score in scores.items()]
    return [*signals, msgspec.structs.replace(signal_set(day, signals), withheld=withheld)]


def test_a_symbol_whose_analysis_failed_only_reduces_until_it_is_analysed_again() -> None:
    core = an_account()
    core.send(bars(D0), *a_set(D0, {"AAPL": "no good bar"}, {}))
    assert causes(core) == {"symbol/AAPL": {"analysis:technical": REDUCING}}
    assert core.state.restrictions["symbol/AAPL"]["analysis:technical"].reason == "no good bar"
    assert status(core) == (Status.REFUSED, Code.TRADING_REDUCING)
    core.send(bars(D1, previous=D0), *a_set(D1, {"AAPL": "no good bar"}, {}))
    assert len(core.all(fx.RestrictionChanged)) == 1
    core.send(bars(D2, previous=D1), *a_set(D2, {"IBM": "no bar"}, {"AAPL": "0.9"}))
    assert causes(core) == {"symbol/IBM": {"analysis:technical": REDUCING}}
    (disposed,) = core.all(fx.SignalDisposed)
    assert disposed.disposition == fx.Disposition.EXECUTED


def test_strategies_withhold_each_for_itself() -> None:
    core = an_account(
        strategies=("news", "technical"),
        capital=dict.fromkeys(("news", "technical", "manual"), Decimal(10_000)),
    )
    withheld = {"AAPL": "no good bar"}
    news = msgspec.structs.replace(signal_set(D0, [], "news"), withheld=withheld)
    core.send(bars(D0), news, *a_set(D0, withheld, {}))
    assert causes(core) == {
        "symbol/AAPL": {"analysis:news": REDUCING, "analysis:technical": REDUCING}
    }
    core.send(bars(D1, previous=D0), signal_set(D1, [], "news"), *a_set(D1, withheld, {}))
    assert causes(core) == {"symbol/AAPL": {"analysis:technical": REDUCING}}


def test_an_incomplete_set_restricts_its_strategy_until_a_complete_one() -> None:
    core = an_account()
    here, lost = signal(D0, "AAPL"), signal(D0, "IBM")
    core.send(bars(D0), here, signal_set(D0, [here, lost]), Deadline(session=D0))
    assert causes(core) == {"strategy/technical": {"analysis": REDUCING}}
    (found,) = core.all(fx.RestrictionChanged)
    assert found.reason == f"1 of its signals of {D0} did not come in time"
    core.send(bars(D1, previous=D0), Deadline(session=D1))
    assert core.all(fx.RestrictionChanged)[-1].reason == f"its set of {D1} did not come in time"
    core.send(bars(D2, previous=D1), *a_set(D2, {}, {"AAPL": "0.9"}))
    assert causes(core) == {}
    assert core.all(fx.SignalDisposed)[-1].disposition == fx.Disposition.EXECUTED


def test_a_strategy_that_fills_again_and_again_is_halted() -> None:
    core = an_account(msgspec.structs.replace(ROOM, repeated_executions=1))
    long_ago = 10 * 24 * 3600
    limits = msgspec.structs.replace(core.state.limits, version=2, repeated_window_seconds=long_ago)
    core.send(bars(D0, bar(), bar("IBM")), new_limits(limits), *a_set(D0, {}, {"AAPL": "0.2"}))
    again = a_set(D1, {}, {"AAPL": "0.9", "IBM": "0.9"})
    core.send(bars(D1, bar(), bar("IBM"), previous=D0), *again)
    assert causes(core) == {"strategy/technical": {"repeated_execution": HALTED}}
    (halt,) = core.all(fx.RestrictionChanged)
    assert halt.reason == f"1 fills of AAPL (buy) within {long_ago} s"
    codes = {d.symbol: d.code for d in core.all(fx.SignalDisposed)[1:]}
    assert codes == {"AAPL": Code.REPEATED_EXECUTION, "IBM": Code.TRADING_HALTED}


def test_signals_and_bars_of_others_are_refused_at_once() -> None:
    core = an_account()
    core.send(bars(D0))
    (disposed,) = core.send(signal(D0, strategy="news"))
    assert isinstance(disposed, fx.SignalDisposed)
    assert disposed.disposition == fx.Disposition.REJECTED
    assert disposed.code == Code.UNAUTHORIZED_SOURCE
    (ended,) = core.send(signal_set(D0, [], "news"))
    assert ended == fx.SetRefused(strategy="news", session=D0)
    strange = msgspec.structs.replace(bars(D1, previous=D0), source="elsewhere")
    (closed,) = core.send(strange)
    assert isinstance(closed, fx.BarsRefused)
    assert closed.code == Code.UNAUTHORIZED_SOURCE
    assert not core.state.pending
    check_folding(core)


def test_seconds_of_a_quote_are_counted_from_the_end_of_its_bars() -> None:
    config = msgspec.structs.replace(
        CONFIG, mode="paper", limits=msgspec.structs.replace(ROOM, quote_max_age_seconds=15)
    )
    core = Core(config)
    core.send(bars(D0))
    for seconds, code in ((15, None), (16, Code.QUOTE_STALE)):
        at = close_of(D0) + timedelta(seconds=seconds)
        placed = order(request_id=f"after-{seconds}", quantity=str(seconds), at=at)
        created = core.send(placed)[-1]
        assert isinstance(created, fx.OrderCreated)
        assert created.order.code == code
