"""Draw one column of a study: every seed of a cell, their mean and interval, and the verdict against the reference."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from gnn_dml.results.cells import Cell
from gnn_dml.results.glyphs import drawable
from gnn_dml.results.intervals import t_interval
from gnn_dml.results.names import is_figure, metric_name, scale_of
from gnn_dml.results.plot import BLUE, GREY, INK, JITTER, ORANGE, cell_labels, check_suffix, save_figure
from gnn_dml.results.summary import Summary

VERDICTS = {"different": ORANGE, "equivalent": BLUE, "not settled": GREY, "reference": INK, "": INK}
"""Colours."""

BEYOND = 1.0
"""How far an interval may widen the picture to either side, in widths of what the dots take."""


def plot_dots(summary: Summary, metric: str, path: Path) -> Path:
    """Write `figure_dots` to a file; the suffix (.png, .svg or .pdf) chooses the format.

    Raises:
        UserError: When the suffix is another or the file cannot be written.
    """
    check_suffix(path)
    return save_figure(figure_dots(summary, metric), path)


def figure_dots(summary: Summary, metric: str) -> Figure:
    """A line per cell: a dot per seed, a diamond at the mean, its 95 % interval, and the adjusted verdict in words.

    A dashed line stands at the mean of the reference. An interval that is much wider than the dots is cut at the frame.

    Args:
        summary: Of a study.
        metric: One of its metrics.

    Returns:
        A figure 900 pixels wide that no global state of matplotlib knows of.
    """
    rows = [
        (cell, "reference" if cell is section.reference else _verdict(summary.differences, cell, metric))
        for section in summary.sections
        for cell in section.cells
        if cell.by_seed(metric) or cell.diverged == len(cell)
    ]
    labels = [drawable(label) for label in cell_labels([cell for cell, _ in rows])]
    height = 1.1 + 0.42 * len(rows) + 0.16 * sum(label.count("\n") for label, _ in labels)
    figure = Figure(figsize=(9, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    ends: list[float] = []
    for place, (cell, verdict) in enumerate(rows):
        ends += _draw_cell(axes, place, cell, metric, verdict)
    _frame(axes, [cell for cell, _ in rows], metric, ends)
    if len(summary.sections) == 1 and (reference := summary.sections[0].reference) is not None:
        mean = reference.values(metric).mean()
        if not math.isnan(mean):
            axes.axvline(scale_of(metric) * mean, color=INK, linewidth=0.8, linestyle=(0, (4, 4)), zorder=1)
    fonts = list(dict.fromkeys(font for _, needed in labels for font in needed))
    axes.set_yticks(range(len(rows)), [label for label, _ in labels], parse_math=False, family=fonts)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    shown, needed = drawable(metric_name(metric) + (" (%)" if is_figure(metric) else ""))
    axes.set_xlabel(shown, family=needed, parse_math=False)
    axes.set_title("dots: seeds; diamond: mean with its 95 % interval; verdicts after Holm", fontsize=9, color=INK)
    return figure


def _draw_cell(axes: Axes, place: int, cell: Cell, metric: str, verdict: str) -> list[float]:
    """The ends of the interval of the cell, where it has one."""
    x = scale_of(metric) * cell.values(metric).to_numpy()
    colour = VERDICTS[verdict]
    spread = place + 0.12 + (np.linspace(-JITTER, JITTER, len(x)) if len(x) > 1 else np.zeros(len(x)))
    axes.scatter(x, spread, s=20, facecolors="none", edgecolors=colour, linewidths=1.0, alpha=0.8, zorder=3)
    said = verdict
    if cell.diverged:
        said += f"{', ' if said else ''}{cell.diverged} of {len(cell)} diverged"
    across = axes.get_yaxis_transform()
    axes.text(1.012, place, said, transform=across, va="center", ha="left", fontsize=9, color=colour)
    if len(x) < 2:
        return []
    found = t_interval(x)
    axes.plot([found.low, found.high], [place - 0.16] * 2, color=colour, linewidth=1.8, zorder=4)
    axes.plot([found.mean], [place - 0.16], marker="D", markersize=5.5, color=colour, zorder=5)
    return [found.low, found.high]


def _frame(axes: Axes, cells: list[Cell], metric: str, ends: list[float]) -> None:
    values = [scale_of(metric) * float(value) for cell in cells for value in cell.by_seed(metric).values()]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    width = max(high - low, 1e-9)
    low = max(min([low, *ends]), low - BEYOND * width)
    high = min(max([high, *ends]), high + BEYOND * width)
    margin = max(0.03 * (high - low), 0.1 if is_figure(metric) else 1e-9)
    axes.set_xlim(low - margin, high + margin)
    axes.grid(axis="x", color="#e4e4e4")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _verdict(differences: pd.DataFrame, cell: Cell, metric: str) -> str:
    """Of one cell; empty where it was not compared."""
    overrides, dataset, split, _ = cell.setting
    own = (differences["cell"] == cell.name) & (differences["metric"] == metric) & (differences["n"] > 1)
    where = (differences["overrides"] == overrides) & (differences["dataset"] == dataset)
    found = differences[own & where & (differences["split"] == split)]
    return str(found["verdict"].iloc[0]) if len(found) else ""
