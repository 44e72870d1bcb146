"""The asset `technical`: indicators and their scores of every symbol and session.

Keep out: the formulas (analyses/technical.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from pipelines import restated
from pipelines.analyses import technical as analysis
from pipelines.analyses.adjust import Floats
from pipelines.analyses.named_indicators import NamedIndicator
from pipelines.analyses.panel import COLUMNS, Moments, Panel, panel_of, shard_of
from pipelines.assets import show
from pipelines.assets.partitions import LAKE_POOL, ONE_RUN, SESSIONS, sessions_of
from pipelines.assets.resources import Feed
from pipelines.errors import AnalysisError, LakeError
from pipelines.lake import BEGINNING, Lake, open_lake, versions
from pipelines.panel_store import TIMES, WHOLE, PanelStore
from pipelines.restated import Past, Version
from pipelines.settings import read_settings
from pipelines.sources.base import no_actions
from router.messages import digest

CODE_VERSION = "2"
CUT_CHECK = "cut_data_agrees"
OUTPUT_OF_CHECK = f"technical_{CUT_CHECK}"
"""What Dagster calls the output of a graph that is an asset's check."""

SHARD_TABLE = "technical_shards"
SHARDS = {"shards": dg.Field(dg.Int, default_value=1, description="steps that share the symbols")}


@dg.op(ins={"bars": dg.In(dg.Nothing)}, out=dg.DynamicOut(dg.Nothing), config_schema=SHARDS)
def technical_shards(context: dg.OpExecutionContext) -> Iterator[dg.DynamicOutput[None]]:
    """One step per hash bucket of the symbols; none where there is one bucket."""
    shards = context.op_config["shards"]
    if shards < 1:
        raise AnalysisError(f"{shards} shards: there is at least 1")
    for number in range(shards) if shards > 1 else ():
        yield dg.DynamicOutput(None, mapping_key=f"{number}_of_{shards}")


