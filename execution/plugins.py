"""Sizing methods that other installed packages bring, found by their entry points.

Belongs here: loading them at start, and one sentence for each that an account names and is not
there. Keep out: what a method does, and what its answer must obey (domain/sizing.py).

    [project.entry-points."trading.sizing"]
    name_in_sizing_method = "package.module:ClassWithoutArguments"
"""

import logging
from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType

from execution.domain.config import AccountConfig
from execution.domain.sizing import METHODS, TARGET_WEIGHTS
from execution.domain.sizing_method import SizingMethod
from execution.errors import PluginError, UnknownMethodError

log = logging.getLogger(__name__)

GROUP = "trading.sizing"


class Plugins:
    """What was found at start; `failures` say by name why a method cannot be used."""

    def __init__(self, failures: Mapping[str, str] = MappingProxyType({})) -> None:
        self.failures = failures

    def require(self, config: AccountConfig) -> None:
        """Raise UnknownMethodError where the account names a method that is not there."""
        for strategy in config.strategies:
            name = config.sizing_of(strategy).method
            if name not in METHODS:
                why = self.failures.get(name, "no installed package brings it")
                raise UnknownMethodError(
                    f"account {config.account} sizes {strategy} by {name!r}, which is not there "
                    f"({why}): install its package and restart, or name one of "
                    f"{', '.join(sorted(METHODS))}"
                )


def load() -> Plugins:
    """Register every method that can be used; one that cannot stops nobody who does not name it."""
    failures: dict[str, str] = {}
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    for name, entries in sorted(found.items()):
        try:
            METHODS[name] = _method(name, entries)
        except Exception as error:  # noqa: BLE001 - a package of somebody else may raise anything
            failures[name] = f"{type(error).__name__}: {error}"
            log.warning("sizing.failed method=%s error=%s", name, failures[name])
        else:
            log.info("sizing.loaded method=%s from=%s", name, entries[0].value)
    return Plugins(failures)


def _method(name: str, entries: list[metadata.EntryPoint]) -> SizingMethod:
    if name == TARGET_WEIGHTS or len(entries) > 1:
        packages = ", ".join(sorted(entry.value for entry in entries))
        raise PluginError(f"the name is taken more than once, by {packages}")
    method: SizingMethod = entries[0].load()()
    if not callable(getattr(method, "size", None)):
        raise PluginError(f"{entries[0].value} has no method size")
    return method
