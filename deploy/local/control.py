"""What the commands that hold trading back ask of the core, and how its answers look.

Belongs here: request bodies from options, and pure rendering.
Keep out: options and prompts (control_cli.py), and the kill switch (kill.py).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.local.api import Core
from deploy.local.errors import BadInputError
from deploy.local.summary import money

WORKING = ("pending_new", "accepted", "partially_filled", "pending_cancel", "unknown")
WORDS = {"true": True, "false": False, "none": None}
"""What a limit may be set to beside numbers and texts."""

WHOLE_NUMBERS = ("_seconds", "_sessions", "_per_second", "_per_minute", "_executions", "_orders")
"""How the names of limits end that count something; the others are decimals."""


def what_flatten_does(core: Core, account: str) -> str:
    """What is held and working now, in one sentence."""
    positions = core.positions(account)
    orders = sum(len(core.orders(account, status)) for status in WORKING)
    value = sum((abs(Decimal(each["market_value"])) for each in positions), Decimal(0))
    return (
        f"This cancels {orders} working orders of account {account} and closes {len(positions)} "
        f"positions worth {money(value)} at market; from then on it only reduces."
    )


def flatten(core: Core, account: str, typed: str, reason: str, by: str) -> dict[str, Any]:
    """Close everything, once it was confirmed; raises BadInputError where it was not."""
    if typed.strip() != f"flatten {account}":
        raise BadInputError(f"Nothing was closed: the confirmation is 'flatten {account}'.")
    body = {"account": account, "confirm": typed.strip(), "reason": reason, "by": by}
    return core.flatten(body)


def flattened(done: Mapping[str, Any]) -> RenderableType:
    """What was sent."""
    if done["status"] != "done":
        return Text("The core has not decided yet: trading status shows when it has.")
    table = _table("Symbol", "Sleeve", "Side", "Quantity", "Order")
    for each in done["closing"]:
        state = each["code"] or each["status"]
        table.add_row(each["symbol"], each["sleeve"], each["side"], each["quantity"], state)
    cancelled, closing = len(done["cancelled"]), len(done["closing"])
    said = Text(f"Cancelled {cancelled} orders, sent {closing} to close positions.")
    return Group(said, table) if closing else said


def changes(words: Sequence[str], reason: str | None) -> dict[str, Any]:
    """The limits to change, from NAME=VALUE; raises BadInputError."""
    if words and not reason:
        raise BadInputError("A change of limits needs --reason TEXT; it is kept with the change.")
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise BadInputError(f"--set takes NAME=VALUE, not {word!r}.")
        found[name.strip()] = _value(name.strip(), value.strip())
    return found


def _value(name: str, text: str) -> object:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if name in {"restricted", "allowed"}:
        return [symbol.strip() for symbol in text.split(",") if symbol.strip()]
    if name.endswith(WHOLE_NUMBERS) and text.isdecimal():
        return int(text)
    return text


def change_limits(
    core: Core, account: str, wanted: Mapping[str, Any], reason: str, by: str
) -> dict[str, Any]:
    """Change them as they are now; whoever was quicker makes this fail."""
    body = {"account": account, "changes": dict(wanted), "reason": reason, "by": by}
    return core.change_limits(body | {"version": core.limits(account)["limits"]["version"]})


def limits_table(told: Mapping[str, Any]) -> RenderableType:
    """Every limit, and who changed them when and why."""
    table = _table("Limit", "Value")
    for name, value in told["limits"].items():
        table.add_row(name, _plain(value))
    history = _table("Version", "At", "By", "Reason")
    for each in told["history"]:
        at = str(each["at"] or "-")[:19]
        history.add_row(str(each["version"]), at, each["changed_by"], each["reason"])
    return Group(table, Text(), history)


def state_change(
    account: str,
    wanted: str | None,
    strategy: str | None,
    symbol: str | None,
    reason: str | None,
    by: str,
) -> dict[str, Any] | None:
    """The request, or None where nothing is to be set; raises BadInputError."""
    if strategy and symbol:
        raise BadInputError("Name a strategy or a symbol, not both.")
    if wanted is None:
        if strategy or symbol or reason:
            raise BadInputError("Say what to set: --set active, reducing or halted.")
        return None
    if not reason:
        raise BadInputError("A trading state needs --reason TEXT; it is kept with it.")
    scope = "strategy" if strategy else "symbol" if symbol else "account"
    name = {"name": strategy or symbol} if strategy or symbol else {}
    body = {"account": account, "scope": scope, "state": wanted, "reason": reason, "by": by}
    return body | name


def restrictions_table(told: Mapping[str, Any]) -> RenderableType:
    """What is restricted, by what and why."""
    if not told["restrictions"]:
        return Text(f"Account {told['account']} trades freely.")
    table = _table("Scope", "State", "Cause", "Reason")
    for each in told["restrictions"]:
        table.add_row(scope_of(each), each["state"], each["cause"], each["reason"])
    return table


def scope_of(restriction: Mapping[str, Any]) -> str:
    """What a restriction is on, in words."""
    return f"{restriction['scope']} {restriction['name']}".strip()


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name)
    return table


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
