"""The asset graph as people see it: every asset described, grouped, owned, pooled and tagged."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from pipelines import publishing
from pipelines.assets.partitions import LAKE_POOL, MODEL_POOL, NEWS_POOL
from pipelines.assets.publish import Tally, _send
from pipelines.definitions import defs
from pipelines.feed import Tables
from router.errors import ConnectError, PublishError, StreamDriftError
from tests.pipelines.dagster_runs import in_memory

GRAPH = defs.resolve_asset_graph()
NAMES = sorted(key.to_user_string() for key in GRAPH.get_all_asset_keys())
TABLES = ("articles", "bars", "news_impact", "sentiment", "signals", "technical")


@pytest.mark.parametrize("name", NAMES)
def test_every_asset_is_described_grouped_and_owned(name: str) -> None:
    node = GRAPH.get(dg.AssetKey(name))
    assert node.description
    assert node.group_name == ("intraday" if name.startswith("intraday_") else "daily")
    assert node.owners == ["team:quant"]
    assert node.kinds
    assert node.code_version


@pytest.mark.parametrize("name", [*TABLES, "intraday_bars", "intraday_scores"])
def test_every_table_says_its_columns(name: str) -> None:
    schema = GRAPH.get(dg.AssetKey(name)).metadata["dagster/column_schema"]
    assert all(column.description for column in schema.columns)


def test_slow_news_and_models_hold_up_no_prices() -> None:
    pools = {name: GRAPH.get(dg.AssetKey(name)).pools for name in TABLES}
    assert pools["articles"] == {NEWS_POOL}
    assert pools["sentiment"] == {MODEL_POOL}
    assert pools["bars"] == pools["technical"] == pools["signals"] == {LAKE_POOL}


def test_what_a_live_run_makes_has_to_be_fresh() -> None:
    live = ("bars", "published_signals", "signals", "technical")
    found = [name for name in NAMES if GRAPH.get(dg.AssetKey(name)).freshness_policy]
    assert tuple(found) == live


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ConnectError("away"), dg.RetryRequested),
        (PublishError("s", "1", "no answer", permanent=False), dg.RetryRequested),
        (PublishError("s", "1", "too large", permanent=True), PublishError),
        (StreamDriftError("LIVE", "retention", "limits", "interest"), StreamDriftError),
    ],
)
def test_only_what_can_pass_is_sent_again(
    error: Exception, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(publishing, "send", fail)
    tables = Tables("sample", "blend", *[pd.DataFrame()] * 3, before=None)
    with pytest.raises(raised):
        _send(Tally(), tables, publishing.to_live())


def test_a_run_carries_its_strategy_and_universe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    with in_memory() as instance:
        result = dg.materialize(
            list(defs.assets or []),
            selection=["articles", "bars"],
            partition_key="2012-05-18",
            instance=instance,
            resources=dict(defs.resources or {}),
        )
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["trading/strategy"] == "blend"
    assert run.tags["trading/universe"] == "sample"
    assert run.tags["trading/news"] == "sample"
