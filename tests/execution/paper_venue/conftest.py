"""A running venue with accounts for tests of its protocol."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count

import httpx
import pytest

from tests.execution.paper_venue.running import RunningVenue, bar

ACCOUNTS = tuple(f"test-{number}" for number in range(200))
FIRST_SESSION = date(2001, 1, 1)

_used, _days = count(), count(1)

Sessions = Callable[[], str]


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVenue]:
    """One venue for the whole module, after a session with AAPL and MSFT at 100."""
    started = RunningVenue(tmp_path_factory.mktemp("venue"), ACCOUNTS)
    started.start()
    started.step(FIRST_SESSION.isoformat(), bar("AAPL"), bar("MSFT"))
    yield started
    assert started.stop() == 0
    assert "Traceback" not in started.child.log.read_text()


@pytest.fixture
def http(venue: RunningVenue, account: str) -> Iterator[httpx.Client]:
    """The account's client."""
    with venue.client(account) as client:
        yield client


@pytest.fixture
def next_session() -> Sessions:
    """Each call gives a session later than any before."""

    def following() -> str:
        return (FIRST_SESSION + timedelta(days=next(_days))).isoformat()

    return following


@pytest.fixture
def account(venue: RunningVenue, next_session: Sessions) -> Iterator[str]:
    """An account that no other test uses, with no faults on and AAPL at 100."""
    venue.clear_faults()
    venue.step(next_session(), bar("AAPL"))
    yield ACCOUNTS[next(_used) % len(ACCOUNTS)]
    venue.clear_faults()
