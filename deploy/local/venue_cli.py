"""The command that runs the external venue in the foreground, in a folder of its own.

Belongs here: its options, its logging and its exit codes.
Keep out: what the venue does (execution/paper_venue); heavy imports stay inside.
"""

import logging
import os
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(venue)


def venue(
    port: Annotated[
        int | None,
        typer.Option(help="Where it listens.", show_default="TRADING_VENUE_PORT, or 8090"),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            help="An account that is opened where it is missing; may be given again.",
            show_default="TRADING_VENUE_ACCOUNTS, or paper",
        ),
    ] = None,
) -> None:
    """Serve the paper venue over HTTP, in Alpaca's messages, until SIGTERM or Ctrl-C.

    Its store and keys.json are in TRADING_VENUE_HOME (.trading-venue).
    """
    import uvloop

    from deploy.local.errors import BadInputError, HomeError, PortTakenError
    from execution.paper_venue import errors, settings
    from execution.paper_venue.service import serve

    chosen = {"TRADING_VENUE_PORT": port, "TRADING_VENUE_ACCOUNTS": ",".join(account or ())}
    given = {name: str(value) for name, value in chosen.items() if value not in (None, "")}
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    try:
        uvloop.run(serve(settings.from_environment({**os.environ, **given})))
    except errors.SettingError as error:
        raise BadInputError(str(error)) from error
    except errors.PortTakenError as error:
        raise PortTakenError(str(error)) from error
    except errors.VenueError as error:
        raise HomeError(str(error)) from error
