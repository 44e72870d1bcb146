"""What the engine is given: hostile bytes never become an input, and ids are of the content."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given

from execution.domain.inputs import (
    Deadline,
    Input,
    OpenAccount,
    TurnKillSwitch,
    decode_input,
)
from execution.domain.orders import OrderType
from router.messages import Dividend, InvalidMessageError, Split, decode, encode
from tests.execution import feeds
from tests.execution.factories import CONFIG, DAYS, bars, close_of, order, signal, signal_set

ACTIONS = (
    Split(symbol="AAPL", new_shares=2, old_shares=1),
    Dividend(symbol="AAPL", amount=Decimal(1)),
)
MESSAGES = {
    "bars": bars(DAYS[0], actions=ACTIONS),
    "signal": signal(DAYS[0]),
    "set": signal_set(DAYS[0], [signal(DAYS[0])]),
}
NUMBERS = [
    "NaN",
    "sNaN",
    "-Infinity",
    "1e400",
    "1e-400",
    "0." + "1" * 40,
    "9" * 40,
    "",
    "0x10",
]
HOSTILE: list[Any] = [
    None,
    True,
    [],
    {},
    "\ud800",
    "A" * 65_536,
    "\x00",
    "AAPL\n",
    "2012-01-02T21:00:00",
    "0000-00-00",
    -1,
    1e308,
    2**70,
    *NUMBERS,
]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every leaf of a document is."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, found in items for leaf in _paths(found, (*path, key))]
    return [path]


def _with(document: Any, path: tuple[Any, ...], value: Any) -> bytes:
    changed = json.loads(json.dumps(document))
    *above, last = path
    place = changed
    for key in above:
        place = place[key]
    place[last] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_hostile_value_anywhere_is_read_or_refused_but_never_another_error(
    kind: str, value: Any
) -> None:
    document = json.loads(encode(MESSAGES[kind]))
    for path in _paths(document):
        try:
            message = decode(_with(document, path, value))
        except InvalidMessageError:
            continue
        assert decode(encode(message)) == message


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("bars", ("bars", 0, "open")),
        ("bars", ("bars", 0, "volume")),
        ("bars", ("actions", 1, "amount")),
        ("signal", ("score",)),
    ],
)
def test_a_number_that_no_column_holds_is_refused(
    kind: str, path: tuple[Any, ...], number: str
) -> None:
    with pytest.raises(InvalidMessageError):
        decode(_with(json.loads(encode(MESSAGES[kind])), path, number))


@pytest.mark.parametrize("number", ["0", "-1", "-0"])
@pytest.mark.parametrize("path", [("bars", 0, "low"), ("actions", 1, "amount")])
def test_a_price_or_ratio_that_is_not_above_zero_is_refused(
    path: tuple[Any, ...], number: str
) -> None:
    with pytest.raises(InvalidMessageError, match="above zero"):
        decode(_with(json.loads(encode(MESSAGES["bars"])), path, number))


@pytest.mark.parametrize("kind", MESSAGES)
def test_an_unknown_field_or_kind_is_refused(kind: str) -> None:
    document = json.loads(encode(MESSAGES[kind]))
    for changed in (
        document | {"extra": 1},
        document | {"kind": "bars.v2"},
        document | {"kind": 1},
    ):
        with pytest.raises(InvalidMessageError):
            decode(json.dumps(changed).encode())


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_missing_field_is_refused(kind: str) -> None:
    document = json.loads(encode(MESSAGES[kind]))
    optional = {"actions", "suspects", "starts", "withheld", "confidence", "horizon"}
    optional |= {"contributions"}
    for name in set(document) - optional:
        shorter = {key: value for key, value in document.items() if key != name}
        with pytest.raises(InvalidMessageError):
            decode(json.dumps(shorter).encode())


def test_a_message_that_says_something_twice_is_refused() -> None:
    payload = encode(MESSAGES["signal"])
    with pytest.raises(InvalidMessageError, match="'score' is there more than once"):
        decode(payload[:-1] + b',"score":"0.1"}')


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"kind":"signal.v1"}',
        b'"\\ud800"',
    ],
)
def test_bytes_that_are_no_message_are_refused(payload: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        decode(payload)


@given(feeds.traded())
def test_every_input_comes_back_from_the_journal_as_it_was(items: list[Input]) -> None:
    for item in items:
        assert decode_input(encode(item)) == item
        assert decode_input(encode(item)).input_id == item.input_id


@pytest.mark.parametrize(
    "item",
    [
        OpenAccount(config=CONFIG),
        TurnKillSwitch(engaged=True, reason="drill", changed_at=close_of(DAYS[0])),
        Deadline(session=DAYS[0]),
    ],
)
def test_inputs_of_our_own_come_back_as_they_were(item: Input) -> None:
    assert decode_input(encode(item)) == item


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "Infinity", "0", "-1", "1e15", "1e400"])
def test_an_order_for_no_number_of_shares_cannot_be_made(quantity: str) -> None:
    with pytest.raises(ValueError, match="is not above zero and below"):
        order(quantity=quantity)


@pytest.mark.parametrize(
    ("kind", "price", "said"),
    [
        (OrderType.LIMIT, None, "limit_price is needed"),
        (OrderType.MARKET, Decimal(1), "limit_price is needed"),
        (OrderType.LIMIT, Decimal("NaN"), "limit_price NaN"),
        (OrderType.LIMIT, Decimal(0), "limit_price 0"),
    ],
)
def test_a_limit_price_belongs_to_limit_orders(kind: OrderType, price: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        order(type=kind, limit_price=price)


def test_ids_tell_inputs_apart() -> None:
    noon = datetime(2012, 1, 3, 12, tzinfo=UTC)
    ids = {
        OpenAccount(config=CONFIG).input_id,
        order().input_id,
        order(request_id="other").input_id,
        Deadline(session=DAYS[0]).input_id,
        Deadline(session=DAYS[1]).input_id,
        TurnKillSwitch(engaged=True, reason="", changed_at=noon).input_id,
        TurnKillSwitch(engaged=True, reason="", changed_at=noon + timedelta(seconds=1)).input_id,
        *(message.input_id for message in MESSAGES.values()),
    }
    assert len(ids) == 10


def test_the_id_of_an_order_is_that_of_its_client_order_id() -> None:
    assert order(quantity="1").input_id == order(quantity="2").input_id


def test_the_journal_refuses_a_row_that_was_tampered_with() -> None:
    payload = encode(order(quantity="10"))
    with pytest.raises(msgspec.ValidationError, match="quantity -10"):
        decode_input(payload.replace(b'"10"', b'"-10"'))
