"""What an agent takes from its environment."""

import pytest

from pipelines.agents.settings import Settings, read_settings
from pipelines.errors import RequestError


def test_an_empty_environment_is_a_laptop() -> None:
    assert read_settings({}) == Settings("nats://127.0.0.1:4222", "127.0.0.1", 8080)


def test_every_variable_counts_and_the_command_line_wins() -> None:
    environment = {
        "NATS_URL": "nats://bus:4222",
        "TRADING_AGENT_HOST": "0.0.0.0",  # noqa: S104 - what a pod sets
        "TRADING_AGENT_PORT": "9090",
        "TRADING_SENTIMENT_PROVIDER": "lexicon",
    }
    expected = Settings("nats://bus:4222", "0.0.0.0", 9090, "lexicon")  # noqa: S104
    assert read_settings(environment) == expected
    assert read_settings(environment, 7070).port == 7070


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "8080.0", "\u0661", "9" * 5000])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    with pytest.raises(RequestError, match="from 1 to 65535"):
        read_settings({"TRADING_AGENT_PORT": port})
