"""The assets `replayed_signals` and `published_signals`: what the lake holds, onto the wire.

Belongs here: which accounts are meant, and saying what was sent.
Keep out: messages (feed.py), NATS (publishing.py), the locks (locks.py).
"""

from collections.abc import Iterable, Iterator
from datetime import date

import dagster as dg
import pandas as pd

from pipelines import catch_up, locks, publishing, standing
from pipelines.analyses.withheld import withheld
from pipelines.assets import show
from pipelines.assets.partitions import BY_FIVE, ONE_RUN, SESSIONS, Result, sessions_of
from pipelines.assets.resources import Clock, Feed
from pipelines.assets.signals import signals
from pipelines.core import Core, account_within, day_of, open_core
from pipelines.errors import CoreError
from pipelines.feed import Tables, in_feed_order
from pipelines.lake import BEGINNING, open_lake
from pipelines.settings import read_settings
from pipelines.sources.base import no_actions
from router.client import Published
from router.errors import ConnectError, PublishError
from router.messages import Bars, Input, Signal
from router.registry import REPLAY_MODE

CODE_VERSION = "1"
NONE_REJECTED = pd.DataFrame(
    {
        "symbol": pd.Series(dtype="str"),
        "session": pd.Series(dtype="datetime64[us]"),
        "reason": pd.Series(dtype="str"),
    }
)
SEND_RETRIES = 2
SEND_PAUSE_S = 10.0
"""How often, and after how long, what could not be sent is sent again; copies do no harm."""

FED_BEFORE = "fed before; nothing changed: account {account} had closed these sessions"


class Tally:
    """Counts what passes by, per session."""

    def __init__(self) -> None:
        self.sent = 0
        self.sessions: list[date] = []
        self.signals: dict[date, int] = {}

    def over(self, messages: Iterable[Input]) -> Iterator[Input]:
        """The same messages, counted."""
        for message in messages:
            self.sent += 1
            if isinstance(message, Bars):
                self.sessions.append(message.session)
                self.signals[message.session] = 0
            elif isinstance(message, Signal):
                self.signals[message.session] += 1
            yield message


