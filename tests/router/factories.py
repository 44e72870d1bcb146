"""Messages and accounts with defaults, and strategies that generate any valid one."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from router.messages import (
    AccountRegistered,
    Action,
    Article,
    Bar,
    Bars,
    Contribution,
    Delisting,
    Dividend,
    Provenance,
    Rename,
    Signal,
    SignalSet,
    Split,
    digest,
)
from router.registry import Registry

SESSION = date(2012, 1, 4)
CLOSE = datetime(2012, 1, 4, 21, 0, tzinfo=UTC)


def bars(**changes: Any) -> Bars:
    row = Bar(
        symbol="AAPL",
        open=Decimal("10"),
        high=Decimal("12"),
        low=Decimal("9.5"),
        close=Decimal("11"),
        volume=Decimal("1000"),
    )
    defaults: dict[str, Any] = {
        "source": "sample",
        "session": SESSION,
        "previous": date(2012, 1, 3),
        "bar_end": CLOSE,
        "known_at": CLOSE,
        "version": digest("version"),
        "bars": (row,),
    }
    return Bars(**{**defaults, **changes})


def signal(**changes: Any) -> Signal:
    defaults: dict[str, Any] = {
        "strategy": "technical",
        "strategy_version": "1",
        "symbol": "AAPL",
        "session": SESSION,
        "as_of": CLOSE,
        "valid_until": CLOSE + timedelta(hours=17, minutes=30),
        "score": Decimal("0.25"),
        "content": digest("content"),
        "reasons": ("RSI 28 is below 30",),
        "provenance": Provenance(
            run_id="run",
            asset="signals",
            partition="2012-01-04",
            code_version="1",
            input_versions={"bars": digest("version")},
        ),
    }
    return Signal(**{**defaults, **changes})


def numbered_signal(number: int) -> Signal:
    """A signal that differs from every other number's."""
    return signal(content=digest("content", str(number)))


def signal_set(**changes: Any) -> SignalSet:
    defaults: dict[str, Any] = {
        "strategy": "technical",
        "session": SESSION,
        "as_of": CLOSE,
        "signal_ids": (signal().input_id,),
    }
    return SignalSet(**{**defaults, **changes})


def account(name: str = "sample", mode: str = "replay", **changes: Any) -> AccountRegistered:
    defaults: dict[str, Any] = {"strategies": ("technical",), "sources": ("sample",)}
    return AccountRegistered(account=name, mode=mode, **{**defaults, **changes})


def registry(*accounts: AccountRegistered) -> Registry:
    return Registry.of(accounts)


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
symbols = st.from_regex(r"[A-Z0-9][A-Z0-9._-]{0,15}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
days = st.dates(date(1900, 1, 1), date(2199, 12, 30))
share_counts = st.integers(1, 1_000_000)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(
    datetime(1900, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2199, 12, 30),  # noqa: DTZ001 - the same
    timezones=offsets,
)


def decimals(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=6, allow_nan=False, allow_infinity=False)


@st.composite
def any_bar(draw: st.DrawFn) -> Bar:
    low, first, second, high = sorted(draw(st.tuples(*[decimals("0.01", "99999")] * 4)))
    opens, closes = draw(st.permutations([first, second]))
    return Bar(
        symbol=draw(symbols),
        open=opens,
        high=high,
        low=low,
        close=closes,
        volume=draw(decimals("0", "999999999")),
    )


def _agree(found: list[Action]) -> bool:
    """No symbol has two new names, and none goes to one that goes on."""
    renames = [action for action in found if isinstance(action, Rename)]
    names = [rename.symbol for rename in renames]
    return len(set(names)) == len(names) and not {r.new_symbol for r in renames} & set(names)


actions = st.one_of(
    st.builds(Split, symbol=symbols, new_shares=share_counts, old_shares=share_counts),
    st.builds(Dividend, symbol=symbols, amount=decimals("0.01", "100"), pay_date=st.none() | days),
    st.tuples(symbols, symbols)
    .filter(lambda names: names[0] != names[1])
    .map(lambda names: Rename(symbol=names[0], new_symbol=names[1])),
    st.builds(Delisting, symbol=symbols, price=decimals("0", "100")),
)


@st.composite
def any_bars(draw: st.DrawFn) -> Bars:
    session = draw(days)
    return Bars(
        source=draw(names),
        session=session,
        previous=draw(st.none() | st.integers(1, 10).map(lambda n: session - timedelta(n)))
        if session > date(1900, 2, 1)
        else None,
        bar_end=datetime(
            session.year, session.month, session.day, draw(st.integers(0, 23)), tzinfo=UTC
        ),
        known_at=draw(moments),
        version=draw(digests),
        bars=tuple(draw(st.lists(any_bar(), max_size=4, unique_by=lambda bar: bar.symbol))),
        actions=tuple(draw(st.lists(actions, max_size=3).filter(_agree))),
        suspects=tuple(draw(st.lists(symbols, max_size=3))),
        starts=draw(st.booleans()),
    )


provenances = st.builds(
    Provenance,
    run_id=texts,
    asset=texts,
    partition=texts,
    code_version=texts,
    input_versions=st.dictionaries(texts, texts, max_size=3),
    models=st.dictionaries(texts, texts, max_size=2),
    articles=st.lists(st.builds(Article, article_id=texts, content_hash=texts), max_size=2).map(
        tuple
    ),
    article_count=st.integers(0, 99),
)
contributions = st.builds(
    Contribution,
    analysis=names,
    part=decimals("-1", "1"),
    without=decimals("-1", "1"),
    reasons=st.lists(texts, max_size=2).map(tuple),
)
any_signal = st.builds(
    Signal,
    strategy=names,
    strategy_version=texts,
    symbol=symbols,
    session=days,
    as_of=moments,
    valid_until=moments,
    score=decimals("-1", "1"),
    content=digests,
    reasons=st.lists(texts, max_size=3).map(tuple),
    provenance=provenances,
    confidence=st.none() | decimals("0", "1"),
    horizon=st.none() | st.integers(1, 252),
    contributions=st.lists(contributions, max_size=2).map(tuple),
)
any_set = st.builds(
    SignalSet,
    strategy=names,
    session=days,
    as_of=moments,
    signal_ids=st.lists(digests, max_size=4).map(tuple),
    withheld=st.dictionaries(symbols, texts, max_size=3),
)
any_account = st.builds(
    AccountRegistered,
    account=names,
    mode=st.sampled_from(["replay", "paper", "live"]),
    strategies=st.lists(names, max_size=3).map(tuple),
    sources=st.lists(names, max_size=3).map(tuple),
)
any_input = st.one_of(any_bars(), any_signal, any_set)
any_message = st.one_of(any_input, any_account)
any_registry = st.lists(any_account, max_size=5).map(Registry.of)
