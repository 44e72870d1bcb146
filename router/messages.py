"""Every message that crosses a process boundary, and nothing else.

Belongs here: frozen structs, their field rules, `encode` and `decode`.
Keep out: NATS, SQL, HTTP, Dagster, and any decision about what a message means.

Conventions: datetimes are aware and UTC; a `session` is an exchange trading day;
prices are in the account's currency per share, raw (not adjusted); scores are in [-1, 1].
"""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}\Z"
"""An account, strategy or source: safe as one token of a NATS subject."""

SYMBOL = r"^[A-Z0-9][A-Z0-9._-]{0,15}\Z"
"""A ticker."""

Name = Annotated[str, Meta(pattern=NAME)]
Symbol = Annotated[str, Meta(pattern=SYMBOL)]
Shares = Annotated[int, Meta(ge=1, le=1_000_000)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""The first 128 bits of a SHA-256, in hex."""

Moment = Annotated[datetime, Meta(tz=True)]
LONGEST_TEXT = 500
Text = Annotated[str, Meta(max_length=LONGEST_TEXT, pattern=r"^[^\x00]*\Z")]
"""Free text without NUL, which no database column takes."""

YEARS = range(1900, 2200)
"""Where every date lies; beyond, a change of time zone could overflow."""

ONE_DAY = timedelta(days=1)

MAX_SCALE = 9
"""Decimal places that a price or quantity may carry."""

MAX_INTEGER_DIGITS = 15

MOST_ARTICLES = 20
MOST_CONTRIBUTIONS = 8
MOST_REASONS = 32
"""Of one contribution."""

MOST_SESSIONS = 252
"""Of a signal's horizon: a year."""


class InvalidMessageError(ValueError):
    """The bytes are no message of a known kind: correct the sender."""


class RepeatedKeyError(ValueError):
    """A key stands twice in one JSON object, which could be read either way: send it once."""

    def __init__(self, key: str) -> None:
        super().__init__(f"key {key[:40]!r} is there more than once")
        self.key = key


class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, keyword only, unknown fields refused."""


class Bar(_Struct, frozen=True):
    """One symbol's prices over one session; refuses what cannot be true."""

    symbol: Symbol
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        for name in ("open", "high", "low", "close", "volume"):
            _require_plain(name, getattr(self, name))
        if self.low <= 0:
            raise ValueError(f"low {self.low} of {self.symbol} is not above zero")
        if self.volume < 0:
            raise ValueError(f"volume {self.volume} of {self.symbol} is negative")
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise ValueError(f"open, high, low and close of {self.symbol} contradict each other")


class Split(_Struct, frozen=True, tag="split", tag_field="action"):
    """Before the open of the session, `old_shares` become `new_shares`: 1 and 2 for a 2:1 split.

    Two whole numbers, because no decimal says a third: a 1:3 reverse split must leave 100 of 300.
    """

    symbol: Symbol
    new_shares: Shares
    old_shares: Shares


class Dividend(_Struct, frozen=True, tag="dividend", tag_field="action"):
    """Holders at the close before the session are owed `amount` of cash per share.

    It is paid with the first session on or after `pay_date`; at once where that is not known.
    """

    symbol: Symbol
    amount: Decimal
    pay_date: date | None = None

    def __post_init__(self) -> None:
        _require_positive("amount", self.amount)
        if self.pay_date is not None:
            _require_years(pay_date=self.pay_date)


class Rename(_Struct, frozen=True, tag="rename", tag_field="action"):
    """From this session on, `symbol` trades as `new_symbol`; nothing else changes."""

    symbol: Symbol
    new_symbol: Symbol

    def __post_init__(self) -> None:
        if self.symbol == self.new_symbol:
            raise ValueError(f"{self.symbol} is renamed to itself")


class Delisting(_Struct, frozen=True, tag="delisting", tag_field="action"):
    """Before the open of the session, every share is paid out at `price`; zero: it is worthless."""

    symbol: Symbol
    price: Decimal

    def __post_init__(self) -> None:
        _require_plain("price", self.price)
        if self.price < 0:
            raise ValueError(f"price {self.price} of {self.symbol} is negative")


Action = Split | Dividend | Rename | Delisting
"""What a company does to its shares."""


class Bars(_Struct, frozen=True, dict=True, tag="bars.v1", tag_field="kind"):
    """All bars of one source for one session, so that a session is one input.

    `previous` is the session before this one in the source (None for its first): an account
    applies sessions in that order without a gap, whatever the order of arrival. `starts` marks
    the first session of a run: an account that has seen none may begin there. `version` is the
    content hash of the rows. `suspects` are symbols with an unexplained jump: they may be
    marked and sold, not bought. Actions take effect before the session's open: renames first, then
    dividends, splits and delistings, each under the name that its shares have after the renames.
    """

    source: Name
    session: date
    previous: date | None
    bar_end: Moment
    known_at: Moment
    version: Digest
    bars: tuple[Bar, ...]
    actions: tuple[Action, ...] = ()
    suspects: tuple[Symbol, ...] = ()
    starts: bool = False

    def __post_init__(self) -> None:
        _require_years(session=self.session, bar_end=self.bar_end, known_at=self.known_at)
        if abs(self.bar_end.astimezone(UTC).date() - self.session) > ONE_DAY:
            raise ValueError(f"bar_end {self.bar_end} is not of session {self.session}")
        symbols = [bar.symbol for bar in self.bars]
        if len(set(symbols)) != len(symbols):
            twice = next(name for name in symbols if symbols.count(name) > 1)
            raise ValueError(f"{twice} has more than one bar in session {self.session}")
        _require_renames([action for action in self.actions if isinstance(action, Rename)])
        if self.previous is not None and self.previous >= self.session:
            raise ValueError(f"previous {self.previous} is not before session {self.session}")

    @cached_property
    def input_id(self) -> str:
        """The same for the same content, however often and by which run it is sent."""
        previous = self.previous.isoformat() if self.previous else "none"
        return digest("bars", self.source, self.session.isoformat(), previous, self.version)


class Article(_Struct, frozen=True):
    """A text that a score rests on: which one, and the hash of its title and text."""

    article_id: Text
    content_hash: Text


class Provenance(_Struct, frozen=True, omit_defaults=True):
    """Where a signal came from: the run, the code, and the content hash of what was read."""

    run_id: Text
    asset: Text
    partition: Text
    code_version: Text
    input_versions: dict[Text, Text]
    """Table name to content hash, for every table that was read."""

    models: dict[Text, Text] = {}
    """Analysis to the hash of the model that it used."""

    articles: Annotated[tuple[Article, ...], Meta(max_length=MOST_ARTICLES)] = ()
    """The newest texts that the score rests on, oldest first."""

    article_count: Annotated[int, Meta(ge=0)] = 0
    """How many texts that are, those included that `articles` has no room for."""


class Contribution(_Struct, frozen=True, omit_defaults=True):
    """What one analysis added to a signal's score, and what the score would be without it.

    `part` is what it added before the strategy's bounds. `without` is the score that the strategy
    would have given, bounds and all, had this analysis said nothing: 0 for no opinion.
    """

    analysis: Name
    part: Decimal
    without: Decimal
    reasons: Annotated[tuple[Text, ...], Meta(max_length=MOST_REASONS)] = ()

    def __post_init__(self) -> None:
        _require_score("part", self.part, self.analysis)
        _require_score("without", self.without, self.analysis)


class Signal(
    _Struct, frozen=True, dict=True, omit_defaults=True, tag="signal.v1", tag_field="kind"
):
    """One strategy's opinion of one symbol at the close of one session.

    `as_of` is when the data ends that it was computed from; it lives until `valid_until`, after
    which nobody should trade it. `horizon` is over how many sessions the opinion is meant, and
    `confidence` how sure the strategy is of it, 0 to 1; None where it did not say. `reasons` are
    the strategy's own, for people; each analysis tells its own in its contribution, and a signal
    without contributions tells them all here. `content` hashes the symbol's inputs.
    """

    strategy: Name
    strategy_version: Text
    symbol: Symbol
    session: date
    as_of: Moment
    valid_until: Moment
    score: Decimal
    content: Digest
    reasons: tuple[Text, ...]
    provenance: Provenance
    confidence: Decimal | None = None
    horizon: Annotated[int, Meta(ge=1, le=MOST_SESSIONS)] | None = None
    contributions: Annotated[tuple[Contribution, ...], Meta(max_length=MOST_CONTRIBUTIONS)] = ()

    def __post_init__(self) -> None:
        _require_years(session=self.session, as_of=self.as_of, valid_until=self.valid_until)
        _require_score("score", self.score, self.symbol)
        if self.confidence is not None:
            _require_score("confidence", self.confidence, self.symbol)
            if self.confidence < 0:
                raise ValueError(f"confidence {self.confidence} of {self.symbol} is negative")

    @cached_property
    def input_id(self) -> str:
        """Equal for equal inputs: run ids and fetch times are left out on purpose."""
        return digest(
            "signal",
            self.strategy,
            self.strategy_version,
            self.symbol,
            self.as_of.astimezone(UTC).isoformat(),
            self.content,
        )


class SignalSet(_Struct, frozen=True, dict=True, tag="signal_set.v1", tag_field="kind"):
    """The end of a strategy's signals for a session: names them all, so none can be missed.

    `withheld` names the symbols whose analysis failed or rests on old data, each with the reason:
    they may be sold, not bought, until a later set no longer names them.
    """

    strategy: Name
    session: date
    as_of: Moment
    signal_ids: tuple[Digest, ...]
    withheld: dict[Symbol, Text] = {}

    def __post_init__(self) -> None:
        _require_years(session=self.session, as_of=self.as_of)

    @cached_property
    def input_id(self) -> str:
        """The same for the same set, in whatever order its signals were sent."""
        withheld = [f"{symbol}={reason}" for symbol, reason in sorted(self.withheld.items())]
        session = self.session.isoformat()
        return digest("set", self.strategy, session, *sorted(self.signal_ids), *withheld)


class AccountRegistered(_Struct, frozen=True, tag="account.v1", tag_field="kind"):
    """An account that takes inputs; the trading core announces it, the router routes by it."""

    account: Name
    mode: Annotated[str, Meta(pattern=r"^(replay|paper|live)\Z")]
    strategies: tuple[Name, ...]
    sources: tuple[Name, ...]


class Event(_Struct, frozen=True, tag="event.v1", tag_field="kind"):
    """Something that the trading core did, told after it was committed.

    `effect` is the journal's own record of it and `chain_hash` the journal's head then, in hex: who
    keeps the events can tell later whether the journal was rewritten.
    """

    account: Name
    seq: int
    effect: msgspec.Raw
    chain_hash: Text


Input = Bars | Signal | SignalSet
"""What the router carries to an account."""

Message = Bars | Signal | SignalSet | AccountRegistered

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Message)


