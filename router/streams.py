"""The streams and consumers that the system needs, declared once; created and verified.

Belongs here: their settings, creating what is missing, naming what differs, and the check that
the server keeps what it acknowledges.
Keep out: sending and fetching (client.py), and names of subjects (subjects.py).

Several processes may do this at once: what exists is never changed, only compared.
"""

import logging
from dataclasses import fields

import httpx
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import BadRequestError, NotFoundError

from router import subjects
from router.errors import StreamDriftError, StreamRefusedError, UnsafeServerError

log = logging.getLogger(__name__)

DAY_S = 86_400.0
DUPLICATE_WINDOW_S = 120.0
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
ACK_WAIT_S = 5.0
MAX_ACK_PENDING = 1000
ROUTER_CONSUMER = "central-router"
FIRST_SAFE_VERSION = (2, 12, 3)
"""Before it, acknowledged messages could be lost although the server synced always."""

LEFT_TO_OPERATORS = {"description", "metadata", "placement", "num_replicas", "compression"}
"""Settings that change nothing for us, and so are not compared."""


def _stream(
    name: str, pattern: str, max_age_s: float, max_msgs_per_subject: int = -1
) -> api.StreamConfig:
    return api.StreamConfig(
        name=name,
        subjects=[pattern],
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        max_age=max_age_s,
        max_msgs=-1,
        max_bytes=-1,
        max_consumers=-1,
        max_msg_size=MAX_MESSAGE_BYTES,
        max_msgs_per_subject=max_msgs_per_subject,
        duplicate_window=DUPLICATE_WINDOW_S,
    )


def declared() -> tuple[api.StreamConfig, ...]:
    """Every stream of the system."""
    return (
        _stream(subjects.REPLAY_STREAM, subjects.ALL_REPLAY, 30 * DAY_S),
        _stream(subjects.LIVE_STREAM, subjects.ALL_LIVE, 30 * DAY_S),
        _stream(subjects.INPUTS_STREAM, subjects.ALL_INPUTS, 30 * DAY_S),
        _stream(subjects.EVENTS_STREAM, subjects.ALL_EVENTS, 7 * DAY_S),
        _stream(subjects.REGISTRY_STREAM, subjects.ALL_REGISTRY, 0.0, max_msgs_per_subject=1),
        _stream(subjects.DEAD_STREAM, subjects.ALL_DEAD, 30 * DAY_S),
    )


def router_consumer(pattern: str) -> api.ConsumerConfig:
    """How all routers together take what matches `pattern` (all of REPLAY or of LIVE)."""
    return _consumer(ROUTER_CONSUMER, pattern)


def account_consumer(account: str) -> api.ConsumerConfig:
    """How the trading core takes the inputs of one account (stream INPUTS)."""
    return _consumer(f"core-{account}", subjects.account_inputs(account))


async def ensure(js: JetStreamContext) -> None:
    """Create the streams that are missing; raise StreamDriftError where one differs."""
    for wanted in declared():
        found = await _find_or_create_stream(js, wanted)
        _compare(str(wanted.name), wanted, found)


async def ensure_consumer(js: JetStreamContext, stream: str, wanted: api.ConsumerConfig) -> None:
    """Create the durable consumer if it is missing; raise StreamDriftError where it differs."""
    name = str(wanted.durable_name)
    try:
        info = await js.consumer_info(stream, name)
    except NotFoundError:
        info = await js.add_consumer(stream, wanted)
        log.info("consumer.created stream=%s consumer=%s", stream, name)
    _compare(f"consumer {name} of {stream}", wanted, info.config)


async def require_durable_server(nc: Client, monitor_url: str | None) -> None:
    """Refuse a server that could lose what it acknowledged.

    Its version is known from the connection. Whether it syncs every write is told only by its
    monitoring address; without one, that stays unchecked and the log says so.
    """
    found = nc.connected_server_version
    version = (found.major, found.minor, found.patch)
    require_version(version)
    if monitor_url is None:
        log.warning(
            "server.unverified version=%d.%d.%d: NATS_MONITOR_URL is not set, so whether the "
            "server syncs every write (sync_interval: always) was not checked",
            *version,
        )
        return
    if not await _syncs_always(monitor_url):
        raise UnsafeServerError(
            f"the NATS server at {monitor_url} does not sync every write: "
            "set sync_interval: always in its jetstream block"
        )
    log.info("server.verified version=%d.%d.%d sync_always=true", *version)


def require_version(version: tuple[int, int, int]) -> None:
    """Raise UnsafeServerError for a server older than FIRST_SAFE_VERSION."""
    if version < FIRST_SAFE_VERSION:
        raise UnsafeServerError(
            f"the NATS server has version {_dotted(version)}: "
            f"{_dotted(FIRST_SAFE_VERSION)} or newer is needed"
        )


def _consumer(name: str, pattern: str) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subject=pattern,
        ack_policy=api.AckPolicy.EXPLICIT,
        deliver_policy=api.DeliverPolicy.ALL,
        replay_policy=api.ReplayPolicy.INSTANT,
        ack_wait=ACK_WAIT_S,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
        max_waiting=512,
    )


async def _find_or_create_stream(
    js: JetStreamContext, wanted: api.StreamConfig
) -> api.StreamConfig:
    name = str(wanted.name)
    try:
        return (await js.stream_info(name)).config
    except NotFoundError:
        pass
    try:
        info = await js.add_stream(wanted)
    except BadRequestError as error:
        try:
            return (await js.stream_info(name)).config
        except NotFoundError:
            raise StreamRefusedError(f"stream {name} cannot be created: {error}") from error
    log.info("stream.created stream=%s", name)
    return info.config


def _compare(
    what: str,
    wanted: api.StreamConfig | api.ConsumerConfig,
    found: api.StreamConfig | api.ConsumerConfig,
) -> None:
    for field in fields(wanted):
        if field.name in LEFT_TO_OPERATORS:
            continue
        want, have = _plain(getattr(wanted, field.name)), _plain(getattr(found, field.name))
        if want != have:
            raise StreamDriftError(what, field.name, want, have)


def _plain(value: object) -> object:
    """One form for what servers leave out, send as zero, or send as an empty object."""
    if isinstance(value, api.StreamConsumerLimits):
        value = value.inactive_threshold or value.max_ack_pending
    if isinstance(value, str):
        return str(getattr(value, "value", value))
    return value or None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


async def _syncs_always(monitor_url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(f"{monitor_url.rstrip('/')}/jsz")
            answer.raise_for_status()
            config = answer.json().get("config") or {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        raise UnsafeServerError(
            f"NATS_MONITOR_URL {monitor_url} does not answer at /jsz: {error}"
        ) from error
    return config.get("sync_always") is True
