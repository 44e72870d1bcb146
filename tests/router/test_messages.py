"""The wire: what goes out comes back, and what cannot be true never comes in."""

import json
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.messages import (
    Bars,
    Delisting,
    InvalidMessageError,
    Message,
    Rename,
    Signal,
    SignalSet,
    decode,
    encode,
)
from tests.router import factories


@given(factories.any_message)
def test_every_message_comes_back_as_it_was(message: Message) -> None:
    assert decode(encode(message)) == message


@given(factories.any_message)
def test_one_message_has_one_byte_form(message: Message) -> None:
    assert encode(decode(encode(message))) == encode(message)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(payload: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        decode(payload)


@given(factories.any_input, st.data())
def test_a_changed_byte_is_read_or_refused_and_has_an_id(
    message: Bars | Signal | SignalSet, data: st.DataObject
) -> None:
    payload = bytearray(encode(message))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = decode(bytes(payload))
    except InvalidMessageError:
        return
    assert isinstance(read, Bars | Signal | SignalSet)
    assert len(read.input_id) == 32


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strategy", "technical\n"),
        ("strategy", "Technical"),
        ("strategy", "a.b"),
        ("strategy", ""),
        ("symbol", "AAPL\n"),
        ("symbol", "aapl"),
        ("content", "0" * 32 + "\n"),
        ("strategy_version", "1\x00"),
        ("reasons", ["\x00"]),
        ("score", "1.000001"),
        ("score", "NaN"),
        ("score", "Infinity"),
        ("score", "0.0000000001"),
        ("score", "1e-99999999999"),
        ("score", "1e99999999999999999999"),
        ("as_of", "2012-01-04T21:00:00"),
        ("as_of", "0001-01-01T00:00:00+14:00"),
        ("valid_until", "9999-12-31T23:59:59-14:00"),
        ("session", "1899-12-31"),
        ("session", "2012-13-01"),
        ("unknown", "1"),
    ],
)
def test_a_signal_that_cannot_be_true_is_refused(field: str, value: Any) -> None:
    changed = {**json.loads(encode(factories.signal())), field: value}
    with pytest.raises(InvalidMessageError):
        decode(json.dumps(changed).encode())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("low", "0", "not above zero"),
        ("low", "10.5", "contradict"),
        ("high", "10.99", "contradict"),
        ("volume", "-1", "negative"),
        ("close", "1e15", "digits before the point"),
    ],
)
def test_a_bar_that_cannot_be_true_is_refused_with_its_reason(
    field: str, value: str, said: str
) -> None:
    changed = json.loads(encode(factories.bars()))
    changed["bars"][0][field] = value
    with pytest.raises(InvalidMessageError, match=said):
        decode(json.dumps(changed).encode())


def test_bars_that_follow_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="is not before session"):
        factories.bars(previous=factories.SESSION)


STORED = (
    b'{"kind":"signal.v1","strategy":"technical","strategy_version":"1","symbol":"AAPL",'
    b'"session":"2012-01-04","as_of":"2012-01-04T21:00:00Z",'
    b'"valid_until":"2012-01-05T14:30:00Z","score":"0.25",'
    b'"content":"f5a01d3e41c3b9d6dd6e1a3cb2f3f7a0","reasons":["RSI 28 is below 30"],'
    b'"provenance":{"run_id":"run","asset":"signals","partition":"2012-01-04","code_version":"1",'
    b'"input_versions":{"bars":"b"}}}'
)
"""A signal as journals hold it from before it told contributions."""


def test_a_signal_that_was_stored_before_reads_the_same_and_keeps_its_bytes_and_id() -> None:
    read = decode(STORED)
    assert isinstance(read, Signal)
    assert (read.confidence, read.horizon, read.contributions) == (None, None, ())
    assert (read.provenance.models, read.provenance.articles) == ({}, ())
    assert encode(read) == STORED
    assert read.input_id == "55e40872c66cd8b9c0c5506d77997e03"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("confidence", "-0.1"),
        ("confidence", "1.1"),
        ("confidence", "NaN"),
        ("horizon", 0),
        ("horizon", 253),
        ("contributions", [{"analysis": "news", "part": "1.1", "without": "0"}]),
        ("contributions", [{"analysis": "news", "part": "0", "without": "NaN"}]),
        ("contributions", [{"analysis": "news", "part": "0"}]),
        ("contributions", [{"analysis": "n", "part": "0", "without": "0"}] * 9),
        (
            "contributions",
            [{"analysis": "n", "part": "0", "without": "0", "reasons": ["r"] * 33}],
        ),
        (
            "contributions",
            [{"analysis": "n", "part": "0", "without": "0", "reasons": ["r" * 501]}],
        ),
    ],
)
def test_what_a_signal_rests_on_is_bounded(field: str, value: Any) -> None:
    changed = {**json.loads(encode(factories.signal())), field: value}
    with pytest.raises(InvalidMessageError):
        decode(json.dumps(changed).encode())


def test_a_signal_names_no_more_than_twenty_articles() -> None:
    changed = json.loads(encode(factories.signal()))
    one = {"article_id": "a", "content_hash": "b"}
    for articles in ([one] * 20, [one] * 21):
        changed["provenance"] |= {"articles": articles, "article_count": 30}
        if len(articles) == 20:
            decode(json.dumps(changed).encode())
    with pytest.raises(InvalidMessageError, match="20"):
        decode(json.dumps(changed).encode())


