"""What `trading run` is asked to do, checked before anything starts.

Belongs here: the request, its defaults, and one sentence for each way it can be wrong.
Keep out: doing it (runs.py), and what a source accepts (pipelines).
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from execution.domain.config import Sizing
    from pipelines.sources import History, Source
    from pipelines.strategies.opened import Opened

DEFAULT_SOURCE = "sample"
DEFAULT_FROM = "2012-01-01"
DEFAULT_TO = "2012-12-31"
READS_A_PATH = "files"


@dataclass(frozen=True)
class Asked:
    """The words of the command line."""

    source: str = DEFAULT_SOURCE
    path: str | None = None
    start: str = DEFAULT_FROM
    end: str = DEFAULT_TO
    symbols: str | None = None
    account: str | None = None
    strategy: str | None = None


@dataclass(frozen=True)
class Request:
    """A range of sessions of a source for a replay account.

    `dataset` names the source's tables in the lake, and `known_sessions` are those that the
    source has good bars for, sorted: an account is fed along them.
    """

    source: str
    path: str
    symbols: tuple[str, ...]
    account: str
    chosen_strategy: str
    """A settings file, or the name of a strategy that comes with the system."""

    strategy: str
    first_session: date
    last_session: date
    sessions: int
    dataset: str
    known_sessions: tuple[date, ...]
    sizing: "Sizing | None" = None
    """What the strategy's file says of it, for an account that is opened."""

    weighs_news: bool = False
    asked_for: bool = True
    """Whether a person named the strategy; else an account that is there goes on with its own."""


def check(asked: Asked) -> Request:
    """The request, or BadInputError with the value that is wrong."""
    start, end = day("--from", asked.start), day("--to", asked.end)
    chosen = _chosen(asked)
    strategy = open_chosen(chosen)
    account = _account(asked.account or (strategy.name if asked.strategy else asked.source))
    path = _absolute(asked.path)
    symbols = _symbols(asked.symbols) or strategy.settings.symbols
    source = _read(asked.source, path, symbols)
    sessions = _sessions(source, symbols, start, end)
    return Request(
        source=asked.source,
        path=path,
        symbols=symbols,
        account=account,
        chosen_strategy=chosen,
        strategy=strategy.name,
        first_session=sessions[0],
        last_session=sessions[-1],
        sessions=len(sessions),
        dataset=source.dataset,
        known_sessions=_known_sessions(source.read),
        sizing=strategy.sizing,
        weighs_news=strategy.weighs_news,
        asked_for=asked.strategy is not None,
    )


def with_shipped(request: Request, name: str) -> Request:
    """The same request with another strategy that comes with the system."""
    weighs = open_chosen(name).weighs_news
    return replace(request, chosen_strategy=name, strategy=name, weighs_news=weighs)


def day(option: str, text: str) -> date:
    """What an option says as a day; raises BadInputError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(
            f"{option} is {text!r} and must be a day such as 2012-01-31."
        ) from error


def _absolute(path: str | None) -> str:
    return str(Path(path).expanduser().absolute()) if path else ""


def _chosen(asked: Asked) -> str:
    """A shipped name as it is, a path from anywhere; what the source has where nobody chose."""
    from pipelines.strategy_file import SHIPPED, default_strategy

    if asked.strategy is None:
        return default_strategy(asked.source)
    return asked.strategy if asked.strategy in SHIPPED else _absolute(asked.strategy)


def open_chosen(chosen: str) -> "Opened":
    """The strategy of a shipped name or settings file; raises BadInputError."""
    from pipelines.errors import PipelineError
    from pipelines.strategy_file import open_strategy

    try:
        return open_strategy(chosen)
    except PipelineError as error:
        raise BadInputError(str(error)) from error


@dataclass(frozen=True)
class _Read:
    """A source whose history was read: reading a large file twice takes seconds."""

    name: str
    dataset: str
    read: "History"

    def history(self, symbols: "Sequence[str] | None" = None) -> "History":  # noqa: ARG002 - chosen
        return self.read


def _read(name: str, path: str, symbols: tuple[str, ...]) -> _Read:
    from pipelines.errors import PipelineError
    from pipelines.sources import open_source
    from pipelines.sources.base import dataset_of

    try:
        source = open_source(name, path)
        if path and name != READS_A_PATH:
            raise BadInputError(
                f"--path is {path} and the source {name} reads no file: add --source files."
            )
        dataset = dataset_of(source.dataset, symbols)
        return _Read(source.name, dataset, source.history(symbols or None))
    except PipelineError as error:
        raise BadInputError(str(error)) from error


def _sessions(source: "Source", symbols: tuple[str, ...], start: date, end: date) -> list[date]:
    from pipelines.errors import PipelineError
    from pipelines.request import check_request

    try:
        return check_request(source, symbols or None, start, end)
    except PipelineError as error:
        raise BadInputError(str(error)) from error


def _known_sessions(history: "History") -> tuple[date, ...]:
    from pipelines.request import good_sessions

    return tuple(good_sessions(history))


def _symbols(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    found = tuple(dict.fromkeys(each.strip().upper() for each in text.split(",") if each.strip()))
    if not found:
        raise BadInputError(f"--symbols is {text!r} and names no symbol.")
    return found


def _account(name: str) -> str:
    from router import subjects

    try:
        subjects.account_inputs(name)
    except subjects.InvalidTokenError as error:
        raise BadInputError(
            f"--account is {name!r} and must be 1 to 32 characters of a-z, 0-9, _ and -."
        ) from error
    return name
