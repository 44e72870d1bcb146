"""Waiting for an account: it ends when the session is closed, or when nothing moves any more."""

import time
from datetime import date
from pathlib import Path

import httpx
import pytest

from pipelines.core import Core, account_within, day_of, open_core, wait_until_closed
from pipelines.errors import CoreAwayError, CoreError
from pipelines.settings import Settings
from tests.pipelines.fake_core import TOKEN, FakeCore, serving

DAY = date(2012, 1, 4)


def client(core: FakeCore, token: str = TOKEN) -> Core:
    headers = {"Authorization": f"Bearer {token}"}
    return Core(httpx.Client(base_url=core.url, headers=headers))


def test_it_waits_until_the_session_is_closed() -> None:
    with serving(FakeCore(lambda look: "2012-01-04" if look > 2 else None)) as core:
        fake = client(core)
        with fake.http:
            assert wait_until_closed(fake, "sample", DAY, 5)["closed_session"] == "2012-01-04"
    assert core.looks == 3


def test_it_goes_on_as_long_as_the_account_moves() -> None:
    """Every look shows a new session, so that a patience of 0.5 s lasts for 5 looks of 0.2 s."""
    with serving(FakeCore(lambda look: f"2011-12-{look:02}" if look < 6 else "2012-01-05")) as core:
        fake = client(core)
        with fake.http:
            wait_until_closed(fake, "sample", DAY, 0.5)
    assert core.looks == 6


def test_it_gives_up_when_nothing_moves_and_says_where_it_stands() -> None:
    with serving(FakeCore(lambda _: "2012-01-03")) as core:
        fake = client(core)
        began = time.monotonic()
        with fake.http, pytest.raises(CoreError, match="closed 2012-01-03") as caught:
            wait_until_closed(fake, "sample", DAY, 0.5)
    assert "before it closed 2012-01-04" in str(caught.value)
    assert 0.5 <= time.monotonic() - began < 5


def test_a_core_that_is_away_is_waited_for_and_named() -> None:
    with (
        httpx.Client(base_url="http://127.0.0.1:1") as http,
        pytest.raises(CoreError, match=r"did not answer for 0\.3 s"),
    ):
        wait_until_closed(Core(http), "sample", DAY, 0.3)


def test_an_account_is_asked_for_again_while_the_core_is_away() -> None:
    away = httpx.Client(base_url="http://127.0.0.1:1")
    with away, pytest.raises(CoreAwayError, match=r"http://127\.0\.0\.1:1 does not answer"):
        account_within(Core(away), "sample", 0.3)
    answers = iter([httpx.ConnectError("refused"), httpx.Response(200, json={"session": None})])

    def answer(_: httpx.Request) -> httpx.Response:
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    with httpx.Client(base_url="http://core", transport=httpx.MockTransport(answer)) as http:
        assert account_within(Core(http), "sample", 5) == {"session": None}


def test_a_session_is_a_day_or_none() -> None:
    state = {"session": "2012-01-04", "first_session": None}
    assert (day_of(state, "session"), day_of(state, "first_session")) == (DAY, None)


def test_an_unknown_account_and_a_wrong_token_fail_at_once() -> None:
    with serving(FakeCore(lambda _: None, known=False)) as core:
        fake, stranger = client(core), client(core, "guessed")
        opens = "no account nobody: `trading run --account nobody` opens it"
        with fake.http, pytest.raises(CoreError, match=opens):
            wait_until_closed(fake, "nobody", DAY, 60)
        with stranger.http, pytest.raises(CoreError, match="401 wrong token"):
            wait_until_closed(stranger, "sample", DAY, 60)


def test_a_session_that_was_never_booked_is_left_out() -> None:
    with serving(FakeCore(lambda _: None)) as core:
        fake = client(core)
        with fake.http:
            books = fake.sessions("sample", date(2012, 1, 3), date(2012, 1, 5))
    assert list(books) == [date(2012, 1, 3), date(2012, 1, 4)]
    assert books[date(2012, 1, 3)]["fills"] == 2


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    settings = Settings("lake", "nats", "http://127.0.0.1:1", tmp_path / "api-token")
    with (
        pytest.raises(CoreError, match=r"api-token cannot be read: No such file"),
        open_core(settings),
    ):
        pass
