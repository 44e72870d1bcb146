"""Talking to people: sentences, and progress on anything over a second.

Belongs here: the difference between a terminal and a pipe, and between text and JSON.
Keep out: what is said.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType

PLAIN_INTERVAL_S = 5.0

Show = Callable[[str, float | None], None]


class Narrator:
    """Sentences go to stdout; with `as_json` stdout is left to the one JSON document."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        file = sys.stderr if as_json else sys.stdout
        self._console = Console(file=file, highlight=False, soft_wrap=not file.isatty())

    def say(self, sentence: str) -> None:
        """One sentence; long ones are wrapped by the terminal only."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """A table, tree or summary, at least 80 columns wide where nobody tells the width."""
        self._console.print(renderable, soft_wrap=False)

    def document(self, value: object) -> None:
        """The one JSON document of this command."""
        sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")

    @contextmanager
    def working(self, title: str) -> Iterator[Show]:
        """Progress: a bar on a terminal, a plain line now and then elsewhere."""
        if not self._console.is_terminal:
            yield _plain(title, self.say)
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20)]
        with Progress(
            *columns, TimeElapsedColumn(), console=self._console, transient=True
        ) as progress:
            task = progress.add_task(title, total=None)

            def show(text: str, share: float | None) -> None:
                total, done = (None, 0.0) if share is None else (1.0, share)
                progress.update(task, description=f"{title}: {text}", total=total, completed=done)

            yield show


def _plain(title: str, say: Callable[[str], None]) -> Show:
    """Says something new at most every few seconds."""
    say(f"{title} ...")
    last_said_s, last_text = time.monotonic(), ""

    def show(text: str, share: float | None) -> None:
        nonlocal last_said_s, last_text
        now = time.monotonic()
        if text != last_text and now - last_said_s >= PLAIN_INTERVAL_S:
            last_said_s, last_text = now, text
            say(f"{title}: {text}" + ("" if share is None else f" ({share:.0%})"))

    return show
