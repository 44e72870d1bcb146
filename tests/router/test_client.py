"""Connecting, publishing and fetching on a real server, with the server's own faults."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router import streams
from router.client import Outgoing, Published, connected, fetch, publish, publish_each, pull
from router.errors import ConnectError, PublishError
from tests.router.support import contents, prepared
from tests.servers import NatsServer, free_port


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that a test may kill."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    yield server
    server.stop()


def numbered(count: int) -> list[Outgoing]:
    return [Outgoing("events.a.fill", b"%d" % n, f"id-{n}") for n in range(count)]


async def test_what_is_published_is_stored_in_order(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        assert await publish(js, numbered(1000), size=64) == Published(1000, 0)
        stored = await contents(js, "EVENTS")
    assert [int(each.data) for each in stored] == list(range(1000))
    assert stored[7].headers is not None
    assert stored[7].headers["Nats-Msg-Id"] == "id-7"


async def test_the_same_id_is_stored_once(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        await publish(js, numbered(3))
        assert await publish(js, numbered(5)) == Published(stored=2, duplicates=3)
        assert len(await contents(js, "EVENTS")) == 5


async def test_headers_travel_along(nats_url: str) -> None:
    message = Outgoing("events.a.fill", b"", "id", {"Trading-Reason": "X"})
    async with prepared(nats_url) as js:
        await publish(js, [message])
        (stored,) = await contents(js, "EVENTS")
    assert stored.headers == {"Trading-Reason": "X", "Nats-Msg-Id": "id"}


async def test_a_subject_without_a_stream_is_an_error_that_names_it(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        with pytest.raises(PublishError, match=r"elsewhere\.x did not take message id") as raised:
            await publish(js, [Outgoing("elsewhere.x", b"", "id")], patience_s=0)
    assert (raised.value.subject, raised.value.message_id) == ("elsewhere.x", "id")
    assert not raised.value.permanent


@pytest.mark.parametrize("size", [5 * 1024 * 1024, 9 * 1024 * 1024])
async def test_a_message_above_the_limits_is_refused_for_good(nats_url: str, size: int) -> None:
    async with prepared(nats_url) as js:
        with pytest.raises(PublishError) as raised:
            await publish(js, [Outgoing("events.a.fill", b"x" * size, "id")])
    assert raised.value.permanent


async def test_a_full_stream_is_refused_for_good(nats_url: str) -> None:
    declared = next(each for each in streams.declared() if each.name == "EVENTS")
    async with connected(nats_url, "test") as connection:
        await connection.js.add_stream(replace(declared, max_msgs=2))
        with pytest.raises(PublishError, match="maximum messages") as raised:
            await publish(connection.js, numbered(3))
    assert raised.value.permanent
    assert raised.value.message_id == "id-2"


async def test_one_failure_does_not_hold_up_the_others(nats_url: str) -> None:
    first, last = numbered(2)
    bad = Outgoing("events.a.fill", b"x" * 5 * 1024 * 1024, "bad")
    async with prepared(nats_url) as js:
        outcomes = await publish_each(js, [first, bad, last])
        assert len(await contents(js, "EVENTS")) == 2
    assert [isinstance(each, PublishError) for each in outcomes] == [False, True, False]


async def test_a_killed_server_delays_publishing_and_loses_nothing(own_server: NatsServer) -> None:
    async with prepared(own_server.url) as js:
        await publish(js, numbered(50))
        own_server.kill()
        sending = asyncio.create_task(publish(js, numbered(400), size=100))
        await asyncio.to_thread(own_server.start)
        result = await sending
        stored = await contents(js, "EVENTS")
    assert result.stored + result.duplicates == 400
    assert sorted(int(each.data) for each in stored) == list(range(400))


async def test_fetching_from_nothing_gives_an_empty_list(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        await streams.ensure_consumer(js, "INPUTS", streams.account_consumer("a"))
        subscription = await pull(js, "INPUTS", "core-a")
        assert await fetch(subscription, 10, 0.05) == []
        await publish(js, [Outgoing("inputs.a.bars", b"1", "1")])
        (message,) = await fetch(subscription, 10, 5)
        await message.ack()
    assert message.data == b"1"


async def test_acknowledgements_are_sent_before_closing(nats_url: str) -> None:
    async with prepared(nats_url) as js:
        await streams.ensure_consumer(js, "INPUTS", streams.account_consumer("a"))
        await publish(js, [replace(each, subject="inputs.a.bars") for each in numbered(20)])
        async with connected(nats_url, "reader") as reader:
            for message in await fetch(await pull(reader.js, "INPUTS", "core-a"), 20, 5):
                await message.ack()
        async with asyncio.timeout(streams.ACK_WAIT_S / 2):  # the server counts them a little later
            while True:
                info = await js.consumer_info("INPUTS", "core-a")
                if not info.num_ack_pending:
                    break
                await asyncio.sleep(0.02)


async def test_no_server_is_an_error_without_the_password() -> None:
    url = f"nats://user:secret@127.0.0.1:{free_port()}"
    with pytest.raises(ConnectError, match=r"no NATS server at 127\.0\.0\.1") as raised:
        async with connected(url, "test", within_s=0.3):
            pass
    assert "secret" not in str(raised.value)


async def test_leaving_while_the_server_is_away_is_no_error(own_server: NatsServer) -> None:
    async with connected(own_server.url, "test") as connection:
        own_server.kill()
        while connection.nc.is_connected:  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.01)
        await connection.nc.publish("elsewhere", b"never sent")


async def test_a_wrong_password_says_so(nats_server: NatsServer) -> None:
    url = nats_server.url.replace(nats_server.password, "wrong")
    with pytest.raises(ConnectError, match="Authorization Violation"):
        async with connected(url, "test", within_s=0.5):
            pass


async def test_a_broken_connection_does_not_hide_what_was_said_before() -> None:
    refusals = [b"-ERR 'Authorization Violation'\r\n"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if refusals:
            writer.write(b"INFO {}\r\n")
            await reader.readuntil(b"PING\r\n")
            writer.write(refusals.pop())
            writer.close()
        else:
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectError, match=r"Authorization Violation.*, then "):
            async with connected(f"nats://127.0.0.1:{port}", "test", within_s=2.5):
                pass


async def test_an_error_of_the_block_is_not_hidden(nats_url: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with connected(nats_url, "test"):
            raise ZeroDivisionError


async def test_a_lost_connection_is_logged_and_comes_back(
    own_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with prepared(own_server.url) as js:
            own_server.kill()
            await asyncio.to_thread(own_server.start)
            await publish(js, numbered(1))
    assert "nats.disconnected name=test" in caplog.text
    assert "nats.reconnected name=test" in caplog.text
