"""Streams and consumers on a real server: created once, compared ever after."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.js import api

from router import streams, subjects
from router.client import connected
from router.errors import StreamDriftError, StreamRefusedError, UnsafeServerError
from tests.servers import NatsServer, free_port

DRIFTS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("max_age", {"max_age": 600.0}, 2_592_000.0, 600.0),
    ("discard", {"discard": api.DiscardPolicy.OLD}, "new", "old"),
    ("duplicate_window", {"duplicate_window": 10.0}, 120.0, 10.0),
    ("max_msg_size", {"max_msg_size": 1000}, 4_194_304, 1000),
    ("max_msgs", {"max_msgs": 5}, -1, 5),
    ("storage", {"storage": api.StorageType.MEMORY}, "file", "memory"),
    ("retention", {"retention": api.RetentionPolicy.WORK_QUEUE}, "limits", "workqueue"),
    ("subjects", {"subjects": ["live.>", "lively.>"]}, ["live.>"], ["live.>", "lively.>"]),
    ("no_ack", {"no_ack": True}, None, True),
    ("persist_mode", {"persist_mode": api.PersistMode.ASYNC}, None, "async"),
]


async def test_every_stream_exists_afterwards_with_the_declared_settings(nats_url: str) -> None:
    async with connected(nats_url, "test") as connection:
        await streams.ensure(connection.js)
        found = {info.config.name: info.config for info in await connection.js.streams_info()}
    assert set(found) == {"REPLAY", "LIVE", "INPUTS", "EVENTS", "REGISTRY", "DEAD"}
    assert {config.storage for config in found.values()} == {"file"}
    assert {config.discard for config in found.values()} == {"new"}
    assert {config.duplicate_window for config in found.values()} == {120.0}
    assert found["EVENTS"].max_age == 7 * 86_400
    assert found["REPLAY"].max_age == 30 * 86_400
    assert (found["REGISTRY"].max_age, found["REGISTRY"].max_msgs_per_subject) == (0.0, 1)


async def test_doing_it_again_and_at_once_changes_nothing(nats_url: str) -> None:
    async with connected(nats_url, "a") as first, connected(nats_url, "b") as second:
        await asyncio.gather(*(streams.ensure(each.js) for each in (first, second, first, second)))
        await first.js.publish("live.bars.sample", b"kept")
        await streams.ensure(second.js)
        assert (await first.js.stream_info("LIVE")).state.messages == 1


@pytest.mark.parametrize(("field", "changes", "wanted", "found"), DRIFTS)
async def test_a_stream_that_differs_is_named_with_both_values(
    nats_url: str, field: str, changes: dict[str, Any], wanted: Any, found: Any
) -> None:
    declared = next(each for each in streams.declared() if each.name == "LIVE")
    async with connected(nats_url, "test") as connection:
        await connection.js.add_stream(replace(declared, **changes))
        with pytest.raises(StreamDriftError, match=f"LIVE .* has {field}") as raised:
            await streams.ensure(connection.js)
    error = raised.value
    assert (error.stream, error.field) == ("LIVE", field)
    assert (error.wanted, error.found) == (wanted, found)


async def test_a_stream_of_strangers_on_our_subjects_is_refused(nats_url: str) -> None:
    async with connected(nats_url, "test") as connection:
        await connection.js.add_stream(name="MINE", subjects=["live.bars.>"])
        with pytest.raises(StreamRefusedError, match="stream LIVE cannot be created"):
            await streams.ensure(connection.js)


async def test_a_consumer_is_created_once_and_compared_after(nats_url: str) -> None:
    wanted = streams.account_consumer("sample")
    async with connected(nats_url, "test") as connection:
        js = connection.js
        await streams.ensure(js)
        await streams.ensure_consumer(js, subjects.INPUTS_STREAM, wanted)
        await streams.ensure_consumer(js, subjects.INPUTS_STREAM, wanted)
        config = (await js.consumer_info("INPUTS", "core-sample")).config
        assert (config.filter_subject, config.max_deliver) == ("inputs.sample.>", -1)
        assert (config.ack_policy, config.ack_wait) == ("explicit", 5.0)
        await js.add_consumer("INPUTS", replace(wanted, max_deliver=5))
        with pytest.raises(StreamDriftError) as raised:
            await streams.ensure_consumer(js, subjects.INPUTS_STREAM, wanted)
    assert raised.value.field == "max_deliver"
    assert raised.value.stream == "consumer core-sample of INPUTS"


async def test_a_server_that_syncs_always_is_accepted(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, "test") as connection:
        await streams.require_durable_server(connection.nc, nats_server.monitor_url)


async def test_a_server_that_syncs_now_and_then_is_refused(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", sync_interval="2m")
    server.start()
    try:
        async with connected(server.url, "test") as connection:
            with pytest.raises(UnsafeServerError, match="does not sync every write"):
                await streams.require_durable_server(connection.nc, server.monitor_url)
    finally:
        server.stop()


async def test_a_monitoring_address_that_is_silent_is_refused(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, "test") as connection:
        with pytest.raises(UnsafeServerError, match="does not answer"):
            await streams.require_durable_server(connection.nc, f"http://127.0.0.1:{free_port()}")


async def test_what_could_not_be_checked_is_said(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(nats_server.url, "test") as connection:
        with caplog.at_level(logging.WARNING):
            await streams.require_durable_server(connection.nc, None)
    assert "NATS_MONITOR_URL is not set" in caplog.text
    assert "sync_interval: always" in caplog.text


@pytest.mark.parametrize("version", [(2, 12, 2), (2, 9, 10), (1, 99, 99)])
def test_a_version_that_lost_messages_is_refused(version: tuple[int, int, int]) -> None:
    with pytest.raises(UnsafeServerError, match=r"2\.12\.3 or newer"):
        streams.require_version(version)


@pytest.mark.parametrize("version", [(2, 12, 3), (2, 15, 1), (3, 0, 0)])
def test_a_newer_version_is_accepted(version: tuple[int, int, int]) -> None:
    streams.require_version(version)
