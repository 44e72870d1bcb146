"""Accounts over a real server: the last announcement of each counts."""

import pytest

from router import subjects
from router.announcements import AccountReader, announce, read
from router.client import Outgoing, publish
from router.messages import encode
from tests.router.factories import account, bars, registry
from tests.router.support import prepared


async def test_the_last_announcement_of_each_account_counts(nats_url: str) -> None:
    first, changed = account("a", strategies=("news",)), account("a", strategies=("technical",))
    async with prepared(nats_url, first, account("b", "live"), changed, first, changed) as js:
        assert (await read(js)).accounts == registry(changed, account("b", "live")).accounts


async def test_no_account_is_an_empty_registry(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        assert (await read(js)).accounts == {}


async def test_a_refresh_sees_all_that_was_announced_before_it(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        reader = AccountReader(js)
        for number in range(20):
            await announce(js, account(f"a{number}"))
            assert f"a{number}" in (await reader.refresh()).accounts
        await js.purge_stream("REGISTRY", subject=subjects.registered_account("a7"))
        assert "a7" not in (await reader.refresh()).accounts


async def test_many_accounts_are_all_read(nats_url: str) -> None:
    accounts = [account(f"a{number}") for number in range(600)]
    async with prepared(nats_url) as js:
        for each in accounts:
            await announce(js, each)
        assert (await read(js)).accounts == registry(*accounts).accounts


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b'{"kind":"account.v1"}', b'{"kind":"bars.v1"}'], ids=repr
)
async def test_an_announcement_that_cannot_be_read_is_left_out(
    nats_url: str, payload: bytes
) -> None:
    async with prepared(nats_url, account("good")) as js:
        await publish(js, [Outgoing("registry.account.bad", payload, "1")])
        assert set((await read(js)).accounts) == {"good"}


async def test_an_announcement_under_another_name_is_left_out(nats_url: str) -> None:
    async with prepared(nats_url, account("good")) as js:
        await publish(js, [Outgoing("registry.account.bad", encode(account("good")), "1")])
        await publish(js, [Outgoing("registry.account.worse", encode(bars()), "2")])
        assert set((await read(js)).accounts) == {"good"}
