"""The venue as a process: opens its store, runs until SIGTERM, and stops in order.

Keep out: what any of the parts does.
"""

import logging
import socket
from asyncio import Transport

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from execution.domain.config import PaperCosts
from execution.paper_venue import app, keys
from execution.paper_venue.access import Services
from execution.paper_venue.errors import PortTakenError, StoreError
from execution.paper_venue.faults import Faults
from execution.paper_venue.settings import Settings
from execution.paper_venue.store import Store
from execution.paper_venue.stream import Hub
from execution.paper_venue.venue import Venue
from execution.serving import on_stop_signal

log = logging.getLogger(__name__)

MOST_WORDS = 64 * 1024
"""Bytes of one message that a client may send on the stream."""

GRACE_S = 5


class _Protocol(H11Protocol):
    """Shows each request its connection, so that a fault can break it."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Add it to what every request of the connection is given."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM; raises VenueError where it cannot start."""
    listening = _bound(settings)
    services = _opened(settings)
    config = uvicorn.Config(
        app.create(services),
        http=_Protocol,
        ws="websockets-sansio",
        ws_max_size=MOST_WORDS,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    _stop_on_signal(server, services)
    names = sorted(services.keys.accounts)
    log.info("venue.started port=%d accounts=%s", settings.port, names)
    await server._serve(sockets=[listening])  # its `serve` would end by the signal again
    services.venue.store.close()
    log.info("venue.stopped")


def _opened(settings: Settings) -> Services:
    """The venue as it was left, with its keys."""
    try:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = keys.load_or_create(settings.keys_file, settings.accounts)
    except OSError as error:
        raise StoreError(f"{settings.folder} cannot be used: {error}") from error
    faults = Faults()
    hub = Hub(faults)
    venue = Venue(Store(settings.store_file), PaperCosts(), hub.tell)
    venue.open_accounts({name: pair.cash for name, pair in known.accounts.items()})
    return Services(venue, hub, faults, known)


def _bound(settings: Settings) -> socket.socket:
    """The listening socket, before anything is opened; raises PortTakenError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.host, settings.port))
    except OSError as error:
        made.close()
        raise PortTakenError(f"{settings.host}:{settings.port}: {error.strerror}") from error
    return made


def _stop_on_signal(server: uvicorn.Server, services: Services) -> None:
    def stop() -> None:
        services.stopping = True
        server.should_exit = True

    on_stop_signal(stop)