def encode(message: msgspec.Struct) -> bytes:
    """The one byte form of a message."""
    return _encoder.encode(message)


def decode(payload: bytes) -> Message:
    """Read a message, or raise InvalidMessageError with the field and the reason."""
    try:
        message: Message = _decoder.decode(payload)
        if encode(message) != payload:  # our own bytes hold no key twice
            json.loads(payload, object_pairs_hook=members)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidMessageError(str(error)[:500]) from error
    return message


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's members, for `object_pairs_hook`; raises RepeatedKeyError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = [key for key, _ in pairs]
        raise RepeatedKeyError(next(key for key in seen if seen.count(key) > 1))
    return found


def digest(*parts: str) -> str:
    """The first 128 bits of SHA-256 over length-prefixed parts, in hex."""
    encoded = map(str.encode, parts)
    framed = [piece for part in encoded for piece in (len(part).to_bytes(4, "big"), part)]
    return hashlib.sha256(b"".join(framed)).hexdigest()[:32]


def _require_plain(name: str, value: Decimal) -> None:
    """Refuse NaN, infinities and figures that no column could hold."""
    if not value.is_finite():
        raise ValueError(f"{name} {value} is not finite")
    exponent = int(value.as_tuple().exponent)
    if -exponent > MAX_SCALE:
        raise ValueError(f"{name} {value} has more than {MAX_SCALE} decimal places")
    if value.adjusted() >= MAX_INTEGER_DIGITS:
        raise ValueError(
            f"{name} {value} has more than {MAX_INTEGER_DIGITS} digits before the point"
        )


def _require_score(name: str, value: Decimal, of: str) -> None:
    """Refuse what is outside [-1, 1]."""
    _require_plain(name, value)
    if abs(value) > 1:
        raise ValueError(f"{name} {value} of {of} is outside [-1, 1]")


def _require_years(**dates: date) -> None:
    """Refuse dates and moments outside YEARS."""
    for name, value in dates.items():
        if value.year not in YEARS:
            raise ValueError(
                f"{name} {value.isoformat()} is not between {YEARS.start} and {YEARS.stop}"
            )


def _require_renames(renames: list[Rename]) -> None:
    """Refuse renames of one session that contradict each other."""
    waiting = {rename.symbol: rename.new_symbol for rename in renames}
    if len(waiting) < len(set(renames)):
        raise ValueError("a symbol has two new names in one session")
    while waiting:
        last = [old for old, new in waiting.items() if new not in waiting]
        if not last:
            raise ValueError(f"renames go round in a circle: {', '.join(sorted(waiting))}")
        for old in last:
            del waiting[old]


def _require_positive(name: str, value: Decimal) -> None:
    _require_plain(name, value)
    if value <= 0:
        raise ValueError(f"{name} {value} is not above zero")