def test_the_id_of_a_signal_leaves_out_the_run() -> None:
    other = msgspec.structs.replace(factories.signal().provenance, run_id="another")
    assert factories.signal(provenance=other).input_id == factories.signal().input_id


def test_the_id_of_a_signal_is_of_the_moment_not_of_its_zone() -> None:
    elsewhere = factories.CLOSE.astimezone(timezone(timedelta(hours=-5)))
    assert factories.signal(as_of=elsewhere).input_id == factories.signal().input_id


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "other"},
        {"strategy_version": "2"},
        {"symbol": "MSFT"},
        {"as_of": factories.CLOSE + timedelta(seconds=1)},
        {"content": "0" * 32},
    ],
)
def test_the_id_of_a_signal_changes_with_what_it_rests_on(changes: dict[str, Any]) -> None:
    assert factories.signal(**changes).input_id != factories.signal().input_id


@given(st.lists(factories.digests, max_size=6), st.randoms())
def test_the_id_of_a_set_ignores_the_order_of_its_signals(ids: list[str], random: Any) -> None:
    shuffled = ids.copy()
    random.shuffle(shuffled)
    first = factories.signal_set(signal_ids=tuple(ids))
    assert factories.signal_set(signal_ids=tuple(shuffled)).input_id == first.input_id


def test_two_bars_of_one_symbol_are_refused() -> None:
    row = factories.bars().bars[0]
    with pytest.raises(ValueError, match="AAPL has more than one bar in session 2012-01-04"):
        factories.bars(bars=(row, row))


def test_bars_that_end_on_another_day_are_refused() -> None:
    with pytest.raises(ValueError, match="is not of session 2012-01-04"):
        factories.bars(bar_end=factories.CLOSE + timedelta(days=2))


def test_who_starts_a_feed_is_not_part_of_its_identity() -> None:
    assert factories.bars(starts=True).input_id == factories.bars(starts=False).input_id


@pytest.mark.parametrize("place", [b'{"kind"', b'{"run_id"'])
def test_a_key_that_is_there_twice_is_refused_with_its_name(place: bytes) -> None:
    payload = encode(factories.signal())
    key = place[1:]
    assert payload.count(place) == 1
    doubled = payload.replace(place, place + b':"one",' + key)
    doubled = doubled.replace(b'"kind":"one"', b'"kind":"signal.v1"')
    with pytest.raises(InvalidMessageError, match=f"key '{key.decode().strip(chr(34))}'"):
        decode(doubled)


@pytest.mark.parametrize("price", ["1e400", "NaN", "-Infinity", "1." + "0" * 39 + "1", "1e15"])
def test_a_price_that_no_column_holds_is_refused(price: str) -> None:
    document = json.loads(encode(factories.bars()))
    document["bars"][0]["high"] = price
    with pytest.raises(InvalidMessageError):
        decode(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"AAPL"', b'"\\ud800"'),
        (b'"AAPL"', b'"' + b"A" * 65_536 + b'"'),
        (b'"2012-01-04T21:00:00Z"', b'"2012-01-04T21:00:00"'),
        (b'"score":"0.25"', b'"score":1e400'),
        (b'"score":"0.25"', b'"score":NaN'),
        (b'"score":"0.25"', b'"score":[' + b"[" * 5_000),
    ],
)
def test_hostile_values_are_refused(old: bytes, new: bytes) -> None:
    payload = encode(factories.signal())
    assert old in payload
    with pytest.raises(InvalidMessageError):
        decode(payload.replace(old, new))


def test_a_set_that_withholds_a_symbol_is_another_set() -> None:
    plain = factories.signal_set()
    withheld = msgspec.structs.replace(plain, withheld={"AAPL": "no good bar"})
    assert withheld.input_id != plain.input_id
    other = msgspec.structs.replace(plain, withheld={"AAPL": "failed"})
    assert other.input_id != withheld.input_id


def test_a_company_is_not_renamed_to_itself_and_not_paid_out_below_zero() -> None:
    with pytest.raises(ValueError, match="itself"):
        Rename(symbol="FB", new_symbol="FB")
    with pytest.raises(ValueError, match="negative"):
        Delisting(symbol="FB", price=Decimal(-1))


@pytest.mark.parametrize(
    ("renames", "reason"),
    [
        ((("A", "B"), ("A", "C")), "two new names"),
        ((("A", "B"), ("B", "A")), "circle: A, B"),
        ((("A", "B"), ("B", "C"), ("C", "B")), "circle: A, B, C"),
    ],
)
def test_renames_that_contradict_each_other_are_refused(
    renames: tuple[tuple[str, str], ...], reason: str
) -> None:
    actions = tuple(Rename(symbol=old, new_symbol=new) for old, new in renames)
    with pytest.raises(ValueError, match=reason):
        msgspec.structs.replace(factories.bars(), actions=actions)


def test_names_may_move_up_in_one_session() -> None:
    chain = Rename(symbol="A", new_symbol="B"), Rename(symbol="B", new_symbol="C")
    assert msgspec.structs.replace(factories.bars(), actions=chain).actions == chain
