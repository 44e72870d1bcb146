"""Strategies for tests, made of a few settings.

Keep out: assertions, and frames (frames.py).
"""

from typing import Any

from pipelines.strategies.opened import Opened
from pipelines.strategies.strategy import Settings
from pipelines.strategies.weighted_sum import WeightedSum

WEIGHTS = {"rsi_score": 0.25, "macd_score": 0.5, "bollinger_score": 0.25}
COMMON = {"symbols", "horizon", "decay", "indicators", "sizing"}


def weighted(
    weights: dict[str, float] | None = None,
    threshold: float = 0.1,
    name: str = "mine",
    version: str = "1",
    **more: Any,
) -> Opened:
    """A weighted sum, of the shipped technical weights unless others are given."""
    common = {key: value for key, value in more.items() if key in COMMON}
    options = {key: value for key, value in more.items() if key not in COMMON}
    options |= {"weights": WEIGHTS if weights is None else weights, "threshold": threshold}
    settings = Settings(name, version, options, **common)
    return Opened(settings, WeightedSum(settings))
