"""What flatten, limits, state and cash ask of the core, and what they say."""

from typing import Any

import pytest

from deploy.local import control, status
from deploy.local.api import Core, UnknownError
from deploy.local.errors import BadInputError
from tests.deploy import fakes
from tests.deploy.fakes import FakeCore
from tests.deploy.test_summary import text_of


def test_flatten_says_what_it_will_close_and_asks_for_the_words(
    core: Core, fake_core: FakeCore
) -> None:
    held = [{"symbol": "A", "market_value": "100.50"}, {"symbol": "B", "market_value": "-50.00"}]
    fake_core.answers |= {"GET /api/v1/positions": held, "GET /api/v1/orders": []}
    said = control.what_flatten_does(core, "sample")
    assert "closes 2 positions worth 150.50 at market" in said
    with pytest.raises(BadInputError, match="the confirmation is 'flatten sample'"):
        control.flatten(core, "sample", "yes", "a test", "me")
    assert not [path for path, _ in fake_core.asked if path.startswith("POST")]
    closing = [{"symbol": "A", "sleeve": "manual", "side": "sell", "quantity": "3"}]
    done = {"status": "done", "cancelled": ["x"]}
    done |= {"closing": [each | {"status": "accepted", "code": None} for each in closing]}
    fake_core.answers["POST /api/v1/flatten"] = done
    told = control.flatten(core, "sample", " flatten sample\n", "a test", "me")
    assert fake_core.asked[-1][1]["confirm"] == "flatten sample"
    shown = text_of(control.flattened(told))
    assert "Cancelled 1 orders, sent 1 to close positions." in shown
    assert "accepted" in shown
    assert "has not decided yet" in text_of(control.flattened({"status": "pending"}))


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("price_collar=0.1", "0.1"),
        ("orders_per_minute=100", 100),
        ("max_open_orders=5", 5),
        ("max_order_quantity=100", "100"),
        ("quote_max_age_seconds=15", 15),
        ("repeated_executions=7", 7),
        ("shorting=true", True),
        ("allowed=none", None),
        ("restricted=IBM, MSFT", ["IBM", "MSFT"]),
        ("profile=intraday", "intraday"),
    ],
)
def test_a_limit_is_sent_as_what_it_is(word: str, value: Any) -> None:
    from execution.api.bodies import LimitsRequest
    from execution.domain.config import Limits

    name = word.partition("=")[0]
    found = control.changes([word], "because")
    assert found == {name: value}
    body = {"account": "sample", "version": 1, "changes": found, "by": "me", "reason": "a test"}
    assert LimitsRequest(**body).changed(Limits()).version == 2


@pytest.mark.parametrize("word", ["price_collar", "=1", "price_collar=", ""])
def test_a_limit_without_name_or_value_is_bad_input(word: str) -> None:
    with pytest.raises(BadInputError, match="NAME=VALUE"):
        control.changes([word], "because")


def test_a_change_needs_a_reason() -> None:
    with pytest.raises(BadInputError, match="--reason"):
        control.changes(["price_collar=0.1"], None)
    with pytest.raises(BadInputError, match="--reason"):
        control.state_change("sample", "halted", None, None, None, "me")


def test_limits_are_changed_on_the_version_that_is_there(core: Core, fake_core: FakeCore) -> None:
    history = [{"version": 4, "at": None, "changed_by": "ada", "reason": "why not"}]
    told = {"limits": {"version": 4, "restricted": ["IBM"], "allowed": None}, "history": history}
    fake_core.answers |= {"GET /api/v1/limits": told, "POST /api/v1/limits": {}}
    control.change_limits(core, "sample", {"price_collar": "0.1"}, "a test", "me")
    sent = fake_core.asked[-1][1]
    assert (sent["version"], sent["by"], sent["reason"]) == (4, "me", "a test")
    shown = text_of(control.limits_table(told))
    assert "IBM" in shown
    assert "ada" in shown


@pytest.mark.parametrize(
    ("strategy", "symbol", "scope"),
    [
        (None, None, {"scope": "account"}),
        ("technical", None, {"scope": "strategy", "name": "technical"}),
        (None, "IBM", {"scope": "symbol", "name": "IBM"}),
    ],
)
def test_a_state_names_its_scope(
    strategy: str | None, symbol: str | None, scope: dict[str, str]
) -> None:
    body = control.state_change("sample", "halted", strategy, symbol, "a test", "me")
    who = {"account": "sample", "state": "halted", "reason": "a test", "by": "me"}
    assert body == who | scope


def test_a_state_of_two_scopes_or_of_none_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="not both"):
        control.state_change("sample", "halted", "technical", "IBM", "a test", "me")
    with pytest.raises(BadInputError, match="--set"):
        control.state_change("sample", None, "technical", None, None, "me")
    assert control.state_change("sample", None, None, None, None, "me") is None


def test_restrictions_are_told_with_their_reasons() -> None:
    why = {"scope": "symbol", "name": "IBM", "state": "halted", "cause": "overfill"}
    told = {"account": "sample", "restrictions": [why | {"reason": "too many shares"}]}
    shown = text_of(control.restrictions_table(told))
    assert "symbol IBM" in shown
    assert "too many shares" in shown
    free = control.restrictions_table({"account": "sample", "restrictions": []})
    assert "trades freely" in text_of(free)


def test_status_shows_the_kill_switch_and_the_first_restrictions() -> None:
    why = {"scope": "account", "name": "", "state": "reducing", "reason": "a daily loss"}
    account = fakes.ACCOUNT | {"kill_switch": True, "restrictions": [why] * 7}
    line = status._account_line(account)
    assert "kill switch ENGAGED" in line
    assert line.count("account reducing: a daily loss") == 5
    assert "and 2 more" in line
    assert "ENGAGED" not in status._account_line(fakes.ACCOUNT)


def test_a_refusal_of_the_core_is_its_sentence(core: Core) -> None:
    with pytest.raises(UnknownError, match="there is nothing at"):
        core.move_cash({"account": "sample"})
