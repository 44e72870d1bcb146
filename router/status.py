"""The router as a NATS service (ADR-32): found by `nats micro ls`, asked for its counts.

Belongs here: the service's name, version and its one endpoint.
Keep out: what is counted (metrics.py).
"""

import json

from nats.aio.client import Client
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import ServiceConfig

from router import subjects
from router.announcements import AccountReader
from router.metrics import Counts

NAME = "central-router"
VERSION = "0.1.0"


async def serve(nc: Client, counts: Counts, accounts: AccountReader) -> None:
    """Answer pings and status requests until the connection closes."""

    async def answer(request: Request) -> None:
        await request.respond(report(counts, accounts))

    service = await add_service(nc, ServiceConfig(name=NAME, version=VERSION))
    await service.add_endpoint(name="status", subject=subjects.ROUTER_STATUS, handler=answer)


def report(counts: Counts, accounts: AccountReader) -> bytes:
    """The counts and the accounts, as JSON."""
    return json.dumps(
        {
            "routed": counts.routed,
            "duplicates": counts.duplicates,
            "failures": counts.failures,
            "dead": dict(counts.dead),
            "lag": counts.lag,
            "accounts": sorted(accounts.registry.accounts),
        }
    ).encode()