@dg.asset(
    deps=[signals],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    group_name="daily",
    kinds={"nats"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
)
def replayed_signals(context: dg.AssetExecutionContext, feed: Feed) -> Result:
    """Bars and signals of these sessions, sent to a replay account in the order of time.

    An account is fed without gaps: a range may begin at the latest with the session after the one
    where it stands. Sending sessions again is harmless: the account knows what it has seen.
    """
    sessions, account = sessions_of(context), feed.replay_account
    tables = load(feed, sessions)
    note = _admit(feed, sessions)
    tally = Tally()
    published = _send(tally, tables, publishing.to_replay(account))
    show.per_session(
        context,
        {
            session: {"account": account, "signals": tally.signals.get(session, 0), **note}
            for session in sessions
        },
    )
    metadata = {"account": account, **_summary(tally, published)}
    context.add_asset_metadata(metadata, partition_key=sessions[-1].isoformat())
    return Result()


@dg.asset(
    deps=[signals],
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    group_name="daily",
    freshness_policy=BY_FIVE,
    kinds={"nats"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
)
def published_signals(context: dg.AssetExecutionContext, feed: Feed, clock: Clock) -> Result:
    """Bars and signals of the current session, sent to paper and live accounts.

    Denied unless a live schedule or the authenticated API started the run, for the current
    session alone; a denied run sends nothing and says why. Sessions that an account missed, because
    nothing ran then, go before it with their bars and without signals: orders that waited fill,
    splits and dividends are booked, and nothing is decided late.
    """
    sessions = sessions_of(context)
    reason = locks.denial(context.run.tags, sessions, clock.now())
    if reason is not None:
        context.log.warning("publish.denied reason=%s", reason)
        return Result(metadata={"published": 0, "reason": reason})
    tally = Tally()
    missed, note = _missed(feed, sessions[0])
    tables = catch_up.without_late_signals(load(feed, [*missed, *sessions]), sessions[0])
    published = _send(tally, tables, publishing.to_live())
    metadata = {"published": tally.sent, **_summary(tally, published), **note}
    return Result(metadata=metadata)


def _missed(feed: Feed, session: date) -> tuple[list[date], dict[str, str]]:
    """The sessions before this one that an account has not booked; a note where nobody knows."""
    known = open_lake(read_settings().lake_url).sessions("bars", feed.dataset, session)
    try:
        with open_core(read_settings()) as core:
            standings = [day_of(core.account(name), "session") for name in _takers(core, feed)]
    except CoreError as error:
        return [], {"note": f"sessions that an account missed were not looked for: {error}"}
    return catch_up.missed(standings, known, session), {}


def _takers(core: Core, feed: Feed) -> list[str]:
    found = [each for each in core.accounts() if each["mode"] != REPLAY_MODE]
    return [str(each["account"]) for each in found if feed.source in each["sources"]]


def _admit(feed: Feed, sessions: list[date]) -> dict[str, str]:
    """Fail where the account cannot take these sessions; a note where it has closed them all."""
    account, start, end = feed.replay_account, sessions[0], sessions[-1]
    known = open_lake(read_settings().lake_url).sessions("bars", feed.dataset, end)
    with open_core(read_settings()) as core:
        state = account_within(core, account, feed.patience_s)
        _require_strategy(core, feed)
    first, last = day_of(state, "first_session"), day_of(state, "session")
    sentence = standing.refusal(account, first, last, known, start, end)
    if sentence is not None:
        raise dg.Failure(sentence, allow_retries=False)
    closed = day_of(state, "closed_session")
    repeated = closed is not None and max(known, default=end) <= closed
    return {"note": FED_BEFORE.format(account=account)} if repeated else {}


def _require_strategy(core: Core, feed: Feed) -> None:
    """Fail where the account does not trade the strategy: it would wait for another's signals."""
    strategy, account = feed.open_strategy().name, feed.replay_account
    traded = [each["strategies"] for each in core.accounts() if each["account"] == account]
    if traded and strategy not in traded[0]:
        raise dg.Failure(
            f"account {account} trades {', '.join(traded[0])}, not {strategy}: give the resource"
            " `feed` the strategy that it trades, or another account",
            allow_retries=False,
        )


def load(feed: Feed, sessions: list[date]) -> Tables:
    """What the lake holds of these sessions, and which session comes before them."""
    lake, dataset = open_lake(read_settings().lake_url), feed.dataset
    strategy, start, end = feed.open_strategy(), sessions[0], sessions[-1]
    history = lake.read("bars", dataset, BEGINNING, end)
    rejected = lake.read("bars_rejected", dataset, BEGINNING, end, empty=NONE_REJECTED)
    opinions = lake.read("signals", feed.opinions, start, end)
    return Tables(
        source=feed.source,
        strategy=strategy.name,
        bars=history[history["session"] >= pd.Timestamp(start)],
        actions=lake.read("actions", dataset, start, end, empty=no_actions()),
        signals=opinions,
        before=standing.session_before(start, lake.sessions("bars", dataset, end)),
        withheld=withheld(history, rejected, opinions, strategy.warm_up, start),
    )


def _send(tally: Tally, tables: Tables, subject_of: publishing.Address) -> Published:
    """Send all messages; where the router's server is away, the step is tried again."""
    messages = tally.over(in_feed_order(tables))
    try:
        return publishing.send(read_settings().nats_url, publishing.address(messages, subject_of))
    except (ConnectError, PublishError) as error:
        if isinstance(error, PublishError) and error.permanent:
            raise
        raise dg.RetryRequested(SEND_RETRIES, SEND_PAUSE_S) from error


def _summary(tally: Tally, published: Published) -> dict[str, int | str]:
    span = f"{tally.sessions[0]} to {tally.sessions[-1]}" if tally.sessions else "none"
    return {
        "sent": tally.sent,
        "stored": published.stored,
        "duplicates": published.duplicates,
        "sessions": len(tally.sessions),
        "span": span,
    }
