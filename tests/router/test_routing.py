"""Routing as a table, and what holds for every message, subject and registry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import subjects
from router.messages import Bars, Input, encode
from router.outgoing import Outgoing
from router.registry import Registry
from router.routing import (
    MAX_PAYLOAD_BYTES,
    DeadLetter,
    Reason,
    Routing,
    dead_letter,
    header_value,
    route,
)
from tests.router import factories
from tests.router.factories import account, bars, registry, signal, signal_set

REGISTRY = registry(
    account("sample"),
    account("other", strategies=("news",), sources=("files",)),
    account("paper", "paper"),
    account("real", "live"),
    account("idle", "paper", strategies=(), sources=()),
)


def targets(routing: Routing) -> list[str]:
    assert not isinstance(routing, DeadLetter), routing
    return [each.subject for each in routing]


def reason(routing: Routing) -> Reason:
    assert isinstance(routing, DeadLetter), routing
    return routing.reason


@pytest.mark.parametrize(
    ("subject", "message", "expected"),
    [
        ("replay.sample.bars.sample", bars(), ["inputs.sample.bars"]),
        ("replay.sample.signal.technical", signal(), ["inputs.sample.signal"]),
        ("replay.sample.set.technical", signal_set(), ["inputs.sample.set"]),
        ("replay.other.bars.files", bars(source="files"), ["inputs.other.bars"]),
        ("live.bars.sample", bars(), ["inputs.paper.bars", "inputs.real.bars"]),
        ("live.signal.technical", signal(), ["inputs.paper.signal", "inputs.real.signal"]),
        ("live.set.technical", signal_set(), ["inputs.paper.set", "inputs.real.set"]),
    ],
)
def test_a_message_goes_to_the_accounts_that_take_it(
    subject: str, message: Input, expected: list[str]
) -> None:
    assert targets(route(subject, encode(message), REGISTRY)) == expected


@pytest.mark.parametrize(
    ("subject", "payload", "expected"),
    [
        ("replay.sample.bars.sample", b"", Reason.UNDECODABLE),
        ("replay.sample.bars.sample", b"\xff\x00", Reason.UNDECODABLE),
        ("replay.sample.bars.sample", b"{}", Reason.UNDECODABLE),
        ("replay.sample.bars", encode(bars()), Reason.UNDECODABLE),
        ("replay.sample.bars.sample.x", encode(bars()), Reason.UNDECODABLE),
        ("live.bars", encode(bars()), Reason.UNDECODABLE),
        ("inputs.sample.bars", encode(bars()), Reason.UNDECODABLE),
        ("replay.sample.signal.sample", encode(bars()), Reason.KIND_MISMATCH),
        ("replay.sample.bars.technical", encode(signal()), Reason.KIND_MISMATCH),
        ("replay.sample.signal.technical", encode(signal_set()), Reason.KIND_MISMATCH),
        ("replay.sample.quote.technical", encode(signal()), Reason.KIND_MISMATCH),
        ("replay.sample.bars.sample", encode(account()), Reason.KIND_MISMATCH),
        ("replay.sample.bars.files", encode(bars()), Reason.NAME_MISMATCH),
        ("live.signal.news", encode(signal()), Reason.NAME_MISMATCH),
        ("replay.nobody.bars.sample", encode(bars()), Reason.ACCOUNT_UNKNOWN),
        ("replay.paper.bars.sample", encode(bars()), Reason.MODE_MISMATCH),
        ("replay.real.signal.technical", encode(signal()), Reason.MODE_MISMATCH),
        ("replay.other.bars.sample", encode(bars()), Reason.SOURCE_NOT_TAKEN),
        ("replay.other.signal.technical", encode(signal()), Reason.STRATEGY_NOT_TRADED),
        ("replay.other.set.technical", encode(signal_set()), Reason.STRATEGY_NOT_TRADED),
        ("live.bars.files", encode(bars(source="files")), Reason.NO_ACCOUNT),
        ("live.set.news", encode(signal_set(strategy="news")), Reason.NO_ACCOUNT),
    ],
)
def test_what_nobody_can_use_dies_with_its_reason(
    subject: str, payload: bytes, expected: Reason
) -> None:
    assert reason(route(subject, payload, REGISTRY)) == expected


def test_a_payload_above_the_limit_dies_without_being_read() -> None:
    decision = route("live.bars.sample", b"x" * (MAX_PAYLOAD_BYTES + 1), REGISTRY)
    assert decision == DeadLetter(
        Reason.UNDECODABLE, "payload has 4177921 bytes and 4177920 are allowed"
    )


@given(st.text(max_size=60), st.binary(max_size=200), factories.any_registry)
def test_any_bytes_on_any_subject_get_a_decision(
    subject: str, payload: bytes, accounts: Registry
) -> None:
    assert isinstance(route(subject, payload, accounts), DeadLetter)


@given(factories.any_input, factories.any_registry, st.data())
def test_a_replay_message_reaches_its_account_alone(
    message: Input, accounts: Registry, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([*accounts.accounts, "nobody"]))
    decision = route(_replay(name, message), encode(message), accounts)
    if isinstance(decision, DeadLetter):
        return
    assert [each.subject for each in decision] == [subjects.account_input(name, _kind(message))]
    assert accounts.accounts[name].mode == "replay"


@given(factories.any_input, factories.any_registry)
def test_a_live_message_never_reaches_a_replay_account(message: Input, accounts: Registry) -> None:
    decision = route(_live(message), encode(message), accounts)
    reached = set() if isinstance(decision, DeadLetter) else {e.subject for e in decision}
    replayed = [each.account for each in accounts.accounts.values() if each.mode == "replay"]
    assert not reached & {subjects.account_input(name, _kind(message)) for name in replayed}


@given(factories.any_input, st.lists(factories.names, min_size=1, max_size=5, unique=True))
def test_bytes_are_handed_on_untouched_and_ids_are_unique(message: Input, names: list[str]) -> None:
    takers = [
        account(name, "paper", strategies=(_name(message),), sources=(_name(message),))
        for name in names
    ]
    payload = encode(message) + b"  \n"
    decision = route(_live(message), payload, registry(*takers))
    assert not isinstance(decision, DeadLetter)
    assert {each.payload for each in decision} == {payload}
    assert len({each.message_id for each in decision}) == len(names)
    assert all(each.message_id.endswith(f":{message.input_id}") for each in decision)


@given(st.text(max_size=700))
def test_a_header_is_one_line_of_printable_ascii(text: str) -> None:
    value = header_value(text)
    assert value == value.strip()
    assert 1 <= len(value) <= 500
    assert all(" " <= c <= "~" for c in value)


@given(st.sampled_from(Reason), st.text(max_size=600), st.text(max_size=600), st.binary())
def test_a_dead_letter_can_always_be_sent(
    why: Reason, detail: str, subject: str, payload: bytes
) -> None:
    letter = dead_letter(DeadLetter(why, detail), subject, payload, "REPLAY:7")
    assert letter.payload == payload
    assert letter.message_id == f"dead.{why.lower()}:REPLAY:7"
    assert letter.headers["Trading-Reason"] == why
    assert all(value.isascii() and value.isprintable() for value in letter.headers.values())


def test_a_dead_letter_leaves_out_what_would_not_fit() -> None:
    letter = dead_letter(
        DeadLetter(Reason.UNDECODABLE, "too large"), "live.x", b"x" * 5_000_000, "LIVE:1"
    )
    assert isinstance(letter, Outgoing)
    assert letter.payload == b""
    assert letter.headers["Trading-Origin"] == "LIVE:1"


def _kind(message: Input) -> str:
    return {"Bars": "bars", "Signal": "signal", "SignalSet": "set"}[type(message).__name__]


def _name(message: Input) -> str:
    return message.source if isinstance(message, Bars) else message.strategy


def _replay(name: str, message: Input) -> str:
    return subjects.replay(name, _kind(message), _name(message))


def _live(message: Input) -> str:
    return subjects.live(_kind(message), _name(message))
