"""Pictures of how good scores are: their correlations, and one score in four views.

Belongs here: tables of figures to pictures. Keep out: computing anything new.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd

from pipelines.assets import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_HORIZON = 5
"""Of the calibration: longer than a day's noise, and soon known."""

SHADES = 0.2
"""A correlation of so much, up or down, has the full colour."""

FEW = 20
"""A mean of fewer opinions says little and is drawn pale."""

SHARES = {
    "coverage": "coverage",
    "hit_rate": "hits",
    "up_rate": "gains",
    "persistence": "persistence",
    "change": "change",
}
RATES = {"coverage", "hit_rate", "up_rate"}

BLUE, ORANGE, GREY = "#2a6fb0", "#d9822b", "#8a8a8a"
SMALL = 7


def correlations(figures: pd.DataFrame) -> dg.MetadataValue[Any]:
    """One session's figures: a row per score, with a column per horizon and the shares beside it.

    A star: the 95 % interval leaves out 0. In brackets: pooled, where sessions have few symbols. A
    dagger: contaminated.
    """
    keys = figures[["analysis", "version"]].drop_duplicates()
    labels = _labels(figures[figures["horizon"] == figures["horizon"].min()])
    figure = _figure(9.4, 1.1 + 0.25 * len(labels))
    left, right = figure.subplots(1, 2, width_ratios=[5, 4])
    _matrix(left, figures.set_index(["analysis", "version", "horizon"]), keys)
    left.set_yticks(range(len(labels)), labels, fontsize=SMALL)
    left.set_title("rank correlation with the return held", fontsize=8)
    _shares(right, figures[figures["horizon"] == SHOWN_HORIZON])
    right.set_title(f"opinions; hits and gains of {_sessions(SHOWN_HORIZON)}", fontsize=8)
    for axes in (left, right):
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.supxlabel(
        "* 95 % interval without 0    ( ) all pairs pooled, too few symbols per session"
        "    \u2020 contaminated: the model may have learnt from these texts",
        fontsize=6,
    )
    return show.picture(figure, "correlations")


def _labels(figures: pd.DataFrame) -> list[str]:
    """A name per score; with its version where there are several, and whether it proves nothing."""
    several = figures["analysis"].duplicated(keep=False)
    names = np.where(several, figures["analysis"] + " " + figures["version"], figures["analysis"])
    marks = np.where(figures["contaminated"], " \u2020", "")
    return [f"{name}{mark}" for name, mark in zip(names, marks, strict=True)]


def _matrix(axes: "Axes", cells: pd.DataFrame, keys: pd.DataFrame) -> None:
    horizons = sorted(cells.index.unique("horizon").tolist())
    values = np.full((len(keys), len(horizons)), np.nan)
    for row, key in enumerate(keys.itertuples(index=False, name=None)):
        for column, horizon in enumerate(horizons):
            value, text = _cell(cells.loc[(*key, horizon)])
            values[row, column] = value
            _write(axes, column, row, text, "white" if abs(value) > 0.7 * SHADES else "black")
    axes.imshow(values, cmap="RdBu", vmin=-SHADES, vmax=SHADES, aspect="auto")
    axes.set_xticks(range(len(horizons)), [_sessions(each) for each in horizons], fontsize=SMALL)


def _shares(axes: "Axes", figures: pd.DataFrame) -> None:
    """Shares as a table of texts, of which none is good or bad by itself: no colours."""
    for column, name in enumerate(SHARES):
        for row, value in enumerate(figures[name]):
            text = (
                ""
                if np.isnan(value)
                else f"{100 * value:.0f} %"
                if name in RATES
                else f"{value:.2f}"
            )
            _write(axes, column, row, text, "black")
    axes.set_xlim(-0.5, len(SHARES) - 0.5)
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.set_xticks(range(len(SHARES)), SHARES.values(), fontsize=SMALL)
    axes.set_yticks([])


def _write(axes: "Axes", column: int, row: int, text: str, colour: str) -> None:
    axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=colour)


