"""The router's settings: defaults, and one sentence for a bad value."""

import pytest

from router.errors import SettingsError
from router.settings import Settings, from_environment


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment({}) == Settings("nats://127.0.0.1:4222", None, 0, "127.0.0.1")


def test_everything_can_be_set() -> None:
    environ = {
        "NATS_URL": "nats://u:p@h:1",
        "NATS_MONITOR_URL": "http://h:2",
        "ROUTER_METRICS_PORT": "9100",
        "ROUTER_METRICS_HOST": "0.0.0.0",  # noqa: S104 - read, not bound
    }
    assert from_environment(environ) == Settings("nats://u:p@h:1", "http://h:2", 9100, "0.0.0.0")  # noqa: S104


@pytest.mark.parametrize("value", ["x", "-1", "65536", "1.5", "٣", " "])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="ROUTER_METRICS_PORT is"):
        from_environment({"ROUTER_METRICS_PORT": value})
