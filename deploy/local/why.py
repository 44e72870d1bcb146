"""`trading why`: which fill is meant, and the answer as a tree.

Belongs here: checking the id, and pure rendering of what the trading core says led to a fill.
Keep out: asking for it, and printing.
"""

import re
from collections.abc import Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from deploy.local.errors import BadInputError

FILL_ID = re.compile(r"[0-9a-f]{6,32}\Z")
LONG_DECIMAL = re.compile(r"-?\d+\.\d+\Z")
FILL = ("fill_id", "side", "quantity", "symbol", "price")
ORDER = ("order_id", "type", "side", "quantity", "symbol")
SIGNAL = ("strategy", "symbol", "session", "score")
IN_ORIGIN = {"run_id", "input_versions", "models", "articles"}
STEPS = (
    "method",
    "reason",
    "score",
    "held",
    "weight_of_score",
    "volatility",
    "weight_of_volatility",
    "sector",
    "sector_factor",
    "gross_factor",
    "weight",
    "price",
    "target",
    "cash_factor",
)
"""Of the shipped sizing method, as one follows from the other; another method's come after."""

REPEATED = {
    "order_id", "signal_id", "account", "sleeve", "kind", "reasons", "provenance", "contributions",
}  # fmt: skip
"""Said elsewhere in the tree."""


def fill_id(text: str) -> str:
    """The id, or its first characters, as the trading core writes them; or BadInputError."""
    found = text.strip().lower()
    if not FILL_ID.match(found):
        raise BadInputError(
            f"The fill id is {text!r} and must be 6 to 32 characters of 0-9 and a-f."
        )
    return found


def render(answer: Mapping[str, Any], dagster_url: str) -> Tree:
    """Fill, order, checks with their numbers, sizing, signal with its reasons, and its origin.

    The links hang side by side, so that an address fits into 80 columns.
    """
    fill, order, signal = answer["fill"], answer["order"], answer.get("signal")
    root = Tree(_title("Fill", _words(fill, FILL)))
    account = f"{fill.get('account')}, sleeve {fill.get('sleeve')}"
    root.add(Text("account: ", style="dim").append(account, style="none"))
    _rows(root, fill, {*FILL, *REPEATED})
    _rows(root.add(_title("Order", _words(order, ORDER))), order, {*ORDER, *REPEATED})
    _checks(root, answer.get("checks") or [])
    if answer.get("sizing"):
        _rows(root.add(_title("Sizing", "")), _step_by_step(answer["sizing"]), set())
    if signal:
        _signal(root, signal)
        _origin(root, answer.get("provenance") or signal.get("provenance") or {}, dagster_url)
    else:
        root.add(_title("Signal", "none: a person or another program sent this order"))
    return root


def _step_by_step(sizing: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: sizing[name] for name in STEPS if name in sizing}
    return known | dict(sizing)


def _checks(root: Tree, checks: list[Mapping[str, Any]]) -> None:
    """One line for each with numbers; the others, which have nothing to tell, by name."""
    under = root.add(_title("Checks", f"({len(checks)})"))
    silent: dict[str, list[str]] = {}
    for each in checks:
        numbers, outcome = _plain(each.get("numbers") or {}), str(each["outcome"])
        if numbers or outcome == "failed":
            line = Text(f"{each['code']} {outcome}")
            under.add(line.append(f"  {numbers}" if numbers else "", style="dim"))
        else:
            silent.setdefault(outcome.replace("_", " "), []).append(str(each["code"]))
    for outcome, codes in silent.items():
        under.add(Text(f"{outcome}: ").append(", ".join(codes), style="dim"))


def _signal(root: Tree, signal: Mapping[str, Any]) -> None:
    under = root.add(_title("Signal", _words(signal, SIGNAL)))
    for reason in signal.get("reasons") or []:
        under.add(Text(str(reason)))
    for each in signal.get("contributions") or []:
        figures = f"{_signed(each['part'])}, without it the score is {_plain(each['without'])}"
        analysis = under.add(Text(f"{each['analysis']}: ", style="bold").append(figures, "none"))
        for reason in each.get("reasons") or []:
            analysis.add(Text(str(reason)))
    under.add(Text("signal_id: ", style="dim").append(str(signal.get("signal_id")), style="none"))
    _rows(under, signal, {*SIGNAL, *REPEATED})


def _origin(root: Tree, origin: Mapping[str, Any], dagster_url: str) -> None:
    if not origin:
        return
    under = root.add(_title("Run", f"{dagster_url}/runs/{origin.get('run_id')}"))
    _rows(under, origin, IN_ORIGIN)
    for table, version in (origin.get("input_versions") or {}).items():
        under.add(Text(f"input {table}: ", style="dim").append(str(version), style="none"))
    for analysis, version in (origin.get("models") or {}).items():
        under.add(Text(f"model of {analysis}: ", style="dim").append(str(version), style="none"))
    for each in origin.get("articles") or []:
        words = f"{each['article_id']}, content {each['content_hash']}"
        under.add(Text("article ", style="dim").append(words, style="none"))


def _rows(branch: Tree, values: Mapping[str, Any], hidden: set[str]) -> None:
    """The other fields, one line each, without what is empty."""
    for name, value in values.items():
        if name not in hidden and value is not False and value not in (None, "", [], {}):
            branch.add(Text(f"{name}: ", style="dim").append(_plain(value), style="none"))


def _signed(value: object) -> str:
    text = _plain(value)
    return text if text.startswith("-") else f"+{text}"


def _title(kind: str, words: str) -> Text:
    return Text(kind, style="bold").append(f" {words}" if words else "", style="none")


def _words(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(_plain(values[name]) for name in names if values.get(name) is not None)


def _plain(value: object) -> str:
    """Decimals without the zeros that only fill the column's scale."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value)
    text = str(value)
    return text.rstrip("0").rstrip(".") if LONG_DECIMAL.match(text) else text
