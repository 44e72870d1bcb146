"""A sizing method of one's own: how it is found, used, and kept from doing harm."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from execution import plugins
from execution.domain import effects as fx
from execution.domain import sizing
from execution.domain.config import AccountConfig, Sizing
from execution.domain.effects import Disposition
from execution.domain.orders import Side
from execution.domain.sizing_method import Sleeve, Wish
from execution.errors import UnknownMethodError
from execution.leases import Lease
from execution.service import Core as Service
from router.messages import encode
from tests.execution import feeds, laws, tiny_sizing
from tests.execution.factories import CONFIG, DAYS, Core, session

D1, D2, D3 = DAYS[:3]


@pytest.fixture(autouse=True)
def _methods_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "METHODS", sizing.METHODS.copy())
    monkeypatch.setattr(plugins, "METHODS", sizing.METHODS)


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], plugins.Plugins]]:
    """Install a tiny distribution with these entry points, as pip would, and load it."""

    def installed(entry_points: str) -> plugins.Plugins:
        tiny_sizing.install(tmp_path, entry_points)
        monkeypatch.syspath_prepend(tmp_path)
        return plugins.load()

    yield installed
    sys.modules.pop("tiny_sizing_methods", None)


def config(method: str) -> AccountConfig:
    rules = {"technical": Sizing(method=method)}
    return msgspec.structs.replace(CONFIG, strategy_sizing=rules)


def fed(method: str) -> Core:
    return feeds.run(session(D1, {"AAPL": "0.5", "MSFT": "-0.5"}), config(method))


def test_an_installed_method_sizes_the_accounts_that_name_it(
    install: Callable[[str], plugins.Plugins],
) -> None:
    found = install("one_each = tiny_sizing_methods:OneEach")
    assert not found.failures
    found.require(config("one_each"))
    core = fed("one_each")
    (made,) = (created.order for created in core.all(fx.OrderCreated))
    assert (made.symbol, made.side, made.quantity) == ("AAPL", Side.BUY, 1)
    assert made.sizing == {"method": "one_each", "score": "0.5"}
    # and no other account
    (shipped,) = (each.order for each in fed("target_weights").all(fx.OrderCreated))
    assert shipped.quantity == 90
    laws.check_all(core)


@pytest.mark.parametrize(
    ("entry_points", "name", "said"),
    [
        ("gone = nowhere_at_all:Method", "gone", "No module named 'nowhere_at_all'"),
        ("empty = tiny_sizing_methods:NoMethod", "empty", "has no method size"),
        ("target_weights = tiny_sizing_methods:OneEach", "target_weights", "the name is taken"),
        (
            "twice = tiny_sizing_methods:OneEach\ntwice= tiny_sizing_methods:NoMethod",
            "twice",
            "the name is taken",
        ),
    ],
)
def test_a_package_that_brings_nothing_usable_stops_only_who_names_it(
    install: Callable[[str], plugins.Plugins], entry_points: str, name: str, said: str
) -> None:
    found = install(entry_points)
    assert said in found.failures[name]
    found.require(CONFIG)
    assert type(sizing.METHODS["target_weights"]).__name__ == "TargetWeights"
    if name != "target_weights":
        with pytest.raises(UnknownMethodError, match=said):
            found.require(config(name))


def test_an_account_with_an_unknown_method_is_refused_in_one_sentence() -> None:
    with pytest.raises(UnknownMethodError) as caught:
        plugins.Plugins().require(config("one_each"))
    assert str(caught.value) == (
        "account sample sizes technical by 'one_each', which is not there (no installed package "
        "brings it): install its package and restart, or name one of target_weights"
    )


class Connected:
    is_connected = True


class Stored:
    """A pool whose connection knows one account."""

    def __init__(self, config: AccountConfig) -> None:
        self.config = config

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Stored"]:
        yield self

    async def execute(self, *_: object) -> "Stored":
        return self

    async def fetchone(self) -> tuple[bytes]:
        return (encode(self.config),)


def test_a_stored_account_that_misses_its_method_is_a_problem_and_no_crash() -> None:
    nats = cast("Any", type("Nats", (), {"nc": Connected(), "js": None}))
    settings = cast(
        "Any", type("Settings", (), {"redis_url": "", "database_url": "", "replica": ""})
    )
    stored = cast("Any", Stored(config("one_each")))
    service = Service(settings, cast("Any", None), nats, stored)
    assert not asyncio.run(service.drive(Lease("sample", "one", 1)))
    assert any("by 'one_each', which is not there" in each for each in service.problems())
    with pytest.raises(UnknownMethodError):
        asyncio.run(service.open_account(config("one_each")))
    assert not service.writers


class Answering:
    """A method that answers with what a test prepared."""

    def __init__(self, answer: Callable[[Mapping[str, Decimal]], Iterable[Wish]]) -> None:
        self._answer = answer

    def size(
        self,
        scores: Mapping[str, Decimal],
        sleeve: Sleeve,  # noqa: ARG002
        rules: Sizing,  # noqa: ARG002
    ) -> Iterable[Wish]:
        return self._answer(scores)


def wish(
    symbol: str, quantity: object = Decimal(1), side: object = Side.BUY, **detail: Any
) -> Wish:
    return Wish(symbol, cast("Any", side), cast("Any", quantity), detail)


def _raises(_: Mapping[str, Decimal]) -> Iterable[Wish]:
    raise ZeroDivisionError("a\x00\ud800b")


def answered(answer: Callable[[Mapping[str, Decimal]], Iterable[Wish]]) -> Core:
    sizing.METHODS["mine"] = Answering(answer)
    return fed("mine")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_raises, "mine failed: ZeroDivisionError: a  b"),
        (lambda _: None, "mine failed: TypeError"),
        (lambda _: [wish("AAPL")], "did not answer each score with one wish"),
        (lambda s: [wish(each) for each in (*s, "IBM")], "did not answer each score"),
        (lambda _: [wish("AAPL"), wish("AAPL")], "did not answer each score"),
        (lambda s: [(each, Side.BUY, 1, {}) for each in s], "something that is no wish"),
        (lambda s: [wish(each, Decimal("NaN")) for each in s], "NaN shares of AAPL"),
        (lambda s: [wish(each, Decimal("Infinity")) for each in s], "Infinity shares of AAPL"),
        (lambda s: [wish(each, Decimal(-1)) for each in s], "-1 shares of AAPL"),
        (lambda s: [wish(each, Decimal(0)) for each in s], "0 shares of AAPL"),
        (lambda s: [wish(each, Decimal(10) ** 15) for each in s], "shares of AAPL"),
        (lambda s: [wish(each, Decimal("1e-10")) for each in s], "more than 9 decimal places"),
        (lambda s: [wish(each, 1.5) for each in s], "no side and number of shares for AAPL"),
        (lambda s: [wish(each, side="up") for each in s], "no side and number of shares"),
        (lambda s: [wish(each, number=1) for each in s], "a detail for AAPL that is not text"),
        (lambda s: [wish(each, text="a\x00") for each in s], "a detail for AAPL that is not text"),
    ],
)
def test_what_a_method_cannot_mean_ends_its_signals_and_nothing_else(
    answer: Callable[[Mapping[str, Decimal]], Iterable[Wish]], said: str
) -> None:
    core = answered(answer)
    disposed = core.all(fx.SignalDisposed)
    assert [(d.symbol, d.disposition, d.code) for d in disposed] == [
        ("AAPL", Disposition.DEAD_LETTER, "INTERNAL_ERROR"),
        ("MSFT", Disposition.DEAD_LETTER, "INTERNAL_ERROR"),
    ]
    assert said in disposed[0].detail["error"]
    assert disposed[0].detail["error"].isprintable()
    assert not core.all(fx.OrderCreated)
    core.send(*session(D2, {}, {"AAPL": "100"}, previous=D1))
    assert core.state.closed_session == D2
    laws.check_all(core)


def test_a_wish_that_can_be_meant_is_judged_like_any_other() -> None:
    core = answered(lambda s: [wish(each, Decimal("900.5")) for each in s])
    codes = [disposed.code for disposed in core.all(fx.SignalDisposed)]
    assert codes == ["QUANTITY_INVALID", "QUANTITY_INVALID"]


def test_a_method_cannot_change_the_scores_or_the_arithmetic() -> None:
    def meddling(scores: Mapping[str, Decimal]) -> Iterable[Wish]:
        from decimal import getcontext

        getcontext().prec = 1
        with pytest.raises(TypeError):
            scores["AAPL"] = Decimal(0)  # type: ignore[index]
        return [wish(symbol) for symbol in scores]

    core = answered(meddling)
    assert [disposed.code for disposed in core.all(fx.SignalDisposed)] == [None, None]
    numbers = {check.code: check.numbers for check in core.all(fx.OrderCreated)[0].order.checks}
    assert numbers["BUYING_POWER"]["found"] == "104.00"  # 1 x 103 and the commission
