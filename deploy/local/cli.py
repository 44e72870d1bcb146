"""The command line `trading`.

Belongs here: commands, options, exit codes, and what goes to stdout and stderr.
Keep out: how anything is done; heavy imports stay inside the commands, so that help is quick.
"""

import sys
from dataclasses import replace
from typing import Annotated, NoReturn

import typer

from deploy.local import agent_cli, control_cli, model_cli, state_cli, venue_cli
from deploy.local.errors import DeployError
from deploy.local.invocation import Json, running, settings
from deploy.local.request import DEFAULT_FROM, DEFAULT_SOURCE, DEFAULT_TO

app = typer.Typer(
    name="trading",
    help="Run the trading system on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 failed, 2 bad input, 3 no stack runs, 4 a stack runs already, "
    "5 port taken, 6 state folder unusable, 7 a child keeps dying, 130 interrupted.",
)


def main() -> None:
    """The entry point: one sentence on stderr and a stable exit code for every known error."""
    try:
        app()
    except DeployError as error:
        fail(error)


def fail(error: DeployError) -> NoReturn:
    """Print the sentence and leave with its code."""
    sys.stderr.write(f"{error}\n")
    raise SystemExit(error.exit_code)


@app.command()
def up(
    replicas: Annotated[
        int, typer.Option(min=1, max=9, help="Trading cores that share the accounts.")
    ] = 1,
) -> None:
    """Start everything and keep it running until Ctrl-C."""
    from deploy.local import session
    from deploy.local.console import Narrator

    session.up(replace(settings(), replicas=replicas), Narrator())


@app.command()
def down() -> None:
    """Stop the running stack."""
    from deploy.local import session
    from deploy.local.console import Narrator

    session.down(settings(), Narrator())


@app.command()
def status(as_json: Json = False) -> None:
    """Show the running stack: children, addresses, accounts."""
    from deploy.local import status as statuses
    from deploy.local.console import Narrator

    narrator = Narrator(as_json=as_json)
    home, record = running()
    state = statuses.gather(home, record)
    if as_json:
        narrator.document(state)
    else:
        narrator.show(statuses.render(state))


@app.command()
def run(
    source: Annotated[
        str, typer.Option(help="Where prices come from: sample, files, yfinance, alpaca or ccxt.")
    ] = DEFAULT_SOURCE,
    path: Annotated[
        str | None, typer.Option(help="The file or folder of the source files.")
    ] = None,
    start: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")] = DEFAULT_FROM,
    end: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")] = DEFAULT_TO,
    symbols: Annotated[str | None, typer.Option(help="Only these: A,B.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="A settings file, or blend or technical.",
            show_default="blend for the sample, technical elsewhere",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(help="The replay account.", show_default="the strategy's name, or the source"),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over; keep the old state aside.")
    ] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Stop everything when done.")] = False,
    as_json: Json = False,
) -> None:
    """Trade a range of sessions in a replay account, and say what happened."""
    from deploy.local import request, session
    from deploy.local.console import Narrator

    asked = request.Asked(source, path, start, end, symbols, account, strategy)
    session.run(settings(), asked, Narrator(as_json=as_json), fresh=fresh, leave=leave)


@app.command()
def why(fill_id: str, as_json: Json = False) -> None:
    """Say what led to a fill: order, checks, signal, Dagster run, inputs."""
    from deploy.local import why as whys
    from deploy.local.api import Core
    from deploy.local.console import Narrator

    narrator = Narrator(as_json=as_json)
    asked = whys.fill_id(fill_id)
    home, record = running()
    answer = Core(record.core_url, home.token_file).why(asked)
    if as_json:
        narrator.document({**answer, "dagster_url": record.dagster_url})
    else:
        narrator.show(whys.render(answer, record.dagster_url))


@app.command()
def verify(as_json: Json = False) -> None:
    """Fold the journal and compare it with the tables; exit 1 when something differs."""
    from deploy.local import verification

    home, record = running()
    raise SystemExit(verification.verify(home, record, as_json=as_json))


@app.command()
def token() -> None:
    """Print the API's bearer token, for curl."""
    from deploy.local.errors import NotRunningError
    from deploy.local.home import Home

    file = Home(settings().home).token_file
    if not file.exists():
        raise NotRunningError(f"{file} does not exist: start the stack first.")
    sys.stdout.write(file.read_text().strip() + "\n")


agent_cli.register(app)
control_cli.register(app)
model_cli.register(app)
state_cli.register(app)
venue_cli.register(app)

if __name__ == "__main__":
    main()
