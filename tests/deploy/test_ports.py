"""Ports: remembered, replaced when taken, and one sentence for a public one that is taken."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import home as homes
from deploy.local import ports
from deploy.local.errors import PortTakenError
from deploy.local.home import Home


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / ".trading")
    homes.prepare(made)
    return made


def test_a_taken_port_is_named_with_the_variable_to_set(taken: int) -> None:
    with pytest.raises(PortTakenError, match=f"Port {taken} is taken.*DAGSTER_PORT"):
        ports.require_free(taken, "DAGSTER_PORT")


def test_a_port_taken_on_every_address_counts_too() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - the point of the test
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


def test_internal_ports_are_distinct_and_remembered(home: Home) -> None:
    chosen = ports.internal(home)
    assert set(chosen) == set(ports.INTERNAL)
    assert len(set(chosen.values())) == len(chosen)
    assert ports.internal(home) == chosen


def test_an_internal_port_that_was_taken_since_is_replaced(home: Home) -> None:
    chosen = ports.internal(home)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", chosen["nats"]))
        listener.listen()
        again = ports.internal(home)
    assert again["nats"] != chosen["nats"]
    assert {**again, "nats": 0} == {**chosen, "nats": 0}


def test_an_unreadable_memory_is_made_anew(home: Home) -> None:
    home.ports_file.write_text("not json")
    assert set(ports.internal(home)) == set(ports.INTERNAL)