@dg.op(ins={"shard": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def technical_of_shard(context: dg.OpExecutionContext, feed: Feed) -> None:
    """The rows of one bucket, in a table of the lake that only this run has."""
    number, _, shards = (context.get_mapping_key() or "").partition("_of_")
    sessions = [date.fromisoformat(key) for key in sorted(context.partition_keys)]
    lake, named = open_lake(read_settings().lake_url), feed.open_strategy().indicators
    bucket = (int(number), int(shards))
    frame, agrees = compute(lake, feed.dataset, sessions[0], sessions[-1], named, bucket)
    own = _shard_table(context.run, feed.dataset, int(number))
    lake.write(SHARD_TABLE, own, frame.assign(agrees=agrees), sessions[0], sessions[-1])


@dg.op(
    ins={"shards": dg.In(dg.Nothing)},
    out={"result": dg.Out(dg.Nothing), OUTPUT_OF_CHECK: dg.Out(dg.Nothing)},
    config_schema=SHARDS,
    pool=LAKE_POOL,
)
def technical_table(
    context: dg.AssetExecutionContext, feed: Feed
) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """All rows put together, checked and written."""
    sessions = sessions_of(context)
    context.instance.add_run_tags(context.run.run_id, feed.tags)
    lake, named = open_lake(read_settings().lake_url), feed.open_strategy().indicators
    shards = context.op_execution_context.op_config["shards"]
    if shards == 1:
        frame, agrees = compute(lake, feed.dataset, sessions[0], sessions[-1], named)
    else:
        tables = [_shard_table(context.run, feed.dataset, number) for number in range(shards)]
        frame, agrees = _together(lake, tables, sessions)
    lake.write("technical", table_of(feed.dataset, named), frame, sessions[0], sessions[-1])
    _show(context, frame, sessions, content_of(named))
    yield dg.Output(None, "result")
    rows = int((frame["session"] == pd.Timestamp(sessions[0])).sum())
    yield dg.AssetCheckResult(
        asset_key="technical",
        check_name=CUT_CHECK,
        passed=agrees,
        metadata={"session": sessions[0].isoformat(), "rows": rows},
    )


@dg.graph_asset(
    ins={"bars": dg.AssetIn(dagster_type=dg.Nothing)},
    partitions_def=SESSIONS,
    backfill_policy=ONE_RUN,
    check_specs=[
        dg.AssetCheckSpec(
            CUT_CHECK,
            asset="technical",
            blocking=True,
            description="The first session, computed again without any later bar or action, gives"
            " exactly the same values.",
        )
    ],
    config=dg.ConfigMapping(
        config_schema=SHARDS,
        config_fn=lambda given: {
            name: {"config": {"shards": given["shards"]}}
            for name in ("technical_shards", "technical_table")
        },
    ),
    group_name="daily",
    kinds={"pandas"},
    owners=["team:quant"],
    code_version=CODE_VERSION,
    metadata=show.columns(
        symbol="string: ticker",
        session="date: XNYS session",
        **{name: f"double: {text}" for name, text in analysis.INDICATORS.items()},
        **dict.fromkeys(analysis.SCORES, "double: -1 to 1"),
    ),
)
def technical(bars: Any) -> dict[str, Any]:  # noqa: ANN401 - Dagster's own placeholder of a step
    """Indicators and their scores on prices adjusted as known on each day.

    With more shards than one, the symbols are split by hash into that many steps, which a
    multiprocess or Kubernetes executor runs side by side; the rows are the same.
    """
    table = technical_table(technical_shards(bars).map(technical_of_shard).collect())
    return {"result": table.result, OUTPUT_OF_CHECK: getattr(table, OUTPUT_OF_CHECK)}


def _shard_table(run: dg.DagsterRun, dataset: str, number: int) -> str:
    """The name of a bucket's rows: of this run alone, or of those that it was tried in before."""
    return f"{dataset}-{run.root_run_id or run.run_id}-{number}"


def _together(lake: Lake, tables: list[str], sessions: list[date]) -> tuple[pd.DataFrame, bool]:
    """The rows of all buckets in the order of the table, and whether every check agreed."""
    held = [table for table in tables if lake.years(SHARD_TABLE, table, sessions[-1])]
    parts = [lake.read(SHARD_TABLE, table, sessions[0], sessions[-1]) for table in held]
    for table in held:
        lake.drop(SHARD_TABLE, table)
    if not parts:
        raise LakeError(f"no shard has a bar up to {sessions[-1]}: materialize `bars` first")
    frame = pd.concat(parts).sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    return frame.drop(columns="agrees"), bool(frame["agrees"].all())


def table_of(dataset: str, named: Sequence[NamedIndicator]) -> str:
    """The dataset's table, or that of the indicators that are named beside it."""
    return f"{dataset}-{digest(*(one.identity for one in named))[:8]}" if named else dataset


def content_of(named: Sequence[NamedIndicator]) -> list[str]:
    """The columns that a version of the table is the hash of."""
    others = [column for one in named for column in (one.name, one.score)]
    return ["symbol", "close", *analysis.INDICATORS, *analysis.SCORES, *others]


def compute(
    lake: Lake,
    dataset: str,
    first: date,
    last: date,
    named: Sequence[NamedIndicator] = (),
    shard: tuple[int, int] = WHOLE,
) -> tuple[pd.DataFrame, bool]:
    """The rows of the table from one session to another, of one shard, and if the first agrees.

    Everything is computed from the first bar on, so a row is the same whichever range it is in.
    Where bars or actions were restated, a session rests on those that were known when it was
    decided: right before the next one opened.
    """
    store = PanelStore(lake, dataset, last, shard)
    actions = lake.read("actions", dataset, BEGINNING, last, empty=no_actions())
    panel = store.panel(COLUMNS if named else COLUMNS[1:])
    frame, agrees = _rows(panel, actions, first, named)
    del panel
    frame[list(TIMES)] = store.times(first)
    pasts = [_of_shard(past, shard) for past in restated.pasts(lake, dataset, first, last)]
    for past in pasts:
        then, same = _rows_then(past, named)
        agrees = agrees and (same or first not in past.sessions)
        other = frame["symbol"].isin(past.symbols) & _inside(frame, past.sessions)
        frame = pd.concat([frame[~other], then], ignore_index=True)
    if pasts:
        frame = frame.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    return frame, agrees


def _of_shard(past: Past, shard: tuple[int, int]) -> Past:
    """What of it belongs to a hash bucket."""
    number, shards = shard
    symbols = tuple(name for name in past.symbols if shard_of(name, shards) == number)
    bars = past.rows.bars[past.rows.bars["symbol"].isin(symbols)].reset_index(drop=True)
    return Past(past.sessions, symbols, Version(bars, past.rows.actions))


def _rows_then(past: Past, named: Sequence[NamedIndicator]) -> tuple[pd.DataFrame, bool]:
    """The rows of a past's sessions and symbols, and if its first session agrees."""
    bars, first = past.rows.bars, past.sessions[0]
    frame, agrees = _rows(panel_of(bars), past.rows.actions, first, named)
    latest = bars.groupby("symbol")[list(TIMES)].cummax()
    since = (bars["session"] >= pd.Timestamp(first)).to_numpy()
    frame[list(TIMES)] = latest[since].reset_index(drop=True)
    return frame[_inside(frame, past.sessions)], agrees


def _inside(frame: pd.DataFrame, sessions: Sequence[date]) -> pd.Series:
    return frame["session"].between(pd.Timestamp(sessions[0]), pd.Timestamp(sessions[-1]))


def _rows(
    panel: Panel, actions: pd.DataFrame, first: date, named: Sequence[NamedIndicator]
) -> tuple[pd.DataFrame, bool]:
    """The rows of a panel from a session on, without their times, and if that session agrees."""
    since = np.datetime64(first)
    columns = analysis.columns_of(panel, actions, since, named)
    kept = np.flatnonzero(panel.sessions >= since)
    sessions = panel.sessions[kept]
    keys: dict[str, Any] = {
        "symbol": panel.names(kept),
        "session": sessions,
        "close": panel.columns["close"][kept],
    }
    agrees = _agrees(panel, actions, sessions, columns, since, named)
    return pd.DataFrame({**keys, **columns}).astype({"symbol": "str"}), agrees


def _agrees(
    panel: Panel,
    actions: pd.DataFrame,
    sessions: Moments,
    columns: Mapping[str, Floats],
    first: np.datetime64,
    named: Sequence[NamedIndicator],
) -> bool:
    """Whether the first session is what its own data alone give; block by block, to save memory.

    Where nothing came after it there is nothing to leave out. Indicators by name are somebody
    else's, whose sums may be added up in another order: they agree to nine digits.
    """
    at = sessions == first
    later = bool((panel.sessions > first).any())
    known = actions[actions["session"] <= pd.Timestamp(first)]
    cuts = (block.until(first) for block in panel.blocks() if later)
    parts = [analysis.columns_of(cut, known, first, named) for cut in cuts]
    exact = {*analysis.INDICATORS, *analysis.SCORES}
    return all(
        np.allclose(
            column[at],
            np.concatenate([part[name] for part in parts]),
            rtol=0 if name in exact else 1e-9,
            atol=0 if name in exact else 1e-9,
            equal_nan=True,
        )
        for name, column in columns.items()
        if later
    )


def _show(
    context: dg.AssetExecutionContext,
    frame: pd.DataFrame,
    sessions: list[date],
    content: Sequence[str],
) -> None:
    rows, hashes = show.rows_per_session(frame, sessions), versions(frame, content)
    show.per_session(
        context,
        {
            session: {
                "dagster/partition_row_count": rows[session],
                "version": hashes.get(session, "no rows"),
            }
            for session in sessions
        },
    )
    shown = frame[frame["session"] == frame["session"].max()]
    context.add_asset_metadata(
        {"preview": show.table(shown.drop(columns=["event_time", "known_at"]))},
        partition_key=sessions[-1].isoformat(),
    )