def one_score(history: pd.DataFrame, bins: pd.DataFrame, analysis: str) -> dg.MetadataValue[Any]:
    """One score: its correlation by horizon and over time, and its calibration.

    `history` are the figures of a range of sessions, of which the last is shown by horizon; `bins`
    are those of the last session. Of several versions the latest row's is shown.
    """
    own = history[history["analysis"] == analysis]
    last = own[own["session"] == own["session"].max()]
    version = last["version"].iloc[-1]
    last = last[last["version"] == version]
    of_bins = bins[(bins["analysis"] == analysis) & (bins["version"] == version)]
    of_bins = of_bins[of_bins["horizon"] == SHOWN_HORIZON]
    figure = _figure(8.6, 5.2)
    panels = figure.subplots(2, 2)
    _by_horizon(panels[0, 0], last)
    _over_time(panels[0, 1], own[own["version"] == version])
    _bars(panels[1, 0], of_bins, 100 * of_bins["mean_return"], "mean return, %")
    _bars(panels[1, 1], of_bins, 100 * of_bins["up_rate"], "share of gains, %", middle=50)
    when = last["session"].iloc[0]
    title = f"{analysis} {version}, as known after {when:%Y-%m-%d}"
    title += " (contaminated)" if last["contaminated"].any() else ""
    figure.suptitle(title, fontsize=9)
    return show.picture(figure, analysis)


def _by_horizon(axes: "Axes", last: pd.DataFrame) -> None:
    places = np.arange(len(last))
    value = last["ic"].to_numpy()
    away = np.abs(last[["ic_low", "ic_high"]].to_numpy().T - value)
    axes.errorbar(
        places, value, away, fmt="o", capsize=3, color=BLUE, label="the whole horizon, 95 %"
    )
    axes.plot(
        places, last["day_ic"], "s--", color=ORANGE, markersize=4, label="its last session alone"
    )
    axes.set_xticks(places, [_sessions(each) for each in last["horizon"]])
    _finish(axes, "rank correlation with the return of", zero=0)
    axes.legend(fontsize=6, frameon=False)


def _over_time(axes: "Axes", own: pd.DataFrame) -> None:
    shown = own[own["horizon"] == SHOWN_HORIZON].sort_values("session")
    shown = shown[shown["ic_low"].notna()]
    days = shown["session"].to_numpy()
    axes.fill_between(days, shown["ic_low"], shown["ic_high"], alpha=0.2, color=BLUE, linewidth=0)
    axes.plot(days, shown["ic"], color=BLUE, marker="." if len(shown) < FEW else "", linewidth=1)
    _finish(axes, f"the same of {_sessions(SHOWN_HORIZON)}, over the year before each day", zero=0)
    axes.tick_params(axis="x", rotation=30)
    _nothing(axes, shown)


def _bars(
    axes: "Axes", bins: pd.DataFrame, values: pd.Series, name: str, middle: float = 0
) -> None:
    """A bar per score bin from `middle`, with how many opinions it is of."""
    centres = (bins["low"] + bins["high"]) / 2
    colours = np.where(values >= middle, BLUE, ORANGE)
    shades = np.where(bins["count"] < FEW, 0.25, 1.0)
    for at, value, colour, shade in zip(centres, values, colours, shades, strict=True):
        axes.bar(at, value - middle, 0.17, bottom=middle, color=colour, alpha=shade)
    for at, value, count in zip(centres, values, bins["count"], strict=True):
        place = "bottom" if value >= middle else "top"
        axes.annotate(f"{count:,}", (at, value), ha="center", va=place, fontsize=6, color=GREY)
    axes.set_xlim(-1.05, 1.05)
    axes.margins(y=0.15)
    axes.set_xlabel("score (grey: opinions in each bin)", fontsize=SMALL)
    _finish(axes, f"{name}, of {_sessions(SHOWN_HORIZON)} after each score", zero=middle)
    _nothing(axes, bins)


def _nothing(axes: "Axes", shown: pd.DataFrame) -> None:
    """Say so where there is nothing to draw yet."""
    if shown.empty:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(
            0.5, 0.6, "too few sessions so far",
            ha="center", va="center", transform=axes.transAxes, fontsize=8, color=GREY,
        )  # fmt: skip


def _finish(axes: "Axes", title: str, zero: float) -> None:
    axes.axhline(zero, color=GREY, linewidth=0.7, zorder=0)
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=SMALL)
    axes.spines[["top", "right"]].set_visible(False)


def _cell(row: pd.Series) -> tuple[float, str]:
    """A cell's colour and text."""
    pooled = np.isnan(row["ic_low"]) and not np.isnan(row["pooled_low"])
    names: Sequence[str] = ("pooled_ic", "pooled_low", "pooled_high")
    value, low, high = (row[name] for name in (names if pooled else ("ic", "ic_low", "ic_high")))
    if np.isnan(value):
        return value, ""
    star = "*" if low > 0 or high < 0 else ""
    return value, f"({value:+.3f}){star}" if pooled else f"{value:+.3f}{star}"


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
