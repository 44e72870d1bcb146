"""The table that the benchmarks print: a figure beside its goal, and how far it is from it.

Keep out: measuring anything.
"""

import sys


def heading(text: str) -> None:
    """Begin a part of the table."""
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()


def say(what: str, figure: str, goal: str = "") -> None:
    """A line without a verdict."""
    sys.stdout.write(f"  {what:<66} {figure:>14}  {goal}\n")
    sys.stdout.flush()


def at_least(what: str, figure: float, goal: float, unit: str) -> None:
    """A figure that should be no smaller than its goal."""
    _judged(what, figure, goal, unit, figure / goal, "at least")


def at_most(what: str, figure: float, goal: float, unit: str) -> None:
    """A figure that should be no larger than its goal."""
    _judged(what, figure, goal, unit, goal / figure if figure > 0 else float("inf"), "at most")


def _judged(what: str, figure: float, goal: float, unit: str, ratio: float, bound: str) -> None:
    verdict = "pass" if ratio >= 1 else "MISSED"
    goal_text = f"goal: {bound} {_number(goal)} {unit}"
    say(what, f"{_number(figure)} {unit}", f"{goal_text:<32} {ratio:>6.2f}x  {verdict}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
