"""What an account's configuration refuses, in a sentence."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from execution.domain.config import AccountConfig, Limits, PaperCosts, Sizing

FIELDS: dict[str, Any] = {
    "account": "sample",
    "mode": "replay",
    "strategies": ["technical"],
    "sources": ["sample"],
    "capital": {"technical": "90000", "manual": "10000"},
}


def test_a_configuration_comes_back_as_it_was() -> None:
    config = msgspec.convert(FIELDS, AccountConfig)
    assert msgspec.json.decode(msgspec.json.encode(config), type=AccountConfig) == config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"capital": {"technical": "90000"}},
            "capital of sample must name manual, technical; it names technical",
        ),
        ({"capital": FIELDS["capital"] | {"other": "1"}}, "it names manual, other, technical"),
        ({"capital": {"technical": "-1", "manual": "1"}}, "capital -1 of technical"),
        ({"capital": {"technical": "NaN", "manual": "1"}}, "capital NaN of technical"),
        ({"strategies": ["technical", "manual"]}, "must differ from each other and from manual"),
        ({"strategies": ["technical", "technical"]}, "must differ from each other"),
        ({"capitals": {}}, "unknown field `capitals`"),
        ({"limits": {"max_order": "1"}}, "unknown field `max_order`"),
        ({"limits": {"price_collar": "NaN"}}, "price_collar NaN is not finite"),
        ({"limits": {"quote_max_age_sessions": 0}}, ">= 1"),
        ({"sizing": {"full_score": "0"}}, "full_score 0 is not above zero"),
        ({"sizing": {"max_weight": "Infinity"}}, "max_weight Infinity is not finite"),
        ({"sizing": {"max_positions": -1}}, "max_positions -1 is not from 0 to 10000"),
        ({"costs": {"slippage": "sNaN"}}, "slippage sNaN is not finite"),
        ({"mode": "replay\n"}, "mode"),
        ({"mode": "imaginary"}, "mode"),
        ({"account": "Sample"}, "account"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(changes: Any, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(FIELDS | changes, AccountConfig)
    assert said in str(refused.value)


@pytest.mark.parametrize("kind", [Limits, Sizing, PaperCosts])
def test_defaults_are_valid_and_frozen(kind: type) -> None:
    settings = kind()
    assert msgspec.json.decode(msgspec.json.encode(settings), type=kind) == settings
    with pytest.raises(AttributeError):
        settings.version = Decimal(2)
