"""What a run came to, for a terminal of 80 columns.

Belongs here: pure rendering of a report with rich.
Keep out: asking anybody for figures, and printing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.local.moves import Moved
from deploy.local.report import Report, Stage
from deploy.local.set_aside import SetAside

BLOCKS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 60
LABEL_WIDTH = 11
MOST_SYMBOLS = 10
MOVED_MEANS = "Decided: without it there had been no such fill. Sized: one of another size."
WHOLE = " (whole account)"
"""Said of figures that are not of the run's range alone."""


def render(report: Report) -> RenderableType:
    """The whole summary."""
    return Group(
        Text(),
        _title(report),
        Text(),
        *_equity(report),
        Text(),
        _positions(report.positions),
        Text(),
        *_counts(report),
        Text(),
        *_moved(report.moved),
        _stages(report.stages, report.seconds),
        Text(),
        *_addresses(report),
    )


def sparkline(values: Sequence[Decimal], width: int = CURVE_WIDTH) -> str:
    """The values as bars of eight heights, thinned to `width` by taking the last of each bucket."""
    if not values:
        return ""
    count = min(width, len(values))
    thinned = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(thinned), max(thinned)
    span = high - low
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[int((each - low) / span * top) if span else 0] for each in thinned)


def counts_line(counts: Mapping[str, int]) -> str:
    """Counts by name, largest first."""
    return ", ".join(f"{name} {count:,}" for name, count in _largest_first(counts)) or "none"


def most_line(counts: Mapping[str, int], most: int = MOST_SYMBOLS) -> str:
    """The largest counts by name, and how many names were left out."""
    shown = _largest_first(counts)[:most]
    left = len(_largest_first(counts)) - len(shown)
    return counts_line(dict(shown)) + (f" and {left:,} more" if left else "")


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    some = [(name, count) for name, count in counts.items() if count]
    return sorted(some, key=lambda item: (-item[1], item[0]))


def money(value: object) -> str:
    """An amount with two decimals and thousands."""
    return f"{Decimal(str(value)):,.2f}"


def _title(report: Report) -> Text:
    account = report.account
    title = Text(f"Account {account['account']}", style="bold")
    days = f"{report.first_session} to {report.last_session}"
    return title.append(f" ({account['mode']}), {days}, {report.sessions} sessions", style="none")


def _equity(report: Report) -> list[RenderableType]:
    values = [Decimal(each["equity"]) for each in report.equity]
    if not values:
        return [_line("Equity", "no session was closed in this range")]
    start, end = Decimal(report.account["capital"]), values[-1]
    change = (end / start - 1) * 100 if start else Decimal(0)
    currency = report.account["currency"]
    figures = f"{money(start)} -> {money(end)} {currency} ({change:+.2f} %)"
    extremes = f"lowest {money(min(values))}, highest {money(max(values))}"
    return [_line("Equity", sparkline(values)), _line("", figures), _line("", extremes)]


def _positions(positions: Sequence[Mapping[str, Any]]) -> RenderableType:
    held = [each for each in positions if Decimal(each["quantity"])]
    if not held:
        return _line("Positions", "none")
    table = _table("Position", "Quantity", "Average", "Mark", "Value", "Unrealised")
    for each in held:
        table.add_row(
            f"{each['symbol']} ({each['sleeve']})",
            f"{Decimal(each['quantity']).normalize():,f}",
            *(_amount(each, name) for name in ("average_price", "mark")),
            *(_amount(each, name) for name in ("market_value", "unrealised")),
        )
    return table


def _counts(report: Report) -> list[RenderableType]:
    """What the range did, and what the whole account did where the core tells no more."""
    account = report.account
    return [
        _line("Signals", counts_line(report.dispositions)),
        _line("Refusals", counts_line(report.refusals)),
        _line("Orders", counts_line(account["orders"]) + WHOLE),
        _line("Fills", f"{report.fills:,}; by symbol: {most_line(account['fills'])}{WHOLE}"),
        *_set_aside(report.set_aside),
    ]


def _moved(found: Sequence[Moved]) -> list[RenderableType]:
    """What each analysis had to do with the fills; nothing where no signal told."""
    if not found:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Analysis")
    table.add_column("Decided", justify="right")
    table.add_column("Sized", justify="right")
    table.add_column("First fills that it decided")
    for each in found:
        named = [f"{fill.symbol} {fill.session} {fill.side}" for fill in each.first]
        named += [f"{each.decided - len(named):,} more"] if each.decided > len(named) else []
        lines = [", ".join(named[at : at + 2]) for at in range(0, len(named), 2)]
        table.add_row(
            each.analysis, f"{each.decided:,}", f"{each.sized:,}", ",\n".join(lines) or "none"
        )
    return [table, Text(MOVED_MEANS, style="dim"), Text()]


def _set_aside(found: SetAside | None) -> list[RenderableType]:
    """Nothing where nothing was."""
    if found is None:
        return [_line("Set aside", "unknown: the lake cannot be read from here")]
    if not found.rows:
        return []
    named: dict[str, list[str]] = {}
    for each in found.named:
        named.setdefault(each.reason, []).append(f"{each.symbol} {each.session}")
    parts = [
        f"{reason} {count:,}" + (f" ({', '.join(named[reason])})" if reason in named else "")
        for reason, count in _largest_first(found.reasons)
    ]
    rows = "1 row" if found.rows == 1 else f"{found.rows:,} rows"
    return [_line("Set aside", f"{rows}: {', '.join(parts)}")]


def _stages(stages: Sequence[Stage], seconds: float) -> RenderableType:
    table = _table("Stage", "Seconds")
    for stage in stages:
        table.add_row(stage.name, "-" if stage.seconds is None else f"{stage.seconds:.1f}")
    table.add_row("in all", f"{seconds:.1f}", style="bold")
    return table


def _addresses(report: Report) -> list[RenderableType]:
    lines = [
        _line("Decisions", str(report.account["decision_hash"])),
        _line("Dagster", f"{report.dagster_url}  (lineage, runs)"),
        _line("This run", report.run_url),
        _line("Core API", f"{report.core_url}  (README: calls with curl)"),
        _line("Token", "trading token"),
    ]
    if report.first_fill:
        lines.append(_line("Why", f"trading why {report.first_fill}  (its first fill)"))
    return lines


def _amount(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "-" if value is None else money(value)


def _line(label: str, text: str) -> RenderableType:
    """A label and its text; long texts wrap below the text, not below the label."""
    grid = Table.grid()
    grid.add_column(width=LABEL_WIDTH, style="bold")
    grid.add_column(overflow="fold")
    grid.add_row(Text(label), Text(text))
    return grid


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
