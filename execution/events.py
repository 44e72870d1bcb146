"""What the core tells the world about effects, as messages for the outbox: pure.

Keep out: publishing (outbox.py).
"""

from collections.abc import Iterator, Sequence

import msgspec

from execution.domain import effects as fx
from execution.hashing import JournalRow
from execution.store import Decided, Head
from router import messages, subjects
from router.outgoing import Outgoing

KINDS: dict[type[fx.Effect], str] = {
    fx.OrderCreated: "order",
    fx.OrderChanged: "order",
    fx.Filled: "fill",
    fx.PositionChanged: "position",
    fx.SessionValued: "session",
    fx.SessionClosed: "session",
    fx.FillSuspended: "fill",
    fx.FillRefused: "fill",
    fx.RestrictionChanged: "state",
    fx.LimitsChanged: "state",
    fx.KillSwitchTurned: "state",
    fx.AccountOpened: "state",
}
"""The last token of the subject by effect; effects not named here are not told."""


def of_batch(
    account: str, rows: Sequence[tuple[JournalRow, Head]], batch: Sequence[Decided]
) -> Iterator[Outgoing]:
    """One message per effect that is told, with an id that is the same however often it is sent."""
    told = {effect: subjects.event(account, kind) for effect, kind in KINDS.items()}
    for (row, head), decided in zip(rows, batch, strict=True):
        for number, effect in enumerate(decided.effects):
            subject = told.get(type(effect))
            if subject is None:
                continue
            event = messages.Event(
                account=account,
                seq=row.seq,
                effect=msgspec.Raw(decided.encoded[number]),
                chain_hash=head.chain_hash.hex(),
            )
            yield Outgoing(subject, messages.encode(event), f"{account}:{row.seq}:{number}")
