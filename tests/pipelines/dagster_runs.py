"""Runs of the real definitions on an instance in memory.

Belongs here: starting runs over partitions and reading their events. Keep out: assertions.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from pipelines.definitions import defs

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

COMPUTED = ("bars", "technical", "signals")


def run(
    start: str,
    end: str | None = None,
    assets: Sequence[str] = COMPUTED,
    tags: dict[str, str] | None = None,
    raises: bool = True,
    clock: str = "",
    news: dict[str, Any] | None = None,
    **feed: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize assets over one session, or over a range when `end` is given.

    By the strategy `technical`, unless another is named.
    """
    chosen = {
        "feed": {"strategy": "technical", **feed},
        "clock": {"fixed": clock},
        "news": news or {},
    }
    config = {name: {"config": values} for name, values in chosen.items()}
    spans = {RANGE_START: start, RANGE_END: end} if end else {}
    with in_memory() as instance:
        return dg.materialize(
            list(defs.assets or []),
            selection=list(assets),
            partition_key=None if end else start,
            instance=instance,
            resources=dict(defs.resources or {}),
            run_config={"resources": config},
            tags={**spans, **(tags or {})},
            raise_on_error=raises,
        )


@contextmanager
def in_memory() -> Iterator[dg.DagsterInstance]:
    """An instance that leaves nothing behind."""
    with TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral(folder) as instance:
        yield instance


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dict[str, Any]]:
    """Partition to metadata values of one asset's materializations."""
    return {
        str(event.partition): {name: entry.value for name, entry in event.metadata.items()}
        for event in result.asset_materializations_for_node(asset)
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Check name to its evaluation."""
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def failure(result: dg.ExecuteInProcessResult, asset: str) -> str:
    """What the failed step of an asset says, on one line."""
    return " ".join(str(result.failure_data_for_node(asset)).split())
