"""The router end to end on a real server: what arrives, what dies, and what survives a kill."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from signal import Signals

import httpx
import pytest
from nats.js import JetStreamContext

from router import service, subjects
from router.announcements import announce
from router.client import Outgoing, connected, outgoing, publish
from router.messages import encode
from router.outgoing import message_id
from router.routing import MAX_PAYLOAD_BYTES
from router.settings import Settings
from tests.router.factories import account, bars, numbered_signal, signal, signal_set
from tests.router.support import (
    RouterProcess,
    contents,
    frame,
    holds,
    prepared,
    publish_raw,
    ready,
    running_router,
    settled,
)
from tests.servers import NatsServer, free_port

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

SIGNALS = subjects.replay("sample", "signal", "technical")


async def stored(js: JetStreamContext, stream: str) -> Counter[str]:
    return Counter(each.subject for each in await contents(js, stream))


async def status(url: str) -> dict[str, object]:
    async with connected(url, "asker") as connection:
        answer = await connection.nc.request(subjects.ROUTER_STATUS, timeout=5)
    found: dict[str, object] = json.loads(answer.data)
    return found


async def test_a_session_reaches_its_account_byte_for_byte(nats_url: str) -> None:
    feed = [
        outgoing("replay.sample.bars.sample", bars()),
        outgoing(SIGNALS, signal()),
        outgoing("replay.sample.set.technical", signal_set()),
    ]
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        await publish(js, feed)
        await settled(js, "REPLAY")
        routed = {each.subject: each for each in await contents(js, "INPUTS")}
        assert await stored(js, "DEAD") == Counter()
    assert {subject: each.data for subject, each in routed.items()} == {
        "inputs.sample.bars": encode(bars()),
        "inputs.sample.signal": encode(signal()),
        "inputs.sample.set": encode(signal_set()),
    }
    headers = routed["inputs.sample.bars"].headers
    assert headers is not None
    assert headers["Nats-Msg-Id"] == f"inputs.sample.bars:{bars().input_id}"


async def test_live_messages_go_to_every_paper_and_live_account(nats_url: str) -> None:
    accounts = [account(), account("p", "paper"), account("l", "live"), account("x", sources=())]
    async with prepared(nats_url, *accounts) as js, running_router(Settings(nats_url)):
        await publish(js, [outgoing("live.bars.sample", bars())])
        await settled(js, "LIVE")
        assert await stored(js, "INPUTS") == Counter(["inputs.p.bars", "inputs.l.bars"])


async def test_an_account_announced_after_the_start_is_known_at_once(nats_url: str) -> None:
    async with prepared(nats_url) as js, running_router(Settings(nats_url)):
        for number in range(10):
            name = f"late{number}"
            await announce(js, account(name))
            await publish(js, [outgoing(f"replay.{name}.bars.sample", bars())])
        await settled(js, "REPLAY")
        assert (await stored(js, "INPUTS")).total() == 10
        assert await stored(js, "DEAD") == Counter()


async def test_the_same_message_again_is_stored_once(nats_url: str) -> None:
    again = [Outgoing(SIGNALS, encode(signal()), f"another-{n}") for n in range(5)]
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        await publish(js, again)
        await settled(js, "REPLAY")
        assert await stored(js, "INPUTS") == Counter(["inputs.sample.signal"])
        assert await status(nats_url) == {
            "routed": 1,
            "duplicates": 4,
            "failures": 0,
            "dead": {},
            "lag": {"REPLAY": 0, "LIVE": 0},
            "accounts": ["sample"],
        }


async def test_a_dead_letter_carries_its_reason_and_the_original(nats_url: str) -> None:
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        await publish(js, [Outgoing("replay.sample.bars.sample", b"{\r\n\xff", "1")])
        await settled(js, "REPLAY")
        (letter,) = await contents(js, "DEAD")
        assert (await status(nats_url))["dead"] == {"UNDECODABLE": 1}
    assert letter.subject == "dead.undecodable"
    assert letter.data == b"{\r\n\xff"
    assert letter.headers is not None
    assert letter.headers["Trading-Reason"] == "UNDECODABLE"
    assert letter.headers["Trading-Subject"] == "replay.sample.bars.sample"
    assert letter.headers["Trading-Origin"] == "REPLAY:1"
    assert letter.headers["Trading-Detail"].startswith("JSON is malformed")


async def test_a_payload_that_does_not_fit_dies_with_its_address(nats_url: str) -> None:
    large = Outgoing("live.bars.sample", b"x" * (MAX_PAYLOAD_BYTES + 1), "1")
    fits = Outgoing("live.bars.sample", b"x" * MAX_PAYLOAD_BYTES, "2")
    async with prepared(nats_url) as js, running_router(Settings(nats_url)):
        await publish(js, [large, fits])
        await settled(js, "LIVE")
        letters = await contents(js, "DEAD")
    assert sorted(len(each.data) for each in letters) == [0, MAX_PAYLOAD_BYTES]


async def test_poison_among_good_messages_stops_none_of_them(nats_url: str) -> None:
    good = [outgoing(SIGNALS, numbered_signal(n)) for n in range(100)]
    poison = [
        [b"", b"\xff\xfe", b"[" * 5000, b'{"kind":"signal.v1"}', b"null"][n % 5] + b" " * (n // 5)
        for n in range(2000)
    ]
    mixed = []
    for n, payload in enumerate(poison):
        mixed.append(Outgoing(SIGNALS, payload, f"poison-{n}"))
        if n % 20 == 0:
            mixed.append(good[n // 20])
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        await publish(js, mixed)
        await settled(js, "REPLAY")
        routed = {each.headers["Nats-Msg-Id"] for each in await contents(js, "INPUTS")}  # type: ignore[index]
        dead = await contents(js, "DEAD")
    assert routed == {
        message_id("inputs.sample.signal", numbered_signal(n).input_id) for n in range(100)
    }
    assert Counter(each.data for each in dead) == Counter(poison)


async def test_frames_that_no_library_would_send_do_not_wedge_it(nats_url: str) -> None:
    mixed = b"".join(
        frame(SIGNALS.encode(), encode(numbered_signal(n)))
        + frame(b"replay.\xff\xfe.bars.x", b"1")
        + frame(b"replay.a\vb.bars.\f", b"2" * 500)
        + frame(b"replay.a.bars.x", b"3", b"NATS/1.0\r\nA\xff: \xfe\r\n\r\n")
        + frame(b"replay.a.bars.x", b"4", b"NATS/1.0\r\nno colon\r\n\r\n")
        + frame(b"replay.a.bars.x", b"5", b"NATS/1.0 404 No Messages\r\n\r\n")
        + frame(b"replay.a.bars.x", b"6", b"NATS/1.0 5\xff3\r\n\r\n")
        + frame(b"replay.a.bars.x", b"7", b"NATS/1.0\r\nStatus: 503\r\n\r\n")
        + frame(b"replay.a.bars.x", b"", b"NATS/1.0 503\r\n\r\n")
        for n in range(30)
    )
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        publish_raw(nats_url, [mixed])
        await holds(js, "REPLAY", 270)
        await settled(js, "REPLAY")
        assert (await stored(js, "INPUTS")).total() == 30
        assert (await stored(js, "DEAD")).total() == 240
        info = await js.consumer_info("REPLAY", "central-router")
    assert info.num_redelivered == 0


async def test_two_routers_share_the_work_and_store_each_input_once(nats_url: str) -> None:
    settings = Settings(nats_url)
    feed = [outgoing(SIGNALS, numbered_signal(n)) for n in range(1500)]
    async with (
        prepared(nats_url, account()) as js,
        running_router(settings),
        running_router(settings),
    ):
        await publish(js, feed)
        await settled(js, "REPLAY")
        routed = await contents(js, "INPUTS")
    assert len(routed) == 1500
    assert {each.data for each in routed} == {each.payload for each in feed}


async def test_a_message_that_cannot_be_stored_is_kept_and_routed_later(nats_url: str) -> None:
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        await js.update_stream((await js.stream_info("INPUTS")).config, max_msgs=1)
        await publish(js, [outgoing(SIGNALS, numbered_signal(n)) for n in range(3)])
        await holds(js, "INPUTS", 1)
        await js.update_stream((await js.stream_info("INPUTS")).config, max_msgs=-1)
        await settled(js, "REPLAY")
        assert (await stored(js, "INPUTS")).total() == 3


async def test_a_deleted_consumer_comes_back(nats_url: str) -> None:
    async with prepared(nats_url, account()) as js, running_router(Settings(nats_url)):
        await js.delete_consumer("REPLAY", "central-router")
        await publish(js, [outgoing(SIGNALS, signal())])
        assert await holds(js, "INPUTS", 1) == 1


async def test_a_router_that_is_killed_and_restarted_loses_nothing(
    nats_url: str, tmp_path: Path
) -> None:
    feed = [outgoing(SIGNALS, numbered_signal(n)) for n in range(5000)]
    async with prepared(nats_url, account()) as js:
        await publish(js, feed)
        for kill_at in (1, 800, 1600):
            router = RouterProcess(nats_url, tmp_path)
            router.start()
            await holds(js, "INPUTS", kill_at)
            router.kill()
        assert (await js.stream_info("INPUTS")).state.messages < len(feed)
        router = RouterProcess(nats_url, tmp_path)
        router.start()
        await settled(js, "REPLAY")
        router.terminate()
        routed = await contents(js, "INPUTS")
    assert {each.data for each in routed} == {each.payload for each in feed}
    ids = [each.headers["Nats-Msg-Id"] for each in routed if each.headers]
    assert len(ids) == len(set(ids)) == len(feed)


async def test_a_server_that_is_killed_is_waited_for(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    server.start()
    feed = [outgoing(SIGNALS, numbered_signal(n)) for n in range(600)]
    try:
        async with prepared(server.url, account()) as js, running_router(Settings(server.url)):
            await publish(js, feed)
            server.kill()
            await asyncio.to_thread(server.start)
            await settled(js, "REPLAY")
            routed = await contents(js, "INPUTS")
    finally:
        server.stop()
    assert {each.data for each in routed} == {each.payload for each in feed}


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_the_process_ends_cleanly_when_asked(
    nats_server: NatsServer, nats_url: str, tmp_path: Path, name: str
) -> None:
    port = free_port()
    router = RouterProcess(
        nats_url,
        tmp_path,
        NATS_MONITOR_URL=nats_server.monitor_url,
        ROUTER_METRICS_PORT=str(port),
    )
    router.start()
    async with connected(nats_url, "test") as connection:
        await ready(connection.nc)
    async with httpx.AsyncClient() as http:
        shown = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert "router_routed_total 0.0" in shown.text
    router.send(Signals[name])
    assert router.wait() == 0
    assert "server.verified" in router.said
    assert "router.stopped" in router.said


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ROUTER_METRICS_PORT": "x"}, "ROUTER_METRICS_PORT is 'x'"),
        ({"NATS_MONITOR_URL": "http://127.0.0.1:1"}, "does not answer at /jsz"),
    ],
)
def test_the_process_refuses_in_one_sentence(
    nats_url: str, tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    router = RouterProcess(nats_url, tmp_path, **environ)
    router.start()
    assert router.wait() == 1
    assert said in router.said
    assert "Traceback" not in router.said


async def test_a_stream_that_differs_stops_the_start(nats_url: str, tmp_path: Path) -> None:
    async with connected(nats_url, "test") as connection:
        await connection.js.add_stream(name="LIVE", subjects=["live.>"])
    router = RouterProcess(nats_url, tmp_path)
    router.start()
    assert router.wait() == 1
    assert "LIVE on the NATS server has" in router.said


def test_large_messages_are_fetched_in_small_batches() -> None:
    class Sized:
        def __init__(self, size: int) -> None:
            self.data = b"x" * size

    assert service.next_batch([Sized(0)]) == service.MAX_BATCH  # type: ignore[list-item]
    assert service.next_batch([Sized(4 * 1024 * 1024)] * 3) == 16  # type: ignore[list-item]
