"""The commands of accounts: open, and what holds trading back or moves money.

Belongs here: their options, and asking for a confirmation.
Keep out: what they say (control.py, kill.py) and do (trading core); heavy imports stay inside.
"""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.invocation import Json, running, settings

if TYPE_CHECKING:
    from deploy.local.api import Core
    from deploy.local.console import Narrator

Account = Annotated[str, typer.Argument(help="The account.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (open_, kill, flatten, cancel, limits, state, cash):
        app.command(command.__name__.rstrip("_"))(command)


def open_(
    account: Account,
    source: Annotated[str, typer.Option(help="Where its prices come from.")],
    mode: Annotated[str, typer.Option(help="replay or paper.")] = "paper",
    strategy: Annotated[str, typer.Option(help="The strategy's name.")] = "technical",
    profile: Annotated[str, typer.Option(help="Its first limits: daily or intraday.")] = "daily",
    as_json: Json = False,
) -> None:
    """Open an account: a paper one trades what the schedule after each close sends."""
    body = {"account": account, "strategies": [strategy], "sources": [source]}
    chosen = body | {"mode": mode, "profile": profile}
    narrator = _narrator(as_json=as_json)
    _core().open_account(chosen)
    if as_json:
        narrator.document(chosen)
    else:
        narrator.say(f"Account {account} is open: {mode}, {strategy} on {source}.")


def kill(
    account: Annotated[
        str | None, typer.Option(help="Only this account.", show_default="all accounts")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Release it again.")] = False,
    reason: Reason = "trading kill",
    as_json: Json = False,
) -> None:
    """Refuse every new order at once; needs PostgreSQL and nothing else."""
    from deploy.local import kill as switch

    url = switch.database_url(settings())
    turned = switch.turn(url, account, engaged=not off, reason=reason, by=getpass.getuser())
    narrator = _narrator(as_json=as_json)
    if as_json:
        narrator.document(turned)
    else:
        narrator.say(switch.sentence(turned))


def flatten(
    account: Account,
    confirm: Annotated[
        str | None, typer.Option(help="The text 'flatten ACCOUNT', for scripts.")
    ] = None,
    reason: Reason = "trading flatten",
    as_json: Json = False,
) -> None:
    """Cancel every order, close every position at market, and only reduce from then on."""
    from deploy.local import control

    narrator, core = _narrator(as_json=as_json), _core()
    narrator.say(control.what_flatten_does(core, account))
    typed = typer.prompt(f"Type 'flatten {account}'", err=True) if confirm is None else confirm
    done = control.flatten(core, account, typed, reason, getpass.getuser())
    if as_json:
        narrator.document(done)
    else:
        narrator.show(control.flattened(done))


def cancel(
    order: Annotated[str, typer.Argument(help="The client order id.")],
    account: Annotated[str, typer.Option(help="The account.")] = "sample",
    as_json: Json = False,
) -> None:
    """End a working order."""
    narrator = _narrator(as_json=as_json)
    done = _core().cancel(account, order)
    if as_json:
        narrator.document(done)
    else:
        narrator.say(f"Order {order} of account {account} is {done['status']}.")


def limits(
    account: Account = "sample",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A limit to change, NAME=VALUE.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; needed with --set.")] = None,
    as_json: Json = False,
) -> None:
    """Show an account's limits and who changed them, or change some."""
    from deploy.local import control

    narrator, wanted = _narrator(as_json=as_json), control.changes(changes or [], reason)
    core = _core()
    if wanted:
        control.change_limits(core, account, wanted, str(reason), getpass.getuser())
    told = core.limits(account)
    if as_json:
        narrator.document(told)
    else:
        narrator.show(control.limits_table(told))


def state(
    account: Account = "sample",
    wanted: Annotated[str | None, typer.Option("--set", help="active, reducing or halted.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Only this strategy.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; needed with --set.")] = None,
    as_json: Json = False,
) -> None:
    """Show what restricts an account, or restrict it; active lifts every restriction."""
    from deploy.local import control

    narrator = _narrator(as_json=as_json)
    body = control.state_change(account, wanted, strategy, symbol, reason, getpass.getuser())
    core = _core()
    if body:
        core.set_trading_state(body)
    told = core.trading_state(account)
    if as_json:
        narrator.document(told)
    else:
        narrator.show(control.restrictions_table(told))


def cash(
    account: Account,
    sleeve: Annotated[str, typer.Argument(help="A strategy, or manual.")],
    amount: Annotated[str, typer.Argument(help="Negative, after --, to withdraw.")],
    reason: Reason = "trading cash",
    as_json: Json = False,
) -> None:
    """Deposit cash into a sleeve, or withdraw it."""
    narrator = _narrator(as_json=as_json)
    body = {"account": account, "sleeve": sleeve, "amount": amount, "reason": reason}
    done = _core().move_cash(body)
    if as_json:
        narrator.document(done)
    else:
        narrator.say(f"{amount} is booked in sleeve {sleeve} of account {account}.")


def _narrator(*, as_json: bool) -> "Narrator":
    from deploy.local.console import Narrator

    return Narrator(as_json=as_json)


def _core() -> "Core":
    from deploy.local.api import Core

    home, record = running()
    return Core(record.core_url, home.token_file)
