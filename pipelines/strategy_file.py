"""Opening a strategy by its settings file, or the shipped one.

Keep out: what a strategy does with them (strategies/, which read no files).
"""

from importlib.resources import files
from pathlib import Path

from pipelines.errors import StrategyError
from pipelines.strategies.technical import TechnicalStrategy, from_toml


def open_strategy(path: str = "") -> TechnicalStrategy:
    """The strategy of a settings file, the shipped one without a path; raises StrategyError."""
    if not path:
        return from_toml(
            files("pipelines.strategies").joinpath("technical.toml").read_text("utf-8")
        )
    try:
        return from_toml(Path(path).read_text("utf-8"))
    except StrategyError as error:
        raise StrategyError(f"{path}: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StrategyError(f"the strategy {path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise StrategyError(f"the strategy {path} is no text in UTF-8: {error.reason}") from error
