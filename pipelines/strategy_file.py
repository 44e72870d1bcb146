"""Opening a strategy: a settings file and the class that it names, wherever that is installed.

Belongs here: reading the file, finding the class by its entry point, and which strategy a source
has where nobody chose. Keep out: what a strategy does (strategies/, which read no files).

    [project.entry-points."trading.strategies"]
    name_in_class = "package.module:ClassThatTakesSettings"
"""

import tomllib
from collections.abc import Callable
from decimal import Decimal
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from execution.domain.config import Sizing
from pipelines.analyses.named_indicators import NamedIndicator
from pipelines.errors import AnalysisError, StrategyError
from pipelines.strategies.opened import Opened
from pipelines.strategies.strategy import Settings, Strategy

GROUP = "trading.strategies"
SHIPPED_CLASS = "weighted_sum"
OWN = "pipelines.strategies"

SHIPPED = ("blend", "technical")
"""Strategies that come with the system, opened by their names."""

WITH_NEWS = "sample"
"""The source of prices whose news comes with the system."""

COMMON = {"name", "version", "class", "symbols", "horizon", "decay", "indicators", "sizing"}
"""What every class's file may say; the rest are options of the class."""


def default_strategy(source: str) -> str:
    """The shipped strategy of a source of prices: `blend` where its news is there as well."""
    return "blend" if source == WITH_NEWS else "technical"


def open_strategy(chosen: str) -> Opened:
    """The strategy of that shipped name, or of the settings file there; raises StrategyError."""
    if chosen in SHIPPED:
        place = files(OWN).joinpath(f"{chosen}.toml")
        return from_toml(place.read_text("utf-8"))
    try:
        return from_toml(Path(chosen).read_text("utf-8"))
    except StrategyError as error:
        raise StrategyError(f"{chosen}: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StrategyError(f"the strategy {chosen} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise StrategyError(f"the strategy {chosen} is no text in UTF-8: {error.reason}") from error


def from_toml(text: str) -> Opened:
    """The strategy that a settings file describes, or StrategyError."""
    try:
        found = tomllib.loads(text)
        named = found.get("indicators", {})
        indicators = tuple(NamedIndicator(name, **table) for name, table in named.items())
        settings = Settings(
            name=found["name"],
            version=_checked("version", found["version"], str),
            options={name: value for name, value in found.items() if name not in COMMON},
            symbols=_checked("symbols", found.get("symbols", []), tuple[str, ...]),
            horizon=_checked("horizon", found.get("horizon", 1), int),
            decay=_checked("decay", found.get("decay", {}), dict[str, float]),
            indicators=indicators,
            sizing=_sizing(text),
        )
    except KeyError as error:
        raise StrategyError(f"the strategy's settings cannot be read: no {error}") from error
    except (tomllib.TOMLDecodeError, AttributeError, TypeError, AnalysisError) as error:
        raise StrategyError(f"the strategy's settings cannot be read: {error}") from error
    return Opened(settings, _made(_class(str(found.get("class", SHIPPED_CLASS))), settings))


def _checked(name: str, value: object, kind: Any) -> Any:  # noqa: ANN401 - a type form
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise StrategyError(f"the strategy's {name} cannot be used: {error}") from error


def _sizing(text: str) -> Sizing | None:
    """The table [sizing], with every figure as it is written: 0.1 is a tenth, and no float."""
    found = tomllib.loads(text, parse_float=Decimal).get("sizing")
    return None if found is None else _checked("table [sizing]", found, Sizing)


def _class(name: str) -> Callable[[Settings], Strategy]:
    """The class of that name; raises StrategyError where there is none, or more than one."""
    entries = list(metadata.entry_points(group=GROUP, name=name))
    if name == SHIPPED_CLASS:  # nobody else's package may stand in for it
        entries = [entry for entry in entries if entry.value.startswith(f"{OWN}.")]
    if not entries:
        known = sorted({entry.name for entry in metadata.entry_points(group=GROUP)})
        raise StrategyError(
            f"there is no class of strategies {name!r}: install its package and restart, or name "
            f"one of {', '.join(known)}"
        )
    if len({entry.value for entry in entries}) > 1:
        places = ", ".join(sorted(entry.value for entry in entries))
        raise StrategyError(f"the class of strategies {name!r} is there more than once: {places}")
    try:
        found: Callable[[Settings], Strategy] = entries[0].load()
    except Exception as error:
        raise _unusable(name, entries[0].value, error) from error
    return found


def _made(kind: Callable[[Settings], Strategy], settings: Settings) -> Strategy:
    try:
        strategy = kind(settings)
    except StrategyError:
        raise
    except Exception as error:
        raise _unusable(settings.name, str(kind), error) from error
    wanted = ("analyses", "reads", "warm_up", "wire_version", "signals")
    missing = next((each for each in wanted if not hasattr(strategy, each)), None)
    if missing is not None:
        raise StrategyError(f"strategy {settings.name}: its class has no {missing}")
    return strategy


def _unusable(name: str, place: str, error: Exception) -> StrategyError:
    return StrategyError(f"{name} ({place}) cannot be used: {type(error).__name__}: {error}")
