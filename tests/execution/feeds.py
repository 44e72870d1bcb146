"""Random feeds of an account, and what may happen to one on its way.

Belongs here: hypothesis strategies over whole sessions, and restarts in the middle.
Keep out: single inputs (factories.py) and what must hold afterwards (laws.py).
"""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from itertools import pairwise

from hypothesis import strategies as st

from execution.domain.config import AccountConfig
from execution.domain.effects import decode_effects, encode_effect, join_effects
from execution.domain.engine import fold, held_up
from execution.domain.inputs import Input, decode_input
from execution.domain.money import CONTEXT
from execution.domain.orders import LIMITED, STOPPED, OrderType, Side, TimeInForce
from execution.domain.state import Inbox, State, decode_state, encode_state
from router.messages import (
    Action,
    Bar,
    Bars,
    Delisting,
    Dividend,
    Rename,
    Signal,
    SignalSet,
    Split,
    encode,
)
from tests.execution.factories import (
    CONFIG,
    DAYS,
    Core,
    bar,
    bars,
    order,
    signal,
    signal_set,
)

SYMBOLS = ("AAPL", "FB", "MSFT")

_cents = st.integers(2_000, 20_000).map(lambda n: Decimal(n) / 100)
_scores = st.integers(-10, 10).map(lambda n: str(Decimal(n) / 10))
_actions = st.one_of(
    st.builds(
        Split,
        symbol=st.sampled_from(SYMBOLS),
        new_shares=st.integers(1, 3),
        old_shares=st.sampled_from([1, 2, 3, 10]),
    ),
    st.builds(
        Dividend,
        symbol=st.sampled_from(SYMBOLS),
        amount=st.just(Decimal("0.125")),
        pay_date=st.none() | st.sampled_from(DAYS[:8]),
    ),
    st.builds(
        Delisting, symbol=st.sampled_from(SYMBOLS), price=st.sampled_from([0, 7]).map(Decimal)
    ),
    st.sampled_from(SYMBOLS).map(lambda old: Rename(symbol=old, new_symbol="NEW")),
    st.sampled_from(SYMBOLS).map(lambda new: Rename(symbol="NEW", new_symbol=new)),
)


def _agree(actions: list[Action]) -> bool:
    """One rename in a session is enough."""
    return sum(isinstance(action, Rename) for action in actions) <= 1


@st.composite
def bars_of(draw: st.DrawFn, symbol: str) -> Bar:
    """A bar that may gap, move within its range, or have next to no volume."""
    opened, closed = draw(_cents), draw(_cents)
    prices = {"high": max(opened, closed) + 1, "low": min(opened, closed) - 1}
    volume = draw(st.sampled_from([0, 300, 1_000_000]))
    return bar(
        symbol,
        open=str(opened),
        close=str(closed),
        volume=str(volume),
        **{k: str(v) for k, v in prices.items()},
    )


@st.composite
def sessions(draw: st.DrawFn, most: int = 5, strategies: tuple[str, ...] = ("technical",)) -> list:
    """Complete sessions in order; a symbol may begin late or miss a day, and split on any."""
    days = DAYS[: draw(st.integers(2, most))]
    begins = draw(st.integers(0, len(days) - 1))
    feed: list[list[Input]] = []
    for n, (previous, day) in enumerate(pairwise([None, *days])):
        present = [s for s in SYMBOLS if (s != "FB" or n >= begins) and draw(st.integers(0, 5))]
        rows = [draw(bars_of(symbol)) for symbol in present]
        actions = tuple(draw(st.lists(_actions, max_size=2).filter(_agree))) if n else ()
        assert day is not None
        items: list[Input] = [bars(day, *rows, previous=previous, actions=actions)]
        for strategy in strategies:
            scored = [signal(day, s, draw(_scores), strategy=strategy) for s in present]
            items += [*scored, signal_set(day, scored, strategy=strategy)]
        feed.append(items)
    return feed


@st.composite
def manual_orders(draw: st.DrawFn, name: str) -> Input:
    """What a person may send, sensible or not."""
    kind = draw(st.sampled_from(OrderType))
    return order(
        draw(st.sampled_from(SYMBOLS)),
        str(draw(st.integers(1, 60))),
        request_id=name,
        side=draw(st.sampled_from(Side)),
        type=kind,
        limit_price=draw(_cents) if kind in LIMITED else None,
        stop_price=draw(_cents) if kind in STOPPED else None,
        time_in_force=draw(st.sampled_from(TimeInForce)),
    )


@st.composite
def traded(draw: st.DrawFn) -> list[Input]:
    """A feed with a person trading beside the strategy."""
    feed: list[Input] = []
    for n, items in enumerate(draw(sessions())):
        mine = [draw(manual_orders(f"mine-{n}-{m}")) for m in range(draw(st.integers(0, 2)))]
        feed += [*items, *mine]
    return feed


@st.composite
def spoiled(draw: st.DrawFn) -> list[Input]:
    """A feed in which messages are lost, overtaken, revised and unannounced; no bars are lost."""
    feed = [item for items in draw(sessions()) for item in items]
    kept = [i for i in feed if isinstance(i, Bars) or draw(st.integers(0, 4))]
    days = sorted({item.session for item in feed if isinstance(item, Bars)})
    extra = draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True))
    kept += [signal(draw(st.sampled_from(days)), "AAPL", "0.9", content) for content in extra]
    return list(draw(st.permutations(kept)))


def flat(feed: Iterable[Iterable[Input]]) -> list[Input]:
    return [item for items in feed for item in items]


def run(items: Iterable[Input], config: AccountConfig = CONFIG) -> Core:
    core = Core(config)
    core.send(*items)
    return core


def restarted(core: Core) -> None:
    """The same account as another process would load it: from its bytes and its journal."""
    state, inbox = decode_state(encode_state(core.state)), Inbox()
    for seq in state.pending.values():
        item = decode_input(encode(core.journal[seq - 1][0]))
        assert isinstance(item, Bars | Signal | SignalSet)
        inbox.add(item)
    core.state, core.inbox = state, inbox


def folded(core: Core) -> State:
    """The state that follows from the journal alone, with effects as its bytes give them back."""
    state, inbox = State(), Inbox()
    for seq, (item, effects) in enumerate(core.journal, 1):
        with localcontext(CONTEXT):
            read = decode_effects(join_effects(map(encode_effect, effects)))
        fold(state, inbox, seq, item, read)
    return state


def give_up(core: Core) -> None:
    """Send deadlines for as long as something holds up the account's bars."""
    while (deadline := held_up(core.state, core.inbox)) is not None:
        core.send(deadline)
