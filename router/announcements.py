"""Accounts announced over NATS: telling that one exists, and reading them all.

Belongs here: the traffic of the REGISTRY stream.
Keep out: what the router does with accounts (routing.py).
"""

import logging
import uuid

from nats.js import JetStreamContext, api

from router import subjects
from router.client import Outgoing, fetch, publish
from router.messages import AccountRegistered, InvalidMessageError, decode, encode
from router.outgoing import message_id
from router.registry import Registry

log = logging.getLogger(__name__)

READ_BATCH = 256
READ_WAIT_S = 5.0
UNUSED_S = 30.0


async def announce(js: JetStreamContext, account: AccountRegistered) -> None:
    """Tell every router that the account exists and what it takes.

    The id is new each time: changing an account and changing it back must both count.
    """
    subject = subjects.registered_account(account.account)
    announcement = Outgoing(subject, encode(account), message_id(subject, uuid.uuid4().hex))
    await publish(js, [announcement])


class AccountReader:
    """The registry as of the last `refresh`."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._version: tuple[object, ...] | None = None
        self.registry = Registry.of(())

    async def refresh(self) -> Registry:
        """The registry as it is now: every announcement before this call is in it.

        One small request where nothing changed, so it is asked before each batch is routed.
        """
        version = await self._read_version()
        if version != self._version:
            self.registry = await read(self._js)
            self._version = version
            log.info("account.read accounts=%s", ",".join(sorted(self.registry.accounts)))
        return self.registry

    async def _read_version(self) -> tuple[object, ...]:
        info = await self._js.stream_info(subjects.REGISTRY_STREAM)
        return (info.created, info.state.last_seq, info.state.messages)


async def read(js: JetStreamContext) -> Registry:
    """Every account's last announcement; one that cannot be read is logged and left out."""
    config = api.ConsumerConfig(
        ack_policy=api.AckPolicy.NONE,
        deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT,
        inactive_threshold=UNUSED_S,
        mem_storage=True,
    )
    subscription = await js.pull_subscribe(
        subjects.ALL_REGISTRY, stream=subjects.REGISTRY_STREAM, config=config
    )
    try:
        return Registry.of(await _read_all(subscription))
    finally:
        await subscription.unsubscribe()


async def _read_all(subscription: JetStreamContext.PullSubscription) -> list[AccountRegistered]:
    found: list[AccountRegistered] = []
    left = (await subscription.consumer_info()).num_pending or 0
    while left:
        messages = await fetch(subscription, READ_BATCH, READ_WAIT_S)
        if not messages:
            raise TimeoutError(f"{left} announcements of accounts did not arrive")
        found += [account for each in messages if (account := _account(each.subject, each.data))]
        left = messages[-1].metadata.num_pending
    return found


def _account(subject: str, payload: bytes) -> AccountRegistered | None:
    try:
        message = decode(payload)
    except InvalidMessageError as error:
        log.warning("account.ignored subject=%s error=%s", subject, error)
        return None
    if not isinstance(message, AccountRegistered):
        log.warning("account.ignored subject=%s kind=%s", subject, type(message).__name__)
        return None
    if subject != subjects.registered_account(message.account):
        log.warning("account.ignored subject=%s account=%s", subject, message.account)
        return None
    return message
