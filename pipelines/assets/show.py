"""What a person sees of a materialization: small tables, a plot, counts per partition.

Belongs here: frames to Dagster metadata. Keep out: computing anything new.
"""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # at run time only where something is drawn

MARKUP = re.compile(r"([\\`*_{}\[\]!#~])")
PREVIEW_ROWS = 10
REVISED = "revised"
"""The entry that says which sessions a run changed besides its own; `late_data` looks for it."""

PLOT_SYMBOLS = 8
"""Up to so many symbols get a line each; more are shown as a band."""


def table(frame: pd.DataFrame, rows: int = PREVIEW_ROWS) -> dg.MetadataValue[Any]:
    """The first rows as a Markdown table."""
    shown = frame.head(rows)
    lines = [list(map(str, shown.columns)), ["---"] * len(shown.columns)]
    lines += [[_cell(value) for value in row] for row in shown.itertuples(index=False, name=None)]
    more = f"\n\n{len(frame) - rows} more rows" if len(frame) > rows else ""
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines) + more)


def plain(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The frame with texts of strangers in these columns made harmless: no markup, no links."""
    return frame.assign(**{name: frame[name].map(_escaped).astype("str") for name in names})


def revised(dataset: str, first: date, sessions: Sequence[date]) -> dict[str, Any]:
    """That entry: the rows of `dataset` changed from session `first` on, and the run's own."""
    span = {"first": first, "start": sessions[0], "end": sessions[-1]}
    told = {"dataset": dataset} | {name: day.isoformat() for name, day in span.items()}
    return {REVISED: dg.MetadataValue.json(told)}


def columns(**descriptions: str) -> dict[str, dg.TableSchema]:
    """A column schema for an asset's definition: `name="type: what it is"`."""
    split = {name: text.partition(": ") for name, text in descriptions.items()}
    return {
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, kind, about) for name, (kind, _, about) in split.items()]
        )
    }


def per_session(
    context: dg.AssetExecutionContext, metadata: Mapping[date, Mapping[str, Any]]
) -> None:
    """Attach metadata to single partitions of the running asset."""
    for session, values in metadata.items():
        context.add_asset_metadata(values, partition_key=session.isoformat())


def rows_per_session(frame: pd.DataFrame, sessions: Sequence[date]) -> dict[date, int]:
    """How many rows each session has, 0 included."""
    counts = frame.groupby("session").size()
    return {session: int(counts.get(pd.Timestamp(session), 0)) for session in sessions}


def score_plot(signals: pd.DataFrame) -> dg.MetadataValue[Any]:
    """Scores over time: a line per symbol, or the spread of many symbols; a PNG of a few kB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.4), dpi=80, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    scores = signals.pivot(index="session", columns="symbol", values="score")
    if scores.shape[1] <= PLOT_SYMBOLS:
        for symbol in scores.columns:
            axes.plot(scores.index, scores[symbol], linewidth=0.9, label=str(symbol))
        axes.legend(loc="upper left", fontsize=6, ncols=4)
    else:
        low, middle, high = np.nanquantile(scores.to_numpy(), [0.1, 0.5, 0.9], axis=1)
        axes.fill_between(scores.index, low, high, alpha=0.3, label="10 % to 90 % of symbols")
        axes.plot(scores.index, middle, linewidth=1, label="median")
        axes.legend(loc="upper left", fontsize=6)
    axes.set_ylim(-1.05, 1.05)
    axes.set_ylabel("score")
    axes.tick_params(labelsize=6)
    return picture(figure, "scores")


def picture(figure: "Figure", name: str) -> dg.MetadataValue[Any]:
    """A figure as a PNG within Markdown; `name` is told where pictures are not shown."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return dg.MetadataValue.md(
        f"![{name}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
    )


def _escaped(text: str) -> str:
    inert = MARKUP.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
    return inert.replace("://", ": //").replace("www.", "www .")


def _cell(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).replace("|", "/")
