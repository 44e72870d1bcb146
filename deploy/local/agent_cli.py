"""The command that runs one analysis agent in the foreground: technical, news or sentiment.

Belongs here: its options, its logging, its signals and its exit codes.
Keep out: what an agent does (pipelines/agents); heavy imports stay inside.
"""

import logging
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.agents.settings import Settings


class Kind(StrEnum):
    """The agents that there are."""

    technical = "technical"
    news = "news"
    sentiment = "sentiment"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(agent)


def agent(
    kind: Annotated[Kind, typer.Argument(help="Which analysis it serves.")],
    port: Annotated[
        int | None,
        typer.Option(
            help="Where health and metrics are shown.", show_default="TRADING_AGENT_PORT, or 8080"
        ),
    ] = None,
) -> None:
    """Serve an analysis over NATS (NATS_URL) until SIGTERM or Ctrl-C."""
    from deploy.local.errors import BadInputError, DeployError, PortTakenError
    from pipelines.agents.settings import read_settings
    from pipelines.errors import AgentPortError, PipelineError, RequestError
    from router.errors import RouterError

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    try:
        _serve(kind, read_settings(os.environ, port))
    except RequestError as error:
        raise BadInputError(str(error)) from error
    except AgentPortError as error:
        raise PortTakenError(str(error)) from error
    except (PipelineError, RouterError) as error:
        raise DeployError(str(error)) from error


def _serve(kind: str, settings: "Settings") -> None:
    """Serve until a signal says to stop."""
    import asyncio
    import signal

    from pipelines.agents import analysis_of
    from pipelines.agents.service import run

    async def serve() -> None:
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await run(analysis_of(kind, settings), settings, stop)

    asyncio.run(serve())
