"""What `trading status` tells.

Belongs here: gathering the state of a running stack, and rendering it.
Keep out: finding the stack (stackfile.py) and printing.
"""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.local import processes
from deploy.local.api import Core
from deploy.local.control import scope_of
from deploy.local.errors import DeployError, NotRunningError
from deploy.local.home import Home
from deploy.local.stackfile import ChildRecord, StackRecord
from deploy.local.summary import counts_line, money

MOST_RESTRICTIONS = 5
TIMEOUT_S = 3.0
"""A core that does not answer by then is told as not ready: status is for looking at trouble."""


def gather(home: Home, record: StackRecord) -> dict[str, Any]:
    """Everything that there is to say, for a program."""
    core = _core(home, record)
    return {
        "home": str(home.root),
        "phase": record.phase,
        "ready": bool(core and core.is_ready()),
        "supervisor": record.supervisor.pid,
        "addresses": {"dagster": record.dagster_url, "core": record.core_url},
        "ports": record.ports,
        "children": [_child(each) for each in record.children],
        "accounts": _accounts(core) if core else [],
    }


def render(state: Mapping[str, Any]) -> RenderableType:
    """The same for a person."""
    ready = "ready" if state["ready"] else "not ready"
    lines = [
        f"Stack: {state['phase']}, the trading core is {ready}",
        f"State folder: {state['home']} (supervisor {state['supervisor']})",
        f"Dagster:  {state['addresses']['dagster']}",
        f"Core API: {state['addresses']['core']}",
    ]
    accounts = [Text(_account_line(each)) for each in state["accounts"]]
    return Group(*(Text(each) for each in lines), Text(), _table(state["children"]), *accounts)


def _core(home: Home, record: StackRecord) -> Core | None:
    """None before the first start has made the token."""
    try:
        return Core(record.core_url, home.token_file, TIMEOUT_S)
    except NotRunningError:
        return None


def _child(record: ChildRecord) -> dict[str, Any]:
    process = record.process
    return {
        "name": record.name,
        "state": record.state,
        "pid": process.pid if process else None,
        "restarts": record.restarts,
        "memory_mb": round(processes.memory_mb(process.pid), 1) if process else None,
    }


def _accounts(core: Core) -> list[dict[str, Any]]:
    """Empty while the core does not answer: status must work then too."""
    try:
        return [core.account(each["account"]) for each in core.accounts()]
    except DeployError:
        return []


def _table(children: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Child")
    for name in ("State", "Pid", "Restarts", "Memory"):
        table.add_column(name, justify="right")
    for each in children:
        memory = f"{each['memory_mb']:,.0f} MB" if each["memory_mb"] is not None else "-"
        pid = str(each["pid"] or "-")
        table.add_row(each["name"], each["state"], pid, str(each["restarts"]), memory)
    return table


def _account_line(account: Mapping[str, Any]) -> str:
    session = account.get("closed_session") or "no session yet"
    orders = counts_line(account.get("orders") or {})
    equity = f"{money(account['equity'])} {account['currency']}"
    line = (
        f"\nAccount {account['account']} ({account['mode']}): {equity}, {session}; orders: {orders}"
    )
    return "\n  ".join([line, *_held_back(account)])


def _held_back(account: Mapping[str, Any]) -> list[str]:
    """What keeps the account from trading freely, a line each."""
    switch = ["kill switch ENGAGED: every new order is refused"] if account["kill_switch"] else []
    restrictions = account["restrictions"]
    lines = [
        f"{scope_of(each)} {each['state']}: {each['reason']}"
        for each in restrictions[:MOST_RESTRICTIONS]
    ]
    more = len(restrictions) - MOST_RESTRICTIONS
    return [*switch, *lines, *([f"and {more} more: see trading state"] if more > 0 else [])]
